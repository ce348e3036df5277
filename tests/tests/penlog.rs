//! penlog: what becomes of the lines on its standard input.

use std::io::{Write, pipe};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::Signal;
use pen_tests::{
    Datagrams, Ended, LIMIT, Penlog, in_own_network, private_address, program, run, run_to_the_end,
    wait_until, with_own_names, within,
};

/// What arrives of this input, forwarded by this program.
#[track_caller]
fn forwarded_by(program: &Path, input: &[u8]) -> Vec<Vec<u8>> {
    let sink = Datagrams::anywhere();
    let address = sink.address();
    let penlog = Penlog::run(program, &[&address.ip().to_string(), &address.port().to_string()]);
    penlog.write(input);
    let ended = penlog.finish();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    sink.drain()
}

#[track_caller]
fn forwarded(input: &[u8]) -> Vec<Vec<u8>> {
    forwarded_by(&program::penlog(), input)
}

/// How many lines it says are lost, in all its reports.
fn lost(ended: &Ended) -> u64 {
    let count = |line: &str| line.strip_prefix("penlog: ")?.split_once(" line")?.0.parse::<u64>().ok();
    ended.complaints().into_iter().map(|line| count(line).unwrap_or_else(|| panic!("{line}"))).sum()
}

#[test]
fn each_line_is_a_datagram_with_its_newline() {
    assert_eq!(forwarded(b"one\ntwo\n"), [b"one\n", b"two\n"]);
}

#[test]
fn a_line_goes_at_once() {
    let sink = Datagrams::anywhere();
    let penlog = Penlog::start(&[&sink.address().to_string()]);
    for line in [b"one\n", b"two\n"] {
        penlog.write(line);
        assert_eq!(sink.receive(), line);
    }
    penlog.write(b"th");
    penlog.write(b"ree\n");
    assert_eq!(sink.receive(), b"three\n");
}

#[test]
fn the_last_line_gets_its_newline_which_0_34_1_left_out() {
    assert_eq!(forwarded(b"one\ntwo"), [b"one\n", b"two\n"]);
    assert_eq!(forwarded_by(&program::old_penlog(), b"one\ntwo"), [b"one\n".to_vec(), b"two".to_vec()]);
}

#[test]
fn nul_bytes_pass_at_which_0_34_1_cut_lines() {
    let every_byte: Vec<u8> = (0..=255).filter(|&byte| byte != b'\n').chain([b'\n']).collect();
    assert_eq!(forwarded(&every_byte), [every_byte]);
    assert_eq!(forwarded(b"\n\na\0b\n"), [&b"\n"[..], b"\n", b"a\0b\n"]);
    assert_eq!(forwarded_by(&program::old_penlog(), b"a\0b\nc\n"), [b"a".to_vec(), b"c\n".to_vec()]);
}

#[test]
fn a_line_goes_whole_as_long_as_it_fits_a_datagram() {
    let line = |length: usize| [vec![b'a'; length - 1], vec![b'\n']].concat();
    let (short, long, longest) = (line(1023), line(3000), line(65_507));
    let input = [short.clone(), long.clone(), longest.clone()].concat();
    assert_eq!(forwarded(&input[..4023]), [short.clone(), long.clone()]);
    let lengths = |datagrams: &[Vec<u8>]| datagrams.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(lengths(&forwarded(&input)), [1023, 3000, 65_507]);
    // 0.34.1 cuts it.
    let cut = forwarded_by(&program::old_penlog(), &input[..4023]);
    assert_eq!(lengths(&cut), [1023, 1023, 1023, 954]);
    assert_eq!(cut.concat(), input[..4023]);
}

#[test]
fn of_a_longer_line_only_the_last_datagram_has_the_newline() {
    let mut input = vec![b'a'; 200_000];
    input.extend_from_slice(b"\nb\n");
    let datagrams = forwarded(&input);
    let lengths: Vec<usize> = datagrams.iter().map(Vec::len).collect();
    assert_eq!(lengths, [65_507, 65_507, 65_507, 200_001 - 3 * 65_507, 2]);
    assert_eq!(datagrams.concat(), input);
}

#[test]
fn the_address_may_be_one_word_or_two_a_name_or_ipv6() {
    for (bound, forms) in [
        ("127.0.0.1", vec!["127.0.0.1 PORT", "127.0.0.1:PORT", "localhost PORT", "localhost:PORT"]),
        ("[::1]", vec!["::1 PORT", "[::1] PORT", "[::1]:PORT"]),
    ] {
        let sink = Datagrams::at(format!("{bound}:0").parse().unwrap());
        let port = sink.address().port().to_string();
        for form in forms {
            let form = form.replace("PORT", &port);
            let penlog = Penlog::start(&form.split(' ').collect::<Vec<_>>());
            penlog.write(b"one\ntwo\n");
            assert_eq!((sink.receive(), sink.receive()), (b"one\n".to_vec(), b"two\n".to_vec()), "{form}");
            assert_eq!(penlog.finish().stderr, "");
        }
    }
}

#[test]
fn of_a_names_addresses_one_where_somebody_listens_is_found() {
    with_own_names(|names| {
        names.set(&[("loghost", "::1"), ("loghost", "127.0.0.8"), ("loghost", "127.0.0.9")]);
        for address in ["127.0.0.8:10000", "127.0.0.9:10000", "[::1]:10000"] {
            let sink = Datagrams::at(address.parse().unwrap());
            let penlog = Penlog::start(&["loghost:10000"]);
            penlog.write(b"one\ntwo\n");
            assert_eq!((sink.receive(), sink.receive()), (b"one\n".to_vec(), b"two\n".to_vec()));
            assert_eq!(penlog.finish().stderr, "", "{address}");
        }
    });
}

#[test]
fn where_penlogd_has_gone_from_one_address_to_another_it_is_found() {
    with_own_names(|names| {
        names.set(&[("loghost", "127.0.0.8"), ("loghost", "127.0.0.9")]);
        let penlog = Penlog::start(&["loghost:10000"]);
        for address in ["127.0.0.8:10000", "127.0.0.9:10000", "127.0.0.8:10000"] {
            let sink = Datagrams::at(address.parse().unwrap());
            wait_until("lines arrive", || {
                penlog.write(b"one\n");
                sink.drain().contains(&b"one\n".to_vec())
            });
        }
        assert_eq!(penlog.finish().code, Some(0));
    });
}

#[test]
fn the_address_to_send_from_can_be_chosen() {
    let sink = Datagrams::anywhere();
    let (host, port) = (sink.address().ip().to_string(), sink.address().port().to_string());
    let address = sink.address().to_string();
    for arguments in [vec![host.as_str(), &port, "127.0.0.5"], vec![&address, "127.0.0.5"]] {
        let penlog = Penlog::start(&arguments);
        penlog.write(b"one\n");
        let (line, sender) = sink.receive_from();
        assert_eq!((line, sender.ip().to_string()), (b"one\n".to_vec(), "127.0.0.5".to_owned()));
    }
}

#[test]
fn an_address_to_send_from_that_is_not_here_is_told() {
    let penlog = Penlog::start(&[&private_address().to_string(), "192.0.2.1"]);
    penlog.write(b"one\n");
    let ended = penlog.finish();
    assert_eq!(ended.code, Some(0));
    assert!(ended.stderr.ends_with(" lost: Cannot assign requested address\n"), "{}", ended.stderr);
}

#[test]
fn without_a_penlogd_it_reads_on_and_counts_every_line() {
    let address = private_address();
    let penlog = Penlog::start(&[&address.to_string()]);
    penlog.write(b"one\n");
    let first = format!("penlog: 1 line for {address} lost: Connection refused\n");
    // At once, not with the next line.
    wait_until("the loss is told", || penlog.stderr() == first);
    for _ in 0..100 {
        penlog.write("a line\n".repeat(1000).as_bytes());
    }
    let ended = penlog.finish();
    assert_eq!((ended.code, lost(&ended)), (Some(0), 100_001));
    // More than two only if this took minutes.
    assert!((2..10).contains(&ended.complaints().len()), "{}", ended.stderr);
    assert!(ended.stderr.contains(" (100001 in all): Connection refused"), "{}", ended.stderr);
}

#[test]
fn a_standard_error_that_nobody_reads_holds_nothing_up() {
    let (_reader, mut full) = pipe().unwrap();
    let status = OFlag::from_bits_truncate(fcntl(&full, FcntlArg::F_GETFL).unwrap());
    fcntl(&full, FcntlArg::F_SETFL(status | OFlag::O_NONBLOCK)).unwrap();
    while full.write(&[b'x'; 4096]).is_ok() {}
    fcntl(&full, FcntlArg::F_SETFL(status)).unwrap();
    let mut command = Command::new(program::penlog());
    command.arg(private_address().to_string()).stdin(Stdio::piped()).stderr(full);
    let mut penlog = command.spawn().unwrap();
    let mut stdin = penlog.stdin.take().unwrap();
    let lines = thread::spawn(move || (0..100).try_for_each(|_| stdin.write_all(&b"a line\n".repeat(1000))));
    let has_ended = within(LIMIT, || penlog.try_wait().unwrap().is_some());
    // Else the writer would wait with it.
    let _ = penlog.kill();
    assert!(has_ended && penlog.wait().unwrap().success());
    lines.join().unwrap().unwrap();
}

#[test]
fn a_penlogd_that_comes_or_comes_back_gets_the_next_line() {
    let address = private_address();
    let penlog = Penlog::start(&[&address.to_string()]);
    penlog.write(b"lost\n");
    wait_until("the loss is told", || !penlog.stderr().is_empty());
    for _ in 0..3 {
        let sink = Datagrams::at(address);
        penlog.write(b"one\n");
        // The lost one may have been on its way until now.
        wait_until("the line arrives", || sink.receive() == b"one\n");
        drop(sink);
        penlog.write(b"lost\n");
    }
    let ended = penlog.finish();
    assert_eq!(ended.code, Some(0));
    assert!((2..=4).contains(&lost(&ended)), "{}", ended.stderr);
}

#[test]
fn a_name_that_is_not_known_holds_nothing_up_and_is_found_later() {
    with_own_names(|names| {
        let penlog = Penlog::start(&["loghost", "10000"]);
        // Much more than the pipe holds.
        for _ in 0..100 {
            penlog.write("a line\n".repeat(1000).as_bytes());
        }
        wait_until("the loss is told", || penlog.stderr().contains("unknown host 'loghost'"));
        let sink = Datagrams::at("127.0.0.9:10000".parse().unwrap());
        names.set(&[("loghost", "127.0.0.9")]);
        wait_until("the name is found", || {
            penlog.write(b"found\n");
            sink.drain().contains(&b"found\n".to_vec())
        });
        let ended = penlog.finish();
        assert_eq!(ended.code, Some(0));
        assert!(lost(&ended) >= 100_000, "{}", ended.stderr);
    });
}

#[test]
fn a_name_is_asked_for_beside_the_lines() {
    with_own_names(|names| {
        // It takes questions and answers none.
        let mute = Datagrams::at("127.0.0.53:53".parse().unwrap());
        names.ask_name_server("127.0.0.53");
        let penlog = Penlog::start(&["loghost", "10000"]);
        mute.receive();
        for _ in 0..100 {
            penlog.write("a line\n".repeat(1000).as_bytes());
        }
        let ended = penlog.finish();
        assert_eq!((ended.code, lost(&ended)), (Some(0), 100_000));
        assert!(ended.stderr.contains("no answer yet to who 'loghost' is"), "{}", ended.stderr);
    });
}

#[test]
fn a_network_that_is_not_there_is_told_and_used_when_it_comes() {
    in_own_network(|| {
        let address: SocketAddr = "192.0.2.1:10000".parse().unwrap();
        let penlog = Penlog::start(&["192.0.2.1", "10000"]);
        penlog.write(b"one\n");
        wait_until("the loss is told", || penlog.stderr().contains("Network is unreachable"));
        run("ip", &["address", "add", "192.0.2.1/32", "dev", "lo"]);
        let sink = Datagrams::at(address);
        wait_until("lines arrive", || {
            penlog.write(b"two\n");
            sink.drain().contains(&b"two\n".to_vec())
        });
    });
}

#[test]
fn after_term_the_input_is_read_to_its_end() {
    let sink = Datagrams::anywhere();
    let penlog = Penlog::start(&[&sink.address().to_string()]);
    penlog.write(b"one\n");
    assert_eq!(sink.receive(), b"one\n");
    // As Apache does on a restart, with requests of before still to be logged.
    penlog.process().signal(Signal::SIGTERM);
    for _ in 0..3 {
        penlog.write(b"two\n");
        assert_eq!(sink.receive(), b"two\n");
    }
    penlog.write(b"last");
    assert_eq!(penlog.finish().code, Some(0));
    assert_eq!(sink.drain(), [b"last\n"]);
}

#[test]
fn a_second_term_ends_it() {
    let sink = Datagrams::anywhere();
    let mut penlog = Penlog::start(&[&sink.address().to_string()]);
    penlog.write(b"one\nhalf");
    assert_eq!(sink.receive(), b"one\n");
    wait_until("the second signal has come", || {
        penlog.process().signal(Signal::SIGTERM);
        !penlog.process().is_alive()
    });
    let ended = penlog.end();
    assert_eq!((ended.code, ended.signal), (None, Some(Signal::SIGTERM as i32)), "{}", ended.stderr);
    assert_eq!(sink.drain(), [b"half\n"]);
}

fn say(arguments: &[&str]) -> Ended {
    let mut command = Command::new(program::penlog());
    command.args(arguments);
    run_to_the_end(command)
}

#[test]
fn a_wrong_command_line_is_told_in_a_line() {
    for arguments in [&[][..], &["loghost"], &["loghost", "0"], &["loghost", "1", "a", "b"], &["-x"]] {
        let ended = say(arguments);
        assert_eq!((ended.code, ended.complaints().len()), (Some(2), 1), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.starts_with("penlog: "), "{}", ended.stderr);
    }
}

#[test]
fn it_tells_its_usage_and_version() {
    for option in ["--help", "-h"] {
        let help = say(&[option]);
        assert!(help.stdout.starts_with("usage: penlog host port [my_ip]\n"), "{}", help.stdout);
        assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    }
    assert_eq!(say(&["--version"]).stdout, say(&["-V"]).stdout);
    assert!(say(&["--version"]).stdout.starts_with("penlog "));
}

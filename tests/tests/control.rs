//! The control port: every command by our penctl, by the penctl of pen 0.34.1, and on the wire; the transport and
//! its limits; files of commands; signals; the request log.

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::Output;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::signal::Signal;
use pen_tests::{
    Address, Backend, Control, End, Family, LIMIT, Pen, PenBuilder, Stream, in_own_network, is_root,
    private_address, program, wait_until, within,
};

/// Commands in order, and their exact answers in a pen that listens at `LISTEN`, and has two servers at port 1.
const DIALOGUE: &[(&str, &str)] = &[
    ("mode", "no hash no roundrobin no stubborn no weight no prio\n"),
    ("hash", ""),
    ("roundrobin", ""),
    ("stubborn", ""),
    ("weight", ""),
    ("prio", ""),
    ("mode", "hash roundrobin stubborn weight prio\n"),
    ("no hash", ""),
    ("no roundrobin", ""),
    ("no stubborn", ""),
    ("no weight", ""),
    ("no prio", ""),
    ("mode", "no hash no roundrobin no stubborn no weight no prio\n"),
    (
        "servers",
        concat!(
            "0 addr 127.0.0.1 port 1 conn 0 max 0 hard 0 weight 0 prio 0 sx 0 rx 0\n",
            "1 addr 127.0.0.2 port 1 conn 0 max 0 hard 0 weight 0 prio 0 sx 0 rx 0\n",
        ),
    ),
    ("server 1 max 7 hard 9 weight 3 prio 2", ""),
    ("server 0 address 127.0.0.3 port 2", ""),
    (
        "servers",
        concat!(
            "0 addr 127.0.0.3 port 2 conn 0 max 0 hard 0 weight 0 prio 0 sx 0 rx 0\n",
            "1 addr 127.0.0.2 port 1 conn 0 max 7 hard 9 weight 3 prio 2 sx 0 rx 0\n",
        ),
    ),
    ("server 0 acl 4", ""),
    ("server 0 acl 0", ""),
    ("server 0 blacklist 5", ""),
    ("server 0 blacklist 0", ""),
    ("blacklist", "30\n"),
    ("blacklist 12", "12\n"),
    ("blacklist", "12\n"),
    ("timeout 8", "8\n"),
    ("timeout", "8\n"),
    ("tracking", "0\n"),
    ("tracking 60", "60\n"),
    ("tracking", "60\n"),
    ("idle_timeout", "Idle timeout: 0 seconds\n"),
    ("idle_timeout 90", "Idle timeout: 90 seconds\n"),
    ("clients_max", "2048\n"),
    ("clients_max 3000", "3000\n"),
    ("conn_max", "500\n"),
    ("conn_max 600", "600\n"),
    ("acl 1 permit 10.0.0.0 255.0.0.0", ""),
    ("acl 1 deny 10.1.2.3", ""),
    ("no acl 1", ""),
    ("client_acl", "0\n"),
    ("client_acl 1", "1\n"),
    ("client_acl", "1\n"),
    ("client_acl 0", "0\n"),
    ("control_acl", "0\n"),
    ("listen", "LISTEN\n"),
    ("control", "CONTROL\n"),
    ("pid", "PID\n"),
    ("recent", ""),
    ("recent 10", ""),
    (
        "connection 0",
        concat!(
            "Connection 0:\n",
            "state = 0\n",
            "downfd = -1, upfd = -1\n",
            "client = 0, server = 0\n",
            "pend = 0\n",
        ),
    ),
    ("connection 99999", "Connection 99999 out of range\n"),
    ("close 0", "Forcibly closing connection 0\n"),
    ("close 99999", "Connection 99999 out of range\n"),
    ("socket 9999", "Socket 9999 belongs to connection -1\n"),
    ("debug", "0\n"),
    ("debug 1", "1\n"),
    ("debug 0", "0\n"),
    ("exit", "Exit is not enabled; restart with -X flag\n"),
    ("nonsense", "do_cmd: ignoring command starting with 'nonsense'\n"),
    ("tcp_nodelay", ""),
    ("no tcp_nodelay", ""),
    ("no epoll", ""),
];

fn two_dead_servers() -> PenBuilder {
    Pen::builder().servers(["127.0.0.1:1", "127.0.0.2:1"]).option("-t 5")
}

/// Asks the whole dialogue with `ask`, and collects what is answered otherwise.
#[track_caller]
fn expect_dialogue(pen: &Pen, ask: impl Fn(&str) -> String) {
    let mut complaints = Vec::new();
    for (command, expected) in DIALOGUE {
        let expected = expected
            .replace("LISTEN", &pen.address().to_string())
            .replace("CONTROL", &pen.control_address().to_string())
            .replace("PID", &pen.process().0.to_string());
        let answer = ask(command);
        if answer != expected {
            complaints.push(format!("{command}: expected {expected:?}, got {answer:?}"));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[track_caller]
fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What our penctl prints; its exit status must tell whether pen knew the command.
#[track_caller]
fn printed_by_ours(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let expected = i32::from(text.starts_with("do_cmd: ignoring command"));
    assert_eq!(output.status.code(), Some(expected), "{output:?}");
    text
}

#[test]
fn every_command_is_answered_exactly_on_the_wire() {
    let pen = two_dead_servers().start();
    expect_dialogue(&pen, |command| pen.ask(command));
}

#[test]
fn every_command_is_answered_exactly_through_our_penctl() {
    let pen = two_dead_servers().start();
    expect_dialogue(&pen, |command| printed_by_ours(&pen.penctl(command)));
}

#[test]
fn every_command_is_answered_exactly_through_the_old_penctl() {
    let pen = two_dead_servers().start();
    expect_dialogue(&pen, |command| printed(&pen.old_penctl(command)));
}

#[test]
fn our_penctl_drives_the_old_pen() {
    let pen = two_dead_servers().program(program::old_pen()).start();
    expect_dialogue(&pen, |command| printed_by_ours(&pen.penctl(command)));
}

#[test]
fn penctl_works_over_tcp_with_either_program_on_the_other_end() {
    let control = Address::Ip(private_address());
    let pen = two_dead_servers().control_at(control).start();
    assert_eq!(printed_by_ours(&pen.penctl("blacklist")), "30\n");
    assert_eq!(printed(&pen.old_penctl("blacklist")), "30\n");
}

#[test]
fn the_answers_about_an_open_connection_are_those_of_the_old_pen() {
    let server = Backend::holding("a");
    let pen = Pen::builder().servers([&server]).start();
    let (_, held) = pen.hold_from(1);
    let answer = pen.ask("connection 0");
    let lines: Vec<_> = answer.lines().collect();
    assert_eq!(
        (lines[0], lines[1], lines[3]),
        ("Connection 0:", "state = 2", "client = 0, server = 0"),
        "{answer}"
    );
    let (down, up) = lines[2].split_once(", ").unwrap();
    for (text, label) in [(down, "downfd = "), (up, "upfd = ")] {
        let descriptor = text.strip_prefix(label).unwrap();
        assert_eq!(
            pen.ask(&format!("socket {descriptor}")),
            format!("Socket {descriptor} belongs to connection 0\n")
        );
    }
    assert_eq!(pen.ask("connections").lines().count(), 1);
    held.finish();
    held.drain();
    wait_until("the connection is gone", || pen.ask("connection 0").contains("state = 0"));
    assert_eq!(pen.ask("connections"), "");
}

#[test]
fn recent_tells_what_each_client_sent_and_got() {
    let echo = Backend::echo();
    let pen = Pen::builder().servers([&echo]).start();
    let client = pen.connect_from(9);
    client.send("twelve bytes");
    client.finish();
    assert_eq!(client.drain().bytes.len(), 12);
    pen.wait_until_idle();
    assert_eq!(pen.ask("recent"), "127.0.0.9 connects 1 sx 12 rx 12\n");
    let row = &pen.servers()[0];
    assert_eq!((row.sx, row.rx), (12, 12));
}

#[test]
fn a_server_in_a_far_slot_leaves_empty_slots_between() {
    let pen = two_dead_servers().start();
    pen.tell("server 4 address 127.0.0.5 port 5");
    let servers = pen.servers();
    let slots: Vec<_> = servers.iter().map(|row| (row.slot, row.addr.as_str(), row.port)).collect();
    let empty = |slot| (slot, "0.0.0.0", 0);
    assert_eq!(slots, [(0, "127.0.0.1", 1), (1, "127.0.0.2", 1), empty(2), empty(3), (4, "127.0.0.5", 5)]);
    pen.tell("server 0 address 0.0.0.0");
    assert_eq!(pen.servers()[0].addr, "0.0.0.0");
}

#[test]
fn help_names_every_command_and_explains_one() {
    let pen = two_dead_servers().start();
    let help = pen.ask("help");
    for command in ["servers", "blacklist", "tcp_fastclose", "listen", "no "] {
        assert!(help.contains(command), "{command} in {help}");
    }
    assert!(pen.ask("help blacklist").contains("blacklist"));
    assert!(pen.ask("help nonsense").starts_with("error: "));
}

#[test]
fn errors_are_one_line_that_begins_with_error_and_change_nothing() {
    let pen = two_dead_servers().start();
    let before = pen.ask("servers");
    for command in [
        "blacklist soon",
        "blacklist -1",
        "blacklist 1 2",
        "timeout x",
        "acl 10 permit 127.0.0.1",
        "acl 1 perhaps 127.0.0.1",
        "acl 1 permit 300.1.1.1",
        "server",
        "server 0 max 5 hard x",
        "server 0 max 5 colour red",
        "server 0 address nosuchhost.invalid",
        "server -1 address 127.0.0.1",
        "no server",
        "mode 1",
        "pid 1",
        "connection x",
        "close",
        "conn_max 0",
        "tcp_fastclose sideways",
        "listen 192.0.2.1:80",
        "include /nonexistent",
        "client_acl 10",
        "hash on",
    ] {
        let answer = pen.ask(command);
        assert!(answer.starts_with("error: ") && answer.lines().count() == 1, "{command}: {answer:?}");
    }
    assert_eq!(pen.ask("servers"), before, "a command is applied whole or not at all");
    assert_eq!(pen.ask("blacklist"), "30\n");
    assert_eq!(pen.ask("acl 1 permit 127.0.0.1"), "");
}

#[test]
fn penctl_tells_by_its_exit_status_what_happened() {
    let pen = two_dead_servers().start();
    let refused = pen.penctl("blacklist soon");
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).starts_with("error: "), "{refused:?}");
    assert!(refused.stdout.is_empty(), "{refused:?}");
    let nobody = Control::new(Address::Unix(pen.directory().join("nobody"))).penctl("pid");
    assert_eq!(nobody.status.code(), Some(3), "{nobody:?}");
    let nothing = std::process::Command::new(program::penctl()).output().unwrap();
    assert_eq!(nothing.status.code(), Some(2), "{nothing:?}");
}

#[test]
fn comments_and_empty_lines_answer_nothing() {
    let pen = two_dead_servers().start();
    assert_eq!((pen.ask("# blacklist"), pen.ask("")), (String::new(), String::new()));
}

#[test]
fn a_line_may_end_with_carriage_return_and_newline_and_arrive_in_pieces() {
    let pen = two_dead_servers().start();
    let session = Stream::connect(pen.control_address()).unwrap();
    for byte in b"blacklist\r\n" {
        session.send([*byte]);
    }
    assert_eq!(session.drain().text(), "30\n");
}

#[test]
fn only_the_first_line_is_looked_at() {
    let pen = two_dead_servers().start();
    let session = Stream::connect(pen.control_address()).unwrap();
    session.send("blacklist\nblacklist 99\n");
    assert_eq!(session.drain().text(), "30\n");
    assert_eq!(pen.ask("blacklist"), "30\n");
}

#[test]
fn a_line_of_4095_bytes_is_obeyed_and_a_much_longer_one_is_not() {
    let pen = two_dead_servers().start();
    let with_spaces = |count: usize| format!("blacklist{}77\n", " ".repeat(count - "blacklist77\n".len()));
    assert_eq!(pen.ask(with_spaces(4095).trim_end()), "77\n");
    pen.ask("blacklist 30");
    let session = Stream::connect(pen.control_address()).unwrap();
    // Pen may close before it has taken all of it.
    let _ = (&session).write_all(with_spaces(5000).as_bytes());
    session.drain();
    assert_eq!(pen.ask("blacklist"), "30\n");
}

#[test]
fn what_looks_like_http_is_closed_unanswered() {
    let pen = two_dead_servers().start();
    for head in
        ["GET / HTTP/1.1", "POST / HTTP/1.1", "HEAD / HTTP/1.0", "OPTIONS * HTTP/1.1", "PUT /x HTTP/1.1"]
    {
        let session = Stream::connect(pen.control_address()).unwrap();
        session.send(format!("{head}\r\nHost: x\r\n\r\nblacklist 99\n"));
        assert_eq!(session.drain().text(), "", "{head}");
    }
    assert_eq!(pen.ask("blacklist"), "30\n");
}

#[test]
fn silent_and_slow_sessions_delay_nobody() {
    let web = Backend::named("a");
    let pen = Pen::builder().servers([&web]).start();
    let silent: Vec<_> = (0..50).map(|_| Stream::connect(pen.control_address()).unwrap()).collect();
    let slow = Stream::connect(pen.control_address()).unwrap();
    for byte in b"black" {
        slow.send([*byte]);
        assert_eq!((pen.ask("blacklist"), pen.get()), ("30\n".into(), "a".into()));
    }
    slow.send("list\n");
    assert_eq!(slow.drain().text(), "30\n");
    drop(silent);
}

#[test]
fn two_hundred_silent_sessions_leave_the_control_port_usable_and_are_thrown_out() {
    let pen = two_dead_servers().start();
    let before = pen.process().descriptors();
    let silent: Vec<_> = (0..200).map(|_| Stream::connect(pen.control_address()).unwrap()).collect();
    for _ in 0..20 {
        assert_eq!(pen.ask("blacklist"), "30\n");
    }
    wait_until("the oldest are gone", || pen.process().descriptors() <= before + 64);
    assert_ne!(silent[0].drain().end, End::Open);
    // The others have ten seconds each.
    assert_ne!(silent[199].drain().end, End::Open);
    wait_until("all are gone", || pen.process().descriptors() <= before);
}

#[test]
fn a_session_that_never_reads_its_answer_delays_nobody() {
    let pen = two_dead_servers().start();
    let never_reads: Vec<_> = (0..40)
        .map(|_| {
            let session = Stream::connect(pen.control_address()).unwrap();
            session.send("status\n");
            session
        })
        .collect();
    for _ in 0..20 {
        assert_eq!(pen.ask("blacklist"), "30\n");
    }
    drop(never_reads);
}

#[test]
fn the_control_port_is_closed_to_the_network_until_a_list_opens_it() {
    in_own_network(|| {
        pen_tests::run("ip", &["addr", "add", "10.1.1.1/24", "dev", "lo"]);
        let _pen = two_dead_servers().control_at("0.0.0.0:8888".parse::<SocketAddr>().unwrap()).start();
        let far: Address = "10.1.1.1:8888".parse::<SocketAddr>().unwrap().into();
        let from = |source: &str, command: &str| {
            let session = Stream::connect_from(source.parse().unwrap(), &far).unwrap();
            let _ = (&session).write_all(format!("{command}\n").as_bytes());
            session.drain().text()
        };
        let refusal = from("10.1.1.1", "blacklist");
        assert!(refusal.contains("control_acl") && refusal.lines().count() == 1, "{refusal:?}");
        assert_eq!(from("127.0.0.1", "blacklist"), "30\n");
        from("127.0.0.1", "acl 1 permit 10.1.1.0/24");
        from("127.0.0.1", "acl 1 permit 127.0.0.0/8");
        from("127.0.0.1", "control_acl 1");
        assert_eq!(from("10.1.1.1", "blacklist"), "30\n");
    });
}

#[test]
fn over_tcp_include_is_refused() {
    let pen = two_dead_servers().control_at(private_address()).start();
    let file = pen.directory().join("commands");
    fs::write(&file, "blacklist 99\n").unwrap();
    assert!(pen.ask(&format!("include {}", file.display())).starts_with("error: "));
    assert_eq!(pen.ask("blacklist"), "30\n");
}

#[test]
fn include_runs_a_file_of_commands_whole_or_not_at_all() {
    let pen = two_dead_servers().start();
    let file = pen.directory().join("commands");
    let include = format!("include {}", file.display());
    fs::write(&file, "# comment\nblacklist 41\ntimeout 42\n").unwrap();
    assert!(!pen.ask(&include).starts_with("error: "));
    assert_eq!((pen.ask("blacklist"), pen.ask("timeout")), ("41\n".into(), "42\n".into()));
    fs::write(&file, "blacklist 51\nnonsense\n").unwrap();
    let refusal = pen.ask(&include);
    assert!(refusal.starts_with("error: ") && refusal.contains("commands:2"), "{refusal}");
    assert_eq!(pen.ask("blacklist"), "41\n");
}

#[test]
fn exit_ends_a_pen_that_allows_it() {
    let pen = two_dead_servers().option("-X").start();
    let _ = pen.try_ask("exit");
    assert_eq!(pen.wait().code, Some(0));
}

#[test]
fn listen_moves_the_listener_and_keeps_open_connections() {
    let server = Backend::holding("a");
    let pen = Pen::builder().servers([&server]).start();
    let (_, held) = pen.hold_from(1);
    let elsewhere = Address::Ip(private_address());
    assert_eq!(pen.ask(&format!("listen {elsewhere}")), format!("{elsewhere}\n"));
    assert_eq!(pen.ask("listen"), format!("{elsewhere}\n"));
    assert_eq!(Stream::connect(&elsewhere).unwrap().line(), "a");
    wait_until("the old address is closed", || Stream::connect(pen.address()).is_err());
    held.finish();
    assert_eq!(held.drain().end, End::Eof);
}

#[test]
fn listen_on_a_taken_address_leaves_everything_as_it_was() {
    let web = Backend::named("a");
    let taken = Backend::named("other");
    let pen = Pen::builder().servers([&web]).start();
    let elsewhere = private_address();
    assert!(pen.ask(&format!("listen {elsewhere} {taken}")).starts_with("error: "));
    assert_eq!(pen.ask("listen"), format!("{}\n", pen.address()));
    assert_eq!(pen.get(), "a");
    assert!(Stream::connect(&elsewhere.into()).is_err(), "nothing was opened");
}

#[test]
fn pen_listens_on_several_addresses_of_several_kinds() {
    let web = Backend::named("a");
    let pen = Pen::builder().servers([&web]).start();
    let addresses = Family::ALL.map(|family| Address::unused(family, pen.directory()));
    let words = addresses.each_ref().map(ToString::to_string).join(" ");
    pen.ask(&format!("listen {words}"));
    assert_eq!(pen.ask("listen").split_whitespace().collect::<Vec<_>>().join(" "), words);
    for address in &addresses {
        assert_eq!(Stream::connect(address).unwrap().drain().text(), "a", "{address}");
    }
}

#[test]
fn hup_rereads_the_file() {
    let pen = two_dead_servers().config("blacklist 11\nacl 1 permit 127.0.0.1\n").start();
    assert_eq!(pen.ask("blacklist"), "11\n");
    fs::write(pen.directory().join("pen.cfg"), "blacklist 12\nserver 0 address 127.0.0.9 port 9\n").unwrap();
    pen.signal(Signal::SIGHUP);
    wait_until("the file is read", || pen.ask("blacklist") == "12\n");
    let servers: Vec<_> = pen.servers().into_iter().map(|row| row.addr).collect();
    assert_eq!(servers, ["127.0.0.9", "127.0.0.2"], "a server that the file does not name is kept");
}

#[test]
fn a_file_with_an_error_changes_nothing_at_hup_and_the_error_is_told() {
    let pen = two_dead_servers().config("blacklist 11\n").start();
    fs::write(pen.directory().join("pen.cfg"), "blacklist 12\nroundrobin\nnonsense\n").unwrap();
    pen.signal(Signal::SIGHUP);
    wait_until("the error is told", || pen.stderr().contains("pen.cfg:3"));
    assert_eq!(pen.ask("blacklist"), "11\n");
    assert!(pen.ask("mode").contains("no roundrobin"));
}

#[test]
fn hup_reads_access_lists_anew() {
    let web = Backend::named("a");
    let file = "acl 1 deny 127.0.0.5\nacl 1 deny 127.0.0.6\nclient_acl 1\n";
    let pen = Pen::builder().servers([&web]).config(file).start();
    assert_eq!(
        (pen.get_from(5), pen.get_from(6), pen.get_from(7)),
        (String::new(), String::new(), "a".into())
    );
    fs::write(pen.directory().join("pen.cfg"), "acl 1 deny 127.0.0.6\nclient_acl 1\nblacklist 12\n").unwrap();
    pen.signal(Signal::SIGHUP);
    wait_until("the file is read", || pen.ask("blacklist") == "12\n");
    assert_eq!((pen.get_from(5), pen.get_from(6)), ("a".into(), String::new()));
}

#[test]
fn usr1_tells_the_status_on_stderr() {
    let pen = two_dead_servers().start();
    pen.signal(Signal::SIGUSR1);
    wait_until("the status is told", || {
        let said = pen.stderr();
        said.contains("127.0.0.1") && said.contains("127.0.0.2")
    });
}

#[test]
fn usr1_writes_the_status_file() {
    let pen = two_dead_servers().option("-w status.html").start();
    pen.signal(Signal::SIGUSR1);
    let file = pen.directory().join("status.html");
    wait_until("the page is written", || {
        fs::read_to_string(&file).is_ok_and(|page| page.contains("</html>"))
    });
    let page = fs::read_to_string(file).unwrap();
    assert!(page.contains("Pen status page") && page.contains("2 servers"), "{page}");
}

#[test]
fn int_ends_pen_like_term() {
    let pen = two_dead_servers().start();
    pen.signal(Signal::SIGINT);
    assert_eq!(pen.wait().code, Some(0));
}

#[test]
fn status_is_html_by_default_and_text_on_demand() {
    let pen = two_dead_servers().start();
    let page = pen.ask("status");
    assert!(page.contains("<title>Pen status page") && page.contains("2 servers"), "{page}");
    let text = pen.ask("status text");
    assert!(text.contains("127.0.0.2") && text.contains("up") && !text.contains('<'), "{text}");
}

#[test]
fn the_request_log_has_client_time_server_and_first_line() {
    let echo = Backend::echo();
    let pen = Pen::builder().servers([&echo]).option("-l requests.log").start();
    let request = "GET /a\u{1b}b?\u{fc} HTTP/1.0";
    let client = pen.connect_from(4);
    client.send(format!("{request}\r\nHost: x\r\n\r\n"));
    client.finish();
    client.drain();
    let line = logged_line(&pen);
    let mut words = line.splitn(4, ' ');
    assert_eq!(words.next(), Some("127.0.0.4"));
    let time: u64 = words.next().unwrap().parse().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!(now.abs_diff(time) < 60, "{time}");
    assert_eq!(words.next(), Some("127.0.0.1"));
    assert_eq!(words.next(), Some("GET /a.b?.. HTTP/1.0"), "what is not printable is a dot");
}

#[test]
fn the_request_log_cuts_requests_at_a_hundred_bytes() {
    let echo = Backend::echo();
    let pen = Pen::builder().servers([&echo]).option("-l requests.log").start();
    let client = pen.connect();
    client.send("x".repeat(300));
    client.finish();
    client.drain();
    let line = logged_line(&pen);
    assert_eq!(line.rsplit(' ').next(), Some("x".repeat(100).as_str()));
}

#[test]
fn one_record_is_written_each_time_the_client_speaks_after_the_server_did() {
    let echo = Backend::echo();
    let pen = Pen::builder().servers([&echo]).option("-l requests.log").start();
    let client = pen.connect();
    for word in ["one", "two", "three"] {
        assert_eq!(client.exchange(word), word);
    }
    wait_until("three records are written", || {
        let log = fs::read_to_string(pen.directory().join("requests.log")).unwrap_or_default();
        let requests: Vec<_> = log.lines().filter_map(|line| line.rsplit(' ').next()).collect();
        requests == ["one", "two", "three"]
    });
}

#[test]
fn the_log_can_be_moved_stopped_and_reopened() {
    let echo = Backend::echo();
    let pen = Pen::builder().servers([&echo]).option("-l first.log").start();
    let [first, second] = ["first.log", "second.log"].map(|name| pen.directory().join(name));
    let speak = || assert_eq!(pen.connect().exchange("hello"), "hello");
    let lines = |path| fs::read_to_string(path).unwrap_or_default().lines().count();
    speak();
    wait_until("a record is written", || lines(&first) == 1);
    fs::rename(&first, &second).unwrap();
    pen.signal(Signal::SIGHUP);
    wait_until("the log is opened anew", || first.exists());
    speak();
    wait_until("a record is in the new file", || lines(&first) == 1);
    assert_eq!(lines(&second), 1);
    pen.ask("log second.log");
    assert_eq!(pen.ask("log"), "second.log\n");
    speak();
    wait_until("a record is in the other file", || lines(&second) == 2);
    pen.tell("no log");
    speak();
    assert_eq!((lines(&first), lines(&second)), (1, 2));
}

#[test]
fn conn_max_grown_live_serves_more_at_once() {
    let server = Backend::holding("a");
    let pen = Pen::builder().servers([&server]).option("-x 1").option("-r").start();
    let _first = pen.hold_from(1);
    let waiting = pen.connect();
    pen.ask("conn_max 2");
    assert_eq!(waiting.line(), "a");
    assert_eq!(pen.ask("conn_max 1"), "2\n", "it never shrinks");
}

#[test]
fn debug_output_shows_traffic() {
    let echo = Backend::echo();
    let pen = Pen::builder().servers([&echo]).option("-ddda").start();
    assert_eq!(pen.connect().exchange("marker-in-the-dump"), "marker-in-the-dump");
    wait_until("the dump is told", || pen.stderr().contains("marker-in-the-dump"));
}

#[test]
fn control_over_tcp_works_as_an_unprivileged_user() {
    let web = Backend::named("a");
    let builder = Pen::builder().servers([&web]).control_at(private_address());
    let pen = if is_root() { builder.user("nobody") } else { builder }.start();
    assert_eq!((pen.ask("blacklist"), pen.get()), ("30\n".into(), "a".into()));
}

#[test]
fn sessions_at_the_same_time_are_all_answered() {
    let pen = two_dead_servers().start();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..100).for_each(|_| assert_eq!(pen.ask("blacklist"), "30\n")));
        }
    });
}

fn logged_line(pen: &Pen) -> String {
    let file = pen.directory().join("requests.log");
    let read = || fs::read_to_string(&file).unwrap_or_default();
    wait_until("the request is logged", || read().ends_with('\n'));
    read().trim_end().to_owned()
}

#[test]
fn a_peer_that_vanishes_in_the_middle_of_a_command_costs_nothing() {
    let pen = two_dead_servers().start();
    let before = pen.process().descriptors();
    for _ in 0..100 {
        Stream::connect(pen.control_address()).unwrap().send("blackl");
    }
    assert!(within(LIMIT, || pen.process().descriptors() <= before));
    assert_eq!(pen.ask("blacklist"), "30\n");
    let mut nothing = [0];
    let session = Stream::connect(pen.control_address()).unwrap();
    session.patience(Duration::from_secs(20));
    assert_eq!((&session).read(&mut nothing).unwrap_or(0), 0, "a silent session ends within ten seconds");
}

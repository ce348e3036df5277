//! The control port's transport: what ends a command, who may give one, and how little a bad peer can do.

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use pen_tests::{
    Address, Backend, Control, End, Pen, Stream, in_own_network, is_root, private_address, program,
    wait_until,
};

#[test]
fn penctl_tells_by_its_exit_status_what_happened() {
    let pen = Pen::builder().two_dead_servers().start();
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
    let pen = Pen::builder().two_dead_servers().start();
    assert_eq!((pen.ask("# blacklist"), pen.ask("")), (String::new(), String::new()));
}

#[test]
fn a_line_may_end_with_carriage_return_and_newline_and_arrive_in_pieces() {
    let pen = Pen::builder().two_dead_servers().start();
    let session = Stream::connect(pen.control_address()).unwrap();
    for byte in b"blacklist\r\n" {
        session.send([*byte]);
    }
    assert_eq!(session.drain().text(), "30\n");
}

#[test]
fn only_the_first_line_is_looked_at() {
    let pen = Pen::builder().two_dead_servers().start();
    let session = Stream::connect(pen.control_address()).unwrap();
    session.send("blacklist\nblacklist 99\n");
    assert_eq!(session.drain().text(), "30\n");
    assert_eq!(pen.ask("blacklist"), "30\n");
}

#[test]
fn a_line_of_4095_bytes_is_obeyed_and_a_much_longer_one_is_not() {
    let pen = Pen::builder().two_dead_servers().start();
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
    let pen = Pen::builder().two_dead_servers().start();
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
    let pen = Pen::builder().two_dead_servers().start();
    let before = pen.process().descriptors_at_rest();
    let silent: Vec<_> = (0..200).map(|_| Stream::connect(pen.control_address()).unwrap()).collect();
    for _ in 0..20 {
        assert_eq!(pen.ask("blacklist"), "30\n");
    }
    wait_until("the oldest are gone", || pen.process().descriptors() <= before + 64);
    assert_ne!(silent[0].drain().end, End::Open);
    // The others have ten seconds each.
    assert_ne!(silent[199].drain().end, End::Open);
    pen.process().expect_descriptors(before);
}

#[test]
fn a_session_that_never_reads_its_answer_delays_nobody() {
    let pen = Pen::builder().two_dead_servers().start();
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
        let _pen = Pen::builder()
            .two_dead_servers()
            .control_at("0.0.0.0:8888".parse::<SocketAddr>().unwrap())
            .start();
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
    let pen = Pen::builder().two_dead_servers().control_at(private_address()).start();
    let file = pen.directory().join("commands");
    fs::write(&file, "blacklist 99\n").unwrap();
    assert!(pen.ask(&format!("include {}", file.display())).starts_with("error: "));
    assert_eq!(pen.ask("blacklist"), "30\n");
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
    let pen = Pen::builder().two_dead_servers().start();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..100).for_each(|_| assert_eq!(pen.ask("blacklist"), "30\n")));
        }
    });
}

#[test]
fn a_peer_that_vanishes_in_the_middle_of_a_command_costs_nothing() {
    let pen = Pen::builder().two_dead_servers().start();
    let before = pen.process().descriptors_at_rest();
    for _ in 0..100 {
        Stream::connect(pen.control_address()).unwrap().send("blackl");
    }
    pen.process().expect_descriptors(before);
    assert_eq!(pen.ask("blacklist"), "30\n");
    let mut nothing = [0];
    let session = Stream::connect(pen.control_address()).unwrap();
    session.patience(Duration::from_secs(20));
    assert_eq!((&session).read(&mut nothing).unwrap_or(0), 0, "a silent session ends within ten seconds");
}

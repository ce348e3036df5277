//! Where records go: to a file, to a penlogd that may be missing or move.

use std::fmt::Display;
use std::fs::{self, OpenOptions};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;

use nix::fcntl::OFlag;
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use pen_tests::{
    Backend, Family, LIMIT, Pen, Stream, in_own_network, private_address, run, wait_until, with_own_names,
    within,
};

use super::log_host::LogHost;

/// A pen before `server`, whose requests go to `destination`.
fn logging_to(destination: impl Display, server: &Backend) -> Pen {
    Pen::builder().server(server).option(&format!("-l {destination}")).start()
}

/// Says a line through pen, and waits for it to come back.
fn speak(pen: &Pen, line: &str) {
    assert_eq!(pen.connect().exchange(line), line);
}

fn lost(pen: &Pen) -> u64 {
    let json = pen.ask("status json");
    let (_, rest) = json.split_once(r#""log_lost":"#).expect("the status tells what was lost");
    let digits = rest.split(|byte: char| !byte.is_ascii_digit()).next().expect("a split has a part");
    digits.parse().expect("a number")
}

#[test]
fn a_request_is_a_datagram() {
    let (echo, loghost) = (Backend::echo(), LogHost::new());
    let pen = logging_to(loghost.address(), &echo);
    let client = pen.connect_from(4);
    client.send("GET /a\u{1b}b HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(loghost.next(), "+ 127.0.0.4 127.0.0.1 GET /a.b HTTP/1.1\n");
    let client = pen.connect_from(5);
    client.send("x".repeat(2_000));
    let longest = loghost.next();
    let beginning = "+ 127.0.0.5 127.0.0.1 ";
    assert_eq!(longest, format!("{beginning}{}\n", "x".repeat(1023 - beginning.len() - 1)));
    assert_eq!(lost(&pen), 0);
    pen.stop();
}

#[test]
fn addresses_of_both_families_are_written_as_they_are() {
    let (echo, loghost) = (Backend::echo_on(Family::Tcp6), LogHost::new());
    let builder = Pen::builder().listen_on(Family::Tcp6).server(&echo);
    let pen = builder.option(&format!("-l {}", loghost.address())).start();
    speak(&pen, "hello");
    assert_eq!(loghost.next(), "+ ::1 ::1 hello\n");
    pen.stop();
}

#[test]
fn a_penlogd_may_be_reached_by_ipv6() {
    let probe = std::net::UdpSocket::bind("[::1]:0").unwrap();
    let address = probe.local_addr().unwrap();
    drop(probe);
    let (echo, loghost) = (Backend::echo(), LogHost::at(address));
    let pen = logging_to(format!("::1:{}", address.port()), &echo);
    speak(&pen, "hello");
    assert_eq!(loghost.next(), "+ 127.0.0.1 127.0.0.1 hello\n");
    pen.stop();
}

#[test]
fn a_penlogd_that_is_missing_costs_its_records_alone_and_gets_the_next_ones_when_it_is_back() {
    let echo = Backend::echo();
    let address = private_address();
    let pen = logging_to(address, &echo);
    for number in 1..=5 {
        speak(&pen, &format!("missed {number}"));
        wait_until("the loss is counted", || lost(&pen) == number);
    }
    let loghost = LogHost::at(address);
    speak(&pen, "first");
    assert_eq!(loghost.next(), "+ 127.0.0.1 127.0.0.1 first\n");
    drop(loghost);
    speak(&pen, "missed again");
    wait_until("the loss is counted", || lost(&pen) == 6);
    let loghost = LogHost::at(address);
    speak(&pen, "second");
    assert_eq!(loghost.next(), "+ 127.0.0.1 127.0.0.1 second\n");
    assert_eq!(lost(&pen), 6);
    let said = pen.stop().stderr;
    let complaint =
        format!("cannot write the request log {address}: Connection refused; records lost so far: 1");
    assert_eq!(said.matches("cannot write the request log").count(), 1, "{said}");
    assert!(said.contains(&complaint), "{said}");
}

#[test]
fn a_network_that_takes_nothing_costs_the_records_and_that_is_told_soon() {
    in_own_network(|| {
        for line in [
            "ip link add out type veth peer name in",
            "ip address add 10.9.0.1/24 dev out",
            "ip link set out up",
            "ip link set in up",
            "ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:01 dev out",
            // A byte a second.
            "tc qdisc add dev out root tbf rate 8bit burst 1500 limit 100000000",
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            run(words[0], &words[1..]);
        }
        let echo = Backend::echo();
        let pen = logging_to("10.9.0.2:10000", &echo);
        let client = pen.connect();
        // More than the socket's buffer holds, and less than the queue: at a second each it would take an hour.
        for _ in 0..4_000 {
            assert_eq!(client.exchange("short"), "short");
        }
        wait_until("the loss is counted", || lost(&pen) > 1_000);
        let complaint = "cannot write the request log 10.9.0.2:10000: timed out";
        wait_until("the loss is told", || pen.stderr().contains(complaint));
        pen.stop();
    });
}

#[test]
fn logs_that_take_nothing_hold_up_the_end_of_pen_together_no_longer_than_one() {
    const SERVICES: usize = 20;
    let echo = Backend::echo();
    let mut builder = Pen::builder().server(&echo);
    let (mut readers, mut clients, mut addresses) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..SERVICES {
        let fifo = builder.directory().join(format!("fifo{number}"));
        mkfifo(&fifo, Mode::S_IRWXU).unwrap();
        readers
            .push(OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(&fifo).unwrap());
        let address = private_address();
        for command in [
            format!("listen {address}"),
            format!("server 0 address 127.0.0.1 port {}", echo.address().port()),
            format!("log {}", fifo.display()),
        ] {
            builder = builder.command(&format!("service s{number} {command}"));
        }
        addresses.push(address);
    }
    let pen = builder.start();
    for address in addresses {
        let client = Stream::connect(&address.into()).unwrap();
        // More than a pipe holds.
        for _ in 0..1_500 {
            client.exchange(&"x".repeat(100));
        }
        clients.push(client);
    }
    // At two seconds each that would take longer than the harness waits.
    pen.stop();
}

#[test]
fn what_is_queued_is_sent_before_pen_ends() {
    const REQUESTS: usize = 200;
    let (echo, loghost) = (Backend::echo(), LogHost::new());
    let pen = logging_to(loghost.address(), &echo);
    for number in 0..REQUESTS {
        speak(&pen, &number.to_string());
    }
    pen.stop();
    let expected: Vec<_> = (0..REQUESTS).map(|number| format!("+ 127.0.0.1 127.0.0.1 {number}\n")).collect();
    assert_eq!(loghost.arrived(), expected);
}

#[test]
fn hup_looks_the_name_up_again_and_a_name_that_fails_stays_where_it_was() {
    with_own_names(|names| {
        const PORT: u16 = 10_000;
        let at = |host: u8| LogHost::at(SocketAddr::from(([127, 0, 0, host], PORT)));
        let hup = |pen: &Pen, then: &str| {
            let times = pen.stderr().matches(then).count();
            pen.signal(Signal::SIGHUP);
            wait_until("the names were looked up", || pen.stderr().matches(then).count() > times);
        };
        names.set(&[("loghost", "127.0.0.11")]);
        let (echo, old, new) = (Backend::echo(), at(11), at(12));
        let pen = logging_to(format!("loghost:{PORT}"), &echo);
        speak(&pen, "one");
        assert_eq!(old.next(), "+ 127.0.0.1 127.0.0.1 one\n");
        names.set(&[("loghost", "127.0.0.12")]);
        hup(&pen, "the request log of default: loghost is now at 127.0.0.12");
        speak(&pen, "two");
        assert_eq!(new.next(), "+ 127.0.0.1 127.0.0.1 two\n");
        names.set(&[]);
        hup(&pen, "unknown host 'loghost': ");
        speak(&pen, "three");
        assert_eq!(new.next(), "+ 127.0.0.1 127.0.0.1 three\n");
        assert_eq!(pen.ask("log"), format!("loghost:{PORT}\n"));
        assert!(old.arrived().is_empty());
        pen.stop();
    });
}

#[test]
fn a_name_that_nobody_knows_is_refused_and_the_log_stays() {
    let (echo, loghost) = (Backend::echo(), LogHost::new());
    let pen = logging_to(loghost.address(), &echo);
    let refusal = pen.ask("log nosuchhost.invalid:10000");
    assert!(refusal.starts_with("error: unknown host 'nosuchhost.invalid': "), "{refusal}");
    speak(&pen, "hello");
    assert_eq!(loghost.next(), "+ 127.0.0.1 127.0.0.1 hello\n");
    pen.stop();
}

#[test]
fn the_log_answers_what_the_user_said_and_stays_when_it_is_said_again() {
    let echo = Backend::echo();
    let address = private_address();
    let pen = logging_to(address, &echo);
    assert_eq!(pen.ask("log"), format!("{address}\n"));
    speak(&pen, "missed");
    wait_until("the loss is counted", || lost(&pen) == 1);
    for line in [format!("{address}"), format!("{address} connections"), format!("{address}")] {
        assert_eq!(pen.ask(&format!("log {line}")), format!("{line}\n"));
        assert_eq!(pen.ask("log"), format!("{line}\n"));
        assert_eq!(lost(&pen), 1, "the same log goes on");
    }
    assert_eq!(pen.ask("log localhost:4711"), "localhost:4711\n");
    assert_eq!(lost(&pen), 0, "another log begins anew");
    pen.tell("no log");
    assert_eq!(pen.ask("log"), "");
    pen.stop();
}

#[test]
fn each_service_has_a_log_of_its_own() {
    let (echo, loghost) = (Backend::echo(), LogHost::new());
    let other = private_address();
    let pen = Pen::builder()
        .server(&echo)
        .option("-l requests.log")
        .command(&format!("service web listen {other}"))
        .command(&format!("service web server 0 address 127.0.0.1 port {}", echo.address().port()))
        .command(&format!("service web log {}", loghost.address()))
        .start();
    let other = Stream::connect(&other.into()).unwrap();
    assert_eq!(other.exchange("to penlogd"), "to penlogd");
    speak(&pen, "to the file");
    assert_eq!(loghost.next(), "+ 127.0.0.1 127.0.0.1 to penlogd\n");
    let file = pen.directory().join("requests.log");
    let read = || fs::read_to_string(&file).unwrap_or_default();
    wait_until("the request is in the file", || read().ends_with(" 127.0.0.1 to the file\n"));
    assert_eq!(read().lines().count(), 1);
    assert!(loghost.arrived().is_empty());
    pen.stop();
}

#[test]
fn a_written_configuration_logs_the_same() {
    let (echo, loghost) = (Backend::echo(), LogHost::new());
    let line = format!("log {} connections", loghost.address());
    let pen = Pen::builder().server(&echo).command(&line).start();
    pen.tell("write saved.cfg");
    let saved = fs::read_to_string(pen.directory().join("saved.cfg")).unwrap();
    assert!(saved.contains(&format!("\n{line}\n")), "{saved}");
    assert!(within(LIMIT, || pen.ask("log") == format!("{} connections\n", loghost.address())));
    pen.stop();
}

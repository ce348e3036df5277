//! Records of connections to servers: whose they are, from when to when.

use std::fs;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use pen_tests::{Backend, DeadPort, End, Family, Pen, PenBuilder, Stream, wait_until};

use super::log_host::LogHost;

/// A record of a connection.
#[derive(Debug)]
pub struct Told {
    /// Address and port.
    pub client: String,
    pub pen: SocketAddr,
    pub server: SocketAddr,
    /// In milliseconds since 1970.
    pub opened: u128,
    /// Likewise.
    pub closed: Option<u128>,
}

/// Reads `= CLIENT CPORT PENADDR PENPORT SERVER SPORT OPENED [CLOSED]`.
#[track_caller]
fn told(record: &str) -> Told {
    let words: Vec<&str> = record.trim_end_matches('\n').split(' ').collect();
    assert!(words[0] == "=" && (8..=9).contains(&words.len()), "{record}");
    let address = |at: usize| SocketAddr::new(words[at].parse().unwrap(), words[at + 1].parse().unwrap());
    let millis = |word: &&str| {
        let (seconds, millis) = word.split_once('.').unwrap();
        assert_eq!(millis.len(), 3, "{record}");
        seconds.parse::<u128>().unwrap() * 1000 + millis.parse::<u128>().unwrap()
    };
    Told {
        client: format!("{} {}", words[1], words[2]),
        pen: address(3),
        server: address(5),
        opened: millis(&words[7]),
        closed: words.get(8).map(millis),
    }
}

/// An opened and a closed record of one connection, which these must be.
#[track_caller]
pub fn pair(opened: &str, closed: &str) -> Told {
    let begun = opened.trim_end_matches('\n');
    assert!(closed.strip_prefix(begun).is_some_and(|rest| rest.starts_with(' ')), "{opened}{closed}");
    let (first, told) = (self::told(opened), self::told(closed));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let end = told.closed.expect("it has ended");
    assert!(
        first.closed.is_none() && now - 60_000 < told.opened && told.opened <= end && end <= now,
        "{closed}"
    );
    told
}

/// A server that sends back what it gets, and remembers whom it saw.
fn remembering() -> (Backend, Arc<Mutex<Vec<SocketAddr>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let memory = Arc::clone(&seen);
    let server = Backend::serve(move |client| {
        // One that was reset already has no peer any more.
        memory.lock().unwrap().extend(client.peer());
        client.drain_with(|part| {
            let _ = std::io::Write::write_all(&mut { client }, part);
        });
        client.finish();
    });
    (server, seen)
}

fn before(server: impl std::fmt::Display, loghost: &LogHost) -> PenBuilder {
    Pen::builder().server(server).command(&format!("log {} connections", loghost.address()))
}

#[test]
fn a_connection_is_told_before_its_requests_and_after_them() {
    let (loghost, (server, seen)) = (LogHost::new(), remembering());
    let pen = before(&server, &loghost).start();
    for host in 2..5 {
        let client = pen.connect_from(host);
        let port = client.local().unwrap().port();
        assert_eq!((client.exchange("one"), client.exchange("two")), ("one".into(), "two".into()));
        drop(client);
        let [opened, one, two, closed] = &loghost.take(4)[..] else { panic!("four were taken") };
        let address = format!("127.0.0.{host}");
        assert_eq!(
            (one, two),
            (&format!("+ {address} 127.0.0.1 one\n"), &format!("+ {address} 127.0.0.1 two\n"))
        );
        let told = pair(opened, closed);
        assert_eq!(told.client, format!("{address} {port}"));
        assert_eq!(told.pen, seen.lock().unwrap().pop().unwrap());
        assert_eq!(told.server.to_string(), server.to_string());
    }
    pen.stop();
    assert!(loghost.arrived().is_empty());
}

/// What a test does to end a connection.
type Ending = fn(&Pen, Stream);

#[test]
fn however_a_connection_ends_its_end_is_told_once() {
    let (loghost, (server, _)) = (LogHost::new(), remembering());
    let pen = before(&server, &loghost).command("idle_timeout 1").option("-t 1").start();
    let ends: [(&str, Ending); 5] = [
        ("the client resets", |_, client| client.reset()),
        ("the client finishes", |_, client| {
            client.finish();
            client.drain();
        }),
        ("pen closes it", |pen, client| {
            pen.ask("close 0");
            client.drain();
        }),
        ("it is idle", |_, client| drop(client.drain())),
        ("nothing is said", |_, client| drop(client)),
    ];
    for (how, end) in ends {
        let client = pen.connect();
        let opened = loghost.next();
        end(&pen, client);
        let closed = loghost.next();
        eprintln!("{how}: {opened}{closed}");
        pair(&opened, &closed);
        pen.wait_until_idle();
    }
    // The server ends it, with a reset.
    let client = pen.connect();
    let opened = loghost.next();
    server.kill();
    assert_ne!(client.drain().end, End::Open);
    pair(&opened, &loghost.next());
    server.revive();
    // Pen ends.
    pen.ask("blacklist 0");
    pen.ask("server 0 blacklist 0");
    let _client = pen.connect();
    let opened = loghost.next();
    pen.stop();
    pair(&opened, &loghost.next());
    assert!(loghost.arrived().is_empty());
}

#[test]
fn a_server_that_is_not_there_leaves_no_record_and_the_next_one_does() {
    let (loghost, dead, (server, seen)) = (LogHost::new(), DeadPort::new(), remembering());
    let pen = before(&dead, &loghost).server(&server).start();
    assert_eq!(pen.connect().exchange("hello"), "hello");
    let [opened, request, closed] = &loghost.take(3)[..] else { panic!("three were taken") };
    assert_eq!(request, "+ 127.0.0.1 127.0.0.1 hello\n");
    assert_eq!(pair(opened, closed).pen, seen.lock().unwrap()[0]);
    pen.ask("no server 1");
    assert_eq!(pen.get(), "");
    pen.stop();
    assert!(loghost.arrived().is_empty());
}

#[test]
fn emergency_and_abuse_servers_count_too() {
    let (loghost, (emergency, _), (abuse, _)) = (LogHost::new(), remembering(), remembering());
    let pen = before(DeadPort::new(), &loghost)
        .command(&format!("emergency {emergency}"))
        .command(&format!("abuse {abuse}"))
        .command("acl 1 deny 127.0.0.7")
        .command("client_acl 1")
        .start();
    for (host, server) in [(2, &emergency), (7, &abuse)] {
        let client = pen.connect_from(host);
        assert_eq!(client.exchange("hello"), "hello");
        drop(client);
        let [opened, _request, closed] = &loghost.take(3)[..] else { panic!("three were taken") };
        assert_eq!(pair(opened, closed).server.to_string(), server.to_string());
    }
    pen.stop();
}

#[test]
fn what_has_no_port_is_said_to_have_none() {
    let (loghost, (server, _), nameless) = (LogHost::new(), remembering(), Backend::echo_on(Family::Unix));
    // A client of a Unix socket.
    let pen = before(&server, &loghost).listen_on(Family::Unix).start();
    assert_eq!(pen.connect().exchange("hello"), "hello");
    let told = loghost.take(3);
    assert!(told[0].starts_with("= unix 0 127.0.0.1 "), "{told:?}");
    assert_eq!(told[1], "+ unix 127.0.0.1 hello\n");
    assert!(told[2].starts_with(told[0].trim_end()), "{told:?}");
    pen.stop();
    // A server behind one: a request, and nothing else.
    let pen = before(&nameless, &loghost).start();
    assert_eq!(pen.connect().exchange("hello"), "hello");
    pen.stop();
    assert_eq!(loghost.arrived(), ["+ 127.0.0.1 unix hello\n"]);
}

#[test]
fn ipv6_is_written_without_brackets() {
    let (loghost, server) = (LogHost::new(), Backend::echo_on(Family::Tcp6));
    let pen = before(&server, &loghost).start();
    assert_eq!(pen.connect().exchange("hello"), "hello");
    let told = loghost.take(3);
    let told = pair(&told[0], &told[2]);
    assert_eq!((told.pen.ip().to_string(), told.server.ip().to_string()), ("::1".into(), "::1".into()));
    pen.stop();
}

#[test]
fn a_file_has_them_too() {
    let (server, seen) = remembering();
    let pen = Pen::builder().server(&server).command("log requests.log connections").start();
    assert_eq!(pen.connect().exchange("hello"), "hello");
    let file = pen.directory().join("requests.log");
    let mut lines = Vec::new();
    wait_until("three lines are written", || {
        let text = fs::read_to_string(&file).unwrap_or_default();
        lines = text.lines().map(str::to_owned).collect();
        lines.len() == 3
    });
    assert_eq!(pair(&lines[0], &lines[2]).pen, seen.lock().unwrap()[0]);
    assert!(lines[1].starts_with("127.0.0.1 ") && lines[1].ends_with(" 127.0.0.1 hello"), "{lines:?}");
    pen.stop();
}

#[test]
fn what_is_turned_on_and_off_while_a_connection_is_open_leaves_no_half_of_a_pair() {
    let (loghost, other, (server, _)) = (LogHost::new(), LogHost::new(), remembering());
    let pen = Pen::builder().server(&server).start();
    let say = |client: &Stream, line: &str| assert_eq!(client.exchange(line), line);
    let (to_loghost, to_other) = (format!("log {}", loghost.address()), format!("log {}", other.address()));

    let unheard = pen.connect();
    say(&unheard, "without a log");
    pen.ask(&format!("{to_loghost} connections"));
    say(&unheard, "it was open before");

    let heard = pen.connect();
    say(&heard, "one");
    let told = loghost.take(2);
    assert_eq!(told[1], "+ 127.0.0.1 127.0.0.1 one\n");
    pen.ask(&to_loghost);
    pair(&told[0], &loghost.next());
    say(&heard, "two");
    assert_eq!(loghost.next(), "+ 127.0.0.1 127.0.0.1 two\n");
    pen.ask(&format!("{to_loghost} connections"));
    drop(heard);

    // To another destination, and away.
    let moved = pen.connect();
    let opened = loghost.next();
    pen.ask(&format!("{to_other} connections"));
    pair(&opened, &loghost.next());
    say(&moved, "three");
    assert_eq!(other.next(), "+ 127.0.0.1 127.0.0.1 three\n");
    let last = pen.connect();
    let opened = other.next();
    pen.tell("no log");
    pair(&opened, &other.next());
    say(&last, "not logged");
    pen.ask(&to_other);
    say(&last, "nor this");
    drop((unheard, moved, last));
    pen.wait_until_idle();
    say(&pen.connect(), "the end");
    pen.stop();
    assert_eq!(other.arrived(), ["+ 127.0.0.1 127.0.0.1 the end\n"]);
    assert!(loghost.arrived().is_empty());
}

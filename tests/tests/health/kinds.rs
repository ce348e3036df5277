//! Each kind of check, against servers that pass it or not.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use pen_tests::{Address, Backend, Family, Pen, Stream, private_address, wait_until};

use super::log::{lines, wait_for_line, wait_until_down, wait_until_passed};

/// Checks that are often, and believed at once.
const QUICK: &str = "interval 1 timeout 5 rise 1 fall 1";

fn checked(server: &Backend, check: &str) -> Pen {
    Pen::builder().server(server).command(&format!("health {check} {QUICK}")).start()
}

/// A server that says `before` to everybody, or `after` once it was told to.
fn changing(before: &'static str, after: &'static str) -> (Backend, Arc<AtomicBool>) {
    let changed = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&changed);
    let server = Backend::serve(move |client| {
        let words = if told.load(Ordering::SeqCst) { after } else { before };
        let _ = { client }.write_all(words.as_bytes());
        client.finish();
        client.drain();
    });
    (server, changed)
}

/// The server passes the check, then does not, then does again.
#[track_caller]
fn assert_noticed(check: &str, well: &'static str, ill: &'static str, reason: &str) {
    let (server, is_ill) = changing(well, ill);
    let pen = checked(&server, check);
    wait_until_passed(&pen, 0, 2);
    assert_eq!(lines(&pen, " is down"), [""; 0]);
    is_ill.store(true, Ordering::SeqCst);
    wait_until_down(&pen, reason);
    is_ill.store(false, Ordering::SeqCst);
    wait_for_line(&pen, &format!("server 0 ({server}) is up again: {}", check.split(' ').next().unwrap()));
    pen.stop();
}

#[test]
fn tcp_wants_a_connection() {
    let server = Backend::silent();
    let pen = checked(&server, "tcp");
    wait_until("it was checked", || server.total() > 0);
    server.refuse();
    wait_for_line(&pen, &format!("server 0 ({server}) is down: tcp check: Connection refused (1 check)"));
    server.revive();
    wait_for_line(&pen, &format!("server 0 ({server}) is up again: tcp check passed (1 check)"));
    pen.stop();
}

#[test]
fn the_first_check_decides_alone_and_comes_soon() {
    let pen = Pen::builder()
        .two_dead_servers()
        .command("health tcp interval 3600 timeout 5 rise 1000 fall 1000")
        .start();
    wait_for_line(&pen, "server 0 (127.0.0.1:1) is down: tcp check: Connection refused (1 check)");
    wait_for_line(&pen, "server 1 (127.0.0.2:1) is down: tcp check: Connection refused (1 check)");
    pen.stop();
}

#[test]
fn http_wants_a_status() {
    assert_noticed(
        "http /",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno",
        "http check: status 503 where 200-399 is expected",
    );
}

#[test]
fn expect_wants_words() {
    assert_noticed(
        "expect \"220 \"",
        "220 mail.example.com ready\r\n",
        "421 too busy\r\n",
        "expect check: the answer \"421 too busy\\r\\n\" does not hold \"220 \"",
    );
}

#[test]
fn send_is_answered() {
    let server = Backend::serve(|client| {
        if client.line() == "PING" {
            let _ = { client }.write_all(b"+PONG\r\n");
        }
        client.drain();
    });
    let pen = checked(&server, "send \"PING\\n\" expect \"+PONG\"");
    wait_until_passed(&pen, 0, 2);
    assert_eq!(lines(&pen, " is down"), [""; 0]);
    pen.tell("health send \"HELLO\\n\" expect \"+PONG\" interval 1 timeout 1 rise 1 fall 1");
    wait_for_line(&pen, " is down: expect check: ");
    pen.stop();
}

#[test]
fn a_unix_socket_is_checked_like_a_port() {
    let server = Backend::serve_on(Family::Unix, |client| {
        assert_eq!(client.line(), "GET /up HTTP/1.1\r");
        let _ = { client }.write_all(b"HTTP/1.0 200 OK\r\n\r\n");
        client.finish();
        client.drain();
    });
    let pen = checked(&server, "http /up");
    wait_until("it was checked twice", || server.total() >= 2);
    server.refuse();
    wait_until_down(&pen, "http check: Connection refused");
    pen.stop();
}

/// What each connection began with, and where it came from.
type Heard = Arc<Mutex<Vec<(Vec<u8>, Option<SocketAddr>)>>>;

fn hearing() -> (Backend, Heard) {
    let heard = Heard::default();
    let sink = Arc::clone(&heard);
    let server = Backend::serve(move |client| {
        let mut first = [0; 16];
        let length = { client }.read(&mut first).unwrap_or(0);
        sink.lock().unwrap().push((first[..length].to_vec(), client.peer()));
        let _ = { client }.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        client.finish();
        client.drain();
    });
    (server, heard)
}

#[test]
fn a_server_that_expects_a_proxy_header_gets_one_of_nobody_s() {
    let (server, heard) = hearing();
    let pen = Pen::builder()
        .server(&server)
        .command("proxy_protocol send-v2")
        .command(&format!("health http / {QUICK}"))
        .start();
    wait_until("it was checked", || !heard.lock().unwrap().is_empty());
    assert_eq!(heard.lock().unwrap()[0].0, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
    // Another port is another program.
    let (other, heard) = hearing();
    pen.tell(&format!("health http / {QUICK} port {}", other.address().port()));
    wait_until("it was checked", || !heard.lock().unwrap().is_empty());
    assert!(heard.lock().unwrap()[0].0.starts_with(b"GET / "));
    assert_eq!(lines(&pen, " is down"), [""; 0]);
    pen.stop();
}

#[test]
fn checks_come_from_the_address_that_connections_come_from() {
    let (server, heard) = hearing();
    let pen =
        Pen::builder().server(&server).command("source 127.0.0.9").command(&format!("health tcp {QUICK}"));
    let pen = pen.start();
    wait_until("it was checked", || !heard.lock().unwrap().is_empty());
    let from = heard.lock().unwrap()[0].1.map(|from| from.ip().to_string());
    assert_eq!(from.as_deref(), Some("127.0.0.9"));
    pen.stop();
}

#[test]
fn a_check_at_another_port_decides_about_the_server() {
    let (server, beside) = (Backend::silent(), Backend::silent());
    let pen = checked(&server, &format!("tcp port {}", beside.address().port()));
    wait_until("it was checked", || beside.total() > 0);
    beside.refuse();
    wait_for_line(&pen, &format!("server 0 ({server}) is down: tcp check: Connection refused"));
    assert_eq!(server.total(), 0);
    pen.stop();
}

#[test]
fn a_service_is_named_and_emergency_and_abuse_servers_are_not_checked() {
    let (emergency, abuse) = (Backend::silent(), Backend::silent());
    let pen = Pen::builder()
        .server(Backend::silent())
        .command("service web")
        .command(&format!("service web emergency {emergency}"))
        .command(&format!("service web abuse {abuse}"))
        .command("service web server 0 address 127.0.0.1 port 1")
        .command("service web server 7 address 127.0.0.2 port 1")
        .command(&format!("service web health tcp {QUICK}"))
        .start();
    wait_for_line(&pen, "server 0 of web (127.0.0.1:1) is down: tcp check: ");
    wait_for_line(&pen, "server 7 of web (127.0.0.2:1) is down: tcp check: ");
    assert_eq!((emergency.total(), abuse.total()), (0, 0));
    pen.stop();
}

/// A server that plays a part for each connection, in turn.
fn scripted(script: &'static str) -> (Backend, Arc<Mutex<usize>>) {
    let at = Arc::new(Mutex::new(0));
    let place = Arc::clone(&at);
    let server = Backend::serve(move |client: &Stream| {
        let part = {
            let mut at = place.lock().unwrap();
            *at += 1;
            script.as_bytes().get(*at - 1).copied().unwrap_or(b'+')
        };
        if part == b'+' {
            let _ = { client }.write_all(b"ok\n");
        }
        client.finish();
        client.drain();
    });
    (server, at)
}

#[test]
fn a_flapping_server_changes_only_after_as_many_checks_in_a_row_as_were_asked_for() {
    let script = "+-+--+---+-++--++";
    let (server, at) = scripted(script);
    let pen =
        Pen::builder().server(&server).command("health expect ok interval 1 timeout 5 rise 2 fall 3").start();
    wait_until("it has played its part", || *at.lock().unwrap() > script.len());
    let check = &pen.status()["services"][0]["servers"][0]["check"];
    let count = |name: &str| check[name].as_u64().unwrap();
    assert_eq!((count("changes"), count("failed")), (2, 9), "{check}");
    assert!((8..=11).contains(&count("passed")), "{check}");
    let changes: Vec<String> = lines(&pen, "server 0 (")
        .iter()
        .map(|line| line.rsplit_once('(').map_or("", |(_, count)| count).to_owned())
        .collect();
    assert_eq!(changes, ["3 checks)", "2 checks)"]);
    pen.stop();
}

#[test]
fn a_server_that_is_too_slow_is_down_and_its_check_costs_nothing_else() {
    let held = Backend::silent_on(Family::Tcp4);
    let address = Address::Ip(private_address());
    let prompt = Backend::serve_at(&address, |client| {
        let _ = { client }.write_all(b"ok");
        client.drain();
    });
    let pen = Pen::builder()
        .servers([&held, &prompt])
        .command("health expect ok interval 1 timeout 1 rise 1 fall 1")
        .start();
    wait_for_line(&pen, &format!("server 0 ({held}) is down: expect check: "));
    wait_until("the other one was checked often", || prompt.total() > 3);
    assert_eq!(lines(&pen, " is down").len(), 1);
    // Each is given up before the next begins.
    assert_eq!(held.peak(), 1);
    pen.stop();
}

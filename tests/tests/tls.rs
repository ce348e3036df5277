//! TLS on clients' connections: handshakes that go wrong or slowly, endings, and records that nobody should send. What
//! forwarding is like under TLS is in the suites `forwarding` and `endings`.

use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use pen_tests::tls::{client_hello, trusting};
use pen_tests::{
    Authority, Backend, Content, End, Family, FullBacklog, Pair, Pen, PenBuilder, Stream, wait_until,
};
use rustls::HandshakeKind;

const NAME: &str = "www.example.com";
/// Content type and version of an alert.
const ALERT: [u8; 3] = [21, 3, 3];

fn secure() -> PenBuilder {
    Pen::builder().listen_on(Family::Tls)
}

/// A connection to this pen that has not said anything.
fn silent(pen: &Pen) -> Stream {
    Stream::connect(pen.address()).expect("pen accepts")
}

/// A client's first message.
fn hello() -> Vec<u8> {
    client_hello(&trusting(&Authority::new("anybody")), NAME)
}

#[test]
fn clients_that_say_nothing_keep_nobody_waiting() {
    let server = Backend::named("a");
    let pen = secure().server(&server).command("pending_max 1").option("-r").start();
    let before = pen.process().descriptors_at_rest();
    let silent: Vec<_> = (0..300).map(|_| silent(&pen)).collect();
    for _ in 0..20 {
        assert_eq!(pen.get(), "a");
    }
    assert_eq!(server.total(), 20);
    drop(silent);
    pen.process().expect_descriptors(before);
}

#[test]
fn clients_that_wait_for_room_are_served_in_turn_although_others_leave() {
    let full = FullBacklog::new();
    let server = Backend::named("a");
    let servers = [full.to_string(), server.to_string()];
    let pen =
        secure().servers(servers).option("-r").option("-t 1").option("-b 2").command("pending_max 1").start();
    let before = pen.process().descriptors_at_rest();
    let clients: Vec<_> = (0..30).map(|_| pen.connect()).collect();
    for (number, client) in clients.into_iter().enumerate() {
        match number % 3 {
            0 => client.reset(),
            _ => assert_eq!(client.drain().text(), "a"),
        }
    }
    pen.process().expect_descriptors(before);
}

#[test]
fn a_handshake_in_single_bytes_succeeds() {
    let server = Backend::named("a");
    let pen = secure().server(&server).start();
    let client = silent(&pen);
    let hello = hello();
    for byte in &hello[..hello.len() - 1] {
        client.send([*byte]);
    }
    client.patience(Duration::from_millis(100));
    assert_eq!(client.drain().end, End::Open, "it answered to a part of a message");
    client.patience(pen_tests::LIMIT);
    client.send(&hello[hello.len() - 1..]);
    let answer = client.receive(3);
    assert_eq!(answer, [22, 3, 3], "a message of the handshake");
}

#[test]
fn what_is_no_tls_is_answered_with_an_alert_and_no_server_hears_of_it() {
    let server = Backend::named("a");
    let pen = secure().server(&server).start();
    let before = pen.process().descriptors_at_rest();
    let garbage = Content::new(1).bytes(100_000);
    for text in
        [&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", &garbage[..]]
    {
        let client = silent(&pen);
        let _ = { &client }.write_all(text);
        let answer = client.drain();
        if text.len() < 1000 {
            assert_eq!((answer.bytes.get(..3), answer.end), (Some(&ALERT[..]), End::Eof), "{text:?}");
        }
    }
    for length in [0, 1, 5, 100] {
        let hello = hello();
        let client = silent(&pen);
        client.send(&hello[..length]);
        client.finish();
        assert_eq!(client.drain().end, End::Eof);
        let client = silent(&pen);
        client.send(&hello[..length]);
        client.reset();
    }
    pen.process().expect_descriptors(before);
    assert_eq!(server.total(), 0);
    assert_eq!(pen.get(), "a");
}

#[test]
fn a_client_that_is_refused_is_closed_without_a_handshake() {
    let (server, abuse) = (Backend::named("a"), Backend::named("abuse"));
    let pen = secure().server(&server).command("acl 1 deny 127.0.0.1").command("client_acl 1").start();
    let client = silent(&pen);
    let _ = { &client }.write_all(&hello());
    let answer = client.drain();
    assert!(answer.bytes.is_empty(), "{answer:?}");
    assert_eq!(server.total(), 0);
    pen.tell(&format!("abuse {abuse}"));
    assert_eq!(pen.get(), "abuse");
}

#[test]
fn the_end_of_a_socket_without_a_goodbye_is_an_end_for_the_server() {
    let pair = Pair::on(Family::Tls, Family::Tcp4);
    pair.client().send("question");
    pair.client().socket().shutdown(std::net::Shutdown::Write).unwrap();
    let question = pair.server().drain();
    assert_eq!((question.text().as_str(), question.end), ("question", End::Eof));
    pair.server().send("answer");
    pair.server().finish();
    let answer = pair.client().drain();
    assert_eq!((answer.text().as_str(), answer.end), ("answer", End::Eof));
    pair.pen.wait_until_idle();
}

#[test]
fn records_that_nobody_made_are_a_reset_for_the_server_and_an_alert_for_the_client() {
    let pair = Pair::on(Family::Tls, Family::Tcp4);
    pair.client().send("good");
    assert_eq!(pair.server().receive(4), b"good");
    pair.client().socket().send(b"\x17\x03\x03\x00\x1eno record that anybody made    ").unwrap();
    assert_eq!(pair.server().drain().end, End::Reset);
    let error = { pair.client() }.read(&mut [0]).unwrap_err();
    assert!(error.to_string().contains("BadRecordMac"), "{error}");
    pair.pen.wait_until_idle();
}

#[test]
fn keys_may_change_as_often_as_data_comes_and_not_much_more_often() {
    let pair = Pair::on(Family::Tls, Family::Tcp4);
    let (client, server) = (pair.client(), pair.server());
    for _ in 0..1000 {
        client.records().session().refresh_traffic_keys().unwrap();
        client.send("x");
        assert_eq!(server.receive(1), b"x");
    }
    // The answers to all that wait for the server to speak, and are one.
    server.send("y");
    assert_eq!(client.receive(1), b"y");
    for _ in 0..1000 {
        let _ = client.records().session().refresh_traffic_keys();
    }
    let _ = client.records().flush(client.socket());
    assert_eq!(server.drain().end, End::Reset);
    pair.pen.wait_until_idle();
}

#[test]
fn a_session_is_resumed_with_a_ticket_that_came_with_the_answer() {
    let server = Backend::named("a");
    let pen = secure().server(&server).start();
    let kind = |stream: &Stream| stream.records().session().handshake_kind();
    for expected in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
        let client = pen.connect();
        assert_eq!(client.drain().text(), "a");
        assert_eq!(kind(&client), Some(expected));
    }
}

#[test]
fn tickets_do_not_wait_for_an_answer_while_the_client_has_asked_nothing() {
    // A client with Nagle's delay sends its request only when something has acknowledged the end of its handshake.
    let pair = Pair::on(Family::Tls, Family::Tcp4);
    pair.client().take_tickets();
}

#[test]
fn dummy_answers_under_tls() {
    let pen = secure().command("dummy").start();
    let client = pen.connect();
    client.send("GET / HTTP/1.0\r\n\r\n");
    let answer = client.drain();
    assert!(answer.text().contains("This is pen"), "{answer:?}");
    assert_eq!(answer.end, End::Eof);
}

#[test]
fn a_handshake_that_has_begun_goes_on_when_tls_is_taken_away() {
    let server = Backend::echo();
    let pen = secure().server(&server).start();
    let before = pen.process().descriptors_at_rest();
    let begun = silent(&pen);
    // What it has accepted it has accepted under the settings of that time.
    wait_until("pen has accepted", || pen.process().descriptors() > before);
    pen.tell("no tls_cert");
    let late = silent(&pen);
    late.send("plain");
    late.finish();
    assert_eq!(late.drain().text(), "plain");
    begun.send(hello());
    assert_eq!(begun.receive(3), [22, 3, 3]);
}

#[test]
fn term_ends_handshakes_too() {
    let server = Backend::named("a");
    let pen = secure().server(&server).start();
    let silent = silent(&pen);
    let begun = pen.connect();
    pen.signal(Signal::SIGTERM);
    assert_eq!(silent.drain().end, End::Eof);
    begun.drain();
    assert_eq!(pen.wait().code, Some(0));
}

#[test]
fn many_clients_at_once_get_what_is_theirs() {
    let server = Backend::echo();
    let pen = secure().server(&server).command("pending_max 3").start();
    let before = pen.process().descriptors_at_rest();
    thread::scope(|scope| {
        for number in 0..16 {
            let pen = &pen;
            scope.spawn(move || {
                for round in 0..10 {
                    let content = Content::new(number * 100 + round);
                    let client = pen.connect();
                    thread::scope(|scope| {
                        scope.spawn(|| {
                            content.write_to(&client, 200_000).unwrap();
                            client.finish();
                        });
                        assert_eq!(content.expect_from(&client), (200_000, End::Eof));
                    });
                }
            });
        }
    });
    pen.wait_until_idle();
    pen.process().expect_descriptors(before);
}

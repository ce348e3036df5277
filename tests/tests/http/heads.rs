//! What a server gets of requests, to the byte.

use std::fmt::Write as _;
use std::thread;
use std::time::Duration;

use pen_tests::{Content, End, Family, Pair, settled};

/// When a counter has stood still for so long, pen waits for the server.
const CALM: Duration = Duration::from_millis(300);

/// A head as the server gets it, with what pen adds to it.
fn told(head: &str) -> String {
    told_of(head, "127.0.0.1")
}

fn told_of(head: &str, client: &str) -> String {
    let fields = head.strip_suffix("\r\n").expect("a head ends with an empty line");
    format!("{fields}X-Forwarded-Proto: http\r\nX-Forwarded-For: {client}\r\n\r\n")
}

fn pair() -> Pair {
    Pair::with(Family::Tcp4, Family::Tcp4, "http")
}

/// Sends that and no more, and looks at what arrives.
#[track_caller]
fn assert_arrives(sent: &str, expected: &str) {
    let pair = pair();
    pair.client().send(sent);
    pair.client().finish();
    let received = pair.server().drain();
    assert_eq!((received.text().as_str(), received.end), (expected, End::Eof));
}

const GET: &str = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
const POST: &str = "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n";
const PUT: &str = "PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: x\r\n\r\n";
const CHUNKS: &str = "5;why=not\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n";

#[test]
fn every_request_of_a_connection_tells_of_the_client() {
    let old = "OPTIONS * HTTP/1.0\r\n\r\n";
    let sent = [GET, POST, "hello", PUT, CHUNKS, "\r\n", old, GET].concat();
    let parts = [&told(GET), &told(POST), "hello", &told(PUT), CHUNKS, "\r\n", &told(old), &told(GET)];
    assert_arrives(&sent, &parts.concat());
}

#[test]
fn requests_that_come_byte_by_byte_are_the_same() {
    let pair = pair();
    for byte in [GET, POST, "hello", PUT, CHUNKS, GET].concat().bytes() {
        pair.client().send([byte]);
        // It has left the kernel of the client when pen asks for more.
        thread::yield_now();
    }
    pair.client().finish();
    let parts = [&told(GET), &told(POST), "hello", &told(PUT), CHUNKS, &told(GET)];
    assert_eq!(pair.server().drain().text(), parts.concat());
}

#[test]
fn a_client_is_told_by_its_address_of_whatever_family() {
    for (family, client) in [(Family::Tcp6, "::1"), (Family::Unix, "unix")] {
        let pair = Pair::with(family, Family::Tcp4, "http");
        pair.client().send(GET);
        pair.client().finish();
        assert_eq!(pair.server().drain().text(), told_of(GET, client), "{family:?}");
    }
}

#[test]
fn what_a_client_says_of_others_stands_before_what_pen_says_of_it() {
    let sent = "GET / HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1, 10.0.0.1\r\nHost: x\r\n\r\n";
    let expected = "GET / HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1, 10.0.0.1, 127.0.0.1\r\nHost: x\r\n\
                    X-Forwarded-Proto: http\r\n\r\n";
    assert_arrives(sent, expected);
}

#[test]
fn what_a_client_says_of_its_protocol_is_replaced() {
    let sent = "GET / HTTP/1.1\r\nx-forwarded-proto: https\r\nHost: x\r\nX-FORWARDED-PROTO: https\r\n\r\n";
    let pair = pair();
    pair.client().send(sent);
    pair.client().finish();
    let head = pair.server().drain().text();
    assert!(!head.contains("https"), "{head}");
    assert_eq!(head.to_ascii_lowercase().matches("x-forwarded-proto: http\r\n").count(), 1, "{head}");
    assert!(head.ends_with("X-Forwarded-For: 127.0.0.1\r\n\r\n"), "{head}");
}

const ANSWER: &str = "HTTP/1.1 204 No Content\r\n\r\n";

#[test]
fn a_thousand_requests_sent_ahead_arrive_in_their_order() {
    const COUNT: usize = 1_000;
    let pair = pair();
    let (client, server) = (pair.client(), pair.server());
    let (mut sent, mut expected) = (String::new(), Vec::new());
    for number in 0..COUNT {
        let body = "b".repeat(number % 50);
        let head = format!("POST /{number} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
        write!(sent, "{head}{body}").unwrap();
        expected.push(told(&head) + &body);
    }
    thread::scope(|scope| {
        scope.spawn(|| client.send(&sent));
        scope.spawn(|| {
            for expected in &expected {
                assert_eq!(String::from_utf8_lossy(&server.receive(expected.len())), *expected);
                server.send(ANSWER);
            }
        });
        assert_eq!(client.receive(COUNT * ANSWER.len()), ANSWER.repeat(COUNT).as_bytes());
    });
    // What the server got is counted as such, not what the client sent.
    let row = &pair.pen.servers()[0];
    assert_eq!((row.sx, row.rx), (expected.concat().len() as u64, (COUNT * ANSWER.len()) as u64));
}

#[test]
fn a_body_of_many_mebibytes_arrives_unchanged_between_two_heads() {
    const LENGTH: u64 = 48 << 20;
    let pair = pair();
    let (client, server) = (pair.client(), pair.server());
    let content = Content::new(21);
    let head = format!("POST / HTTP/1.1\r\nContent-Length: {LENGTH}\r\nHost: x\r\n\r\n");
    thread::scope(|scope| {
        scope.spawn(|| {
            client.send(&head);
            content.write_to(client, LENGTH).unwrap();
            client.send(GET);
            client.finish();
        });
        let told_head = told(&head);
        assert_eq!(server.receive(told_head.len()), told_head.as_bytes());
        let mut offset = 0;
        while offset < LENGTH {
            let part = server.receive(1 << 20);
            assert!(content.matches(offset, &part), "wrong bytes from {offset}");
            offset += part.len() as u64;
        }
        assert_eq!(server.drain().text(), told(GET));
    });
}

#[test]
fn a_server_that_takes_nothing_for_a_while_gets_everything_in_the_end() {
    let pair = pair();
    let (client, server) = (pair.client(), pair.server());
    let body = Content::new(22).bytes(1 << 20);
    let head = format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n", body.len());
    // As many as are passed on without an answer.
    const COUNT: usize = 100;
    thread::scope(|scope| {
        scope.spawn(|| {
            (0..COUNT).for_each(|_| client.send([head.as_bytes(), &body].concat()));
            client.finish();
        });
        settled(CALM, || pair.pen.servers()[0].sx);
        let received = server.drain().bytes;
        assert!(received == [told(&head).as_bytes(), &body].concat().repeat(COUNT));
    });
}

#[test]
fn an_end_in_the_middle_of_a_body_is_passed_on() {
    assert_arrives(&format!("{POST}hel"), &format!("{}hel", told(POST)));
}

#[test]
fn the_ends_of_both_sides_are_those_of_any_connection() {
    let mut pair = pair();
    pair.client().send(GET);
    assert_eq!(pair.server().receive(told(GET).len()), told(GET).as_bytes());
    pair.server().send("HTTP/1.1 200 OK\r\nContent-Le");
    assert_eq!(pair.client().receive(27), b"HTTP/1.1 200 OK\r\nContent-Le");
    pair.reset_server();
    assert_eq!(pair.client().drain().end, End::Reset);

    let mut pair = self::pair();
    pair.client().send(POST);
    assert_eq!(pair.server().receive(told(POST).len()), told(POST).as_bytes());
    pair.reset_client();
    assert_eq!(pair.server().drain().end, End::Reset);
}

//! What clients may begin with, and how: the server gets it as it is.

use std::time::Duration;

use pen_tests::{Content, End, LIMIT, Stream, wait_until};

use super::desk::{begin, desks, farm, request_of, server_of};

/// A client that sends this, and the server that it gets.
#[track_caller]
fn answered(client: &Stream, sent: &[u8]) -> String {
    let server = client.line();
    assert_eq!(client.receive(sent.len()), sent);
    client.finish();
    assert_eq!(client.drain().end, End::Eof);
    server
}

#[test]
fn a_request_in_single_bytes_is_read() {
    let servers = desks(["a", "b"]);
    let pen = farm(&servers).option("-r").start();
    assert_eq!(server_of(&pen, 1, "alice"), "a");
    let request = request_of("alice");
    for _ in 0..3 {
        let client = pen.connect_from(2);
        for byte in &request {
            client.send([*byte]);
        }
        assert_eq!(answered(&client, &request), "a");
    }
}

#[test]
fn nothing_is_said_to_a_server_before_the_line_has_ended() {
    let servers = desks(["a"]);
    let pen = farm(&servers).start();
    let request = request_of("alice");
    let client = pen.connect();
    let line = request.windows(2).position(|pair| pair == b"\r\n").unwrap() + 1;
    client.send(&request[..line]);
    client.patience(Duration::from_millis(100));
    assert_eq!(client.drain().end, End::Open);
    assert_eq!(servers[0].total(), 0);
    client.patience(LIMIT);
    client.send(&request[line..]);
    assert_eq!(answered(&client, &request), "a");
}

#[test]
fn what_is_no_request_is_passed_on_at_once() {
    let servers = desks(["a"]);
    let pen = farm(&servers).start();
    let mut too_long = request_of("alice");
    too_long[2] = 1;
    for bytes in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"x",
        b"\x03\0\0\x07x",
        b"\x03\0\0\x2c\x27\xd0",
        &too_long,
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
    ] {
        let (server, client) = begin(&pen, 1, bytes);
        assert_eq!(server, "a");
        client.finish();
        assert_eq!(client.drain().end, End::Eof);
    }
}

#[test]
fn what_follows_a_request_arrives_behind_it() {
    let servers = desks(["a"]);
    let pen = farm(&servers).start();
    let client = pen.connect();
    let bytes = [request_of("alice"), Content::new(3).bytes(1 << 20)].concat();
    let sender = client.duplicate();
    let sent = bytes.clone();
    let thread = std::thread::spawn(move || sender.send(sent));
    assert_eq!(client.line(), "a");
    assert!(client.receive(bytes.len()) == bytes);
    thread.join().unwrap();
}

#[test]
fn a_client_that_says_nothing_in_time_goes_by_its_address_and_so_does_a_slow_one() {
    let servers = desks(["a", "b"]);
    let pen = farm(&servers).start();
    let request = request_of("alice");
    let (silent, slow) = (pen.connect_from(1), pen.connect_from(2));
    slow.send(&request[..20]);
    // Servers hear of both when their time is over.
    wait_until("both are served", || servers[0].total() + servers[1].total() == 2);
    slow.send(&request[20..]);
    silent.send(&request);
    let both = [answered(&slow, &request), answered(&silent, &request)];
    assert_ne!(both[0], both[1]);
    // It was not a user.
    assert_eq!(["1", "2", "3", "4"].map(|user| server_of(&pen, 3, user)), ["a", "b", "a", "b"]);
    assert_eq!(server_of(&pen, 3, "alice"), "a");
}

#[test]
fn a_client_that_has_finished_early_is_served_with_what_it_said() {
    let servers = desks(["a"]);
    let pen = farm(&servers).start();
    for length in [1, 10, 20, request_of("alice").len()] {
        let part = &request_of("alice")[..length];
        let client = pen.connect();
        client.send(part);
        client.finish();
        let answer = client.drain();
        assert_eq!((answer.bytes, answer.end), ([b"a\n", part].concat(), End::Eof), "after {length}");
    }
    pen.stop();
}

#[test]
fn a_client_that_leaves_without_a_word_bothers_no_server() {
    let servers = desks(["a"]);
    let pen = farm(&servers).start();
    let before = pen.process().descriptors_at_rest();
    for number in 0..100 {
        let client = pen.connect();
        match number % 3 {
            0 => {
                client.finish();
                assert_eq!(client.drain().bytes, b"");
            }
            1 => {
                client.send(&request_of("alice")[..10]);
                client.reset();
            }
            _ => drop(client),
        }
    }
    pen.process().expect_descriptors(before);
    assert_eq!(servers[0].total(), 0);
}

#[test]
fn clients_that_say_nothing_keep_nobody_waiting() {
    let servers = desks(["a"]);
    let pen = farm(&servers).command("pending_max 1").start();
    let before = pen.process().descriptors_at_rest();
    let silent: Vec<_> = (0..300).map(|_| pen.connect()).collect();
    for host in 1..=20 {
        assert_eq!(server_of(&pen, host, "alice"), "a");
    }
    drop(silent);
    pen.process().expect_descriptors(before);
}

#[test]
fn users_are_read_behind_a_proxy_header_and_counted_by_the_address_in_it() {
    let servers = desks(["a", "b"]);
    let pen = farm(&servers)
        .option("-r")
        .command("acl 1 permit 127.0.0.0/8")
        .command("proxy_protocol accept 1")
        .start();
    let server = |client: &str, user: &str| {
        let stream = pen.connect();
        let header = format!("PROXY TCP4 {client} 192.0.2.1 4000 3389\r\n");
        // In one read, in which more than the header is given back, and in two.
        stream.send([header.as_bytes(), &request_of(user), b"and more"].concat());
        let server = stream.line();
        let sent = [&request_of(user)[..], b"and more"].concat();
        assert_eq!(stream.receive(sent.len()), sent);
        stream.finish();
        stream.drain();
        server
    };
    assert_eq!([server("192.0.2.7", "alice"), server("192.0.2.7", "bob")], ["a", "b"]);
    for number in 0..40 {
        server("192.0.2.8", &format!("guess{number}"));
    }
    assert_eq!([server("192.0.2.9", "alice"), server("192.0.2.9", "bob")], ["a", "b"]);
}

#[test]
fn users_are_read_under_tls_too() {
    let servers = desks(["a", "b"]);
    let pen = farm(&servers).option("-r").listen_on(pen_tests::Family::Tls).start();
    let log_in = |user: &str, size: usize| {
        let client = pen.connect();
        let request = [&request_of(user)[..], &vec![b'x'; 50_000]].concat();
        for part in request.chunks(size) {
            client.send(part);
        }
        client.finish();
        let answer = client.drain();
        assert!(answer.bytes[2..] == request, "{user} in parts of {size}");
        assert_eq!(answer.end, End::Eof);
        String::from_utf8_lossy(&answer.bytes[..1]).into_owned()
    };
    for size in [60_000, 1000, 30] {
        assert_eq!([log_in("alice", size), log_in("bob", size)], ["a", "b"], "in parts of {size}");
    }
    // Part of a request, and a goodbye.
    let client = pen.connect();
    client.send(b"\x03\0\0");
    client.finish();
    assert_eq!(client.drain().bytes[2..], *b"\x03\0\0");
    pen.stop();
}

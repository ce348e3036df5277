//! What is no header, comes too slowly, or comes from somebody who may not send any: closed, counted, and told in one line.

use std::thread;

use nix::sys::signal::Signal;
use pen_tests::{Backend, End, Pen, Stream, wait_until};

use super::header::{Version, accepting, block, connect_for, connect_with, extension, v2_with};

/// How often pen has said that it closes a connection for this reason.
fn refusals(pen: &Pen, client: &str, reason: &str) -> usize {
    let line = format!("closing a connection from {client}: {reason}");
    pen.stderr().lines().filter(|said| said.contains(&line)).count()
}

/// The connection is closed in order and without a word.
#[track_caller]
fn assert_closed(stream: &Stream) {
    let received = stream.drain();
    assert_eq!(received.text(), "");
    // What it had not read yet makes a close a reset.
    assert_ne!(received.end, End::Open);
}

#[test]
fn what_is_no_header_is_closed_and_no_server_hears_of_it() {
    let v1 = |text: &str| text.as_bytes().to_vec();
    let v4 = [192, 0, 2, 7, 198, 51, 100, 1, 0, 1, 0, 2];
    let mut wrong_sum = v2_with("192.0.2.7:1", "198.51.100.1:2", &extension(0x03, &[1, 2, 3, 4]));
    wrong_sum.extend(b"GET / HTTP/1.0\r\n\r\n");
    let table = [
        (v1("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"), "it does not begin with a PROXY header"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), "it does not begin with a PROXY header"),
        (v1("PROXI TCP4 1.2.3.4 5.6.7.8 1 2\r\n"), "it does not begin with a PROXY header"),
        (v1("PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n"), "its PROXY line does not hold two addresses"),
        (v1("PROXY TCP4 1.2.3.4  5.6.7.8 1 2\r\n"), "its PROXY line does not hold two addresses"),
        (v1("PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n"), "its PROXY line does not hold two addresses"),
        (v1("PROXY SCTP 1.2.3.4 5.6.7.8 1 2\r\n"), "its PROXY line is neither of TCP4 nor TCP6"),
        (
            v1(&format!("PROXY UNKNOWN {}\r\n", "x".repeat(92))),
            "its PROXY line does not end within 107 bytes",
        ),
        (v1(&"PROXY ".repeat(10_000)), "its PROXY line is neither of TCP4 nor TCP6"),
        (v1("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n"), "its PROXY line does not hold two addresses"),
        (block(0x11, 0x11, &v4), "its PROXY header is of another version"),
        (block(0x2f, 0x11, &v4), "its PROXY header has a command other than"),
        (block(0x21, 0x44, &v4), "its PROXY header has an unknown address family"),
        (block(0x21, 0x11, &v4[..11]), "its PROXY header is too short for its addresses"),
        (block(0x21, 0x21, &v4), "its PROXY header is too short for its addresses"),
        (block(0x20, 0x00, &[0; 4081]), "its PROXY header is longer than 4096 bytes"),
        (block(0x21, 0x11, &[&v4[..], &[4, 0, 9]].concat()), "its PROXY header has an extension that is cut"),
        (wrong_sum, "the checksum of its PROXY header is wrong"),
    ];
    let server = Backend::named("a");
    let pen = accepting().server(&server).option("-d").start();
    for (bytes, reason) in &table {
        let before = refusals(&pen, "127.0.0.1", reason);
        assert_closed(&connect_with(&pen, bytes));
        wait_until(reason, || refusals(&pen, "127.0.0.1", reason) == before + 1);
    }
    assert_eq!(connect_for(&pen, "192.0.2.7:1").drain().text(), "a");
    assert_eq!(server.total(), 1);
    assert_eq!(refused(&pen), table.len());
    pen.stop();
}

#[test]
fn who_has_not_said_who_it_is_has_no_server_yet_and_can_be_sent_away() {
    let server = Backend::named("a");
    let pen = accepting().server(&server).start();
    let silent = connect_with(&pen, b"PROXY TCP4 192.0.2.7");
    wait_until("it is there", || pen.ask("connection 0").contains("state = 32\n"));
    assert_eq!(pen.ask("recent"), "");
    let told = pen.ask("connection 0");
    assert!(told.contains("upfd = -1") && told.contains("client = -1"), "{told}");
    pen.ask("close 0");
    assert_closed(&silent);
    assert_eq!(server.total(), 0);
}

#[test]
fn a_header_that_is_cut_off_is_closed() {
    let server = Backend::named("a");
    let pen = accepting().server(&server).option("-d").start();
    let headers = [
        Version::V1.header("192.0.2.7:1", "198.51.100.1:2"),
        Version::V2.header("192.0.2.7:1", "198.51.100.1:2"),
    ];
    let mut count = 0;
    for header in headers {
        for length in 0..header.len() {
            let proxy = connect_with(&pen, &header[..length]);
            proxy.finish();
            assert_closed(&proxy);
            count += 1;
        }
    }
    let reason = "it ended before its PROXY header did";
    wait_until("all are told", || refusals(&pen, "127.0.0.1", reason) == count);
    // One that is reset is not waited for either.
    connect_with(&pen, b"PROXY").reset();
    wait_until("that one is told", || refusals(&pen, "127.0.0.1", reason) == count + 1);
    assert_eq!((server.total(), refused(&pen)), (0, count + 1));
}

#[test]
fn only_those_whom_the_list_permits_may_send_headers() {
    let server = Backend::named("a");
    let pen = Pen::builder()
        .command("acl 3 permit 127.0.0.2")
        .command("proxy_protocol accept 3")
        .server(&server)
        .option("-d")
        .start();
    let header = Version::V2.header("127.0.0.2:1", "198.51.100.1:2");
    for host in [2, 3] {
        let proxy = pen.connect_from(host);
        // It may be closed before it has said anything.
        let _ = std::io::Write::write_all(&mut &proxy, &header);
        assert_eq!(proxy.drain().text(), if host == 2 { "a" } else { "" });
    }
    let reason = "acl 3 does not permit it to send PROXY headers";
    wait_until("it is told", || refusals(&pen, "127.0.0.3", reason) == 1);
    assert_eq!((server.total(), refused(&pen)), (1, 1));
}

#[test]
fn a_list_that_lets_anybody_claim_to_be_anybody_is_told() {
    let pen = Pen::builder().config("proxy_protocol accept 3\nservice web\nlisten 127.0.0.1:0\n").start();
    let warnings = |of: &str| {
        let line = format!("proxy_protocol accept 3{of}: access list 3 is empty: whoever connects may claim");
        pen.stderr().lines().filter(|said| said.contains(&line)).count()
    };
    wait_until("it is told", || warnings("") == 1);
    pen.tell("acl 3 permit 127.0.0.2");
    pen.tell("service web proxy_protocol accept 3");
    pen.tell("no acl 3");
    wait_until("it is told of both", || (warnings(""), warnings(" of web")) == (2, 1));
    // Once is enough.
    pen.tell("stubborn");
    pen.signal(Signal::SIGHUP);
    wait_until("the file is read", || pen.stderr().contains("was read again"));
    pen.tell("service web no proxy_protocol");
    pen.tell("service web proxy_protocol accept 3");
    wait_until("it is told again", || warnings(" of web") == 2);
    assert_eq!(warnings(""), 2);
}

#[test]
fn hundreds_who_say_nothing_hinder_nobody_and_are_closed() {
    const SILENT: usize = 400;
    let server = Backend::named("a");
    // With room for few connects, of which they take none.
    let pen = accepting().server(&server).command("pending_max 2").option("-x 500").option("-d").start();
    let silent: Vec<Stream> = (0..SILENT)
        .map(|number| match number % 3 {
            0 => pen.connect(),
            1 => connect_with(&pen, b"PROXY TCP4 192.0.2.7"),
            _ => connect_with(&pen, &Version::V2.header("192.0.2.7:1", "198.51.100.1:2")[..27]),
        })
        .collect();
    for port in 1..50 {
        assert_eq!(connect_for(&pen, &format!("192.0.2.7:{port}")).drain().text(), "a");
    }
    assert_eq!(server.total(), 49);
    thread::scope(|scope| {
        for silent in silent.chunks(50) {
            scope.spawn(|| silent.iter().for_each(assert_closed));
        }
    });
    wait_until("all are counted", || refused(&pen) == SILENT);
    assert_eq!(server.total(), 49);
    pen.stop();
}

/// How many connections were closed for their headers, by what pen says with `-d`.
fn refused(pen: &Pen) -> usize {
    pen.stderr().lines().filter(|said| said.contains("closing a connection from ")).count()
}

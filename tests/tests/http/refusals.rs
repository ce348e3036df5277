//! What is not passed on, and how the client hears of it. What servers make of the like is in the suite `http_smuggling`.

use std::fs;
use std::io::Write;

use pen_tests::certificates::{Authority, Order};
use pen_tests::tls::{TlsEnd, TlsStream, trusting};
use pen_tests::{Backend, End, Family, Manual, Pair, Pen, Received, wait_until};

fn pair() -> Pair {
    Pair::with(Family::Tcp4, Family::Tcp4, "http")
}

fn nothing() -> Received {
    Received { bytes: Vec::new(), end: End::Eof }
}

/// The client is told this, and the server nothing.
#[track_caller]
fn assert_refused(sent: &[u8], status: u16) {
    let shown = String::from_utf8_lossy(&sent[..sent.len().min(80)]).into_owned();
    let pair = pair();
    pair.client().send(sent);
    let answer = pair.client().drain();
    let first = format!("HTTP/1.1 {status} ");
    assert!(answer.text().starts_with(&first) && answer.end == End::Eof, "{shown:?}: {answer:?}");
    assert!(answer.text().ends_with("\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), "{answer:?}");
    assert_eq!(pair.server().drain(), nothing(), "{shown:?}");
    assert_eq!(pair.pen.status()["services"][0]["http_refused"], 1, "{shown:?}");
    pair.client().finish();
    pair.pen.wait_until_idle();
}

#[test]
fn a_request_that_can_be_read_in_two_ways_gets_400() {
    for fields in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: +5\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Host : y\r\n",
        "X: a\r\n folded\r\n",
        "X: a\rb\r\n",
        "X: a\0b\r\n",
    ] {
        assert_refused(format!("POST / HTTP/1.1\r\nHost: x\r\n{fields}\r\nhello").as_bytes(), 400);
    }
}

#[test]
fn a_malformed_first_line_with_http_in_it_gets_400() {
    for line in ["GET / HTTP/1.1 x", "GET  / HTTP/1.1", "GET / HTTP/2.0", "GET / HTTP/1.11", "/ HTTP/1.1"] {
        assert_refused(format!("{line}\r\nHost: x\r\n\r\n").as_bytes(), 400);
    }
}

#[test]
fn a_head_of_more_than_64_kibibytes_gets_431() {
    let field = format!("X-Much: {}\r\n", "m".repeat(1_000));
    let head = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", field.repeat(70));
    assert_refused(head.as_bytes(), 431);
    assert_refused(&head.as_bytes()[..66_000], 431);
    assert_refused(format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(70_000)).as_bytes(), 431);
}

#[test]
fn a_head_of_nearly_64_kibibytes_passes() {
    let head = format!("GET / HTTP/1.1\r\nX-Much: {}\r\n\r\n", "m".repeat(65_000));
    let pair = pair();
    pair.client().send(&head);
    pair.client().finish();
    let received = pair.server().drain().text();
    assert!(received.starts_with(head.strip_suffix("\r\n").unwrap()));
    assert!(received.ends_with("X-Forwarded-For: 127.0.0.1\r\n\r\n"));
}

#[test]
fn the_preface_of_http_2_is_closed_without_a_word() {
    for part in [24, 18, 17] {
        let pair = pair();
        pair.client().send(&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..part]);
        pair.client().finish();
        assert_eq!(pair.client().drain(), nothing());
        assert_eq!(pair.server().drain(), nothing());
    }
}

#[test]
fn a_wish_for_http_2_is_not_passed_on() {
    let pair = pair();
    pair.client().send(
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n",
    );
    pair.client().finish();
    let head = pair.server().drain().text();
    assert!(!head.to_ascii_lowercase().contains("h2c"), "{head}");
    assert!(head.ends_with("X-Forwarded-Proto: http\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n"), "{head}");
}

const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const TOLD: usize = GET.len() + "X-Forwarded-Proto: http\r\nX-Forwarded-For: 127.0.0.1\r\n".len();
const BAD: &str = "GET / HTTP/1.1\r\nHost : x\r\n\r\n";
const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn after_an_answered_request_the_refusal_of_the_next_is_told() {
    let pair = pair();
    pair.client().send(GET);
    pair.server().receive(TOLD);
    pair.server().send(ANSWER);
    assert_eq!(pair.client().receive(ANSWER.len()), ANSWER.as_bytes());
    pair.client().send(BAD);
    assert!(pair.client().drain().text().starts_with("HTTP/1.1 400 "));
    assert_eq!(pair.server().drain(), nothing());
}

#[test]
fn a_client_that_goes_on_sending_sees_its_refusal() {
    let pair = pair();
    let client = pair.client();
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\nContent-Length: 1\r\n\r\n");
    let part = vec![b'x'; 1_000_000];
    // It looks for no answer until it has sent all.
    for _ in 0..50 {
        { client }.write_all(&part).expect("pen takes it");
    }
    let answer = client.drain();
    assert!(answer.text().starts_with("HTTP/1.1 400 "), "{answer:?}");
    assert_eq!(answer.end, End::Eof);
    assert_eq!(pair.server().drain(), nothing());
}

#[test]
fn a_refused_client_that_neither_reads_nor_closes_is_left_after_the_timeout() {
    let manual = Manual::on(Family::Tcp4);
    let pen = Pen::builder().server(&manual.backend).option("-H").option("-t 1").start();
    let client = pen.connect();
    client.send(BAD);
    assert_eq!(manual.accept().drain(), nothing());
    pen.wait_until_idle();
    drop(client);
}

#[test]
fn a_refused_client_that_stays_is_closed_by_command() {
    let pair = pair();
    pair.client().send(BAD);
    assert!(pair.client().drain().text().starts_with("HTTP/1.1 400 "));
    assert_eq!(pair.pen.ask("close 0"), "Forcibly closing connection 0\n");
    pair.pen.wait_until_idle();
}

#[test]
fn a_refusal_is_told_within_tls_and_ends_with_a_goodbye() {
    let authority = Authority::new("root");
    let site = authority.issue(&Order::server("www.example.com"));
    let server = Backend::silent();
    let pen = Pen::builder().server(&server).tls(&site).option("-H").start();
    let mut client = TlsStream::over(pen.connect(), "www.example.com", &trusting(&authority)).unwrap();
    client.write_all(BAD.as_bytes()).unwrap();
    let (answer, end) = client.drain();
    assert!(answer.starts_with(b"HTTP/1.1 400 "), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(end, TlsEnd::Goodbye);
}

#[test]
fn the_request_log_has_what_was_refused() {
    let manual = Manual::on(Family::Tcp4);
    let pen = Pen::builder().server(&manual.backend).option("-H").option("-l log").start();
    let client = pen.connect();
    client.send(BAD);
    client.finish();
    client.drain();
    let path = pen.directory().join("log");
    pen.wait_until_idle();
    wait_until("the request is logged", || {
        fs::read_to_string(&path).is_ok_and(|log| log.trim_end().ends_with(" 127.0.0.1 GET / HTTP/1.1"))
    });
}

#[test]
fn a_malformed_chunk_ends_the_connection_and_no_chunk_after_it_is_passed_on() {
    let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    let pair = pair();
    pair.client().send(format!("{head}2\r\nok\r\n0x2\r\nno\r\n0\r\n\r\n{GET}"));
    let answer = pair.client().drain();
    assert_eq!(answer.end, End::Eof, "{answer:?}");
    let received = pair.server().drain();
    assert!(!received.text().contains("no") && !received.text().contains("GET"), "{received:?}");
}

#[test]
fn a_server_that_has_begun_to_answer_a_request_that_goes_wrong_is_not_waited_for() {
    let pair = pair();
    let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n";
    pair.client().send(head);
    assert_eq!(pair.server().line(), "POST / HTTP/1.1\r");
    // It echoes, and waits for more.
    let begun = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n";
    pair.server().send(begun);
    assert_eq!(pair.client().receive(begun.len()), begun.as_bytes());
    pair.client().send("no size\r\n");
    assert_eq!(pair.client().drain(), nothing());
    assert_eq!(pair.server().drain().end, End::Eof);
}

#[test]
fn what_a_refused_client_sent_and_got_is_counted_for_it() {
    let pair = pair();
    pair.client().send(BAD);
    let answer = pair.client().drain();
    let status = pair.pen.status();
    let client = &status["services"][0]["clients"][0];
    let counted = (client["received"].as_u64(), client["sent"].as_u64());
    assert_eq!(counted, (Some(BAD.len() as u64), Some(answer.bytes.len() as u64)));
}

//! Heads that do not come to their end.

use std::io::Write;
use std::thread;
use std::time::Duration;

use pen_tests::{End, Family, Pair, wait_until};

#[test]
fn a_head_that_takes_longer_than_ten_seconds_is_answered_with_408() {
    let pair = Pair::with(Family::Tcp4, Family::Tcp4, "http");
    let (client, server) = (pair.client(), pair.server());
    thread::scope(|scope| {
        // What comes meanwhile is no excuse.
        let answer = scope.spawn(|| client.drain());
        client.send("GET / HTTP/1.1\r\nHost: x\r\n");
        wait_until("it is answered", || {
            thread::sleep(Duration::from_millis(100));
            answer.is_finished() || { client }.write_all(b"X-More: 1\r\n").is_err()
        });
        let answer = answer.join().unwrap();
        assert!(answer.text().starts_with("HTTP/1.1 408 "), "{answer:?}");
    });
    assert_eq!(server.drain(), pen_tests::Received { bytes: Vec::new(), end: End::Eof });
}

#[test]
fn a_head_that_is_awaited_makes_idle_timeout_no_longer() {
    let pair = Pair::with(Family::Tcp4, Family::Tcp4, "http");
    pair.pen.ask("idle_timeout 1");
    pair.client().send("GET / HTT");
    let received = pair.client().drain();
    assert_eq!((received.text().as_str(), received.end), ("", End::Eof));
}

//! A record for each request of HTTP/1.x, and for each turn of what is none.

use std::io::{Read, Write};

use pen_tests::{Backend, Pen, Stream};

use super::log_host::LogHost;

const NO: &str = "GET /no HTTP/1.1\r\nHost: x\r\n\r\n";

/// A pen whose requests go to a penlogd, and that.
fn logging(server: &Backend) -> (Pen, LogHost) {
    let loghost = LogHost::new();
    let pen = Pen::builder().server(server).option(&format!("-l {}", loghost.address())).start();
    (pen, loghost)
}

/// The requests of records, each of 127.0.0.1 to 127.0.0.1.
#[track_caller]
fn requests(records: &[String]) -> Vec<&str> {
    records.iter().map(|record| request_of(record).unwrap_or_else(|| panic!("{record:?}"))).collect()
}

fn request_of(record: &str) -> Option<&str> {
    record.strip_prefix("+ 127.0.0.1 127.0.0.1 ")?.strip_suffix('\n')
}

/// Sends the parts, and then says what the log has got when pen has ended.
#[track_caller]
fn logged(server: &Backend, parts: &[&str]) -> Vec<String> {
    let (pen, loghost) = logging(server);
    let client = pen.connect();
    for part in parts {
        client.send(part);
    }
    client.finish();
    client.drain();
    pen.stop();
    loghost.arrived()
}

#[test]
fn each_request_that_is_sent_ahead_has_a_record() {
    let parts = ["GET /1 HTTP/1.1\r\nHost: x\r\n\r\nHEAD /2 HTTP/1.1\r\n\r\nDEL", "ETE /3 HTTP/1.0\n\n"];
    let records = logged(&Backend::silent(), &parts);
    assert_eq!(requests(&records), ["GET /1 HTTP/1.1", "HEAD /2 HTTP/1.1", "DELETE /3 HTTP/1.0"]);
}

#[test]
fn what_bodies_say_has_none() {
    let length = NO.len();
    let (head, chunked) =
        (format!("POST /1 HTTP/1.1\r\nContent-Length: {length}\r\n\r\n"), format!("{length:x}\r\n{NO}\r\n"));
    // The server speaks in the middle of each body.
    let records = logged(
        &Backend::echo(),
        &[
            &head,
            NO,
            "PUT /2 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            &chunked,
            &chunked,
            "0\r\nTrailer: GET /no HTTP/1.1\r\n\r\n",
            "GET /3 HTTP/1.1\r\n\r\n",
        ],
    );
    assert_eq!(requests(&records), ["POST /1 HTTP/1.1", "PUT /2 HTTP/1.1", "GET /3 HTTP/1.1"]);
}

#[test]
fn a_thousand_requests_in_one_connection_are_a_thousand_records_in_their_order() {
    const REQUESTS: usize = 1_000;
    let sent: Vec<String> =
        (0..REQUESTS).map(|number| format!("GET /{number} HTTP/1.1\r\nHost: x\r\n\r\n")).collect();
    let server = Backend::silent();
    let (pen, loghost) = logging(&server);
    let client = pen.connect();
    let mut records = Vec::new();
    // Slowly enough for the socket of the test: what it has no room for is gone.
    for part in sent.concat().as_bytes().chunks(1_000) {
        client.send(part);
        let begun = String::from_utf8_lossy(part).matches("\r\n\r\n").count();
        records.extend(loghost.take(begun));
    }
    records.extend(loghost.take(REQUESTS - records.len()));
    for (number, request) in requests(&records).into_iter().enumerate() {
        assert_eq!(request, format!("GET /{number} HTTP/1.1"));
    }
    pen.stop();
}

/// Answers the first request of a connection with this, and what follows line by line with the same line.
fn answering_first(answer: &'static str) -> Backend {
    Backend::serve(move |client: &Stream| {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && { client }.read_exact(&mut byte).is_ok() {
            head.push(byte[0]);
        }
        let _ = { client }.write_all(answer.as_bytes());
        client.drain_with(|part| {
            let _ = { client }.write_all(part);
        });
        client.finish();
    })
}

const UPGRADE: &str = "GET /chat HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

#[test]
fn behind_a_switch_to_another_protocol_each_turn_has_a_record() {
    let switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
    let server = answering_first(switching);
    let (pen, loghost) = logging(&server);
    let client = pen.connect();
    client.send(UPGRADE);
    client.receive(switching.len());
    for turn in ["GET /yes HTTP/1.1\r\n\r\nGET /no HTTP/1.1\r\n\r\n", "\u{1}frame", "\u{1}another\n"] {
        client.send(turn);
        client.receive(turn.len());
    }
    drop(client);
    pen.wait_until_idle();
    pen.stop();
    let records = loghost.arrived();
    assert_eq!(requests(&records), ["GET /chat HTTP/1.1", "GET /yes HTTP/1.1", ".frame", ".another"]);
}

#[test]
fn behind_a_switch_that_was_refused_each_request_has_a_record() {
    let refusal = "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n";
    let server = answering_first(refusal);
    let (pen, loghost) = logging(&server);
    let client = pen.connect();
    client.send(UPGRADE);
    client.receive(refusal.len());
    client.send("GET /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\n\r\n");
    client.finish();
    client.drain();
    pen.stop();
    let records = loghost.arrived();
    assert_eq!(requests(&records), ["GET /chat HTTP/1.1", "GET /2 HTTP/1.1", "GET /3 HTTP/1.1"]);
}

#[test]
fn where_there_is_no_http_each_turn_has_a_record() {
    let server = answering_first("220 ready\r\n");
    let (pen, loghost) = logging(&server);
    let client = pen.connect();
    client.send("HELO me\r\nwith more\r\n\r\n");
    client.receive(11);
    for turn in ["MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n", "QUIT"] {
        client.send(turn);
        client.receive(turn.len());
    }
    drop(client);
    pen.wait_until_idle();
    pen.stop();
    let records = loghost.arrived();
    assert_eq!(requests(&records), ["HELO me", "MAIL FROM:<a@b>", "QUIT"]);
}

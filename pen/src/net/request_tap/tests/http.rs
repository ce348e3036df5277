//! Requests of HTTP/1.x, one record each.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const NO: &str = "GET /no HTTP/1.1\r\n\r\n";

#[test]
fn requests_that_are_sent_ahead_are_logged_each() {
    let mut rig = inet();
    rig.client(b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\n\r\nGET /3 HT");
    assert_eq!(rig.requests(), ["GET /1 HTTP/1.1", "GET /2 HTTP/1.1"]);
    rig.answer(b"HTTP/1.1 200 OK\r\n\r\n");
    rig.client(b"TP/1.1\r");
    assert_eq!(rig.requests().last().unwrap(), "GET /3 HTTP/1.1");
    rig.client(b"\n\r\n");
    rig.server();
    rig.end();
    assert_eq!(rig.requests().len(), 3);
}

#[test]
fn what_a_body_says_is_no_request_whenever_the_server_speaks() {
    let mut rig = inet();
    rig.client(
        format!("POST /1 HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n", NO.len())
            .as_bytes(),
    );
    rig.answer(b"HTTP/1.1 100 Continue\r\n\r\n");
    rig.client(NO.as_bytes());
    rig.client(b"POST /2 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..2 {
        rig.client(format!("{:x}\r\n{NO}\r\n", NO.len()).as_bytes());
        rig.server();
    }
    rig.client(b"0\r\n\r\n\r\nGET /3 HTTP/1.1\r\n\r\n");
    rig.end();
    assert_eq!(rig.requests(), ["POST /1 HTTP/1.1", "POST /2 HTTP/1.1", "GET /3 HTTP/1.1"]);
}

#[test]
fn a_long_request_is_one_however_long() {
    let mut rig = inet();
    rig.client(format!("GET /{} HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n", "x".repeat(5_000)).as_bytes());
    assert_eq!(rig.requests(), [format!("GET /{}", "x".repeat(95)), "GET /2 HTTP/1.1".to_owned()]);
}

#[test]
fn a_long_line_that_turns_out_to_be_none_is_one_record_whenever_the_server_speaks() {
    let long = format!("GET /{}", "x".repeat(2_000));
    let mut rig = inet();
    rig.client(b"GET /1 HTTP/1.1\r\n\r\n");
    rig.client(long.as_bytes());
    rig.answer(b"HTTP/1.1 200 OK\r\n\r\n");
    rig.client(b"xxx\r\nrest\r\n");
    rig.client(b"of it\r\n");
    rig.answer(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    rig.client(b"next\r\n");
    rig.end();
    assert_eq!(rig.requests(), ["GET /1 HTTP/1.1", &long[..100], "next"]);
}

#[test]
fn after_the_switch_to_another_protocol_each_turn_is_a_record() {
    let upgrade = "GET /chat HTTP/1.1\r\nUpgrade: websocket\r\n\r\n";
    let mut rig = inet();
    rig.client(upgrade.as_bytes());
    for part in ["HTTP/1.1 1", "01 Switching Protocols\r\n\r\n"] {
        rig.answer(part.as_bytes());
    }
    rig.client(format!("{NO}{NO}").as_bytes());
    rig.server();
    rig.client(b"\x81\x05frame");
    rig.server();
    rig.client(b"\x81\x05again");
    rig.end();
    assert_eq!(rig.requests(), ["GET /chat HTTP/1.1", "GET /no HTTP/1.1", "..frame", "..again"]);
}

#[test]
fn a_switch_behind_the_answer_to_an_earlier_request_is_one_too() {
    let mut rig = inet();
    rig.client(b"GET /1 HTTP/1.1\r\n\r\nGET /chat HTTP/1.1\r\nUpgrade: raw\r\n\r\n");
    rig.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n");
    for turn in [&b"\x81\x05frame"[..], b"text\r\nmore\r\n"] {
        rig.client(turn);
        rig.server();
    }
    rig.end();
    assert_eq!(rig.requests(), ["GET /1 HTTP/1.1", "GET /chat HTTP/1.1", "..frame", "text"]);
}

#[test]
fn a_server_that_does_not_switch_gets_http() {
    let mut rig = inet();
    rig.client(b"GET /chat HTTP/1.1\r\nUpgrade: websocket\r\n\r\n");
    rig.answer(b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101 of the body");
    rig.answer(b"HTTP/1.1 101 of the body");
    rig.client(b"GET /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\n\r\n");
    rig.end();
    assert_eq!(rig.requests(), ["GET /chat HTTP/1.1", "GET /2 HTTP/1.1", "GET /3 HTTP/1.1"]);
}

#[test]
fn a_tunnel_and_what_breaks_the_rules_go_by_turns() {
    for beginning in [
        "CONNECT www:443 HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    ] {
        let mut rig = inet();
        rig.client(beginning.as_bytes());
        // Still what the client said before the server spoke.
        rig.client(format!("{NO}{NO}").as_bytes());
        rig.server();
        rig.client(format!("GET /yes HTTP/1.1\r\n\r\n{NO}").as_bytes());
        rig.end();
        let first = beginning.lines().next().unwrap();
        assert_eq!(rig.requests(), [first, "GET /yes HTTP/1.1"], "{beginning}");
    }
}

#[test]
fn garbage_behind_a_request_is_a_turn_of_its_own_only_if_the_server_spoke() {
    let mut rig = inet();
    rig.client(b"GET / HTTP/1.1\r\n\r\nmore of it\r\n");
    rig.server();
    rig.client(b"and then\r\nnothing");
    rig.end();
    assert_eq!(rig.requests(), ["GET / HTTP/1.1", "and then"]);
    let mut rig = inet();
    rig.client(b"GET / HTTP/1.1\r\n\r\n");
    rig.server();
    rig.client(b"something else\r\nGET /no HTTP/1.1\r\n\r\n");
    rig.end();
    assert_eq!(rig.requests(), ["GET / HTTP/1.1", "something else"]);
}

#[test]
fn an_empty_line_is_a_turn_where_there_is_no_http() {
    let mut rig = inet();
    rig.client(b"\r\n");
    rig.server();
    rig.client(b"\r\n");
    rig.end();
    assert_eq!(rig.requests(), ["", ""]);
    let mut rig = inet();
    rig.client(b"\r\nGET / HTTP/1.1\r\n\r\n\r\n");
    rig.server();
    rig.end();
    assert_eq!(rig.requests(), ["GET / HTTP/1.1"]);
}

#[test]
fn an_old_request_without_a_version_is_a_turn() {
    let mut rig = inet();
    rig.client(b"GET /index.html\r\n");
    rig.server();
    rig.end();
    assert_eq!(rig.requests(), ["GET /index.html"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_records_are_the_same_however_the_reads_fall(
        requests in vec(("/[a-z]{1,20}", 0..3_u8, "[ -~\r\n]{0,60}"), 1..6),
        cuts in vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let text: String = requests.iter().map(|(target, kind, body)| match kind {
            0 => format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"),
            1 => format!("\r\nPUT {target} HTTP/1.0\r\nContent-Length: {}\r\n\r\n{body}", body.len()),
            _ if body.is_empty() => format!("POST {target} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            _ => format!(
                "POST {target} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\nA: b\r\n\r\n",
                body.len()
            ),
        }).collect();
        let expected: Vec<String> = requests.iter().map(|(target, kind, _)| match kind {
            0 => format!("GET {target} HTTP/1.1"),
            1 => format!("PUT {target} HTTP/1.0"),
            _ => format!("POST {target} HTTP/1.1"),
        }).collect();
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        places.extend([0, text.len()]);
        places.sort_unstable();
        let mut rig = inet();
        for ends in places.windows(2) {
            rig.client(&text.as_bytes()[ends[0]..ends[1]]);
        }
        rig.server();
        rig.end();
        prop_assert_eq!(rig.requests(), expected);
    }
}

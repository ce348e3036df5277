//! What is told of clients, and when the rewriter waits for the server.

use std::net::IpAddr;

use super::*;

fn origin(client: &str, secure: bool) -> Origin {
    let client = client.parse::<IpAddr>().map_or(ClientAddr::Unix, ClientAddr::from);
    Origin { client, secure }
}

/// A connection.
struct Connection {
    rewriter: Rewriter,
}

impl Connection {
    fn new() -> Connection {
        Connection { rewriter: Rewriter::new(origin("192.0.2.7", false)) }
    }

    /// What the server gets of it.
    fn say(&mut self, text: &str) -> String {
        let mut pieces = Pieces::new();
        self.rewriter.client_spoke(text.as_bytes(), &mut pieces);
        String::from_utf8(pieces.concat()).unwrap()
    }

    fn answer(&mut self, text: &str) {
        self.rewriter.server_spoke(text.as_bytes());
    }

    fn go_on(&mut self, finished: bool) -> String {
        let mut pieces = Pieces::new();
        self.rewriter.go_on(finished, &mut pieces);
        String::from_utf8(pieces.concat()).unwrap()
    }

    fn stand(&self) -> Stand {
        self.rewriter.stand()
    }
}

const GET: &str = "GET / HTTP/1.1\r\n\r\n";
const PASSED: &str = "GET / HTTP/1.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n";
const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const UPGRADE: &str = "GET /u HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const CONNECT: &str = "CONNECT www:443 HTTP/1.1\r\n\r\n";
const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";

/// The fields of a request, and what becomes of them.
#[track_caller]
fn expect_fields(fields: &str, expected: &str) {
    let mut connection = Connection::new();
    let head = |fields: &str| format!("POST /x HTTP/1.1\r\n{}\r\n\r\n", fields.replace('\n', "\r\n"));
    assert_eq!(connection.say(&head(fields)), head(expected), "{fields}");
}

#[test]
fn new_fields_stand_last() {
    expect_fields("Host: www", "Host: www\nX-Forwarded-Proto: http\nX-Forwarded-For: 192.0.2.7");
    for (client, secure, fields) in [
        ("2001:db8::1", true, "X-Forwarded-Proto: https\r\nX-Forwarded-For: 2001:db8::1\r\n"),
        ("::ffff:192.0.2.7", false, "X-Forwarded-Proto: http\r\nX-Forwarded-For: 192.0.2.7\r\n"),
        ("a Unix socket", false, "X-Forwarded-Proto: http\r\nX-Forwarded-For: unix\r\n"),
    ] {
        let mut connection = Connection { rewriter: Rewriter::new(origin(client, secure)) };
        assert_eq!(connection.say(GET), format!("GET / HTTP/1.1\r\n{fields}\r\n"));
    }
    let mut connection = Connection::new();
    assert_eq!(connection.say("GET / HTTP/1.0\n\n"), PASSED.replace('\r', "").replace("1.1", "1.0"));
}

#[test]
fn a_client_is_appended_to_those_before_it() {
    let proto = "X-Forwarded-Proto: http";
    expect_fields("X-Forwarded-For: a\nB: c", &format!("X-Forwarded-For: a, 192.0.2.7\nB: c\n{proto}"));
    expect_fields("x-forwarded-FOR:a, b \t", &format!("x-forwarded-FOR: a, b, 192.0.2.7\n{proto}"));
    expect_fields("X-Forwarded-For:\nB: c", &format!("X-Forwarded-For: 192.0.2.7\nB: c\n{proto}"));
    expect_fields(
        "X-Forwarded-For: a\nB: c\nx-forwarded-for:\nX-Forwarded-For: d\nE: f",
        &format!("B: c\nX-Forwarded-For: a, d, 192.0.2.7\nE: f\n{proto}"),
    );
}

#[test]
fn no_word_of_the_client_about_its_protocol_is_left() {
    let client = "X-Forwarded-For: 192.0.2.7";
    expect_fields("X-Forwarded-Proto: https\nB: c", &format!("X-Forwarded-Proto: http\nB: c\n{client}"));
    expect_fields("x-forwarded-proto:\nB: c", &format!("x-forwarded-proto: http\nB: c\n{client}"));
    expect_fields(
        "X-Forwarded-Proto: https\nB: c\nX-Forwarded-Proto: https",
        &format!("X-Forwarded-Proto: http\nB: c\n{client}"),
    );
}

#[test]
fn names_that_some_servers_take_for_ours_are_removed() {
    expect_fields(
        "X_Forwarded_For: a\nx-forwarded_proto: https\nX.Forwarded.For: b\nX-Forwarded-Host: c\nXForwarded-For: d",
        "X-Forwarded-Host: c\nXForwarded-For: d\nX-Forwarded-Proto: http\nX-Forwarded-For: 192.0.2.7",
    );
}

#[test]
fn nobody_behind_us_is_told_to_remove_our_fields() {
    let ours = "X-Forwarded-Proto: http\nX-Forwarded-For: 192.0.2.7";
    for (before, after) in [
        ("Connection: close, X-Forwarded-For", "Connection: close\n"),
        ("Connection: x-forwarded-proto,keep-alive , x", "Connection: keep-alive, x\n"),
        ("Connection: X-Forwarded-For", ""),
        ("Connection: close;X-Forwarded-For, x", "Connection: x\n"),
        ("Connection: close X-Forwarded-For", ""),
        ("Connection: x, X-Forwarded-Proto\t;a", "Connection: x\n"),
        ("connection:close,,x", "connection:close,,x\n"),
    ] {
        expect_fields(before, &format!("{after}{ours}"));
    }
}

#[test]
fn nobody_is_asked_for_http_by_another_name() {
    let ours = "X-Forwarded-Proto: http\nX-Forwarded-For: 192.0.2.7";
    for (before, after) in [
        ("Upgrade: h2c", ""),
        ("Upgrade: H2C-14, TLS/1.0, HTTP/2.0,h2", ""),
        ("Upgrade: h2c, websocket", "Upgrade: websocket\n"),
        ("Upgrade: x h2c, y; TLS/1.0,HTTP / 2.0", ""),
        ("Upgrade: websocket", "Upgrade: websocket\n"),
        ("Upgrade:a/1,b", "Upgrade:a/1,b\n"),
    ] {
        expect_fields(before, &format!("{after}{ours}"));
    }
    let mut connection = Connection::new();
    connection.say("GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n");
    assert_eq!((connection.say(GET), connection.stand()), (PASSED.to_owned(), Stand::Listening));
}

#[test]
fn bodies_are_not_copied() {
    let data = b"PUT / HTTP/1.1\r\nContent-Length: 9\r\n\r\nsome data";
    let mut pieces = Pieces::new();
    Rewriter::new(origin("192.0.2.7", false)).client_spoke(data, &mut pieces);
    assert!(matches!(pieces[..], [Cow::Owned(_), Cow::Borrowed(b"some data")]), "{pieces:?}");
}

#[test]
fn nothing_is_kept_between_requests() {
    let mut connection = Connection::new();
    for byte in GET.chars() {
        connection.say(&byte.to_string());
    }
    connection.answer(ANSWER);
    assert_eq!(connection.rewriter.assembly.release().capacity(), 0);
    assert_eq!(connection.rewriter.held.bytes.capacity(), 0);
    let size = size_of::<Rewriter>();
    assert!(size <= 256, "{size}");
}

#[test]
fn a_head_may_be_as_large_as_a_server_takes_but_not_larger() {
    let head = |length: usize| format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "x".repeat(length - 23));
    for read in [1, 1000, 100_000] {
        for (length, stand) in [
            (assembly::LARGEST_HEAD, Stand::Listening),
            (assembly::LARGEST_HEAD + 1, Stand::Refusing(Refusal::TooLarge)),
        ] {
            let head = head(length);
            assert_eq!(head.len(), length);
            let mut connection = Connection::new();
            let passed: usize = head
                .as_bytes()
                .chunks(read)
                .map(|data| connection.say(std::str::from_utf8(data).unwrap()).len())
                .sum();
            assert_eq!(connection.stand(), stand);
            assert_eq!(passed > 0, stand == Stand::Listening);
        }
    }
    let fields = |count: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "A:\r\n".repeat(count));
    let mut connection = Connection::new();
    connection.say(&fields(head::FIELDS_MOST));
    assert_eq!(connection.stand(), Stand::Listening);
    connection.answer(ANSWER);
    connection.say(&fields(head::FIELDS_MOST + 1));
    assert_eq!(connection.stand(), Stand::Refusing(Refusal::TooLarge));
}

#[test]
fn trailers_may_be_as_large_as_a_head() {
    let mut connection = Connection::new();
    connection.say("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
    assert!(connection.rewriter.awaits_head());
    assert_eq!(connection.say(&format!("A: {}", "x".repeat(assembly::LARGEST_HEAD))), "");
    assert_eq!(connection.stand(), Stand::Refusing(Refusal::TooLarge));
}

#[test]
fn behind_a_wish_for_another_protocol_nothing_is_taken_before_the_answer() {
    let mut connection = Connection::new();
    assert!(connection.say(&format!("{UPGRADE}{GET}")).starts_with("GET /u"));
    assert_eq!(connection.stand(), Stand::Waiting);
    assert!(!connection.rewriter.holds(true) && connection.rewriter.delays_end());
    assert_eq!(connection.go_on(true), "");
    connection.answer("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhel");
    assert_eq!(connection.stand(), Stand::Listening);
    assert!(connection.rewriter.holds(false));
    assert_eq!(connection.go_on(false), PASSED);
    assert!(!connection.rewriter.delays_end());
    connection.answer("lo");
    assert_eq!(connection.say("hello\r\n"), "");
    assert_eq!(connection.stand(), Stand::Waiting, "an answer is outstanding");
    connection.answer(ANSWER);
    assert_eq!(connection.stand(), Stand::Refusing(Refusal::Malformed));
}

#[test]
fn behind_a_switch_everything_is_passed_on() {
    let tunnel = "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n";
    for (request, answer) in [(UPGRADE, SWITCHED), (CONNECT, tunnel), (CONNECT, "HTTP/1.0 200 OK\r\n\r\n")] {
        for early in ["", "\0early"] {
            let mut connection = Connection::new();
            connection.say(&format!("{request}{early}"));
            assert_eq!(connection.stand(), Stand::Waiting);
            for byte in answer.chars() {
                assert_eq!(connection.stand(), Stand::Waiting);
                connection.answer(&byte.to_string());
            }
            connection.answer("\0raw");
            assert_eq!(connection.go_on(false), early);
            assert_eq!(connection.say("GET /\r\n\0"), "GET /\r\n\0");
            assert_eq!((connection.stand(), connection.rewriter.delays_end()), (Stand::Listening, false));
        }
    }
}

#[test]
fn only_what_was_asked_for_switches() {
    for (requests, answers) in [
        (GET.to_owned(), SWITCHED.to_owned()),
        (String::new(), SWITCHED.to_owned()),
        (format!("{GET}{UPGRADE}"), SWITCHED.to_owned()),
        (CONNECT.to_owned(), SWITCHED.to_owned()),
        (UPGRADE.to_owned(), format!("{ANSWER}{SWITCHED}")),
        (UPGRADE.to_owned(), "HTTP/1.1 1010 x\r\n\r\n".to_owned()),
        (UPGRADE.to_owned(), "\0".repeat(assembly::LARGEST_HEAD)),
    ] {
        let mut connection = Connection::new();
        connection.say(&requests);
        connection.answer(&answers);
        assert_eq!(connection.say(GET), PASSED, "{requests}");
        assert_eq!(
            connection.say(&format!("{UPGRADE}{GET}")).matches("HTTP/1.1").count(),
            2,
            "nothing is known"
        );
        connection.answer(SWITCHED);
        connection.say("HELO me\r\n");
        assert_eq!(connection.stand(), Stand::Refusing(Refusal::Silent), "{requests}");
    }
}

#[test]
fn a_protocol_switches_behind_the_body_of_the_request() {
    let mut connection = Connection::new();
    connection.say("GET / HTTP/1.1\r\nUpgrade: x\r\nContent-Length: 5\r\n\r\nhe");
    connection.answer(SWITCHED);
    assert_eq!(connection.stand(), Stand::Listening);
    assert_eq!(connection.say("llo\0\0"), "llo\0\0");
    assert_eq!(connection.say("\0"), "\0");
}

#[test]
fn a_tunnel_has_no_body() {
    for fields in ["Content-Length: 5", "Transfer-Encoding: chunked"] {
        let mut connection = Connection::new();
        assert_eq!(connection.say(&format!("CONNECT www:443 HTTP/1.1\r\n{fields}\r\n\r\n")), "");
        assert_eq!(connection.stand(), Stand::Refusing(Refusal::Malformed));
    }
}

#[test]
fn a_client_that_sends_ahead_is_not_heard_without_end() {
    let mut connection = Connection::new();
    let most = usize::from(exchanges::OUTSTANDING_MOST);
    let passed = connection.say(&GET.repeat(most + 2));
    assert_eq!((passed.matches("GET").count(), connection.stand()), (most, Stand::Waiting));
    connection.answer(ANSWER);
    assert_eq!((connection.go_on(false), connection.stand()), (PASSED.to_owned(), Stand::Waiting));
    connection.answer(&ANSWER.repeat(2));
    assert_eq!((connection.go_on(false), connection.stand()), (PASSED.to_owned(), Stand::Listening));
}

#[test]
fn a_refusal_stands_behind_earlier_answers_and_never_within_one() {
    let mut connection = Connection::new();
    connection.say(&format!("{GET}{GET}GET /\r\n"));
    for byte in ANSWER.repeat(2).chars() {
        assert_eq!(connection.stand(), Stand::Waiting);
        connection.answer(&byte.to_string());
    }
    assert_eq!(connection.stand(), Stand::Refusing(Refusal::Malformed));
}

#[test]
fn a_refusal_within_a_body_is_the_answer_if_there_is_no_other() {
    let cut = "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx";
    for (before, answers, stand) in [
        ("", "", Stand::Refusing(Refusal::Malformed)),
        ("", "HTTP/1.1 100 Continue\r\n\r\n", Stand::Refusing(Refusal::Malformed)),
        ("", "HTTP/1.1 413", Stand::Refusing(Refusal::Silent)),
        ("", "HTTP/1.1 200 OK\r\n\r\nhello", Stand::Refusing(Refusal::Silent)),
        ("", ANSWER, Stand::Refusing(Refusal::Silent)),
        (GET, "", Stand::Waiting),
        (GET, ANSWER, Stand::Refusing(Refusal::Malformed)),
    ] {
        let mut connection = Connection::new();
        connection.say(before);
        connection.say(cut);
        connection.answer(answers);
        assert_eq!(connection.stand(), stand, "{before:?} {answers:?}");
    }
}

#[test]
fn a_head_that_does_not_come_is_given_up() {
    let mut connection = Connection::new();
    assert!(!connection.rewriter.awaits_head());
    connection.say("GET / HT");
    assert!(connection.rewriter.awaits_head());
    connection.rewriter.give_up();
    assert_eq!(connection.stand(), Stand::Refusing(Refusal::Silent), "it may be anything");
    assert!(!connection.rewriter.awaits_head() && !connection.rewriter.holds(true));

    let mut connection = Connection::new();
    connection.say("GET / HTTP/1.1\r\nHost: www\r\n");
    connection.rewriter.give_up();
    assert_eq!(connection.stand(), Stand::Refusing(Refusal::TooSlow));
}

#[test]
fn a_line_that_never_ends_is_passed_on_if_it_is_no_http() {
    for (text, passed, stand) in [
        ("QUIT", "QUIT", Stand::Listening),
        ("GET /", "", Stand::Refusing(Refusal::Malformed)),
        ("GET / HTTP/1.1", "", Stand::Refusing(Refusal::Malformed)),
        ("GET / HTTP/1.1\r\nHost: www", "", Stand::Refusing(Refusal::Malformed)),
        ("PRI * HTTP/2.0", "", Stand::Refusing(Refusal::Silent)),
        ("", "", Stand::Listening),
    ] {
        let mut connection = Connection::new();
        assert_eq!(connection.say(text), "");
        assert!(!connection.rewriter.holds(false));
        assert_eq!(connection.rewriter.holds(true), !text.is_empty());
        assert_eq!((connection.go_on(true), connection.stand()), (passed.to_owned(), stand), "{text}");
        assert!(!connection.rewriter.holds(true) && !connection.rewriter.delays_end());
    }
}

#[test]
fn a_server_that_speaks_first_may_speak_another_protocol() {
    let mut connection = Connection::new();
    connection.answer("220 mail ESMTP\r\n");
    assert_eq!(connection.say("EHLO me\r\n"), "EHLO me\r\n");
    assert_eq!(connection.say("GET / HTTP/1.1\r\n\r\n"), "GET / HTTP/1.1\r\n\r\n");
}

use proptest::prelude::*;

use super::*;

fn whole(text: &str) -> Request {
    let (request, length) = parse(text.as_bytes()).unwrap().unwrap();
    assert_eq!(length, text.len());
    request
}

fn problem(text: &str) -> Problem {
    parse(text.as_bytes()).unwrap_err()
}

#[test]
fn a_request_is_its_method_path_query_and_host() {
    let request = whole("GET /status.json?clients=1 HTTP/1.1\r\nHost: localhost:8889\r\nAccept: */*\r\n\r\n");
    assert_eq!(
        request,
        Request {
            method: Method::Get,
            path: "/status.json".to_owned(),
            query: "clients=1".to_owned(),
            host: Some("localhost:8889".to_owned()),
            then: Then::KeepAlive,
        }
    );
    assert_eq!(whole("HEAD / HTTP/1.1\r\nhost: a\r\n\r\n").method, Method::Head);
    assert_eq!(whole("POST / HTTP/1.1\r\nHost: a\r\n\r\n").method, Method::Other);
    assert_eq!(whole("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").method, Method::Other);
    assert_eq!(whole("get / HTTP/1.1\r\nHost: a\r\n\r\n").method, Method::Other);
}

#[test]
fn a_host_in_the_target_counts() {
    let request = whole("GET http://evil.example/metrics?x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!((request.host.as_deref(), request.path.as_str()), (Some("evil.example"), "/metrics"));
    let request = whole("GET http://127.0.0.1:80 HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!((request.host.as_deref(), request.path.as_str()), (Some("127.0.0.1:80"), "/"));
    let request = whole("GET http://evil.example?/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(request.host.as_deref(), Some("evil.example?/x"));
}

#[test]
fn what_is_no_request_says_why() {
    for text in [
        "nonsense\r\n\r\n",
        "GET /\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: \u{e9}\u{9c}\r\nHost\0: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        "GET status.json HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET https://localhost/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01",
    ] {
        assert_eq!(problem(text), Problem::Malformed, "{text:?}");
    }
    assert_eq!(problem("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Problem::Version);
    assert_eq!(problem("GET / HTTP/1.2\r\nHost: a\r\n\r\n"), Problem::Version);
    let fields = "x: y\r\n".repeat(FIELDS_MOST);
    assert_eq!(problem(&format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")), Problem::TooLarge);
    assert_eq!(problem(&format!("GET /{}", "x".repeat(HEAD_MOST))), Problem::TooLarge);
    assert_eq!(problem(&"\r\n".repeat(HEAD_MOST)), Problem::TooLarge);
}

#[test]
fn a_head_that_is_not_complete_is_awaited() {
    let text = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for end in 0..text.len() {
        assert_eq!(parse(&text.as_bytes()[..end]), Ok(None), "{end}");
    }
}

#[test]
fn what_follows_a_request_is_left_alone() {
    let text = "GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n";
    let (first, length) = parse(text.as_bytes()).unwrap().unwrap();
    assert_eq!(first.path, "/a");
    assert_eq!(whole(&text[length..]).path, "/b");
}

#[test]
fn connections_are_kept_as_the_client_wants_unless_a_body_follows() {
    let then = |version: &str, fields: &str| {
        whole(&format!("GET / HTTP/1.{version}\r\nHost: a\r\n{fields}\r\n")).then
    };
    assert_eq!(then("1", ""), Then::KeepAlive);
    assert_eq!(then("1", "Connection: foo, Close\r\n"), Then::Close);
    assert_eq!(then("0", ""), Then::Close);
    assert_eq!(then("0", "Connection: Keep-Alive\r\n"), Then::KeepAlive);
    assert_eq!(then("1", "Content-Length: 0\r\n"), Then::KeepAlive);
    assert_eq!(then("1", "Content-Length: 5\r\n"), Then::Close);
    assert_eq!(then("1", "Content-Length: 0\r\nContent-Length: 5\r\n"), Then::Close);
    assert_eq!(then("1", "Transfer-Encoding: chunked\r\n"), Then::Close);
}

#[test]
fn http_1_0_needs_no_host() {
    assert_eq!(whole("GET /healthz HTTP/1.0\r\n\r\n").host, None);
}

proptest! {
    #[test]
    fn no_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn nothing_that_resembles_a_request_does_harm(
        method in "GET|HEAD|POST|\\PC{0,9}",
        target in "/?\\PC{0,40}|http://\\PC{0,20}",
        fields in prop::collection::vec("(Host|Connection|Content-Length|\\PC{0,9}): ?\\PC{0,20}\r\n", 0..5),
    ) {
        let text = format!("{method} {target} HTTP/1.1\r\n{}\r\n", fields.concat());
        if let Ok(Some((request, length))) = parse(text.as_bytes()) {
            prop_assert!(length <= text.len());
            prop_assert!(request.method == Method::Other || request.path.starts_with('/'));
        }
    }
}

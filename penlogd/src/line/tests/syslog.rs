use super::*;

const BODY: &str = r#"10.9.9.9 - - [14/Nov/2023:22:13:20 +0000] "GET /a HTTP/1.1" 200 1234 "-" "UA""#;
const JSON: &str = r#"{"remote_addr":"10.9.9.9","request":"GET /a HTTP/1.1"}"#;

const HEADERS: [&str; 11] = [
    "<190>Nov 21 14:31:53 www nginx: ",
    "<190>Nov  1 14:31:53 www nginx: ",
    "<190>Nov 21 14:31:53 nginx: ",
    "<190>nginx: ",
    "<5>Nov 21 14:31:53 2001:db8::1 nginx[42]: ",
    "Nov 21 14:31:53 www nginx: ",
    "2023-11-14T22:13:20.123456+00:00 www nginx: ",
    "<190>2023-11-14T22:13:20Z www nginx: ",
    "<190>1 2023-11-14T22:13:20.5Z www nginx 42 - - ",
    r#"<190>1 - www nginx 42 access [a b="c] \"d\""][e f="g"] "#,
    "<190>1 2023-11-14T22:13:20.5Z www nginx 42 - - \u{feff}",
];

#[test]
fn the_header_before_a_web_servers_line_goes() {
    for header in HEADERS {
        for body in [BODY, JSON] {
            let text = format!("{header}{body}");
            let line = Format::web().read(text.as_bytes());
            assert_eq!(line.peer, Some(addr("10.9.9.9")), "{text}");
            assert_eq!(request(&line), Some("GET /a HTTP/1.1"));
            assert_eq!(given(&line, &CLIENT), body.replace("10.9.9.9", "192.0.2.7"));
            assert_eq!(unchanged(&line), body);
        }
    }
}

#[test]
fn other_messages_keep_their_headers() {
    for header in HEADERS {
        for body in ["worker 42 exited", "", "10.9.9.9", r#"{"msg":"up"}"#] {
            let text = format!("{header}{body}");
            let line = Format::web().read(text.as_bytes());
            assert_eq!(unchanged(&line), text);
            assert_eq!(given(&line, &CLIENT), text);
        }
    }
}

#[test]
fn what_only_begins_like_a_header_is_none() {
    for text in [
        r#"<190 "GET /""#,
        r#"<> 10.9.9.9 "GET /""#,
        r#"<12345>x: 10.9.9.9 "GET /""#,
        r#"Nov 31 14:31:53 www nginx: 10.9.9.9 "GET /""#,
        r#"Now it is: 10.9.9.9 "GET /""#,
        r#"2023-11-14Tea www nginx: 10.9.9.9 "GET /""#,
    ] {
        let first = text.split(' ').next().unwrap();
        let line = Format::web().read(text.as_bytes());
        assert_eq!(given(&line, &CLIENT), text.replacen(first, "192.0.2.7", 1));
    }
}

#[test]
fn a_pattern_searches_and_keeps_the_whole() {
    let text = format!("{}{BODY}", HEADERS[0]);
    let format = Format::pattern(r"nginx: (?<addr>\S+)").unwrap();
    assert_eq!(given(&format.read(text.as_bytes()), &CLIENT), text.replace("10.9.9.9", "192.0.2.7"));
}

use super::*;

const NGINX: &str = r#"{"time_iso8601":"2023-11-14T23:13:20+01:00","msec":"1700000000.042","remote_addr":"10.9.9.9","remote_port":"41234","request":"GET /\"a\"/\u00e9 HTTP/1.1","status":200,"agent":"remote_addr: 10.9.9.9"}"#;
const CADDY: &str = r#"{"level":"info","ts":1700000000.0421,"logger":"http.log.access","request":{"remote_ip":"10.9.9.9","remote_port":"41234","client_ip":"10.9.9.9","proto":"HTTP/1.1","method":"GET","host":"www","uri":"/a?b=c\u0026d","headers":{"Remote_port":["1"],"Remote_ip":["192.0.2.99"],"Remote-Addr":"192.0.2.99"}},"bytes_read":0,"status":200}"#;
const TRAEFIK: &str = r#"{"ClientAddr":"10.9.9.9:41234","ClientHost":"10.9.9.9","ClientPort":"41234","RequestMethod":"GET","RequestPath":"/a","RequestPort":"80","RequestProtocol":"HTTP/1.1","StartUTC":"2023-11-14T22:13:20.042Z","time":"2023-11-14T22:13:20Z"}"#;

fn read(line: &str) -> Line<'_> {
    Format::web().read(line.as_bytes())
}

#[test]
fn a_line_of_nginx_names_peer_port_request_and_time() {
    let line = read(NGINX);
    assert_eq!(line.peer, Some(addr("10.9.9.9")));
    assert_eq!((ports(&line), line.ports.are_certain()), (vec![41234], true));
    assert_eq!(request(&line), Some(r#"GET /"a"/.. HTTP/1.1"#));
    assert_eq!(line.time, Some(Stamp { micros: T0 + 42_000, fine: true }));
    let expected = NGINX.replacen("10.9.9.9", "192.0.2.7", 1).replace("41234", "51515");
    assert_eq!(given(&line, &CLIENT), expected);
    assert_eq!(in_utc(&line, &CLIENT), expected);
    assert_eq!(given(&line, &PORTLESS), expected.replace("51515", "41234"));
    assert_eq!(unchanged(&line), NGINX);
}

#[test]
fn a_line_of_caddy_has_them_in_its_request_and_headers_are_no_part_of_that() {
    let line = read(CADDY);
    assert_eq!((line.peer, ports(&line)), (Some(addr("10.9.9.9")), vec![41234]));
    assert_eq!(request(&line), Some("GET /a?b=c&d HTTP/1.1"));
    assert_eq!(line.time, Some(Stamp { micros: T0 + 42_100, fine: true }));
    assert_eq!(given(&line, &CLIENT), CADDY.replace("10.9.9.9", "192.0.2.7").replace("41234", "51515"));
    // What a trusted proxy said is not the peer's address.
    let other = CADDY.replace(r#""client_ip":"10.9.9.9""#, r#""client_ip":"192.0.2.50""#);
    let expected = other.replace("10.9.9.9", "192.0.2.7").replace("41234", "51515");
    assert_eq!(given(&read(&other), &CLIENT), expected);
}

#[test]
fn a_line_of_traefik_has_the_peer_three_times() {
    let line = read(TRAEFIK);
    assert_eq!((line.peer, ports(&line)), (Some(addr("10.9.9.9")), vec![41234]));
    assert_eq!(request(&line), Some("GET /a HTTP/1.1"));
    assert_eq!(line.time, Some(Stamp { micros: T0, fine: false }));
    assert_eq!(given(&line, &CLIENT), TRAEFIK.replace("10.9.9.9", "192.0.2.7").replace("41234", "51515"));
    let expected = TRAEFIK.replace("10.9.9.9:41234", "192.0.2.7").replace("10.9.9.9", "192.0.2.7");
    assert_eq!(given(&line, &PORTLESS), expected);
}

#[test]
fn the_usual_names_are_known() {
    for (text, peer, port) in [
        (r#"{"remote_addr":"10.9.9.9","remote_port":41234}"#, "10.9.9.9", Some(41234)),
        (r#"{"remoteIP": "10.9.9.9", "remotePort": 41234}"#, "10.9.9.9", Some(41234)),
        (r#"{"client_ip":"10.9.9.9","client_port":41234}"#, "10.9.9.9", Some(41234)),
        (r#"{"ip":"10.9.9.9"}"#, "10.9.9.9", None),
        (r#"{"remote_addr":"10.9.9.9:41234"}"#, "10.9.9.9", Some(41234)),
        (r#"{"remote_addr":"[2001:db8::9]:41234"}"#, "2001:db8::9", Some(41234)),
        (r#"{"remote_addr":"::ffff:10.9.9.9"}"#, "10.9.9.9", None),
        (r#"{"source":{"ip":"10.9.9.9","port":41234},"port":80}"#, "10.9.9.9", Some(41234)),
        (r#"{"client":{"ip":"10.9.9.9","port":41234}}"#, "10.9.9.9", Some(41234)),
        (r#"{"source.ip":"10.9.9.9","source.port":41234}"#, "10.9.9.9", Some(41234)),
        (r#"{"ip":"10.0.0.1","client_ip":"10.0.0.2","remote_ip":"10.9.9.9"}"#, "10.9.9.9", None),
        (r#"{"remote_host":"pen.example.com","remote_addr":"10.9.9.9"}"#, "10.9.9.9", None),
        (r#"{"remote_addr":"10.9.9.9","remote_port":"0"}"#, "10.9.9.9", None),
        (
            r#"  { "a" : [ {} , [ ] , -1.5e3 , true , null ] , "remote_addr" : "10.9.9.9" } "#,
            "10.9.9.9",
            None,
        ),
    ] {
        let line = read(text);
        assert_eq!((line.peer, line.ports.iter().next()), (Some(addr(peer)), port), "{text}");
        assert!(line.shows_peer(), "{text}");
    }
}

#[test]
fn a_line_without_an_address_stays_as_it_is() {
    for text in [
        "{}",
        "{",
        r#"{"remote_port":41234,"request":"GET / HTTP/1.1"}"#,
        r#"{"remote_addr":"","request":"GET / HTTP/1.1"}"#,
        r#"{"remote_addr":null,"request":"GET / HTTP/1.1"}"#,
        r#"{"remote_addr":["10.9.9.9"],"request":"GET / HTTP/1.1"}"#,
        r#"{"x":{"remote_addr":"10.9.9.9"},"request":"GET / HTTP/1.1"}"#,
        r#"{"remote_addr" "10.9.9.9"}"#,
        r#"{remote_addr:"10.9.9.9"}"#,
        r#"{"a":nul,"remote_addr":"10.9.9.9"}"#,
    ] {
        let line = read(text);
        assert!(!line.shows_peer(), "{text}");
        assert_eq!(given(&line, &CLIENT), text);
    }
}

#[test]
fn what_stands_before_the_end_of_a_cut_line_counts() {
    let whole = read(NGINX);
    for end in 0..NGINX.len() {
        let line = read(&NGINX[..end]);
        assert!(line.peer.is_none() || line.peer == whole.peer);
        assert!(line.request.is_none() || line.request == whole.request);
    }
    assert_eq!(read(&NGINX[..NGINX.find(",\"status").unwrap()]).request, whole.request);
}

#[test]
fn a_request_may_be_made_of_its_parts() {
    for (text, expected) in [
        (
            r#"{"request_method":"GET","request_uri":"/a?b","server_protocol":"HTTP/1.0"}"#,
            Some("GET /a?b HTTP/1.0"),
        ),
        (r#"{"method":"POST","path":"/a"}"#, Some("POST /a HTTP/1.1")),
        (r#"{"method":"POST"}"#, None),
        (
            r#"{"method":"GET","uri":"/a\u00e9\\\ud83d\ude00\ufffd\n","protocol":"HTTP/1.1"}"#,
            Some(r"GET /a..\...... HTTP/1.1"),
        ),
        (r#"{"request":"GET /","method":"POST","uri":"/"}"#, Some("GET /")),
    ] {
        assert_eq!(request(&read(text)), expected, "{text}");
    }
}

#[test]
fn times_have_many_names_and_forms() {
    for (text, micros, fine) in [
        (r#"{"time":"2023-11-14T22:13:20Z"}"#, T0, false),
        (r#"{"ts":1700000000.042}"#, T0 + 42_000, true),
        (r#"{"ts":1700000000}"#, T0, false),
        (r#"{"timestamp":1700000000042}"#, T0 + 42_000, true),
        (r#"{"@timestamp":"2023-11-14T22:13:20.042Z"}"#, T0 + 42_000, true),
        (r#"{"time_local":"14/Nov/2023:23:13:20 +0100"}"#, T0, false),
        (r#"{"time":"[14/Nov/2023:23:13:20 +0100]"}"#, T0, false),
        (r#"{"time":"soon","ts":1700000000}"#, T0, false),
        (r#"{"time":"2023-11-14T22:13:20Z","msec":"1700000000.500"}"#, T0 + 500_000, true),
        (r#"{"time":"0.005","ts":1700000000}"#, T0, false),
    ] {
        assert_eq!(read(text).time, Some(Stamp { micros, fine }), "{text}");
    }
}

#[test]
fn nesting_has_an_end() {
    for depth in [10, 30, 100, 30_000] {
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
            let nested = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            let text = format!(r#"{{"remote_addr":"10.9.9.9","x":{nested},"remote_port":41234}}"#);
            let line = read(&text);
            assert_eq!(line.peer, Some(addr("10.9.9.9")));
            assert_eq!(line.ports.iter().next(), (depth <= 30).then_some(41234), "{depth}");
        }
    }
}

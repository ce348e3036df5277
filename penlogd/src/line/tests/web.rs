use super::*;

const COMBINED: &str = r#"10.9.9.9 - - [14/Nov/2023:22:13:20 +0000] "GET /a?b=c HTTP/1.1" 200 1234 "-" "Mozilla/5.0 (X11; 41234)""#;

fn read(line: &str) -> Line<'_> {
    Format::web().read(line.as_bytes())
}

#[test]
fn a_combined_line_says_who_asked_for_what_and_when() {
    let line = read(COMBINED);
    assert_eq!(line.peer, Some(addr("10.9.9.9")));
    assert_eq!(request(&line), Some("GET /a?b=c HTTP/1.1"));
    assert_eq!(line.time, Some(Stamp { micros: T0, fine: false }));
    assert_eq!(ports(&line), [0; 0]);
    assert!(line.shows_peer());
}

#[test]
fn the_client_takes_the_first_field_and_nothing_else_changes() {
    let line = read(COMBINED);
    assert_eq!(given(&line, &CLIENT), COMBINED.replace("10.9.9.9", "192.0.2.7"));
    assert_eq!(unchanged(&line), COMBINED);
    let six = Client { address: addr("2001:db8::7"), port: Some(1) };
    for peer in [
        "10.9.9.9:41234",
        "2001:db8::9",
        "[2001:db8::9]:41234",
        "2001:db8::9:41234",
        "2001:db8::9:4123",
        "pen.example.com",
        "unix:",
        "-",
        "é",
    ] {
        let shown = COMBINED.replace("10.9.9.9", peer);
        assert_eq!(given(&read(&shown), &six), COMBINED.replace("10.9.9.9", "2001:db8::7"), "{peer}");
    }
}

#[test]
fn the_first_field_may_show_the_port() {
    for (field, peer, port, certain) in [
        ("10.9.9.9", Some("10.9.9.9"), None, false),
        ("10.9.9.9:41234", Some("10.9.9.9"), Some(41234), true),
        ("10.9.9.9:0", Some("10.9.9.9"), None, false),
        ("10.9.9.9:65536", Some("10.9.9.9"), None, false),
        ("::ffff:10.9.9.9", Some("10.9.9.9"), None, false),
        ("[::ffff:10.9.9.9]:41234", Some("10.9.9.9"), Some(41234), true),
        ("2001:db8::9", Some("2001:db8::9"), None, false),
        ("[2001:db8::9]", Some("2001:db8::9"), None, false),
        ("[2001:db8::9]:80", Some("2001:db8::9"), Some(80), true),
        ("2001:db8::9:41234", Some("2001:db8::9"), Some(41234), true),
        ("2001:db8:0:0:0:0:0:9:4123", Some("2001:db8::9"), Some(4123), true),
        ("2001:db8:0:0:0:0:0:4123", Some("2001:db8::4123"), None, false),
        ("2001:db8::4123", Some("2001:db8::4123"), None, false),
        // An address, or an address and a port.
        ("2001:db8::9:4123", None, Some(4123), false),
        ("::1:4123", None, Some(4123), false),
        ("2001:db8::9:80", Some("2001:db8::9:80"), None, false),
        ("2001:db8::9:412a", Some("2001:db8::9:412a"), None, false),
        ("pen.example.com", None, None, false),
        ("pen.example.com:41234", None, Some(41234), false),
        ("[2001:db8::9", None, None, false),
        ("[]:41234", None, Some(41234), false),
        ("unix:", None, None, false),
        ("-", None, None, false),
    ] {
        let shown = COMBINED.replace("10.9.9.9", field);
        let line = read(&shown);
        let read = (line.peer, line.ports.iter().next(), line.ports.are_certain());
        assert_eq!(read, (peer.map(addr), port, certain), "{field}");
    }
}

#[test]
fn a_port_is_a_field_of_its_own_or_called_so() {
    const NONE: [u16; 0] = [];
    for (rest, expected, certain) in [
        // Status and bytes are none.
        (r#"- - [T] "GET /" 200 1234"#, &NONE[..], false),
        (r#"- - [T] "GET /" 304 -"#, &NONE, false),
        (r#"- - [T] "GET /" - 0"#, &NONE, false),
        (r#"- - [T] "GET /" 200 1234 41234"#, &[41234], false),
        (r#"- - [T] "GET /" 200 1234 "-" "UA" 41234 0.005 17"#, &[41234, 17], false),
        (r#"- - [T] "GET /" 41234 200 1234"#, &[41234, 200, 1234], false),
        (r#"- - [T] "GET /" 200 41234"#, &NONE, false),
        (r#"- - [T] "GET /" 1 2 3 4 5"#, &[1, 2, 3, 4], false),
        (r#"- - [T] "GET /" 200 1234 65536 0 012 999999 1e3"#, &NONE, false),
        (r#"41234 - - [T] "GET /" 200 1234"#, &[41234], false),
        (r#"- - [T] 41234 "GET /" 200 1234"#, &[41234], false),
        (r#"- - [T] "GET /" 200 1234 7 port=41234 8"#, &[41234], true),
        (r#"- - [T] "GET /" 200 1234 rport=41234"#, &[41234], true),
        (r#"- - [T] "GET /" 200 1234 remote_port=41234"#, &[41234], true),
        (r#"- - [T] "GET /" 200 1234 Remote_Port="41234""#, &[41234], true),
        (r#"port=41234 - - [T] "GET /" 200 1234"#, &[41234], true),
        (r#"- - [T] "GET /" 200 1234 port=no 7"#, &[7], false),
        (r#"- - [T] "GET /" 200 1234 port= 7"#, &[7], false),
        (r#"- - [T] "GET /" 200 1234 export=41234"#, &NONE, false),
        // Clients say what is in quotes, and who they are.
        (r#"- - [T] "GET /" 200 1234 "41234" "port=41234" port"=41234""#, &NONE, false),
        (r#"- - [T] "GET /" 200 1234 "\" 41234 port=41234""#, &NONE, false),
        (r#"- x 41234 port=41234 [T] "GET /" 200 1234"#, &NONE, false),
        (r#"- x [T] port=1 [T] "GET /" 200 1234"#, &NONE, false),
    ] {
        let shown = format!("10.9.9.9 {rest}")
            .replace('T', "14/Nov/2023:22:13:20 +0000")
            .replace("GE14/Nov/2023:22:13:20 +0000", "GET");
        let line = read(&shown);
        assert_eq!((&*ports(&line), line.ports.are_certain()), (expected, certain), "{shown}");
        assert_eq!(request(&line), Some("GET /"), "{shown}");
    }
}

#[test]
fn a_virtual_host_before_the_peer_stays() {
    for (line, peer, expected) in [
        (
            r#"www.example.com:80 10.9.9.9 - - [14/Nov/2023:22:13:20 +0000] "GET / HTTP/1.1" 200 12"#,
            "10.9.9.9",
            r#"www.example.com:80 192.0.2.7 - - [14/Nov/2023:22:13:20 +0000] "GET / HTTP/1.1" 200 12"#,
        ),
        (
            r#"www:443 [2001:db8::9]:41234 - - [14/Nov/2023:22:13:20 +0000] "GET / HTTP/1.1" 200 12"#,
            "2001:db8::9",
            r#"www:443 192.0.2.7 - - [14/Nov/2023:22:13:20 +0000] "GET / HTTP/1.1" 200 12"#,
        ),
        // The user is called "a b [".
        (
            r#"www.example.com:80 10.9.9.9 - a b [ [14/Nov/2023:22:13:20 +0000] "GET / HTTP/1.1" 401 12"#,
            "10.9.9.9",
            r#"www.example.com:80 192.0.2.7 - a b [ [14/Nov/2023:22:13:20 +0000] "GET / HTTP/1.1" 401 12"#,
        ),
        (
            r#"www.example.com 10.9.9.9:41234 - - [14/Nov/2023:22:13:20 +0000] "GET / HTTP/1.1" 200 12"#,
            "10.9.9.9",
            r#"www.example.com 192.0.2.7 - - [14/Nov/2023:22:13:20 +0000] "GET / HTTP/1.1" 200 12"#,
        ),
        (
            r#"- 2001:db8::9 - - [14/Nov/2023:22:13:20 +0000] "GET / HTTP/1.1" 200 12"#,
            "2001:db8::9",
            r#"- 192.0.2.7 - - [14/Nov/2023:22:13:20 +0000] "GET / HTTP/1.1" 200 12"#,
        ),
        // It may be the peer.
        (
            r#"10.0.0.1:80 10.9.9.9 - - [14/Nov/2023:22:13:20 +0000] "GET / HTTP/1.1" 200 12"#,
            "10.0.0.1",
            r#"192.0.2.7 10.9.9.9 - - [14/Nov/2023:22:13:20 +0000] "GET / HTTP/1.1" 200 12"#,
        ),
    ] {
        let read = read(line);
        assert_eq!(read.peer, Some(addr(peer)));
        assert_eq!(given(&read, &CLIENT), expected);
    }
    for (name, behind) in [
        ("pen:41234", "10.9.9.9 -"),
        ("pen", "10.9.9.9 -"),
        ("pen", "- 10.9.9.9"),
        ("pen", "- 10.9.9.9 - -"),
        ("pen", "- -"),
    ] {
        let line = format!(r#"{name} {behind} [14/Nov/2023:22:13:20 +0000] "GET / HTTP/1.1" 200 12"#);
        assert_eq!(given(&read(&line), &CLIENT), line.replacen(name, "192.0.2.7", 1));
    }
}

#[test]
fn a_line_without_a_request_stays_as_it_is() {
    for line in [
        "",
        " ",
        "10.9.9.9",
        "10.9.9.9 - - [14/Nov/2023:22:13:20 +0000] -",
        r#"10.9.9.9 - - [14/Nov/2023:22:13:20 +0000] \"GET / HTTP/1.1"#,
        "{",
        "<190>",
    ] {
        let read = read(line);
        assert!(!read.shows_peer(), "{line}");
        assert_eq!(read.request, None);
        assert_eq!(given(&read, &CLIENT), line);
    }
    let timed = read("10.9.9.9 - - [14/Nov/2023:22:13:20 +0000] -");
    assert_eq!(timed.time.map(|time| time.micros), Some(T0));
}

#[test]
fn the_request_is_the_first_string_up_to_its_own_quote() {
    for (rest, expected) in [
        (r#""GET / HTTP/1.1" "other""#, "GET / HTTP/1.1"),
        (r#""" 400"#, ""),
        (r#""-" 408"#, "-"),
        (r#""GET /\"a\" HTTP/1.1" 200"#, r#"GET /"a" HTTP/1.1"#),
        (r#""GET /\\" 200"#, r"GET /\"),
        (r#""GET /\x22\x5C\xc3\xA9\x00 HTTP/1.1" 200"#, r#"GET /"\... HTTP/1.1"#),
        (r#""GET /\n\t\x7f" 200"#, "GET /..."),
        ("\"GET /é\" 200", "GET /.."),
        (r#""GET /\x4 \z\" 200"#, r#"GET /\x4 \z" 200"#),
        // It was cut.
        (r#""GET /long"#, "GET /long"),
        (r#""GET /long\"#, r"GET /long\"),
        (r#""" [T] "GET / HTTP/1.1" 401"#, "GET / HTTP/1.1"),
        (r#""" ["#, ""),
        // The user is called x".
        (r#"x\" "GET / HTTP/1.1" 200"#, "GET / HTTP/1.1"),
    ] {
        let line = format!("10.9.9.9 - - [14/Nov/2023:22:13:20 +0000] {rest}");
        assert_eq!(request(&read(&line)), Some(expected), "{line}");
    }
}

#[test]
fn a_request_that_needs_no_change_is_not_copied() {
    assert!(matches!(read(COMBINED).request, Some(Cow::Borrowed(_))));
}

#[test]
fn the_time_is_written_in_utc_where_that_is_asked_for() {
    for (time, micros, utc) in [
        ("14/Nov/2023:22:13:20 +0000", T0, "14/Nov/2023:22:13:20 +0000"),
        ("14/Nov/2023:23:13:20 +0100", T0, "14/Nov/2023:22:13:20 +0000"),
        ("15/nov/2023:03:43:20 +0530", T0, "14/Nov/2023:22:13:20 +0000"),
        ("14/Nov/2023:14:13:20.250 -0800", T0 + 250_000, "14/Nov/2023:22:13:20.250 +0000"),
        ("01/Jan/2024:00:30:00 +0100", 1_704_065_400_000_000, "31/Dec/2023:23:30:00 +0000"),
    ] {
        let shown = COMBINED.replace("14/Nov/2023:22:13:20 +0000", time);
        let line = read(&shown);
        assert_eq!(line.time.map(|time| time.micros), Some(micros), "{time}");
        assert_eq!(given(&line, &CLIENT), shown.replace("10.9.9.9", "192.0.2.7"));
        let expected = COMBINED.replace("10.9.9.9", "192.0.2.7").replace("14/Nov/2023:22:13:20 +0000", utc);
        assert_eq!(in_utc(&line, &CLIENT), expected);
    }
    let without = r#"10.9.9.9 - - [-] "GET /" 200"#;
    assert_eq!(read(without).time, None);
    assert_eq!(in_utc(&read(without), &CLIENT), r#"192.0.2.7 - - [-] "GET /" 200"#);
}

#[test]
fn the_time_may_stand_elsewhere_but_not_in_quotes() {
    let behind = r#"10.9.9.9 "GET /[01/Jan/2001:00:00:00 +0000]" "[01/Jan/2001:00:00:00 +0000]" 200 [14/Nov/2023:23:13:20 +0100] 5"#;
    assert_eq!(read(behind).time.map(|time| time.micros), Some(T0));
    assert!(in_utc(&read(behind), &CLIENT).ends_with("200 [14/Nov/2023:22:13:20 +0000] 5"));
    let named = r#"10.9.9.9 - x [01/Jan/2001:00:00:00 +0000] [14/Nov/2023:22:13:20 +0000] "GET /" 200 5"#;
    assert_eq!(read(named).time.map(|time| time.micros), Some(T0));
    let iso = r#"10.9.9.9 - - [2023-11-14T23:13:20.5+01:00] "GET /" 200 5"#;
    assert_eq!(read(iso).time, Some(Stamp { micros: T0 + 500_000, fine: true }));
    assert_eq!(in_utc(&read(iso), &CLIENT), iso.replace("10.9.9.9", "192.0.2.7"));
}

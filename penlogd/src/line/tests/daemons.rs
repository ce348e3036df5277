//! Lines of daemons that serve no web, with a pattern for each, which docs/logs.md shows.

use super::*;

/// OpenSSH. What the client says stands behind "Received disconnect from", and before "from" or "user" else.
pub const SSHD: &str = r"^(?<time>\w+ [ \d]\d \S+|\S+) .*sshd(?:-session)?\[\d+\]: (?:(?:Received disconnect|Connection) from|.* (?:from|by|user \S*)) (?<addr>[0-9A-Fa-f:.]+) port (?<port>\d+)";

/// Postfix, with `smtpd_client_port_logging = yes`.
pub const POSTFIX: &str = r"^(?<time>\w+ [ \d]\d \S+|\S+) .*?smtpd\[\d+\]: .*?(?:from |client=)[^ \[]+\[(?<addr>[0-9A-Fa-f:.]+)\](?::(?<port>\d+))?";

/// Dovecot, with `rport=%{remote_port}` (2.4) or `rport=%b` (2.3) among `login_log_format_elements`.
pub const DOVECOT: &str =
    r"^(?<time>\w+ [ \d]\d \S+|\S+) .*-login: .* rip=(?<addr>[0-9A-Fa-f:.]+),(?:.* rport=(?<port>\d+))?";

/// What a line says: the peer, its port, and the line with the client in it.
type Said = (&'static str, Option<u16>, &'static str);

/// A line, and what it says.
type Case = (&'static str, Option<Said>);

fn check(pattern: &str, cases: &[Case]) {
    let format = Format::pattern(pattern).unwrap();
    for &(text, said) in cases {
        let line = format.read(text.as_bytes());
        let (peer, port, expected) =
            said.map_or((None, None, text), |(peer, port, out)| (Some(addr(peer)), port, out));
        assert_eq!((line.peer, line.ports.iter().next()), (peer, port), "{text}");
        assert_eq!(line.ports.are_certain(), port.is_some(), "{text}");
        assert_eq!(line.shows_peer(), peer.is_some(), "{text}");
        assert_eq!(given(&line, &CLIENT), expected);
    }
}

#[test]
fn sshd() {
    check(
        SSHD,
        &[
            (
                "Nov 21 14:31:53 www sshd[812]: Accepted publickey for alice from 10.0.0.9 port 41234 ssh2: ED25519 SHA256:abc",
                Some((
                    "10.0.0.9",
                    Some(41234),
                    "Nov 21 14:31:53 www sshd[812]: Accepted publickey for alice from 192.0.2.7 port 51515 ssh2: ED25519 SHA256:abc",
                )),
            ),
            (
                "2026-11-21T14:31:53.123456+01:00 www sshd-session[812]: Failed password for invalid user a from 1.2.3.4 port 5 ssh2 from 2001:db8::9 port 41234 ssh2",
                Some((
                    "2001:db8::9",
                    Some(41234),
                    "2026-11-21T14:31:53.123456+01:00 www sshd-session[812]: Failed password for invalid user a from 1.2.3.4 port 5 ssh2 from 192.0.2.7 port 51515 ssh2",
                )),
            ),
            (
                "Nov  1 14:31:53 www sshd[812]: Connection closed by authenticating user root 10.0.0.9 port 41234 [preauth]",
                Some((
                    "10.0.0.9",
                    Some(41234),
                    "Nov  1 14:31:53 www sshd[812]: Connection closed by authenticating user root 192.0.2.7 port 51515 [preauth]",
                )),
            ),
            (
                "Nov 21 14:31:53 www sshd[812]: Connection from 10.0.0.9 port 41234 on 10.0.0.1 port 22 rdomain \"\"",
                Some((
                    "10.0.0.9",
                    Some(41234),
                    "Nov 21 14:31:53 www sshd[812]: Connection from 192.0.2.7 port 51515 on 10.0.0.1 port 22 rdomain \"\"",
                )),
            ),
            (
                "Nov 21 14:31:53 www sshd[812]: Received disconnect from 10.0.0.9 port 41234:11: bye from 1.2.3.4 port 5",
                Some((
                    "10.0.0.9",
                    Some(41234),
                    "Nov 21 14:31:53 www sshd[812]: Received disconnect from 192.0.2.7 port 51515:11: bye from 1.2.3.4 port 5",
                )),
            ),
            (
                "Nov 21 14:31:53 www sshd[812]: Disconnected from user alice 10.0.0.9 port 41234",
                Some((
                    "10.0.0.9",
                    Some(41234),
                    "Nov 21 14:31:53 www sshd[812]: Disconnected from user alice 192.0.2.7 port 51515",
                )),
            ),
            ("Nov 21 14:31:53 www sshd[812]: Server listening on 0.0.0.0 port 22.", None),
            ("Nov 21 14:31:53 www cron[1]: from 10.0.0.9 port 41234", None),
        ],
    );
}

#[test]
fn postfix() {
    check(
        POSTFIX,
        &[
            (
                "Nov 21 14:31:53 mx postfix/smtpd[812]: connect from unknown[10.0.0.9]:41234",
                Some((
                    "10.0.0.9",
                    Some(41234),
                    "Nov 21 14:31:53 mx postfix/smtpd[812]: connect from unknown[192.0.2.7]:51515",
                )),
            ),
            (
                "Nov 21 14:31:53 mx postfix/submission/smtpd[812]: 4F3A21: client=pen.example.com[2001:db8::9]:41234, sasl_method=PLAIN",
                Some((
                    "2001:db8::9",
                    Some(41234),
                    "Nov 21 14:31:53 mx postfix/submission/smtpd[812]: 4F3A21: client=pen.example.com[192.0.2.7]:51515, sasl_method=PLAIN",
                )),
            ),
            (
                "Nov 21 14:31:53 mx postfix/smtpd[812]: NOQUEUE: reject: RCPT from unknown[10.0.0.9]:41234: 554 5.7.1 <x@y>: denied; from=<a@b> helo=<from x[1.2.3.4]>",
                Some((
                    "10.0.0.9",
                    Some(41234),
                    "Nov 21 14:31:53 mx postfix/smtpd[812]: NOQUEUE: reject: RCPT from unknown[192.0.2.7]:51515: 554 5.7.1 <x@y>: denied; from=<a@b> helo=<from x[1.2.3.4]>",
                )),
            ),
            (
                "Nov 21 14:31:53 mx postfix/smtpd[812]: disconnect from unknown[10.0.0.9] ehlo=1 quit=1 commands=2",
                Some((
                    "10.0.0.9",
                    None,
                    "Nov 21 14:31:53 mx postfix/smtpd[812]: disconnect from unknown[192.0.2.7] ehlo=1 quit=1 commands=2",
                )),
            ),
            ("Nov 21 14:31:53 mx postfix/qmgr[812]: 4F3A21: removed", None),
        ],
    );
}

#[test]
fn dovecot() {
    check(
        DOVECOT,
        &[
            (
                "Nov 21 14:31:53 mx dovecot: imap-login: Login: user=<alice>, method=PLAIN, rip=10.0.0.9, lip=10.0.0.1, mpid=812, TLS, session=<x>, rport=41234",
                Some((
                    "10.0.0.9",
                    Some(41234),
                    "Nov 21 14:31:53 mx dovecot: imap-login: Login: user=<alice>, method=PLAIN, rip=192.0.2.7, lip=10.0.0.1, mpid=812, TLS, session=<x>, rport=51515",
                )),
            ),
            (
                "Nov 21 14:31:53 mx dovecot: pop3-login: Disconnected: Auth failed: user=<>, rip=2001:db8::9, lip=2001:db8::1",
                Some((
                    "2001:db8::9",
                    None,
                    "Nov 21 14:31:53 mx dovecot: pop3-login: Disconnected: Auth failed: user=<>, rip=192.0.2.7, lip=2001:db8::1",
                )),
            ),
            ("Nov 21 14:31:53 mx dovecot: master: Dovecot v2.4.1 starting up", None),
        ],
    );
}

#[test]
fn a_port_that_is_not_known_stays() {
    let line = Format::pattern(SSHD).unwrap();
    let text = "Nov 21 14:31:53 www sshd[812]: Invalid user x from 10.0.0.9 port 41234";
    let expected = "Nov 21 14:31:53 www sshd[812]: Invalid user x from 192.0.2.7 port 41234";
    assert_eq!(given(&line.read(text.as_bytes()), &PORTLESS), expected);
}

#[test]
fn times_without_a_year_are_the_latest_that_can_be() {
    let text = "Nov 21 14:31:53 www sshd[812]: Invalid user x from 10.0.0.9 port 41234";
    let format = Format::pattern(SSHD).unwrap();
    assert_eq!(format.read(text.as_bytes()).time, None);
    // 2023-11-14: it was last year. A day later it may be tomorrow's.
    let utc: fn(i64) -> i32 = |_| 0;
    for (now, east, seconds) in [
        (T0, utc, 1_669_041_113),
        (T0, |_| 3600, 1_669_037_513),
        (T0 + 6 * 86_400_000_000, utc, 1_700_577_113),
        (T0 + 365 * 86_400_000_000, utc, 1_700_577_113),
    ] {
        let format = format.clone().with_yearless_times(Yearless { now, east });
        assert_eq!(
            format.read(text.as_bytes()).time,
            Some(Stamp { micros: seconds * 1_000_000, fine: false })
        );
    }
    let iso = text.replace("Nov 21 14:31:53", "2023-11-14T23:13:20.5+01:00");
    assert_eq!(format.read(iso.as_bytes()).time, Some(Stamp { micros: T0 + 500_000, fine: true }));
}

#[test]
fn a_pattern_may_find_a_request_and_both_in_one() {
    let format = Format::pattern(r#"^(?P<addr>\S+) (?P<request>"[^"]*"|\S+) (?P<time>\S+)"#).unwrap();
    for (text, expected) in [
        ("10.0.0.9:41234 a\\x00b 1700000000.5 é", "192.0.2.7:51515 a\\x00b 1700000000.5 é"),
        ("[2001:db8::9]:41234 a\\x00b 1700000000.5 é", "192.0.2.7:51515 a\\x00b 1700000000.5 é"),
    ] {
        let line = format.read(text.as_bytes());
        assert_eq!(ports(&line), [41234]);
        assert_eq!(request(&line), Some("a.b"));
        assert_eq!(line.time, Some(Stamp { micros: T0 + 500_000, fine: true }));
        assert_eq!(given(&line, &CLIENT), expected);
        assert_eq!(given(&line, &PORTLESS), expected.replace(":51515", ""));
    }
    let six = Client { address: addr("2001:db8::7"), port: Some(51515) };
    assert_eq!(given(&format.read(b"10.0.0.9:41234 a 1"), &six), "[2001:db8::7]:51515 a 1");
    assert_eq!(given(&format.read(b"[2001:db8::9] a 1"), &six), "[2001:db8::7] a 1");
    assert_eq!(given(&format.read(b"2001:db8::9:4123 a 1"), &six), "2001:db8::7 a 1");
}

#[test]
fn a_pattern_finds_its_groups_among_any_bytes() {
    let format = Format::pattern(r"x.*(?<addr>10\.\d+\.\d+\.\d+)").unwrap();
    let line = format.read(b"x\xff\xfe10.0.0.9\xff");
    let mut out = Vec::new();
    line.write_for(&CLIENT, &mut out);
    assert_eq!(out, b"x\xff\xfe192.0.2.7\xff\n");
}

#[test]
fn groups_that_overlap_or_are_empty_change_nothing_twice() {
    let format = Format::pattern(r"(?<addr>\S+ (?<port>\d+))").unwrap();
    assert_eq!(given(&format.read(b"10.0.0.9 41234"), &CLIENT), "192.0.2.7");
    let format = Format::pattern(r"(?<addr>\d*)(?<port>\d*)").unwrap();
    assert_eq!(given(&format.read(b"x"), &CLIENT), "x");
    let format = Format::pattern(r"^(?<addr>\S*):(?<port>\d+)").unwrap();
    assert_eq!(given(&format.read(b":53"), &CLIENT), ":53");
}

#[test]
fn a_bad_pattern_is_told_in_one_line() {
    for (pattern, expected) in [
        (r"(?<addr>\S+", "bad regular expression: unclosed group, at its character 1"),
        (
            r"(?<addr>a{2,1})",
            "bad regular expression: invalid repetition count range, the start must be <= the end, at its character 10",
        ),
        ("(?<addr>a)\n(", "bad regular expression: unclosed group"),
        (
            r"(?<addr>\w{1000}{1000})",
            "bad regular expression: Compiled regex exceeds size limit of 10485760 bytes.",
        ),
        (r"^\S+", "the regular expression has no group (?<addr>...)"),
        (r"(\S+)", "the regular expression has no group (?<addr>...)"),
        (r"(?<addr>\S+) (?<prot>\d+)", "unknown group (?<prot>...): addr, port, request and time are known"),
        (
            r"(?<addr>a)(?<addr>b)",
            "bad regular expression: duplicate capture group name, at its character 14",
        ),
    ] {
        assert_eq!(Format::pattern(pattern).unwrap_err().to_string(), expected);
    }
}

#[test]
fn a_time_of_common_log_format_comes_out_in_utc() {
    let format = Format::pattern(r"^(?<addr>\S+) at (?<time>.*)$").unwrap();
    for (time, utc) in [
        ("14/Nov/2023:23:13:20 +0100", "14/Nov/2023:22:13:20 +0000"),
        // It says its zone.
        ("2023-11-14T23:13:20+01:00", "2023-11-14T23:13:20+01:00"),
    ] {
        let text = format!("10.0.0.9 at {time}");
        let line = format.read(text.as_bytes());
        assert_eq!(line.time.map(|time| time.micros), Some(T0));
        assert_eq!(in_utc(&line, &CLIENT), format!("192.0.2.7 at {utc}"));
        assert_eq!(given(&line, &CLIENT), format!("192.0.2.7 at {time}"));
    }
}

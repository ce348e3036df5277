//! Tests of the commands about servers' health, and of `peek`: what is read, and what is wrong.

use std::ops::RangeInclusive;

use proptest::prelude::*;

use super::{right, slot, wrong};
use crate::command::{
    AdminState, AgentCheck, Command, HealthChange, HealthCheck, Pace, Peek, Probe, RdpUsers, ServiceName,
    Toggle,
};
use crate::quoted::Quoted;

const USAGE: &str = "health CHECK [interval T] [timeout T] [rise N] [fall N] [port P]";

/// A check without options.
fn plain(probe: Probe) -> HealthCheck {
    HealthCheck {
        probe,
        port: None,
        pace: Pace { interval: 2, timeout: 2 },
        rise: HealthCheck::DEFAULT_RISE,
        fall: HealthCheck::DEFAULT_FALL,
    }
}

fn check(line: &str) -> HealthCheck {
    match right(line) {
        Command::Health(HealthChange::Check(check)) => check,
        other => panic!("{line}: {other:?}"),
    }
}

fn http(path: &str, host: Option<&str>, status: RangeInclusive<u16>, body: Option<&str>) -> Probe {
    let (path, host) = (path.to_owned(), host.map(str::to_owned));
    Probe::Http { path, host, status, body: body.map(Quoted::new) }
}

fn dialogue(send: Option<&[u8]>, expect: &[u8]) -> Probe {
    Probe::Dialogue { send: send.map(Quoted::new), expect: Quoted::new(expect) }
}

#[test]
fn every_check_is_read() {
    let tls = |name: Option<&str>| Probe::Tls { name: name.map(str::to_owned) };
    let dns = |name: &str| Probe::Dns { name: name.to_owned() };
    let exec = |command: &str| Probe::Exec { command: Quoted::new(command) };
    for (line, probe) in [
        ("health tcp", Probe::Tcp),
        ("health tls", tls(None)),
        ("health tls name www.example.com", tls(Some("www.example.com"))),
        ("health tls name _a.xn--bcher-kva.example", tls(Some("_a.xn--bcher-kva.example"))),
        ("health http /", http("/", None, 200..=399, None)),
        ("health http /a?b=\"c\"&d#e", http("/a?b=\"c\"&d#e", None, 200..=399, None)),
        ("health http / status 200", http("/", None, 200..=200, None)),
        ("health http / status 100-599", http("/", None, 100..=599, None)),
        ("health http / body ok", http("/", None, 200..=399, Some("ok"))),
        (
            "health http /x body \"all is well\" status 200-204 host www.example.com:8080",
            http("/x", Some("www.example.com:8080"), 200..=204, Some("all is well")),
        ),
        ("health http / host [::1]:80", http("/", Some("[::1]:80"), 200..=399, None)),
        ("health dns .", dns(".")),
        ("health dns www.example.com.", dns("www.example.com.")),
        ("health dns -_-.1", dns("-_-.1")),
        ("health rdp", Probe::Rdp),
        ("health expect SSH-", dialogue(None, b"SSH-")),
        ("health expect \"220 \"", dialogue(None, b"220 ")),
        ("health send PING expect PONG", dialogue(Some(b"PING"), b"PONG")),
        ("health send \"PING\\r\\n\"  expect\t\"+PONG\"", dialogue(Some(b"PING\r\n"), b"+PONG")),
        ("health send \"\\x00\\xff\\\"\\\\\\t\" expect expect", dialogue(Some(b"\0\xff\"\\\t"), b"expect")),
        ("health send expect expect \"#\"", dialogue(Some(b"expect"), b"#")),
        ("health send \"\" expect a", dialogue(Some(b""), b"a")),
        ("health exec /usr/local/bin/check", exec("/usr/local/bin/check")),
        (
            "health exec \"check --port $PEN_PORT | grep -q 'all well'\"",
            exec("check --port $PEN_PORT | grep -q 'all well'"),
        ),
    ] {
        assert_eq!(check(line), plain(probe), "{line}");
    }
}

#[test]
fn every_check_takes_the_options_of_all_in_any_order() {
    let checks =
        ["tcp", "tls", "http /", "dns a", "rdp", "send a expect b", "expect \"b c\"", "exec \"a b\""];
    for words in checks {
        let bare = check(&format!("health {words}"));
        for options in [
            "interval 1 timeout 86400 rise 1000 fall 1 port 65535",
            "port 65535 fall 1 rise 1000 timeout 86400 interval 1",
        ] {
            let read = check(&format!("health {words} {options}"));
            let pace = Pace { interval: 1, timeout: 86_400 };
            let expected = HealthCheck { pace, rise: 1000, fall: 1, port: Some(65_535), ..bare.clone() };
            assert_eq!(read, expected, "{words} {options}");
        }
    }
    let read = check("health http / fall 5 host a rise 4 status 200 port 8080 body \"b c\" timeout 3");
    let probe = http("/", Some("a"), 200..=200, Some("b c"));
    let pace = Pace { interval: 2, timeout: 3 };
    assert_eq!(read, HealthCheck { pace, rise: 4, fall: 5, port: Some(8080), ..plain(probe) });
    assert_eq!(check("health tls fall 5 name a").probe, Probe::Tls { name: Some("a".to_owned()) });
}

#[test]
fn agents_and_ends_are_read() {
    let agent = |port, interval, timeout| {
        Command::Health(HealthChange::Agent(AgentCheck { port, pace: Pace { interval, timeout } }))
    };
    for (line, command) in [
        ("health agent 1", agent(1, 2, 2)),
        ("health agent 8081 interval 5", agent(8081, 5, 2)),
        ("health agent 65535 timeout 1 interval 86400", agent(65_535, 86_400, 1)),
        ("no health", Command::Health(HealthChange::Neither)),
        ("no health agent", Command::Health(HealthChange::NoAgent)),
        ("drain 0", Command::Admin(slot(0), AdminState::Drain, Toggle::On)),
        ("no drain 9999", Command::Admin(slot(9999), AdminState::Drain, Toggle::Off)),
        ("maint 3", Command::Admin(slot(3), AdminState::Maint, Toggle::On)),
        ("no maint 3", Command::Admin(slot(3), AdminState::Maint, Toggle::Off)),
        ("no peek", Command::Peek(None)),
        ("peek sni", Command::Peek(Some(Peek::Sni))),
        ("peek rdp", Command::Peek(Some(Peek::Rdp(RdpUsers::default())))),
        (
            "peek rdp short fold",
            Command::Peek(Some(Peek::Rdp(RdpUsers { fold: true, nodomain: false, short: true }))),
        ),
        (
            "peek rdp fold nodomain short",
            Command::Peek(Some(Peek::Rdp(RdpUsers { fold: true, nodomain: true, short: true }))),
        ),
    ] {
        assert_eq!(right(line), command, "{line}");
    }
}

#[test]
fn they_may_be_for_one_service() {
    let web = ServiceName::new("web").unwrap();
    for line in ["health http / body \"a b\" rise 7", "no health agent", "maint 1", "no drain 1", "peek sni"]
    {
        let within = Command::Service(web.clone(), Some(Box::new(right(line))));
        assert_eq!(right(&format!("service web {line}")), within);
    }
}

#[test]
fn what_is_wrong_with_a_check_is_said() {
    const OPTIONS: &str = "interval, timeout, rise, fall or port is expected";
    const NO_NAME: &str = "a server's name, such as www.example.com, is expected";
    const NO_STATUS: &str = "a number from 100 to 599, or two with a hyphen between them, is expected";
    const NO_PATH: &str = "a path that begins with / and has only ASCII characters is expected";
    let long = "a".repeat(64);
    let longer = "a.".repeat(127);
    for (line, problem) in [
        ("health", "missing check, as in 'health tcp'".to_owned()),
        (
            "health ping",
            "bad check 'ping': tcp, tls, http, dns, rdp, send, expect, exec or agent is expected".to_owned(),
        ),
        ("health tcp fast", format!("unknown option 'fast': {OPTIONS}")),
        ("health tcp status 200", format!("unknown option 'status': {OPTIONS}")),
        ("health tls host a", format!("unknown option 'host': name, {OPTIONS}")),
        ("health http / name a", format!("unknown option 'name': host, status, body, {OPTIONS}")),
        ("health agent 1 rise 2", "unknown option 'rise': interval or timeout is expected".to_owned()),
        ("health tcp interval", "missing value of 'interval'".to_owned()),
        ("health http / body", "missing value of 'body'".to_owned()),
        ("health tcp interval 0", "bad interval '0': a number from 1 to 86400 is expected".to_owned()),
        ("health tcp timeout 86401", "bad timeout '86401': a number from 1 to 86400 is expected".to_owned()),
        ("health tcp rise 0", "bad rise '0': a number from 1 to 1000 is expected".to_owned()),
        ("health tcp fall 1001", "bad fall '1001': a number from 1 to 1000 is expected".to_owned()),
        ("health tcp port 0", "bad port '0': a number from 1 to 65535 is expected".to_owned()),
        ("health tcp port http", "bad port 'http': a number from 1 to 65535 is expected".to_owned()),
        ("health tcp interval 1 interval 1", "'interval' is given twice".to_owned()),
        ("health tcp port 1 rise 1 port 1", "'port' is given twice".to_owned()),
        ("health http / status 200 status 200", "'status' is given twice".to_owned()),
        ("health http / body a body a", "'body' is given twice".to_owned()),
        ("health tls name a name a", "'name' is given twice".to_owned()),
        ("health agent 1 timeout 1 timeout 1", "'timeout' is given twice".to_owned()),
        ("health tls name 10.0.0.1", format!("bad name '10.0.0.1': {NO_NAME}")),
        ("health tls name a.", format!("bad name 'a.': {NO_NAME}")),
        ("health tls name a..b", format!("bad name 'a..b': {NO_NAME}")),
        ("health tls name -a", format!("bad name '-a': {NO_NAME}")),
        ("health tls name ::1", format!("bad name '::1': {NO_NAME}")),
        ("health http", "missing path, as in 'http /'".to_owned()),
        ("health http www", format!("bad path 'www': {NO_PATH}")),
        ("health http \"/\"", format!("bad path '\"/\"': {NO_PATH}")),
        ("health http /é", format!("bad path '/é': {NO_PATH}")),
        (
            "health http / host a/b",
            "bad host 'a/b': letters, digits, '-', '.', '_', ':' and brackets are expected".to_owned(),
        ),
        ("health http / status ok", format!("bad status 'ok': {NO_STATUS}")),
        ("health http / status 99", format!("bad status '99': {NO_STATUS}")),
        ("health http / status 600", format!("bad status '600': {NO_STATUS}")),
        ("health http / status 300-200", format!("bad status '300-200': {NO_STATUS}")),
        ("health http / status 200-", format!("bad status '200-': {NO_STATUS}")),
        ("health http / status 200-300-400", format!("bad status '200-300-400': {NO_STATUS}")),
        ("health http / body \"\"", "an empty text is in every body: leave 'body' out".to_owned()),
        ("health dns", "missing name, as in 'dns www.example.com'".to_owned()),
        ("health dns ..", "bad name '..': a domain name is expected".to_owned()),
        ("health dns a/b", "bad name 'a/b': a domain name is expected".to_owned()),
        (&format!("health dns {long}"), format!("bad name '{long}': a domain name is expected")),
        (&format!("health dns {longer}a"), format!("bad name '{longer}a': a domain name is expected")),
        ("health send", "missing text, as in 'send TEXT expect TEXT'".to_owned()),
        ("health send a", "missing 'expect TEXT': what it has to answer".to_owned()),
        ("health send a b", "bad word 'b': expect is expected".to_owned()),
        ("health send a expect", "missing text, as in 'expect TEXT'".to_owned()),
        ("health send a expect \"\"", "an empty text is no answer: 'health tcp' expects none".to_owned()),
        ("health expect \"\"", "an empty text is no answer: 'health tcp' expects none".to_owned()),
        ("health expect", "missing text, as in 'expect TEXT'".to_owned()),
        ("health expect \"a", "no quote at the end of '\"a'".to_owned()),
        ("health expect \"a\"b", "no blank before 'b', behind a text in quotes".to_owned()),
        (
            "health expect \"\\q\"",
            "bad '\\q' in '\"\\q\"': \\n, \\r, \\t, \\\", \\\\ or \\xHH is expected".to_owned(),
        ),
        ("health exec", "missing command, as in 'exec /usr/local/bin/check'".to_owned()),
        ("health exec \"\"", "an empty command checks nothing".to_owned()),
        ("health exec \" \"", "an empty command checks nothing".to_owned()),
        ("health exec check me", format!("unknown option 'me': {OPTIONS}")),
        ("health exec \"a\\x00\"", "bad command \"a\\x00\": no command can hold the byte 0".to_owned()),
        ("health agent", "missing port, as in 'agent 8081'".to_owned()),
        ("health agent x", "bad port 'x': a number from 1 to 65535 is expected".to_owned()),
    ] {
        assert_eq!(wrong(line), format!("error: {problem}; usage: {USAGE}"));
    }
}

#[test]
fn what_is_wrong_with_the_others_is_said() {
    const PEEK: &str = "peek sni|rdp [fold] [nodomain] [short]";
    for (line, problem, usage) in [
        ("no health tcp", "bad check 'tcp': agent is expected", "no health [agent]"),
        ("no health agent 1", "superfluous word '1'", "no health [agent]"),
        ("drain", "missing slot", "drain N"),
        ("drain x", "bad slot 'x': a number from 0 to 9999 is expected", "drain N"),
        ("drain 1 2", "superfluous word '2'", "drain N"),
        ("no drain", "missing slot", "no drain N"),
        ("maint 10000", "bad slot '10000': a number from 0 to 9999 is expected", "maint N"),
        ("no maint 1 2", "superfluous word '2'", "no maint N"),
        ("fail_open yes", "superfluous word 'yes'", "fail_open"),
        ("no slow_start", "'slow_start' cannot be negated", "slow_start [T]"),
        ("peek", "missing protocol", PEEK),
        ("peek http", "bad protocol 'http': rdp or sni is expected", PEEK),
        ("peek sni fold", "superfluous word 'fold'", PEEK),
        ("peek rdp case", "unknown option 'case': fold, nodomain or short is expected", PEEK),
        ("peek rdp fold short fold", "'fold' is given twice", PEEK),
        ("no peek rdp", "superfluous word 'rdp'", "no peek"),
    ] {
        assert_eq!(wrong(line), format!("error: {problem}; usage: {usage}"));
    }
}

fn probe() -> impl Strategy<Value = Probe> {
    let text = || prop::collection::vec(any::<u8>(), 1..20).prop_map(Quoted::new);
    let name = || "[a-z][a-z0-9_]{0,9}(\\.[a-z][a-z0-9]{0,9}){0,3}";
    let statuses = (100..=599_u16, 100..=599_u16).prop_map(|(a, b)| a.min(b)..=a.max(b));
    let command = "[ -~]{0,20}[!-~]".prop_map(Quoted::new);
    prop_oneof![
        Just(Probe::Tcp),
        Just(Probe::Rdp),
        prop::option::of(name()).prop_map(|name| Probe::Tls { name }),
        ("/[!-~]{0,20}", prop::option::of(name()), statuses, prop::option::of(text()))
            .prop_map(|(path, host, status, body)| Probe::Http { path, host, status, body }),
        name().prop_map(|name| Probe::Dns { name }),
        (prop::option::of(text()), text()).prop_map(|(send, expect)| Probe::Dialogue { send, expect }),
        command.prop_map(|command| Probe::Exec { command }),
    ]
}

proptest! {
    #[test]
    fn a_check_that_is_written_is_read_as_it_was(
        probe in probe(), port in prop::option::of(1..=u16::MAX), interval in 1..=86_400_u32, timeout in 1..=86_400_u32,
        rise in 1..=1000_u32, fall in 1..=1000_u32,
    ) {
        let written = HealthCheck { probe, port, pace: Pace { interval, timeout }, rise, fall };
        prop_assert_eq!(check(&format!("health {written}")), written);
    }
}

use std::os::unix::ffi::OsStringExt;

use common::addr::Port;

use super::*;
use crate::address::DEFAULT_CONTROL;
use crate::report::Part;

fn run(words: &[&str], environment: Option<&str>) -> Result<Invocation, UsageError> {
    parse(words.iter().map(OsString::from), environment.map(OsString::from))
}

fn sent(words: &[&str], environment: Option<&str>) -> (ControlAddr, String) {
    match run(words, environment) {
        Ok(Invocation::Send { address, command }) => (address, command),
        other => panic!("{words:?}: {other:?}"),
    }
}

fn inet(host: &str, port: u16) -> ControlAddr {
    ControlAddr::Inet { host: host.parse().unwrap(), port: Port::Number(port) }
}

fn unix(path: &str) -> ControlAddr {
    ControlAddr::Unix(path.into())
}

#[test]
fn a_first_word_with_a_colon_or_a_slash_is_the_address() {
    assert_eq!(sent(&["www:8888", "mode"], None), (inet("www", 8888), "mode".into()));
    assert_eq!(sent(&["::1:8888", "mode"], None), (inet("::1", 8888), "mode".into()));
    assert_eq!(sent(&["[::1]:8888", "mode"], None), (inet("::1", 8888), "mode".into()));
    assert_eq!(sent(&["/run/a b", "mode"], None), (unix("/run/a b"), "mode".into()));
    assert_eq!(sent(&["/run/x", "mode"], Some("www:1")), (unix("/run/x"), "mode".into()));
}

#[test]
fn without_an_address_the_environment_names_it() {
    assert_eq!(sent(&["mode"], Some("www:8888")), (inet("www", 8888), "mode".into()));
    assert_eq!(sent(&["mode"], Some("8888")), (inet("127.0.0.1", 8888), "mode".into()));
    assert_eq!(sent(&["mode"], Some("")), (unix(DEFAULT_CONTROL), "mode".into()));
    assert_eq!(sent(&["mode"], None), (unix(DEFAULT_CONTROL), "mode".into()));
}

#[test]
fn words_are_joined_by_blanks() {
    assert_eq!(sent(&["www:1", "server", "0", "address", "::1"], None).1, "server 0 address ::1");
    assert_eq!(sent(&["server 0 address ::1"], None), (unix(DEFAULT_CONTROL), "server 0 address ::1".into()));
}

#[test]
fn what_follows_the_first_word_of_a_command_is_sent_as_it_is() {
    assert_eq!(sent(&["www:1", "close", "--help"], None).1, "close --help");
    assert_eq!(sent(&["servers", "--json"], None).1, "servers --json");
    assert_eq!(sent(&["server", "0", "address", "www:1"], None).1, "server 0 address www:1");
}

#[test]
fn help_and_version_come_first() {
    for (words, expected) in [
        (&["--help"][..], Invocation::Help),
        (&["www:1", "--help"], Invocation::Help),
        (&["--version", "x"], Invocation::Version),
        (&["--json", "--version"], Invocation::Version),
    ] {
        assert_eq!(run(words, None), Ok(expected));
    }
}

#[test]
fn a_form_stands_before_or_after_the_address() {
    let report = |part, form| {
        let subject = Subject { part, service: None };
        Ok(Invocation::Report { address: inet("www", 1), subject, form })
    };
    let servers = || report(Part::Servers, Form::Json);
    assert_eq!(run(&["--json", "www:1", "servers"], None), servers());
    assert_eq!(run(&["www:1", "--json", "servers"], None), servers());
    assert_eq!(run(&["--json", "servers"], Some("www:1")), servers());
    assert_eq!(run(&["--json", "www:1", "--json", "servers"], None), servers());
    assert_eq!(run(&["www:1", "--table", "recent", "5"], None), report(Part::Recent(5), Form::Table));
}

#[test]
fn an_address_alone_has_commands_read_and_top_is_penctls_own() {
    assert_eq!(run(&["www:1"], None), Ok(Invocation::Script { address: inet("www", 1) }));
    assert_eq!(run(&["www:1", "top"], None), Ok(Invocation::Top { address: inet("www", 1) }));
    assert_eq!(run(&["top"], Some("www:1")), Ok(Invocation::Top { address: inet("www", 1) }));
}

#[test]
fn a_kind_is_the_value_of_generate() {
    for words in [&["--generate", "complete-bash"][..], &["--generate=complete-bash", "x"]] {
        match run(words, None) {
            Ok(Invocation::Generate(kind)) => assert_eq!(kind.name, "complete-bash"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn every_wrong_command_line_is_explained() {
    let long = "x".repeat(MAX_LINE + 1);
    let options = "--json, --table, --generate, --help, --version are known";
    for (words, environment, error) in [
        (&[][..], None, "no command"),
        (&[], Some("www:1"), "no command"),
        (&["www:1", "", " "], None, "no command"),
        (&["--json", "www:1"], None, "no command"),
        (&["-x"], None, &*format!("unknown option '-x': {options}")),
        (&["www:1", "--jso"], None, &*format!("unknown option '--jso': {options}")),
        (&["--json=1", "servers"], None, "option '--json' takes no value"),
        (&["--table", "--json", "servers"], None, "--json and --table exclude each other"),
        (&["www:1", "top", "5"], None, "'top' takes no words: '5' is superfluous"),
        (
            &["--json", "www:1", "mode"],
            None,
            "--json goes with status, servers, recent, connections and services, not with 'mode'",
        ),
        (
            &["--table", "www:1", "top"],
            None,
            "--table goes with status, servers, recent, connections and services, not with 'top'",
        ),
        (
            &["--json", "status", "html"],
            None,
            "--json goes with 'status' alone: 'status html' names another form",
        ),
        (
            &["--json", "recent", "x"],
            None,
            "--json cannot show 'recent x': bad time 'x': a number from 0 to 31536000 is expected; usage: recent [T]",
        ),
        (&["www:1", "a\nb"], None, "the command contains a line break: one command is sent at a time"),
        (&["a\r"], None, "the command contains a line break: one command is sent at a time"),
        (&[&*long], None, "the command has 4096 bytes: 4095 are the most"),
        (
            &["www:99999", "mode"],
            None,
            "bad port '99999' in 'www:99999': a number from 0 to 65535 or a service name is expected",
        ),
        (&["a/b", "mode"], None, "bad port 'a/b': a number from 0 to 65535 or a service name is expected"),
        (
            &["mode"],
            Some("www:"),
            "$PEN_CONTROL: bad port '' in 'www:': a number from 0 to 65535 or a service name is expected",
        ),
    ] {
        assert_eq!(run(words, environment).unwrap_err().to_string(), error);
    }
    for (words, beginning) in [
        (&["--generate"][..], "option '--generate' needs a value: complete-bash, "),
        (&["--generate", "x"], "bad kind 'x' of --generate: complete-bash, "),
    ] {
        let error = run(words, None).unwrap_err().to_string();
        assert!(error.starts_with(beginning), "{error}");
    }
    let error = parse([OsString::from_vec(b"a\xff".to_vec())], None).unwrap_err();
    assert_eq!(error.to_string(), "\"a\\xFF\" is not UTF-8 text");
}

#[test]
fn the_longest_command_is_sent() {
    let longest = "x".repeat(MAX_LINE);
    assert_eq!(sent(&[&longest], None).1, longest);
}

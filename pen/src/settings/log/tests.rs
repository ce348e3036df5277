use std::time::Duration;

use common::command::ServiceName;

use super::*;
use crate::engine::time::Tick;
use crate::settings::draft::Stage;
use crate::settings::testing::{ChangingNames, draft, environment_with, initial_settings, next, run, say};
use crate::settings::{Service, file};

/// Far more than any test needs, so that only a hang reaches it.
const LIMIT: Duration = Duration::from_mins(1);

fn answers(draft: &mut Draft, lines: &[(&str, &str)]) {
    for (line, expected) in lines {
        let outcome = say(draft, line).unwrap();
        let answer = if let Outcome::Answer(answer) = outcome { answer } else { String::new() };
        assert_eq!(answer, *expected, "{line}");
    }
}

/// Opens a file for the service's log, as its publication does.
fn open(draft: &mut Draft) -> RequestLog {
    let target = draft.service_mut().log.as_mut().unwrap();
    let log = RequestLog::open(&target.destination()).unwrap();
    target.log = Some(log.clone());
    log
}

fn is_open(draft: &Draft, log: &RequestLog) -> bool {
    draft.service().request_log().is_some_and(|current| current.is(log))
}

fn address(service: &Service) -> String {
    service.log.as_ref().unwrap().place.address().unwrap().to_string()
}

#[test]
fn the_log_is_set_told_and_taken_away() {
    let mut draft = draft(Stage::Live);
    answers(
        &mut draft,
        &[
            ("log", ""),
            ("log /var/log/pen", "/var/log/pen"),
            ("log", "/var/log/pen"),
            ("log /var/log/pen connections", "/var/log/pen connections"),
            ("log www1:syslog", "www1:syslog"),
            ("log ::1:10000 connections", "::1:10000 connections"),
            ("log", "::1:10000 connections"),
            ("no log", ""),
            ("log", ""),
        ],
    );
    assert!(draft.service().log.is_none());
}

#[test]
fn the_same_log_stays_open_whatever_it_records() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let line = format!("log {}", path.display());
    for (line, other) in [(line.as_str(), "log /another"), ("log 127.0.0.1:9", "log 127.0.0.1:10")] {
        let mut draft = draft(Stage::Start);
        run(&mut draft, &[line]);
        let log = open(&mut draft);
        for again in [line, &format!("{line} connections"), line] {
            run(&mut draft, &[again]);
            assert!(is_open(&draft, &log), "{again}");
        }
        run(&mut draft, &[other]);
        assert!(draft.service().request_log().is_none());
    }
}

#[test]
fn a_penlogd_must_have_an_address_and_a_port() {
    let mut draft = draft(Stage::Start);
    for (line, error) in [
        ("log nonesuch:10000", "unknown host 'nonesuch': not in the table"),
        ("log www1:gopher", "unknown port 'gopher': not in the table"),
        ("log www1:nowhere", "bad port 'nowhere': a penlogd's port is from 1 to 65535"),
    ] {
        assert_eq!(say(&mut draft, line), Err(error.to_owned()));
    }
    assert!(draft.service().log.is_none());
}

/// A draft of a pen whose log goes to `loghost:9`, and the names that it asks.
fn with_names(addresses: &[&str]) -> (Draft, ChangingNames) {
    let names = ChangingNames::default();
    names.set("loghost", addresses);
    let environment = environment_with(names.clone(), false);
    let mut draft = Draft::new(initial_settings(), Stage::Start, environment);
    run(&mut draft, &["log loghost:9"]);
    (draft, names)
}

#[test]
fn a_name_that_is_said_again_keeps_its_address_while_it_has_it() {
    let (mut draft, names) = with_names(&["10.0.0.1"]);
    for (addresses, expected) in [
        (["10.0.0.2", "10.0.0.1"], "10.0.0.1:9"),
        (["10.0.0.2", "10.0.0.3"], "10.0.0.2:9"),
        (["10.0.0.3", "10.0.0.2"], "10.0.0.2:9"),
    ] {
        names.set("loghost", &addresses);
        draft = next(draft);
        run(&mut draft, &["log loghost:9"]);
        assert_eq!(address(draft.service()), expected);
    }
}

#[test]
fn a_file_that_names_a_penlogd_again_looks_nothing_up() {
    let (draft, names) = with_names(&["10.0.0.1"]);
    let mut draft = next(draft);
    names.set("loghost", &[]);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "log loghost:9 connections\n").unwrap();
    file::read(file.path(), &mut draft).unwrap();
    assert_eq!(address(draft.service()), "10.0.0.1:9");
}

#[test]
fn a_penlogd_whose_name_has_another_address_is_followed_and_an_answer_that_fails_changes_nothing() {
    let penlogd = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    penlogd.set_read_timeout(Some(LIMIT)).unwrap();
    let port = penlogd.local_addr().unwrap().port();
    let names = ChangingNames::default();
    names.set("loghost", &["127.0.0.2"]);
    let mut draft = Draft::new(initial_settings(), Stage::Start, environment_with(names, false));
    run(&mut draft, &["service web listen 127.0.0.1:0", &format!("service web log loghost:{port}")]);
    let web = ServiceName::new("web").unwrap();
    let log = draft.speaking_of(&web, |draft| Ok(open(draft))).unwrap();
    let host: Host = "loghost".parse().unwrap();
    assert_eq!(names_of(&draft), std::slice::from_ref(&host));

    let failed = Answers::from([(host.clone(), Err("unknown host".to_owned()))]);
    assert!(take_in(&mut draft, &failed).is_empty());
    let same = Answers::from([(host.clone(), Ok(vec!["127.0.0.2:0".parse().unwrap()]))]);
    assert!(take_in(&mut draft, &same).is_empty());
    let moved = Answers::from([(host, Ok(vec!["127.0.0.1:0".parse().unwrap()]))]);
    let moves: Vec<String> = take_in(&mut draft, &moved).iter().map(ToString::to_string).collect();
    assert_eq!(moves, ["the request log of web: loghost is now at 127.0.0.1"]);

    let (settings, effects) = draft.finish().unwrap();
    let web = settings.services.find("web").unwrap();
    assert_eq!(address(settings.service(web)), format!("127.0.0.1:{port}"));
    for effect in effects {
        effect.happen(Tick(0));
    }
    log.record(crate::request_log::testing::request("GET /"));
    let mut datagram = [0; 100];
    let length = penlogd.recv(&mut datagram).unwrap();
    assert_eq!(&datagram[..length], b"+ ::1 10.0.0.1 GET /\n");
}

fn names_of(draft: &Draft) -> Vec<Host> {
    names(draft.settings()).collect()
}

#[test]
fn addresses_are_never_looked_up() {
    let mut draft = draft(Stage::Start);
    run(&mut draft, &["log 127.0.0.1:9", "service web", "log ::1:9"]);
    assert!(names_of(&draft).is_empty());
}

use std::path::PathBuf;
use std::sync::Arc;

use common::addr::Port;

use super::*;
use crate::settings::DEFAULT_SERVICE;
use crate::settings::testing::{draft, environment, initial_settings, next, run, say};

fn answer(text: &str) -> Outcome {
    Outcome::Answer(text.to_owned())
}

/// Says each line to a draft of its predecessor's, and compares the answer; an empty one stands for `Done`.
fn converse(mut draft: Draft, lines: &[(&str, &str)]) -> Draft {
    for (line, text) in lines {
        draft = next(draft);
        let expected = if text.is_empty() { Outcome::Done } else { answer(text) };
        assert_eq!(say(&mut draft, line), Ok(expected), "{line}");
    }
    draft
}

/// What a line changes, as the lines that are new in the settings' debug form.
fn changes(line: &str) -> String {
    let mut draft = draft(Stage::Live);
    let text = |draft: &Draft| format!("{:#?}", draft.settings());
    let before = text(&draft);
    run(&mut draft, &[line]);
    let after = text(&draft);
    assert_eq!(before.lines().count(), after.lines().count(), "{line}");
    let changed = before.lines().zip(after.lines()).filter(|(before, after)| before != after);
    changed.map(|(_, after)| after.trim().trim_end_matches(',')).collect::<Vec<_>>().join(" ")
}

#[test]
fn numbers_answer_what_they_are_when_asked_and_most_of_them_when_set() {
    converse(
        draft(Stage::Live),
        &[
            ("blacklist", "30"),
            ("blacklist 60", "60"),
            ("blacklist", "60"),
            ("clients_max", "2048"),
            ("clients_max 3000", "3000"),
            ("conn_max", "500"),
            ("conn_max 501", "501"),
            ("debug", "0"),
            ("debug 2", "2"),
            ("debug", "2"),
            ("idle_timeout", "Idle timeout: 0 seconds"),
            ("idle_timeout 90", "Idle timeout: 90 seconds"),
            ("timeout", "5"),
            ("timeout 7", "7"),
            ("timeout", "7"),
            ("tracking", "0"),
            ("tracking 3600", "3600"),
            ("tracking", "3600"),
            ("backlog", "500"),
            ("backlog 600", ""),
            ("backlog", "600"),
            ("multi_accept", "100"),
            ("multi_accept 1", ""),
            ("multi_accept", "1"),
            ("pending_max", "100"),
            ("pending_max 9", ""),
            ("pending_max", "9"),
            ("slow_start", "0"),
            ("slow_start 60", ""),
            ("slow_start", "60"),
            ("shutdown_timeout", "0"),
            ("shutdown_timeout 8", ""),
            ("shutdown_timeout", "8"),
            ("udp_requests", "0"),
            ("udp_requests 1", ""),
            ("udp_requests", "1"),
            ("udp_responses", "0"),
            ("udp_responses 2", ""),
            ("udp_responses", "2"),
            ("udp_timeout", "30"),
            ("udp_timeout 3", ""),
            ("udp_timeout", "3"),
        ],
    );
}

#[test]
fn each_command_changes_its_own_setting_and_no_other() {
    let table = [
        ("abort_on_error", "abort_on_error: true"),
        ("ascii", "ascii: true"),
        ("dummy", "dummy: true"),
        ("no fail_open", "fail_open: false"),
        ("fail_open", ""),
        ("no health", ""),
        ("no peek", ""),
        ("hash", "hash: true"),
        ("hash_only", "hash_only: true"),
        ("keepalive", "keepalive: true"),
        ("prio", "prio: true"),
        ("roundrobin", "roundrobin: true"),
        ("stubborn", "stubborn: true"),
        ("no tcp_nodelay", "tcp_nodelay: false"),
        ("transparent", "transparent: true"),
        ("udp", "udp: true"),
        ("udp_requests 1", "udp_requests: 1"),
        ("udp_responses 1", "udp_responses: 1"),
        ("udp_timeout 1", "udp_timeout: 1"),
        ("weight", "weight: true"),
        ("debug 1", "debug: 1"),
        ("shutdown_timeout 1", "shutdown_timeout: 1"),
        ("backlog 50", "backlog: 50"),
        ("blacklist 1", "blacklist: 1"),
        ("clients_max 4096", "clients_max: 4096"),
        ("conn_max 4096", "conn_max: 4096"),
        ("idle_timeout 1", "idle_timeout: 1"),
        ("multi_accept 1", "multi_accept: 1"),
        ("pending_max 1", "pending_max: 1"),
        ("slow_start 1", "slow_start: 1"),
        ("timeout 1", "timeout: 1"),
        ("tracking 1", "tracking: 1"),
        ("client_acl 3", "client_acl: 3"),
        ("control_acl 4", "control_acl: 4"),
        ("tcp_fastclose up", "fast_close: Up"),
        ("tcp_fastclose down", "fast_close: Down"),
        ("tcp_fastclose both", "fast_close: Both"),
        ("no source", ""),
        ("no log", ""),
        ("no web_stats", ""),
        ("no hash", ""),
        ("epoll", ""),
        ("no delayed_forward", ""),
    ];
    for (line, change) in table {
        assert_eq!(changes(line), change, "{line}");
    }
}

#[test]
fn a_switch_is_turned_off_again_by_no() {
    for switch in
        ["abort_on_error", "ascii", "dummy", "hash", "hash_only", "keepalive", "prio", "stubborn", "udp"]
    {
        let mut draft = draft(Stage::Start);
        let before = format!("{:?}", draft.settings());
        run(&mut draft, &[switch]);
        assert_ne!(format!("{:?}", draft.settings()), before);
        run(&mut draft, &[&format!("no {switch}")]);
        assert_eq!(format!("{:?}", draft.settings()), before);
    }
}

#[test]
fn the_modes_are_told_on_one_line() {
    converse(
        draft(Stage::Start),
        &[
            ("mode", "no hash no roundrobin no stubborn no weight no prio"),
            ("roundrobin", ""),
            ("stubborn", ""),
            ("prio", ""),
            ("mode", "no hash roundrobin stubborn no weight prio"),
            ("hash", ""),
            ("weight", ""),
            ("no stubborn", ""),
            ("mode", "hash roundrobin no stubborn weight prio"),
        ],
    );
}

#[test]
fn questions_change_nothing() {
    let questions = [
        "backlog",
        "client_acl",
        "clients_max",
        "close 1",
        "connection 1",
        "connections",
        "control",
        "control_acl",
        "debug",
        "exit",
        "help",
        "help mode",
        "idle_timeout",
        "include /some/file",
        "listen",
        "log",
        "mode",
        "pid",
        "poll",
        "recent",
        "servers",
        "socket 3",
        "status",
        "threads",
        "web_stats",
    ];
    for question in questions {
        let mut draft = draft(Stage::Live);
        run(&mut draft, &[question]);
        assert!(draft.finish().is_none(), "{question}");
    }
}

#[test]
fn what_is_no_setting_is_handed_on() {
    let close = say(&mut draft(Stage::Live), "close 5");
    assert_eq!(close, Ok(Outcome::Action(Action::Close(5))));
    let include = say(&mut draft(Stage::Live), "include /etc/pen with blanks.cfg");
    assert_eq!(include, Ok(Outcome::Action(Action::Include("/etc/pen with blanks.cfg".into()))));
}

#[test]
fn exit_needs_to_be_enabled() {
    let mut disabled = draft(Stage::Live);
    assert_eq!(say(&mut disabled, "exit"), Ok(answer("Exit is not enabled; restart with -X flag")));
    let mut enabled = Draft::new(initial_settings(), Stage::Live, environment(true));
    assert_eq!(say(&mut enabled, "exit"), Ok(Outcome::Action(Action::Exit)));
}

#[test]
fn pen_tells_its_process_and_its_control_address() {
    let mut draft = draft(Stage::Live);
    assert_eq!(say(&mut draft, "pid"), Ok(answer(&std::process::id().to_string())));
    assert_eq!(say(&mut draft, "control"), Ok(answer("")));
    draft.environment.control.set("localhost:10080".to_owned()).unwrap();
    assert_eq!(say(&mut draft, "control"), Ok(answer("localhost:10080")));
}

#[test]
fn help_is_the_tables() {
    let mut draft = draft(Stage::Live);
    assert_eq!(say(&mut draft, "help"), Ok(answer(&command::help())));
    let mode = command::Row::find("mode").unwrap();
    assert_eq!(say(&mut draft, "help mode"), Ok(answer(&mode.help())));
}

#[test]
fn the_defaults_are_those_that_the_table_tells() {
    let mut compared = 0;
    for row in command::FAMILIES.iter().flat_map(|family| family.rows) {
        let Some(default) = row.default().filter(|_| row.args.starts_with('[')) else { continue };
        if let Ok(Outcome::Answer(told)) = say(&mut draft(Stage::Live), row.name) {
            assert!(told.split([' ', '/']).any(|word| word == default), "{}: {told}", row.name);
            compared += 1;
        }
    }
    assert!(compared > 15, "{compared}");
}

#[test]
fn running_tables_are_never_cut_down() {
    let lines = [("conn_max 100", "500"), ("clients_max 9", "2048"), ("conn_max 600", "600")];
    converse(draft(Stage::Live), &lines);
    let mut start = draft(Stage::Start);
    assert_eq!(say(&mut start, "conn_max 100"), Ok(answer("100")));
    assert_eq!(say(&mut start, "clients_max 9"), Ok(answer("9")));
}

#[test]
fn threads_are_for_the_start() {
    let mut start = draft(Stage::Start);
    assert_eq!(say(&mut start, "threads"), Ok(answer("auto")));
    assert_eq!(say(&mut start, "threads 3"), Ok(answer("3")));
    assert_eq!(start.settings().process.threads, Threads::Exactly(3));
    let mut live = next(start);
    assert_eq!(say(&mut live, "threads"), Ok(answer("3")));
    assert_eq!(say(&mut live, "threads 3"), Ok(answer("3")));
    let refused = "threads can only be set at start: restart pen with it in the -F file".to_owned();
    assert_eq!(say(&mut live, "threads 4"), Err(refused.clone()));
    assert_eq!(say(&mut live, "threads auto"), Err(refused));
    assert!(live.finish().is_none());
}

#[test]
fn the_access_lists_in_use_are_told() {
    let draft = converse(
        draft(Stage::Live),
        &[
            ("client_acl", "0"),
            ("client_acl 9", "9"),
            ("client_acl", "9"),
            ("control_acl", "0"),
            ("control_acl 2", "2"),
            ("control_acl", "2"),
        ],
    );
    assert_eq!((draft.service().client_acl, draft.settings().process.control_acl), (9, 2));
}

#[test]
fn the_source_address_is_set_and_taken_back() {
    let mut draft = draft(Stage::Live);
    for (line, source) in
        [("source 192.0.2.1", Some("192.0.2.1")), ("source ::1", Some("::1")), ("no source", None)]
    {
        assert_eq!(say(&mut draft, line), Ok(Outcome::Done));
        assert_eq!(draft.service().source, source.map(|source| source.parse().unwrap()));
    }
}

#[test]
fn a_later_check_takes_the_place_of_an_earlier_one_and_the_agent_stands_beside_it() {
    let mut draft = draft(Stage::Live);
    let mut health = |line: &str| {
        assert_eq!(say(&mut draft, line), Ok(Outcome::Done), "{line}");
        let health = &draft.service().health;
        (health.check.as_ref().map(|check| check.probe.word()), health.agent.map(|agent| agent.port))
    };
    for (line, expected) in [
        ("health tcp", (Some("tcp"), None)),
        ("health agent 1", (Some("tcp"), Some(1))),
        ("health http /", (Some("http"), Some(1))),
        ("health agent 2", (Some("http"), Some(2))),
        ("no health agent", (Some("http"), None)),
        ("no health agent", (Some("http"), None)),
        ("health agent 3", (Some("http"), Some(3))),
        ("no health", (None, None)),
        ("health agent 4", (None, Some(4))),
    ] {
        assert_eq!(health(line), expected, "{line}");
    }
}

#[test]
fn an_option_that_is_not_said_again_has_its_default_again() {
    let mut draft = draft(Stage::Live);
    run(&mut draft, &["health tcp rise 9 port 7", "health tcp fall 9"]);
    let check = draft.service().health.check.clone().unwrap();
    assert_eq!((check.rise, check.fall, check.port), (2, 9, None));
}

#[test]
fn what_first_bytes_decide_is_set_and_taken_back() {
    let mut draft = draft(Stage::Live);
    for (line, peek) in [("peek sni", Some("sni")), ("peek rdp short", Some("rdp short")), ("no peek", None)]
    {
        assert_eq!(say(&mut draft, line), Ok(Outcome::Done));
        assert_eq!(draft.service().peek.map(|peek| peek.to_string()).as_deref(), peek, "{line}");
    }
}

#[test]
fn the_status_file_is_set_told_and_taken_away() {
    let mut draft = converse(
        draft(Stage::Live),
        &[("web_stats", ""), ("web_stats /tmp/pen.html", "/tmp/pen.html"), ("web_stats", "/tmp/pen.html")],
    );
    assert_eq!(draft.settings().process.web_stats, Some(PathBuf::from("/tmp/pen.html")));
    assert_eq!(say(&mut draft, "no web_stats"), Ok(Outcome::Done));
    assert_eq!(draft.settings().process.web_stats, None);
}

#[test]
fn listening_addresses_are_looked_up_and_kept_as_written() {
    let mut draft = draft(Stage::Live);
    assert_eq!(
        say(&mut draft, "listen www1:http [::1]:0 8080 /run/pen"),
        Ok(Outcome::ListeningAddresses(DEFAULT_SERVICE))
    );
    let listen: Vec<_> =
        draft.service().listen.iter().map(|on| (on.asked.to_string(), on.text.clone())).collect();
    let expected = [
        ("10.0.0.1:80", "www1:http"),
        ("[::1]:0", "[::1]:0"),
        ("0.0.0.0:8080", "8080"),
        ("/run/pen", "/run/pen"),
    ];
    assert_eq!(listen, expected.map(|(asked, text)| (asked.to_owned(), text.to_owned())));
    assert_eq!(say(&mut draft, "listen"), Ok(Outcome::ListeningAddresses(DEFAULT_SERVICE)));
    assert_eq!(draft.service().listen.len(), 4);
}

#[test]
fn where_nothing_can_listen_is_an_error_that_changes_nothing() {
    let mut draft = draft(Stage::Live);
    let unknown_host = "unknown host 'nonesuch': not in the table".to_owned();
    assert_eq!(say(&mut draft, "listen 8080 nonesuch:80"), Err(unknown_host));
    let unknown_port = "unknown port 'gopher': not in the table".to_owned();
    assert_eq!(say(&mut draft, "listen gopher"), Err(unknown_port));
    assert!(draft.finish().is_none());
}

#[test]
fn servers_without_a_port_take_the_first_fixed_one_that_pen_listens_on() {
    let mut draft = draft(Stage::Start);
    assert_eq!(draft.service().listening_port(), None);
    run(&mut draft, &["listen /run/pen 127.0.0.1:0 8080 8081"]);
    assert_eq!(draft.service().listening_port(), Some(Port::Number(8080)));
}

#[test]
fn what_is_counted_outlives_every_change() {
    let draft = draft(Stage::Live);
    let state = Arc::clone(&draft.service().state);
    let changed = converse(draft, &[("hash", ""), ("conn_max 600", "600"), ("client_acl 1", "1")]);
    assert!(Arc::ptr_eq(&changed.service().state, &state));
}

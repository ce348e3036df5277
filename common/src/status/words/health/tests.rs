use super::*;
use crate::status::LimitsStatus;

fn server(state: ServerState) -> ServerStatus {
    ServerStatus { state, admin: "ready".into(), ..ServerStatus::default() }
}

fn checked(up: bool, since: u64) -> CheckStatus {
    CheckStatus {
        kind: "http".into(),
        up,
        since,
        reason: Some("status 500 where 200-399 is expected".to_owned()),
        took: 0.0025,
        passed: 40,
        failed: 3,
        changes: 1,
    }
}

fn asked(word: &'static str, share: u32) -> AgentStatus {
    AgentStatus { word: word.into(), since: 20, share: Share(share), max: None, reason: None, trouble: None }
}

/// The state, and why.
fn told(server: &ServerStatus) -> (String, Option<String>) {
    (state(server), why(server))
}

fn words(state: &str, why: Option<&str>) -> (String, Option<String>) {
    (state.to_owned(), why.map(str::to_owned))
}

#[test]
fn a_server_that_nobody_checks_is_told_in_a_word() {
    for (state, word) in [
        (ServerState::Up, "up"),
        (ServerState::Draining, "draining"),
        (ServerState::Maintenance, "maintenance"),
        (ServerState::Down, "down"),
        (ServerState::Blacklisted { blacklisted_seconds: 23 }, "blacklisted 23s"),
        (ServerState::Empty, "empty"),
        (ServerState::Unknown, "unknown"),
    ] {
        assert_eq!(told(&server(state)), words(word, None));
        assert_eq!(remarks(&server(state)), Vec::<String>::new());
    }
}

#[test]
fn a_check_tells_since_when_and_why() {
    let up = ServerStatus { check: Some(checked(true, 183_600)), ..server(ServerState::Up) };
    assert_eq!(told(&up), words("up 2 d 3 h", None));
    let reason = "http check: status 500 where 200-399 is expected";
    let down = ServerStatus { check: Some(checked(false, 303)), ..server(ServerState::Down) };
    assert_eq!(told(&down), words("down 5 min 3 s", Some(reason)));
    let counts = "checks so far: 40 passed, 3 failed, changes: 1";
    assert_eq!(remarks(&down), [format!("down 5 min 3 s: {reason}"), counts.to_owned()]);
    assert_eq!(remarks(&up), [format!("{counts}, the latest failure: status 500 where 200-399 is expected")]);
    let flawless = CheckStatus { up: true, passed: 9, ..CheckStatus::default() };
    let flawless = ServerStatus { check: Some(flawless), ..server(ServerState::Up) };
    assert_eq!(remarks(&flawless), Vec::<String>::new());
}

#[test]
fn a_state_that_the_check_knows_nothing_of_has_no_beginning() {
    // What was read a moment apart need not fit.
    for state in [ServerState::Up, ServerState::Maintenance, ServerState::Draining] {
        let server = ServerStatus { check: Some(checked(false, 303)), ..server(state) };
        assert_eq!(told(&server), words(state.word(), None));
    }
    let down = ServerStatus { check: Some(checked(true, 303)), ..server(ServerState::Down) };
    assert_eq!(told(&down), words("down", None));
}

#[test]
fn what_an_agent_decides_is_told_as_its_decision() {
    let by_agent = Some("by its agent");
    for (state, word, told_state) in [
        (ServerState::Down, "down", "down 20 s"),
        (ServerState::Maintenance, "maint", "maintenance 20 s"),
        (ServerState::Draining, "drain", "draining 20 s"),
    ] {
        let server = ServerStatus { agent: Some(asked(word, 100)), ..server(state) };
        assert_eq!(told(&server), words(told_state, by_agent));
        let reason = Some("backup until 3".to_owned());
        let agent = Some(AgentStatus { reason, ..asked(word, 100) });
        let because = Some("by its agent: backup until 3");
        assert_eq!(told(&ServerStatus { agent, ..server }), words(told_state, because));
    }
    let full =
        ServerStatus { agent: Some(asked("ready", 0)), share: Share(0), ..server(ServerState::Draining) };
    assert_eq!(told(&full), words("draining 20 s", by_agent));
    for (state, admin) in [(ServerState::Maintenance, "maint"), (ServerState::Draining, "drain")] {
        let server = ServerStatus { agent: Some(asked("ready", 100)), admin: admin.into(), ..server(state) };
        let (admin_since, by_administrator) = (Some(61), Some("by the administrator"));
        assert_eq!(
            told(&server),
            words(state.word(), by_administrator),
            "of a pen that does not tell since when"
        );
        let server = ServerStatus { admin_since, ..server };
        assert_eq!(told(&server), words(&format!("{} 1 min 1 s", state.word()), by_administrator));
    }
    let both = ServerStatus {
        agent: Some(asked("down", 100)),
        check: Some(checked(false, 303)),
        ..server(ServerState::Down)
    };
    let reasons = "http check: status 500 where 200-399 is expected, by its agent";
    assert_eq!(told(&both), words("down 5 min 3 s", Some(reasons)));
}

#[test]
fn a_part_of_its_share_is_told_with_whose_decision_it_is() {
    let with = |agent, share| ServerStatus { agent, share: Share(share), ..server(ServerState::Up) };
    assert_eq!(why(&with(None, 100)), None);
    assert_eq!(why(&with(None, 40)).as_deref(), Some("40 % (slow start)"));
    assert_eq!(why(&with(Some(asked("ready", 35)), 35)).as_deref(), Some("35 % by its agent"));
    assert_eq!(
        why(&with(Some(asked("ready", 35)), 14)).as_deref(),
        Some("14 % (35 % by its agent, slow start)")
    );
    assert_eq!(remarks(&with(None, 40)), ["up, 40 % (slow start)"]);
    let mut limited = with(Some(asked("ready", 35)), 35);
    limited.agent.as_mut().unwrap().max = Some(10);
    assert_eq!(remarks(&limited), ["up, 35 % by its agent, at most 10 connections by its agent"]);
}

#[test]
fn an_agent_that_says_nothing_is_told() {
    let mut silent = asked("ready", 35);
    assert_eq!(agent(&silent), "ready, 35 %");
    silent.trouble = Some("no answer in time".to_owned());
    assert_eq!(agent(&silent), "no answer: no answer in time");
    let server = ServerStatus { agent: Some(silent), share: Share(35), ..server(ServerState::Up) };
    assert_eq!(remarks(&server), ["up, 35 % by its agent", "its agent gives no answer: no answer in time"]);
}

#[test]
fn a_service_tells_of_health_only_what_it_has() {
    assert_eq!(health(&ServiceStatus { fail_open: true, ..ServiceStatus::default() }), []);
    let service = ServiceStatus {
        check: Some("tcp interval 2 timeout 2 rise 2 fall 3".to_owned()),
        agent: Some("agent 7777 interval 5 timeout 2".to_owned()),
        fail_open: true,
        failed_open: 9,
        peek: Some("rdp fold".to_owned()),
        limits: LimitsStatus { slow_start: 90, ..LimitsStatus::default() },
        servers: vec![
            ServerStatus { check: Some(checked(true, 3)), ..server(ServerState::Up) },
            ServerStatus { check: Some(checked(false, 3)), ..server(ServerState::Down) },
            server(ServerState::Empty),
        ],
        users_known: 2,
        ..ServiceStatus::default()
    };
    let expected = [
        ("check", "tcp interval 2 timeout 2 rise 2 fall 3"),
        ("checks", "80 passed, 6 failed, changes: 2"),
        ("agent", "7777 interval 5 timeout 2"),
        ("fail open", "on, 9 connections to servers that were down"),
        ("slow start", "1 min 30 s"),
        ("peek", "rdp fold"),
        ("users", "2 remembered"),
    ];
    assert_eq!(health(&service), expected.map(|(name, text)| (name, text.to_owned())));
    let off = ServiceStatus { failed_open: 9, ..ServiceStatus::default() };
    assert_eq!(health(&off), [("fail open", "off, 9 connections to servers that were down".to_owned())]);
}

#[test]
fn short_times_have_their_digits_where_they_count() {
    for (seconds, told) in [
        (0.0, "0.0 ms"),
        (0.00042, "0.4 ms"),
        (0.0254, "25 ms"),
        (0.9994, "999 ms"),
        (1.5, "1.5 s"),
        (62.0, "62.0 s"),
    ] {
        assert_eq!(Took(seconds).to_string(), told);
    }
}

#[test]
fn a_user_was_here_or_is() {
    assert_eq!(user_seen(&UserStatus { age: 61, ..UserStatus::default() }), "1 min 1 s ago");
    assert_eq!(user_seen(&UserStatus { open: 2, ..UserStatus::default() }), "2 open");
}

//! What is told of a server's health: from its settings, and from what checks and its agent have said.

use common::command::AdminState;
use common::status::{AgentStatus, CheckStatus, Name, ServerState, Share};

use crate::engine::health::{AgentRecord, Condition, Record};
use crate::engine::servers::{Server, Standing};
use crate::engine::time::Tick;

/// How a server is, as far as clients are concerned.
pub fn state(server: &Server, now: Tick) -> ServerState {
    let (state, fitness) = (&server.state, &server.state.fitness);
    if server.admin == AdminState::Maint || !fitness.admits(Standing::Returning) {
        return ServerState::Maintenance;
    }
    if fitness.is_down() {
        return ServerState::Down;
    }
    if let Some(left) = state.blacklisted(now) {
        // Rounded up: what is left alone for another half second is not up yet.
        let blacklisted_seconds = left.as_secs() + u64::from(left.subsec_millis() > 0);
        return ServerState::Blacklisted { blacklisted_seconds };
    }
    if server.admin == AdminState::Drain || !fitness.admits(Standing::New) {
        return ServerState::Draining;
    }
    ServerState::Up
}

/// What the administrator wants, by the names of the commands.
pub fn admin(server: &Server) -> Name {
    Name::Borrowed(match server.admin {
        AdminState::Ready => "ready",
        AdminState::Drain => "drain",
        AdminState::Maint => "maint",
    })
}

/// The part of its share in new clients that it gets; `slow_start` in seconds.
pub fn share(server: &Server, slow_start: u32, now: Tick) -> Share {
    Share(server.state.fitness.share(slow_start, now))
}

/// What is told of a server, and since when.
#[derive(Debug, PartialEq)]
pub struct Told {
    /// For how many seconds the administrator has wanted it drained or in maintenance, if that is so.
    pub admin_since: Option<u64>,
    /// What checks say.
    pub check: Option<CheckStatus>,
    /// What the agent says.
    pub agent: Option<AgentStatus>,
}

/// What is told of a server. `kind`: what is tried in checks.
pub fn told(server: &Server, kind: Name, now: Tick) -> Told {
    // Words are made when the lock is free again.
    let (administered, check, agent) = {
        let reports = server.state.reports.lock();
        (reports.administered, reports.check.clone(), reports.agent.clone())
    };
    Told {
        admin_since: administered.map(|since| now.since(since).as_secs()),
        check: check.map(|record| check_status(&record, kind, now)),
        agent: agent.map(|record| agent_status(&record, now)),
    }
}

fn check_status(record: &Record, kind: Name, now: Tick) -> CheckStatus {
    CheckStatus {
        kind,
        up: record.condition == Condition::Up,
        since: now.since(record.since).as_secs(),
        reason: record.reason.as_ref().map(ToString::to_string),
        // To the microsecond: more digits say nothing.
        took: (record.took.as_secs_f64() * 1e6).round() / 1e6,
        passed: record.passed,
        failed: record.failed,
        changes: record.changes,
    }
}

fn agent_status(AgentRecord { report, since, reason, trouble }: &AgentRecord, now: Tick) -> AgentStatus {
    AgentStatus {
        word: Name::Borrowed(report.word().as_str()),
        since: now.since(*since).as_secs(),
        share: Share(report.share.into()),
        max: report.max,
        reason: reason.as_ref().map(ToString::to_string),
        trouble: trouble.as_ref().map(ToString::to_string),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::engine::health::{AgentReport, Terms, Verdict};
    use crate::engine::servers::{ServerAddr, ServerId, ServerState as Live};

    const NOW: Tick = Tick(100_000);

    fn server() -> Server {
        let address = ServerAddr::Inet("192.0.2.1:80".parse().unwrap());
        Server::new(address, Live::new(ServerId { slot: 0, generation: 0 }))
    }

    fn says(server: &Server, change: impl FnOnce(&mut AgentReport)) {
        let mut report = AgentReport::default();
        change(&mut report);
        server.state.fitness.note_agent(&report, NOW);
    }

    #[test]
    fn the_state_that_keeps_most_clients_away_is_told() {
        let mut server = server();
        assert_eq!(state(&server, NOW), ServerState::Up);
        server.admin = AdminState::Drain;
        assert_eq!(state(&server, NOW), ServerState::Draining);
        server.state.blacklist(NOW.plus_seconds(5));
        assert_eq!(state(&server, NOW), ServerState::Blacklisted { blacklisted_seconds: 5 });
        server.state.fitness.note_check(Some(Condition::Down), NOW);
        assert_eq!(state(&server, NOW), ServerState::Down);
        server.admin = AdminState::Maint;
        assert_eq!(state(&server, NOW), ServerState::Maintenance);
    }

    #[test]
    fn an_agent_has_the_same_states() {
        let server = server();
        says(&server, |report| report.admin = AdminState::Drain);
        assert_eq!(state(&server, NOW), ServerState::Draining);
        says(&server, |report| report.share = 0);
        assert_eq!(state(&server, NOW), ServerState::Draining, "it is full");
        says(&server, |report| report.condition = Condition::Down);
        assert_eq!(state(&server, NOW), ServerState::Down);
        says(&server, |report| report.admin = AdminState::Maint);
        assert_eq!(state(&server, NOW), ServerState::Maintenance);
        says(&server, |report| report.share = 35);
        assert_eq!((state(&server, NOW), share(&server, 0, NOW)), (ServerState::Up, Share(35)));
    }

    #[test]
    fn records_are_told_with_times_as_seconds() {
        let server = server();
        assert_eq!(told(&server, "http".into(), NOW), Told { admin_since: None, check: None, agent: None });
        let terms = Terms { rise: 1, fall: 1 };
        let failed = Verdict::Failed(Arc::from("status 500"));
        let took = Duration::from_nanos(1_234_567);
        let agent = AgentRecord {
            report: AgentReport { share: 35, max: Some(7), ..AgentReport::default() },
            since: Tick(40_000),
            reason: Some(Arc::from("lunch")),
            trouble: Some(Arc::from("no answer in time")),
        };
        {
            let mut reports = server.state.reports.lock();
            Record::take(&mut reports.check, &Verdict::Passed, terms, took, Tick(10_000));
            Record::take(&mut reports.check, &failed, terms, took, Tick(70_000));
            reports.agent = Some(agent);
            reports.administered = Some(Tick(97_000));
        }
        let check = CheckStatus {
            kind: "http".into(),
            up: false,
            since: 30,
            reason: Some("status 500".to_owned()),
            took: 0.001_235,
            passed: 1,
            failed: 1,
            changes: 1,
        };
        let agent = AgentStatus {
            word: "ready".into(),
            since: 60,
            share: Share(35),
            max: Some(7),
            reason: Some("lunch".to_owned()),
            trouble: Some("no answer in time".to_owned()),
        };
        let expected = Told { admin_since: Some(3), check: Some(check), agent: Some(agent) };
        assert_eq!(told(&server, "http".into(), NOW), expected);
    }
}

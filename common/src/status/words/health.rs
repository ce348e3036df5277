//! How servers are, since when and why, and how they are tested, as people read it.

use std::fmt::{self, Display, Formatter};

use super::super::{
    AgentStatus, CheckStatus, ServerState, ServerStatus, ServiceStatus, Share, UserStatus, all_servers,
};
use super::{Fact, Seconds};

/// How long something took, in seconds: `0.4 ms`, `25 ms`, `1.5 s`.
#[derive(Clone, Copy, Debug)]
pub struct Took(pub f64);

impl Display for Took {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0 * 1000.0;
        if milliseconds < 10.0 {
            write!(f, "{milliseconds:.1} ms")
        } else if milliseconds < 1000.0 {
            write!(f, "{milliseconds:.0} ms")
        } else {
            write!(f, "{:.1} s", self.0)
        }
    }
}

impl Display for Share {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}

/// A server's state, and for how long it has been in it, if that is known: `up 2 d 3 h`, `down 12 s`, `blacklisted 23s`, `up`.
pub fn state(server: &ServerStatus) -> String {
    match since(server) {
        Some(seconds) => format!("{} {}", server.state, Seconds(seconds)),
        None => server.state.to_string(),
    }
}

/// For how many seconds a server has been in its state, if checks, its agent or the administrator decide that.
pub fn since(server: &ServerStatus) -> Option<u64> {
    let by_check = |up| server.check.as_ref().filter(|check| check.up == up).map(|check| check.since);
    let by_agent = || server.agent.as_ref().map(|agent| agent.since);
    match server.state {
        ServerState::Up => by_check(true),
        // It has been down for as long as the first of both says so.
        ServerState::Down => by_check(false).max(by_agent().filter(|_| is_down_by_agent(server))),
        ServerState::Maintenance | ServerState::Draining if is_by_administrator(server) => server.admin_since,
        ServerState::Maintenance | ServerState::Draining => by_agent(),
        ServerState::Blacklisted { .. } | ServerState::Empty | ServerState::Unknown => None,
    }
}

/// Why a server is as it is, if there is more to say than its state: `http check: status 500 where 200-399 is expected`, `by the
/// administrator`, `35 % by its agent`, `40 % (slow start)`.
pub fn why(server: &ServerStatus) -> Option<String> {
    let by_agent = |is_so: bool| server.agent.as_ref().filter(|_| is_so).map(decision);
    let reasons = match server.state {
        ServerState::Down => {
            let check = server.check.as_ref().filter(|check| !check.up);
            vec![check.map(failure), by_agent(is_down_by_agent(server))]
        }
        ServerState::Maintenance | ServerState::Draining if is_by_administrator(server) => {
            vec![Some("by the administrator".to_owned())]
        }
        ServerState::Maintenance | ServerState::Draining => vec![by_agent(true)],
        ServerState::Up => vec![share(server), limit(server)],
        ServerState::Blacklisted { .. } | ServerState::Empty | ServerState::Unknown => vec![],
    };
    let reasons: Vec<String> = reasons.into_iter().flatten().collect();
    (!reasons.is_empty()).then(|| reasons.join(", "))
}

/// Whether it is drained or in maintenance by command, whatever its agent says.
fn is_by_administrator(server: &ServerStatus) -> bool {
    match server.state {
        ServerState::Maintenance => server.admin == "maint",
        ServerState::Draining => server.admin == "drain",
        _ => false,
    }
}

fn is_down_by_agent(server: &ServerStatus) -> bool {
    server.agent.as_ref().is_some_and(|agent| agent.word == "down")
}

/// Whose decision it was, and why: `by its agent: backup`.
fn decision(agent: &AgentStatus) -> String {
    let why = agent.reason.iter().flat_map(|reason| [": ", reason]);
    ["by its agent"].into_iter().chain(why).collect()
}

fn failure(check: &CheckStatus) -> String {
    let reason = check.reason.as_deref().unwrap_or("failed");
    match &*check.kind {
        "" => format!("check: {reason}"),
        kind => format!("{kind} check: {reason}"),
    }
}

/// What keeps new clients from a server that takes them.
fn share(server: &ServerStatus) -> Option<String> {
    let wanted = server.agent.as_ref().map_or(Share::WHOLE, |agent| agent.share);
    match (wanted < Share::WHOLE, server.share < wanted) {
        (false, false) => None,
        (true, false) => Some(format!("{} by its agent", server.share)),
        (false, true) => Some(format!("{} (slow start)", server.share)),
        (true, true) => Some(format!("{} ({wanted} by its agent, slow start)", server.share)),
    }
}

fn limit(server: &ServerStatus) -> Option<String> {
    let max = server.agent.as_ref()?.max?;
    Some(format!("at most {max} connections by its agent"))
}

/// A server's state and why it is in it, if there is more to say than its state: `down 5 min 3 s: http check: status 500`, `up, 35 %
/// by its agent`.
pub fn remark(server: &ServerStatus) -> Option<String> {
    let mark = if server.state == ServerState::Down { ':' } else { ',' };
    why(server).map(|why| format!("{}{mark} {why}", state(server)))
}

/// All there is to know of a server's health beyond its state, in a line each: the [`remark`], what has become of its checks if some
/// have failed, and what is wrong with its agent.
pub fn remarks(server: &ServerStatus) -> Vec<String> {
    let checks = server.check.as_ref().filter(|check| check.failed > 0).map(checks_of);
    let trouble = server.agent.as_ref().and_then(|agent| agent.trouble.as_ref());
    let trouble = trouble.map(|trouble| format!("its agent gives no answer: {trouble}"));
    [remark(server), checks, trouble].into_iter().flatten().collect()
}

fn checks_of(check: &CheckStatus) -> String {
    let CheckStatus { up, reason, passed, failed, changes, .. } = check;
    let told = format!("checks so far: {passed} passed, {failed} failed, changes: {changes}");
    match reason {
        // Of one that is down it is told why.
        Some(reason) if *up => format!("{told}, the latest failure: {reason}"),
        _ => told,
    }
}

/// What an agent says: `ready`, `drain, 35 %`, `ready, at most 10`, or why it says nothing.
pub fn agent(agent: &AgentStatus) -> String {
    let AgentStatus { word, share, max, trouble, .. } = agent;
    if let Some(trouble) = trouble {
        return format!("no answer: {trouble}");
    }
    let share = (*share < Share::WHOLE).then(|| share.to_string());
    let max = max.map(|max| format!("at most {max}"));
    [Some(word.to_string()), share, max].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// How a service's servers are tested, what came of that, and what clients' first bytes decide. Nothing of what it does not do.
pub fn health(service: &ServiceStatus) -> Vec<Fact> {
    let ServiceStatus { check, agent, fail_open, failed_open, peek, users_known, limits, .. } = service;
    let mut facts = Vec::new();
    if let Some(check) = check {
        facts.push(("check", check.clone()));
        facts.push(("checks", counts(service)));
    }
    facts.extend(
        agent.as_ref().map(|agent| ("agent", agent.strip_prefix("agent ").unwrap_or(agent).to_owned())),
    );
    if check.is_some() || agent.is_some() || *failed_open > 0 {
        let on = if *fail_open { "on" } else { "off" };
        facts.push(("fail open", format!("{on}, {failed_open} connections to servers that were down")));
    }
    if limits.slow_start > 0 {
        facts.push(("slow start", Seconds(limits.slow_start.into()).to_string()));
    }
    facts.extend(peek.as_ref().map(|peek| ("peek", peek.clone())));
    if *users_known > 0 {
        facts.push(("users", format!("{users_known} remembered")));
    }
    facts
}

/// What came of all checks of a service's servers.
fn counts(service: &ServiceStatus) -> String {
    let checks = || all_servers(service).filter_map(|(_, server)| server.check.as_ref());
    let sum = |count: fn(&CheckStatus) -> u64| checks().map(count).fold(0, u64::saturating_add);
    let (passed, failed, changes) =
        (sum(|check| check.passed), sum(|check| check.failed), sum(|check| check.changes));
    format!("{passed} passed, {failed} failed, changes: {changes}")
}

/// When a user was last here: `3 s ago`, `2 open`.
pub fn user_seen(user: &UserStatus) -> String {
    match user {
        UserStatus { open: 0, age, .. } => format!("{} ago", Seconds(*age)),
        UserStatus { open, .. } => format!("{open} open"),
    }
}

#[cfg(test)]
mod tests;

//! What becomes of what was found out: it is noted at the server, in words and for the selection, and what changes is told in the
//! log, once.

use std::fmt::Display;
use std::time::Duration;

use common::command::HealthCheck;
use common::escape::Line;
use log::Level;

use super::speech::Finding;
use super::subject::{Question, Subject};
use crate::engine::health::{
    AgentAnswer, AgentRecord, AgentReport, AgentWord, Change, Condition, Record, Terms, Verdict,
};
use crate::engine::time::Tick;
use crate::settings::Service;
use crate::shared::Shared;

/// How long an errand took, and when it ended.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// How long it took.
    pub took: Duration,
    /// When it ended.
    pub now: Tick,
}

impl Subject {
    /// Takes in what was found out.
    pub fn take_in(&self, finding: &Finding, times: Times, service: &Service, shared: &Shared) {
        match (&self.question, finding) {
            (Question::Check(check), Finding::Verdict(verdict)) => {
                self.take_verdict(check, verdict, times, service, shared);
            }
            (Question::Agent(_), Finding::Agent(Ok(answer))) => {
                self.take_answer(answer, times.now, service, shared);
            }
            (Question::Agent(_), Finding::Agent(Err(trouble))) => {
                self.note_trouble(trouble, times.now, service);
            }
            _ => {}
        }
    }

    fn take_verdict(
        &self,
        check: &HealthCheck,
        verdict: &Verdict,
        Times { took, now }: Times,
        service: &Service,
        shared: &Shared,
    ) {
        let state = &self.server.state;
        let terms = Terms { rise: check.rise, fall: check.fall };
        let change = {
            let mut reports = state.reports.lock();
            let change = Record::take(&mut reports.check, verdict, terms, took, now);
            if let Some(change) = change {
                state.fitness.note_check(Some(change.to), now);
            }
            change
        };
        let (who, what) = (service.who(&self.server), check.probe.word());
        match (change, verdict) {
            (Some(Change { to: Condition::Down, verdicts }), Verdict::Failed(why)) => {
                log::warn!("{who} is down: {what} check: {} ({})", Line(why), checks(verdicts));
            }
            (Some(Change { to: Condition::Up, verdicts }), _) => {
                state.forgive();
                log::info!("{who} is up again: {what} check passed ({})", checks(verdicts));
            }
            (None, Verdict::Failed(why)) => log::debug!("{who}: {what} check: {}", Line(why)),
            _ => {}
        }
        if change.is_some() {
            tell_flows(service, shared);
        }
    }

    fn take_answer(&self, answer: &AgentAnswer, now: Tick, service: &Service, shared: &Shared) {
        let state = &self.server.state;
        let (was, is, trouble) = {
            let mut reports = state.reports.lock();
            let before = reports.agent.take();
            let was = before.as_ref().map(|record| record.report).unwrap_or_default();
            let is = was.after(answer);
            let same = before.as_ref().filter(|_| wish(was) == wish(is));
            reports.agent = Some(AgentRecord {
                report: is,
                since: same.map_or(now, |record| record.since),
                reason: answer.reason.clone().or_else(|| same?.reason.clone()),
                trouble: None,
            });
            if is != was {
                state.fitness.note_agent(&is, now);
            }
            (was, is, before.and_then(|record| record.trouble))
        };
        let who = service.who(&self.server);
        if trouble.is_some() {
            log::info!("the agent of {who} answers again");
        }
        if wish(was) == wish(is) {
            return;
        }
        let why = answer.reason.as_ref().map(|why| format!(": {}", Line(why))).unwrap_or_default();
        let level = if is.word() == AgentWord::Down { Level::Warn } else { Level::Info };
        log::log!(level, "the agent of {who} says {}{why}", wish(is));
        tell_flows(service, shared);
    }

    /// An agent that cannot be understood keeps what it has said before.
    fn note_trouble(&self, trouble: &str, now: Tick, service: &Service) {
        let known = {
            let mut reports = self.server.state.reports.lock();
            let record = reports.agent.get_or_insert_with(|| AgentRecord {
                report: AgentReport::default(),
                since: now,
                reason: None,
                trouble: None,
            });
            record.trouble.replace(trouble.into())
        };
        let (who, trouble) = (service.who(&self.server), Line(trouble));
        if known.is_none() {
            log::warn!("the agent of {who} does not answer: {trouble}; what it has said holds");
        } else {
            log::debug!("the agent of {who} does not answer: {trouble}");
        }
    }
}

/// Flows leave servers that are down, and those that are so for want of others when there are some again.
fn tell_flows(service: &Service, shared: &Shared) {
    if service.udp {
        shared.forsake();
    }
}

/// What an agent wants, in a word. How large its share is changes all the time, and is no news, but whether it has any.
fn wish(report: AgentReport) -> &'static str {
    match report.word() {
        AgentWord::Ready if report.share == 0 => "full",
        word => word.as_str(),
    }
}

fn checks(count: u32) -> impl Display {
    format!("{count} check{}", if count == 1 { "" } else { "s" })
}

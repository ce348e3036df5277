//! What a server's checks come to: rise and fall.

use std::sync::Arc;
use std::time::Duration;

use super::super::time::Tick;

/// What came of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The server is well.
    Passed,
    /// It is not, for this reason.
    Failed(Arc<str>),
}

/// What checks say of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It is well.
    Up,
    /// It is not.
    Down,
}

/// How many verdicts in a row it takes; each at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// To come up.
    pub rise: u32,
    /// To go down.
    pub fall: u32,
}

/// The server has come up or gone down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change(pub Condition);

/// What is known from a server's checks.
#[derive(Clone, Debug)]
pub struct Record {
    /// How it is.
    pub condition: Condition,
    /// Since when.
    pub since: Tick,
    /// Why the latest check that failed did.
    pub reason: Option<Arc<str>>,
    /// How long the latest check took.
    pub took: Duration,
    /// Checks that it has passed.
    pub passed: u64,
    /// Checks that it has failed.
    pub failed: u64,
    /// How often it has come up or gone down, the first verdict not counted.
    pub changes: u64,
    /// Verdicts in a row that speak against the condition.
    against: u32,
}

impl Record {
    /// Takes a verdict in. The first one of all decides alone, and is a change if the server, which was taken to be well, is not.
    pub fn take(
        record: &mut Option<Record>,
        verdict: &Verdict,
        terms: Terms,
        took: Duration,
        now: Tick,
    ) -> Option<Change> {
        let told = match verdict {
            Verdict::Passed => Condition::Up,
            Verdict::Failed(_) => Condition::Down,
        };
        let Some(record) = record else {
            let mut first = Record::new(told, now);
            first.count(verdict, took);
            *record = Some(first);
            return (told == Condition::Down).then_some(Change(told));
        };
        record.count(verdict, took);
        if told == record.condition {
            record.against = 0;
            return None;
        }
        record.against += 1;
        let needed = match told {
            Condition::Up => terms.rise,
            Condition::Down => terms.fall,
        };
        if record.against < needed {
            return None;
        }
        record.condition = told;
        record.since = now;
        record.against = 0;
        record.changes += 1;
        Some(Change(told))
    }

    fn new(condition: Condition, since: Tick) -> Record {
        Record {
            condition,
            since,
            reason: None,
            took: Duration::ZERO,
            passed: 0,
            failed: 0,
            changes: 0,
            against: 0,
        }
    }

    fn count(&mut self, verdict: &Verdict, took: Duration) {
        self.took = took;
        match verdict {
            Verdict::Passed => self.passed += 1,
            Verdict::Failed(reason) => {
                self.failed += 1;
                self.reason = Some(Arc::clone(reason));
            }
        }
    }
}

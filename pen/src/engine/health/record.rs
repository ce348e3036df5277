//! What a server's checks come to: rise and fall.

use std::mem;
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
pub struct Change {
    /// How it is now.
    pub to: Condition,
    /// So many verdicts in a row have made it so.
    pub verdicts: u32,
}

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
            return (told == Condition::Down).then_some(Change { to: told, verdicts: 1 });
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
        record.changes += 1;
        Some(Change { to: told, verdicts: mem::take(&mut record.against) })
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

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms = Terms { rise: 2, fall: 3 };

    /// What a server's verdicts come to, a second after the other: `+` passes, `-` fails; `U` and `D` are changes.
    fn changes(verdicts: &str, terms: Terms) -> (String, Record) {
        let mut record = None;
        let mut told = String::new();
        for (second, verdict) in (1..).zip(verdicts.chars()) {
            let verdict = match verdict {
                '+' => Verdict::Passed,
                _ => Verdict::Failed(format!("reason {second}").into()),
            };
            let took = Duration::from_millis(second);
            told.push(match Record::take(&mut record, &verdict, terms, took, Tick(second * 1000)) {
                None => '.',
                Some(Change { to: Condition::Up, verdicts }) => {
                    assert_eq!(verdicts, terms.rise);
                    'U'
                }
                Some(Change { to: Condition::Down, .. }) => 'D',
            });
        }
        (told, record.unwrap())
    }

    fn told(verdicts: &str) -> String {
        changes(verdicts, TERMS).0
    }

    #[test]
    fn the_first_verdict_decides_alone() {
        assert_eq!(told("+"), ".");
        assert_eq!(told("-"), "D");
        assert_eq!(told("-+"), "D.");
        assert_eq!(told("-++"), "D.U");
    }

    #[test]
    fn it_takes_as_many_verdicts_in_a_row_as_the_terms_say() {
        assert_eq!(told("+--"), "...");
        assert_eq!(told("+---"), "...D");
        assert_eq!(told("+---+-++"), "...D...U");
        assert_eq!(told("+--+--+--+---"), "............D");
        assert_eq!(changes("+-+-", Terms { rise: 1, fall: 1 }).0, ".DUD");
    }

    #[test]
    fn a_change_says_how_many_verdicts_made_it() {
        let mut record = None;
        let mut fail = || {
            let verdict = Verdict::Failed("no".into());
            Record::take(&mut record, &verdict, TERMS, Duration::ZERO, Tick(1))
        };
        assert_eq!(fail(), Some(Change { to: Condition::Down, verdicts: 1 }));
        assert_eq!(fail(), None);
    }

    #[test]
    fn terms_that_change_hold_from_the_next_verdict_on() {
        let (_, record) = changes("+--", Terms { rise: 1, fall: 10 });
        let mut record = Some(record);
        let verdict = Verdict::Failed("no".into());
        let change = Record::take(&mut record, &verdict, TERMS, Duration::ZERO, Tick(9));
        assert_eq!(change, Some(Change { to: Condition::Down, verdicts: 3 }));
    }

    #[test]
    fn what_happened_is_counted_and_the_latest_reason_kept() {
        let (_, record) = changes("+---++-", TERMS);
        assert_eq!((record.condition, record.since), (Condition::Up, Tick(6000)));
        assert_eq!((record.passed, record.failed, record.changes), (3, 4, 2));
        assert_eq!((record.reason.as_deref(), record.took), (Some("reason 7"), Duration::from_millis(7)));
        let (_, down) = changes("--", TERMS);
        assert_eq!((down.condition, down.since, down.changes), (Condition::Down, Tick(1000), 0));
    }
}

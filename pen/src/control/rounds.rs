//! When all names are looked up again, and which of them fail: a plain value. The steward looks them up, and tells.

use std::collections::HashSet;
use std::fmt::{self, Display, Formatter};

use common::addr::Host;

use crate::engine::time::Tick;
use crate::settings::names::Answers;

/// The rounds of looking all names up, which never overlap.
#[derive(Debug)]
pub struct Rounds {
    /// When the latest round began; before the first one, when pen started.
    begun: Tick,
    stage: Stage,
    /// Somebody asked for another round.
    asked: bool,
    /// The names that could not be looked up in the latest round.
    failing: HashSet<Host>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Resting,
    /// It was its time.
    Running,
    /// Somebody asked for it, and is told of everything that fails.
    RunningOnDemand,
}

/// What is worth telling about a name.
#[derive(Debug, PartialEq, Eq)]
pub enum News {
    /// It could not be looked up; the reason is one line that names it.
    Failed(String),
    /// It can be looked up again.
    Recovered(Host),
}

impl Rounds {
    /// All names were looked up just now.
    pub fn new(now: Tick) -> Rounds {
        Rounds { begun: now, stage: Stage::Resting, asked: false, failing: HashSet::new() }
    }

    /// Asks for a round as soon as possible.
    pub fn ask(&mut self) {
        self.asked = true;
    }

    /// When the next round is to begin, with so many seconds between them (0: only those that are asked for); `None`: not as
    /// things are now.
    pub fn due(&self, seconds: u32) -> Option<Tick> {
        match self.stage {
            Stage::Running | Stage::RunningOnDemand => None,
            Stage::Resting if self.asked => Some(self.begun),
            Stage::Resting => (seconds > 0).then(|| self.begun.plus_seconds(seconds)),
        }
    }

    /// A round begins.
    pub fn begin(&mut self, now: Tick) {
        self.begun = now;
        let on_demand = std::mem::take(&mut self.asked);
        self.stage = if on_demand { Stage::RunningOnDemand } else { Stage::Running };
    }

    /// The round has come to an end with these answers. A name that goes on failing is no news.
    pub fn end(&mut self, answers: &Answers) -> Vec<News> {
        let tell_all = self.stage == Stage::RunningOnDemand;
        self.stage = Stage::Resting;
        let before = std::mem::take(&mut self.failing);
        let mut news = Vec::new();
        for (name, answer) in answers {
            match answer {
                Err(reason) => {
                    self.failing.insert(name.clone());
                    if tell_all || !before.contains(name) {
                        news.push(News::Failed(reason.clone()));
                    }
                }
                Ok(_) if before.contains(name) => news.push(News::Recovered(name.clone())),
                Ok(_) => {}
            }
        }
        news
    }
}

impl Display for News {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            News::Failed(reason) => write!(f, "{reason}; what has this name stays where it is"),
            News::Recovered(name) => write!(f, "'{name}' can be looked up again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(found: &[&str], failed: &[&str]) -> Answers {
        let host = |name: &&str| name.parse::<Host>().unwrap();
        let found = found.iter().map(|name| (host(name), Ok(vec!["192.0.2.1:0".parse().unwrap()])));
        let failed = failed.iter().map(|name| (host(name), Err(format!("unknown host '{name}'"))));
        found.chain(failed).collect()
    }

    /// A round with this outcome, and what is told of it.
    fn round(rounds: &mut Rounds, found: &[&str], failed: &[&str]) -> Vec<String> {
        rounds.begin(Tick(0));
        rounds.end(&answers(found, failed)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn rounds_begin_at_their_interval_or_on_demand_and_never_overlap() {
        let mut rounds = Rounds::new(Tick(1_000));
        assert_eq!((rounds.due(0), rounds.due(5)), (None, Some(Tick(6_000))));
        rounds.begin(Tick(6_500));
        rounds.ask();
        assert_eq!((rounds.due(0), rounds.due(5)), (None, None));
        rounds.end(&Answers::new());
        assert_eq!((rounds.due(0), rounds.due(5)), (Some(Tick(6_500)), Some(Tick(6_500))));
        rounds.begin(Tick(7_000));
        rounds.end(&Answers::new());
        assert_eq!((rounds.due(0), rounds.due(60)), (None, Some(Tick(67_000))));
    }

    #[test]
    fn a_failure_is_told_when_it_begins_and_when_it_ends() {
        let mut rounds = Rounds::new(Tick(0));
        assert!(round(&mut rounds, &["www1"], &[]).is_empty());
        let failed = "unknown host 'www1'; what has this name stays where it is";
        assert_eq!(round(&mut rounds, &[], &["www1"]), [failed]);
        assert!(round(&mut rounds, &[], &["www1"]).is_empty());
        assert_eq!(round(&mut rounds, &["www1"], &[]), ["'www1' can be looked up again"]);
        assert!(round(&mut rounds, &["www1"], &[]).is_empty());
        assert_eq!(round(&mut rounds, &[], &["www1"]), [failed]);
    }

    #[test]
    fn who_asks_is_told_everything_that_fails() {
        let mut rounds = Rounds::new(Tick(0));
        round(&mut rounds, &[], &["www1"]);
        rounds.ask();
        assert_eq!(round(&mut rounds, &[], &["www1"]).len(), 1);
        assert!(round(&mut rounds, &[], &["www1"]).is_empty());
    }

    #[test]
    fn a_name_that_no_server_has_any_more_is_forgotten() {
        let mut rounds = Rounds::new(Tick(0));
        round(&mut rounds, &[], &["www1"]);
        assert!(round(&mut rounds, &["www2"], &[]).is_empty());
        assert_eq!(round(&mut rounds, &["www2"], &["www1"]).len(), 1);
    }
}

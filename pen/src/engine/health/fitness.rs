//! What checks and agents have said of a server, as the selection reads it, of a thousand servers at a time: two atomics.

use std::sync::atomic::{AtomicU64, Ordering};

use common::command::AdminState;

use super::super::servers::Standing;
use super::super::time::Tick;
use super::{AgentReport, Condition};

/// The part of its share with which a server comes back, in percent.
const COLD: u64 = 10;

/// Whether a server can be used, and how much.
#[derive(Debug)]
pub struct Fitness {
    /// A [`Verdict`], so that nobody reads half of what an agent says.
    verdict: AtomicU64,
    /// When it came back, in milliseconds; 0: never.
    returned: AtomicU64,
}

/// What has been said: flags, in the next byte the agent's share in percent, and in the upper half its limit of connections, the
/// greatest number for none.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Verdict(u64);

/// The check says that it is down.
const FAILED: u64 = 1;
/// The agent does.
const AGENT_DOWN: u64 = 1 << 1;
/// The agent wants nobody.
const AGENT_MAINT: u64 = 1 << 2;
/// The agent wants nobody new.
const AGENT_DRAIN: u64 = 1 << 3;

impl Verdict {
    /// Nothing was said.
    const UNTOLD: Verdict = Verdict::of_agent(0, 100, u32::MAX);

    const fn of_agent(flags: u64, share: u8, max: u32) -> Verdict {
        Verdict(flags | (share as u64) << 8 | (max as u64) << 32)
    }

    fn has(self, flags: u64) -> bool {
        self.0 & flags != 0
    }

    fn is_down(self) -> bool {
        self.has(FAILED | AGENT_DOWN)
    }

    /// Whether nobody comes to it, not even those whose server it was.
    fn is_away(self) -> bool {
        self.has(FAILED | AGENT_DOWN | AGENT_MAINT)
    }

    /// In percent.
    fn share(self) -> u64 {
        self.0 >> 8 & 0xff
    }

    fn max(self) -> Option<u32> {
        u32::try_from(self.0 >> 32).ok().filter(|max| *max != u32::MAX)
    }
}

impl Default for Fitness {
    /// Of a server that nothing was said of.
    fn default() -> Fitness {
        Fitness { verdict: AtomicU64::new(Verdict::UNTOLD.0), returned: AtomicU64::new(0) }
    }
}

impl Fitness {
    /// Whether there is nothing to object to the server, as far as anybody has said.
    pub fn is_untold(&self) -> bool {
        self.verdict() == Verdict::UNTOLD
    }

    /// Whether a check or an agent says that the server is down.
    pub fn is_down(&self) -> bool {
        self.verdict().is_down()
    }

    /// Whether the agent lets such a client in.
    pub fn admits(&self, standing: Standing) -> bool {
        let verdict = self.verdict();
        match standing {
            Standing::Returning => !verdict.has(AGENT_MAINT),
            Standing::New => !verdict.has(AGENT_MAINT | AGENT_DRAIN) && verdict.share() > 0,
        }
    }

    /// The part of its share in new clients that the server is to get, in percent; `slow_start` in seconds.
    pub fn share(&self, slow_start: u32, now: Tick) -> u32 {
        let share = self.verdict().share();
        let warmth = self.warmth(slow_start, now);
        let part = if share == 0 { 0 } else { (share * warmth / 100).max(1) };
        part.try_into().unwrap_or(100)
    }

    /// The agent's limit of connections; `None`: no other than the configured one.
    pub fn max(&self) -> Option<u32> {
        self.verdict().max()
    }

    /// Notes what checks say; `None`: there are none.
    pub fn note_check(&self, condition: Option<Condition>, now: Tick) {
        let failed = if condition == Some(Condition::Down) { FAILED } else { 0 };
        self.note(now, |Verdict(before)| Verdict(before & !FAILED | failed));
    }

    /// Notes what the agent says.
    pub fn note_agent(&self, report: &AgentReport, now: Tick) {
        let down = if report.condition == Condition::Down { AGENT_DOWN } else { 0 };
        let wanted = match report.admin {
            AdminState::Ready => 0,
            AdminState::Drain => AGENT_DRAIN,
            AdminState::Maint => AGENT_MAINT,
        };
        let said = Verdict::of_agent(down | wanted, report.share.min(100), report.max.unwrap_or(u32::MAX));
        self.note(now, |Verdict(before)| Verdict(before & FAILED | said.0));
    }

    /// The server comes back, and begins gently.
    pub fn warm_up(&self, now: Tick) {
        self.returned.store(now.0.max(1), Ordering::Relaxed);
    }

    /// Changes what was said, whoever says something else meanwhile. A server that is not down or in maintenance any more has come
    /// back.
    fn note(&self, now: Tick, change: impl Fn(Verdict) -> Verdict) {
        let changed = |before| Some(change(Verdict(before)).0);
        let before = self.verdict.fetch_update(Ordering::Relaxed, Ordering::Relaxed, changed);
        let before = Verdict(before.unwrap_or_else(|before| before));
        if before.is_away() && !change(before).is_away() {
            self.warm_up(now);
        }
    }

    /// In percent.
    fn warmth(&self, slow_start: u32, now: Tick) -> u64 {
        let whole = u64::from(slow_start) * 1000;
        let returned = if whole == 0 { 0 } else { self.returned.load(Ordering::Relaxed) };
        if returned == 0 {
            return 100;
        }
        let passed = now.0.saturating_sub(returned).min(whole);
        COLD + (100 - COLD) * passed / whole
    }

    fn verdict(&self) -> Verdict {
        Verdict(self.verdict.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::super::AgentWord;
    use super::*;

    const NOW: Tick = Tick(1_000_000);

    fn report(word: AgentWord, share: u8, max: Option<u32>) -> AgentReport {
        let (condition, admin) = match word {
            AgentWord::Ready => (Condition::Up, AdminState::Ready),
            AgentWord::Drain => (Condition::Up, AdminState::Drain),
            AgentWord::Maint => (Condition::Up, AdminState::Maint),
            AgentWord::Down => (Condition::Down, AdminState::Ready),
        };
        AgentReport { condition, admin, share, max }
    }

    #[test]
    fn a_server_of_which_nothing_was_said_is_fit() {
        let fitness = Fitness::default();
        assert!(fitness.is_untold() && !fitness.is_down());
        assert!(fitness.admits(Standing::New) && fitness.admits(Standing::Returning));
        assert_eq!((fitness.share(60, NOW), fitness.max()), (100, None));
        fitness.note_agent(&AgentReport::default(), NOW);
        fitness.note_check(Some(Condition::Up), NOW);
        assert!(fitness.is_untold());
    }

    #[test]
    fn a_server_is_down_as_long_as_the_check_or_the_agent_says_so() {
        let fitness = Fitness::default();
        fitness.note_check(Some(Condition::Down), NOW);
        fitness.note_agent(&report(AgentWord::Down, 100, None), NOW);
        fitness.note_check(Some(Condition::Up), NOW);
        assert!(fitness.is_down());
        fitness.note_check(Some(Condition::Down), NOW);
        fitness.note_agent(&AgentReport::default(), NOW);
        assert!(fitness.is_down());
        assert_eq!(fitness.share(60, NOW), 100, "it has not come back yet");
        fitness.note_check(None, NOW);
        assert!(fitness.is_untold());
        assert_eq!(fitness.share(60, NOW), 10, "it has");
    }

    #[test]
    fn an_agent_says_whom_its_server_takes() {
        let fitness = Fitness::default();
        let admitted = |word, share| {
            fitness.note_agent(&report(word, share, None), NOW);
            (fitness.admits(Standing::New), fitness.admits(Standing::Returning))
        };
        assert_eq!(admitted(AgentWord::Drain, 100), (false, true));
        assert_eq!(admitted(AgentWord::Maint, 100), (false, false));
        assert_eq!(fitness.share(60, NOW), 100);
        assert_eq!(admitted(AgentWord::Ready, 0), (false, true));
        assert_eq!(admitted(AgentWord::Ready, 1), (true, true));
        fitness.note_agent(&AgentReport::default(), NOW);
        assert_eq!(fitness.share(60, NOW), 10, "it comes back from maintenance");
        fitness.note_agent(&report(AgentWord::Ready, 70, Some(0)), NOW);
        assert_eq!((fitness.share(0, NOW), fitness.max()), (70, Some(0)));
        assert!(!fitness.is_untold());
    }

    #[test]
    fn a_slow_start_begins_at_a_tenth_and_ends_at_the_whole_share() {
        let fitness = Fitness::default();
        fitness.warm_up(NOW);
        let shares = |share| {
            fitness.note_agent(&report(AgentWord::Ready, share, None), NOW);
            [0, 20, 40, 60, 80, 100, 101].map(|seconds| fitness.share(100, NOW.plus_seconds(seconds)))
        };
        assert_eq!(shares(100), [10, 28, 46, 64, 82, 100, 100]);
        assert_eq!(shares(50), [5, 14, 23, 32, 41, 50, 50]);
        assert_eq!(shares(1), [1; 7], "a share is never rounded to nothing");
        assert_eq!(shares(0), [0; 7]);
        assert_eq!(fitness.share(100, Tick(0)), 0);
        fitness.note_agent(&AgentReport::default(), NOW);
        assert_eq!(fitness.share(100, Tick(0)), 10, "a clock that is behind");
        assert_eq!(fitness.share(0, NOW), 100, "nobody wants it slow");
        assert_eq!(fitness.share(u32::MAX, NOW), 10);
    }

    #[test]
    fn checks_and_agents_that_speak_at_once_are_both_heard() {
        let fitness = Fitness::default();
        let rounds = 20_000_u32;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..rounds {
                    fitness.note_check(Some(Condition::Down), NOW);
                    assert!(fitness.is_down());
                    fitness.note_check(Some(Condition::Up), NOW);
                }
                fitness.note_check(Some(Condition::Down), NOW);
            });
            for number in 0..rounds {
                let share = u8::try_from(number % 100).unwrap();
                let word = if share < 50 { AgentWord::Drain } else { AgentWord::Maint };
                fitness.note_agent(&report(word, share, Some(number)), NOW);
                assert_eq!((fitness.share(0, NOW), fitness.max()), (u32::from(share), Some(number)));
                assert_eq!(fitness.admits(Standing::Returning), word == AgentWord::Drain);
            }
        });
        assert!(fitness.is_down());
        assert_eq!((fitness.share(0, NOW), fitness.max()), (99, Some(rounds - 1)));
    }
}

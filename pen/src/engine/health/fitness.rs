//! What checks and agents have said of a server, as the selection reads it, of a thousand servers at a time: a few atomics.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use common::command::AdminState;

use super::super::servers::Standing;
use super::super::time::Tick;
use super::{AgentReport, Condition};

/// The check says that it is down.
const FAILED: u8 = 1;
/// The agent does.
const AGENT_DOWN: u8 = 1 << 1;
/// The agent wants nobody.
const AGENT_MAINT: u8 = 1 << 2;
/// The agent wants nobody new.
const AGENT_DRAIN: u8 = 1 << 3;

/// The part of its share with which a server comes back, in percent.
const COLD: u64 = 10;

/// Whether a server can be used, and how much.
#[derive(Debug)]
pub struct Fitness {
    flags: AtomicU8,
    /// What the agent allows, in percent.
    share: AtomicU8,
    /// The agent's limit of connections; the greatest number for none.
    max: AtomicU32,
    /// When it came back, in milliseconds; 0: never.
    returned: AtomicU64,
}

impl Default for Fitness {
    /// Of a server that nothing was said of.
    fn default() -> Fitness {
        Fitness {
            flags: AtomicU8::new(0),
            share: AtomicU8::new(100),
            max: AtomicU32::new(u32::MAX),
            returned: AtomicU64::new(0),
        }
    }
}

impl Fitness {
    /// Whether a check or an agent says that the server is down.
    pub fn is_down(&self) -> bool {
        self.has(FAILED | AGENT_DOWN)
    }

    /// Whether the agent lets such a client in.
    pub fn admits(&self, standing: Standing) -> bool {
        match standing {
            Standing::Returning => !self.has(AGENT_MAINT),
            Standing::New => !self.has(AGENT_MAINT | AGENT_DRAIN) && self.share.load(Ordering::Relaxed) > 0,
        }
    }

    /// The part of its share in new clients that the server is to get, in percent; `slow_start` in seconds.
    pub fn share(&self, slow_start: u32, now: Tick) -> u32 {
        let share = u64::from(self.share.load(Ordering::Relaxed));
        let warmth = self.warmth(slow_start, now);
        let part = if share == 0 { 0 } else { (share * warmth / 100).max(1) };
        part.try_into().unwrap_or(100)
    }

    /// The agent's limit of connections; `None`: no other than the configured one.
    pub fn max(&self) -> Option<u32> {
        Some(self.max.load(Ordering::Relaxed)).filter(|max| *max != u32::MAX)
    }

    /// Notes what checks say; `None`: there are none.
    pub fn note_check(&self, condition: Option<Condition>, now: Tick) {
        let was_down = self.is_down();
        self.set(FAILED, condition == Some(Condition::Down));
        self.note_return(was_down, now);
    }

    /// Notes what the agent says.
    pub fn note_agent(&self, report: &AgentReport, now: Tick) {
        let was_down = self.is_down();
        self.share.store(report.share, Ordering::Relaxed);
        self.max.store(report.max.unwrap_or(u32::MAX), Ordering::Relaxed);
        self.set(AGENT_DRAIN, report.admin == AdminState::Drain);
        self.set(AGENT_MAINT, report.admin == AdminState::Maint);
        self.set(AGENT_DOWN, report.condition == Condition::Down);
        self.note_return(was_down, now);
    }

    /// The server comes back, and begins gently.
    pub fn warm_up(&self, now: Tick) {
        self.returned.store(now.0.max(1), Ordering::Relaxed);
    }

    fn note_return(&self, was_down: bool, now: Tick) {
        if was_down && !self.is_down() {
            self.warm_up(now);
        }
    }

    /// In percent.
    fn warmth(&self, slow_start: u32, now: Tick) -> u64 {
        let returned = self.returned.load(Ordering::Relaxed);
        let whole = u64::from(slow_start) * 1000;
        if returned == 0 || whole == 0 {
            return 100;
        }
        let passed = now.0.saturating_sub(returned).min(whole);
        COLD + (100 - COLD) * passed / whole
    }

    fn has(&self, flags: u8) -> bool {
        self.flags.load(Ordering::Relaxed) & flags != 0
    }

    fn set(&self, flag: u8, on: bool) {
        if on {
            self.flags.fetch_or(flag, Ordering::Relaxed);
        } else {
            self.flags.fetch_and(!flag, Ordering::Relaxed);
        }
    }
}

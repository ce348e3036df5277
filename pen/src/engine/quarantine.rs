//! Numbers that no port towards servers is to have for a while.
//!
//! The kernel soon gives the number of a port that has closed to another one, whose client would get answers that are still on
//! their way to a client before it. So a number stays here as long as its latest flow might have lasted, where that ended early
//! and had answers to get.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::engine::time::Tick;

const NUMBERS: usize = 1 << 16;

/// The numbers, whatever worker had them.
#[derive(Debug, Default)]
pub struct Quarantine {
    /// By number: until the end of which second of the process.
    until: OnceLock<Box<[AtomicU32]>>,
    /// When the last of them is free.
    all_until: AtomicU64,
    /// Until then nobody looks for one that is not here.
    hopeless_until: AtomicU64,
}

impl Quarantine {
    /// Keeps a number until then, unless it is kept for longer.
    pub fn add(&self, number: u16, until: Tick) {
        let numbers = self.until.get_or_init(|| (0..NUMBERS).map(|_| AtomicU32::new(0)).collect());
        numbers[usize::from(number)].fetch_max(second(until).saturating_add(1), Relaxed);
        self.all_until.fetch_max(until.0.saturating_add(1000), Relaxed);
    }

    /// Whether there may be any, and it was not in vain to look for another one of late.
    pub fn is_to_be_heeded(&self, now: Tick) -> bool {
        self.all_until.load(Relaxed) > now.0 && self.hopeless_until.load(Relaxed) <= now.0
    }

    /// Nearly all numbers are here: to look for others costs more than it is worth, for a second.
    pub fn give_up(&self, now: Tick) {
        self.hopeless_until.store(now.plus_seconds(1).0, Relaxed);
    }

    /// Whether the number is here.
    pub fn holds(&self, number: u16, now: Tick) -> bool {
        self.until.get().is_some_and(|numbers| numbers[usize::from(number)].load(Relaxed) > second(now))
    }
}

fn second(at: Tick) -> u32 {
    u32::try_from(at.0 / 1000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_kept_at_least_as_long_as_it_is_told() {
        let quarantine = Quarantine::default();
        assert!(!quarantine.is_to_be_heeded(Tick(0)) && !quarantine.holds(7, Tick(0)));
        quarantine.add(7, Tick(5_500));
        quarantine.add(7, Tick(3_000));
        assert!(quarantine.is_to_be_heeded(Tick(5_499)) && quarantine.holds(7, Tick(5_499)));
        assert!(!quarantine.holds(8, Tick(5_000)));
        assert!(!quarantine.is_to_be_heeded(Tick(6_500)) && !quarantine.holds(7, Tick(6_500)));
        quarantine.add(u16::MAX, Tick(u64::MAX));
        assert!(quarantine.holds(u16::MAX, Tick(7_000)));
        quarantine.give_up(Tick(7_000));
        assert!(!quarantine.is_to_be_heeded(Tick(7_999)) && quarantine.is_to_be_heeded(Tick(8_000)));
    }
}

//! Selection in turn.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Field, SlotSet, hash};

/// Whose turn it is: one a service, shared by all threads. It begins with slot 0.
#[derive(Debug, Default)]
pub struct Turn(
    /// The slot after the one whose turn was last, and above that how many turns there were.
    AtomicU64,
);

/// One turn, as it is counted.
const ONE: u64 = 1 << u32::BITS;

impl Turn {
    /// Before the first turn.
    pub fn new() -> Turn {
        Turn::default()
    }

    /// The slot whose turn was last, if there was one.
    pub fn last(&self) -> Option<u32> {
        next_slot(self.0.load(Ordering::Relaxed)).checked_sub(1)
    }

    /// Lets `choose` pick a slot, given the one to begin with and the turn's number; the next turn begins after it. A thread that
    /// another one overtakes meanwhile picks again.
    pub(super) fn advance(&self, choose: impl Fn(u32, u32) -> Option<u32>) -> Option<u32> {
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            let slot = choose(next_slot(now), number(now))?;
            let next = u64::from(slot.wrapping_add(1)) | (now & !(ONE - 1)).wrapping_add(ONE);
            match self.0.compare_exchange_weak(now, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Some(slot),
                Err(moved) => now = moved,
            }
        }
    }

    /// A number for who chooses by other rules, different from the one before.
    pub(super) fn number(&self) -> u32 {
        number(self.0.fetch_add(ONE, Ordering::Relaxed))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "that is the slot")]
fn next_slot(turn: u64) -> u32 {
    turn as u32
}

fn number(turn: u64) -> u32 {
    (turn >> u32::BITS) as u32
}

/// The first slot in turn that can take the client.
pub(super) fn choose(field: &Field<'_>, tried: &SlotSet) -> Option<u32> {
    field.turn.advance(|begin, number| first_from(begin, number, field, tried))
}

/// The first untried slot that can take the client after one that failed, wrapping.
pub(super) fn choose_after(slot: u32, field: &Field<'_>, tried: &SlotSet) -> Option<u32> {
    let number = number(field.turn.0.load(Ordering::Relaxed));
    first_from(slot.saturating_add(1), number, field, tried)
}

fn first_from(begin: u32, number: u32, field: &Field<'_>, tried: &SlotSet) -> Option<u32> {
    field.first(field.roster.from(begin), tried, |member| hash::draw(number, member.slot))
}

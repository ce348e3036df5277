//! Selection in turn.

use std::sync::atomic::{AtomicU32, Ordering};

use super::{Query, SlotSet};

/// Whose turn it is: one a service, shared by all threads. It begins with slot 0.
#[derive(Debug, Default)]
pub struct Turn {
    /// The slot after the one whose turn was last.
    next: AtomicU32,
}

impl Turn {
    /// Before the first turn.
    pub fn new() -> Turn {
        Turn::default()
    }

    /// The slot whose turn was last, if there was one.
    pub fn last(&self) -> Option<u32> {
        self.next.load(Ordering::Relaxed).checked_sub(1)
    }

    /// Lets `choose` pick a slot, given the one to begin with; the next turn begins after it. A thread that another one
    /// overtakes meanwhile picks again.
    pub(super) fn advance(&self, choose: impl Fn(u32) -> Option<u32>) -> Option<u32> {
        let mut begin = self.next.load(Ordering::Relaxed);
        loop {
            let slot = choose(begin)?;
            let next = slot.wrapping_add(1);
            match self.next.compare_exchange_weak(begin, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Some(slot),
                Err(moved) => begin = moved,
            }
        }
    }
}

/// The first slot in turn that can take the client.
pub(super) fn choose(query: &Query<'_>, tried: &SlotSet) -> Option<u32> {
    query.turn.advance(|begin| first_from(begin, query, tried))
}

/// The first untried slot that can take the client after one that failed, wrapping.
pub(super) fn choose_after(slot: u32, query: &Query<'_>, tried: &SlotSet) -> Option<u32> {
    first_from(slot.saturating_add(1), query, tried)
}

fn first_from(begin: u32, query: &Query<'_>, tried: &SlotSet) -> Option<u32> {
    let mut members = query.roster().from(begin);
    members.find(|member| query.is_available(member, tried)).map(|member| member.slot)
}

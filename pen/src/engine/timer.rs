//! Deadlines of connections, kept in a hierarchical timing wheel: arming, cancelling and expiring in constant time.

use super::time::Tick;

/// At most one deadline for each key.
#[derive(Debug)]
pub struct TimerWheel {}

impl TimerWheel {
    /// A wheel with nothing armed.
    pub fn new() -> TimerWheel {
        todo!()
    }

    /// Sets the key's deadline, in place of an earlier one.
    pub fn arm(&mut self, _key: u32, _deadline: Tick) {
        todo!()
    }

    /// Takes the key's deadline away, if it has one.
    pub fn cancel(&mut self, _key: u32) {
        todo!()
    }

    /// Whether the key has a deadline that has not fired.
    pub fn is_armed(&self, _key: u32) -> bool {
        todo!()
    }

    /// Appends the keys whose deadlines have passed to `fired`, in no particular order, and disarms them.
    pub fn expire(&mut self, _now: Tick, _fired: &mut Vec<u32>) {
        todo!()
    }

    /// When to call `expire` next; `None`: nothing is armed.
    pub fn next_deadline(&self) -> Option<Tick> {
        todo!()
    }
}

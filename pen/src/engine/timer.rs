//! Deadlines of connections, kept in a hierarchical timing wheel: arming, cancelling and firing cost the same
//! however many are armed. What a deadline means is its user's matter.
//!
//! Time is counted in units of 16 ms. Level 0 has a slot for each of the 64 units around now, level 1 one for
//! each 64 units, and so on; ten levels hold every moment that there is. A deadline stands in the level of the
//! highest six-bit digit in which it differs from now, so all of a level come before all of the next, and a
//! level's slots never wrap. When now reaches a slot of a higher level, its deadlines move down.

use super::time::Tick;

const UNIT_MS: u64 = 16;
const DIGIT_BITS: u32 = 6;
const SLOTS: usize = 1 << DIGIT_BITS;
const LEVELS: usize = 10;
const LAST_UNIT: u64 = (1 << (DIGIT_BITS * 10)) - 1;
const NIL: u32 = u32::MAX;

/// At most one deadline for each key. Keys are small and dense: memory grows with the highest one.
#[derive(Debug)]
pub struct TimerWheel {
    /// The unit up to which everything has fired.
    now: u64,
    /// The levels that hold anything, a bit each.
    levels: u16,
    /// The slots of each level that hold anything, a bit each.
    slots: [u64; LEVELS],
    /// The first key of each slot's list.
    heads: [[u32; SLOTS]; LEVELS],
    nodes: Vec<Node>,
}

/// A key's deadline and its neighbours in the list of its slot.
#[derive(Clone, Copy, Debug)]
struct Node {
    /// The unit in which it fires; 0: not armed.
    due: u64,
    previous: u32,
    next: u32,
}

const DISARMED: Node = Node { due: 0, previous: NIL, next: NIL };

impl TimerWheel {
    /// A wheel with nothing armed.
    pub fn new() -> TimerWheel {
        TimerWheel { now: 0, levels: 0, slots: [0; LEVELS], heads: [[NIL; SLOTS]; LEVELS], nodes: Vec::new() }
    }

    /// Sets the key's deadline, in place of an earlier one. It fires never early, and at most 32 ms late.
    pub fn arm(&mut self, key: u32, deadline: Tick) {
        self.cancel(key);
        let index = key as usize;
        if self.nodes.len() <= index {
            self.nodes.resize(index + 1, DISARMED);
        }
        let due = deadline.0.div_ceil(UNIT_MS).clamp(self.now + 1, LAST_UNIT);
        self.insert(key, due);
    }

    /// Takes the key's deadline away, if it has one.
    pub fn cancel(&mut self, key: u32) {
        if !self.is_armed(key) {
            return;
        }
        let Node { due, previous, next } = std::mem::replace(&mut self.nodes[key as usize], DISARMED);
        if next != NIL {
            self.nodes[next as usize].previous = previous;
        }
        if previous != NIL {
            self.nodes[previous as usize].next = next;
            return;
        }
        let (level, slot) = self.place(due);
        self.heads[level][slot] = next;
        if next == NIL {
            self.mark_empty(level, slot);
        }
    }

    /// Whether the key has a deadline that has not fired.
    pub fn is_armed(&self, key: u32) -> bool {
        self.nodes.get(key as usize).is_some_and(|node| node.due != 0)
    }

    /// Appends the keys whose deadlines have passed to `fired`, in no particular order, and disarms them.
    pub fn expire(&mut self, now: Tick, fired: &mut Vec<u32>) {
        let now = (now.0 / UNIT_MS).min(LAST_UNIT - 1);
        while let Some((level, slot, start)) = self.earliest_slot()
            && start <= now
        {
            self.now = start;
            self.mark_empty(level, slot);
            let mut key = std::mem::replace(&mut self.heads[level][slot], NIL);
            while key != NIL {
                let Node { due, next, .. } = std::mem::replace(&mut self.nodes[key as usize], DISARMED);
                if due <= now {
                    fired.push(key);
                } else {
                    self.insert(key, due);
                }
                key = next;
            }
        }
        self.now = self.now.max(now);
    }

    /// When to call `expire` next: nothing is due before, though perhaps nothing then either; `None`: nothing is
    /// armed. After `expire(now)` it lies after `now`, so waiting for it never spins.
    pub fn next_deadline(&self) -> Option<Tick> {
        self.earliest_slot().map(|(_, _, start)| Tick(start * UNIT_MS))
    }

    /// The first slot that holds anything, and the unit in which it begins.
    fn earliest_slot(&self) -> Option<(usize, usize, u64)> {
        if self.levels == 0 {
            return None;
        }
        let level = self.levels.trailing_zeros();
        let slot = self.slots[level as usize].trailing_zeros();
        let shift = level * DIGIT_BITS;
        let higher_digits = self.now >> shift >> DIGIT_BITS << DIGIT_BITS;
        Some((level as usize, slot as usize, (higher_digits | u64::from(slot)) << shift))
    }

    /// Puts a disarmed key into the slot of a unit that has yet to fire, or is the very one that fires.
    fn insert(&mut self, key: u32, due: u64) {
        let (level, slot) = self.place(due);
        let next = std::mem::replace(&mut self.heads[level][slot], key);
        if next != NIL {
            self.nodes[next as usize].previous = key;
        }
        self.nodes[key as usize] = Node { due, previous: NIL, next };
        self.slots[level] |= 1 << slot;
        self.levels |= 1 << level;
    }

    /// Level and slot of a unit. They stay the same while `now` moves, until it enters the slot.
    #[allow(clippy::cast_possible_truncation, reason = "a digit has six bits")]
    fn place(&self, due: u64) -> (usize, usize) {
        let highest_difference = (due ^ self.now).checked_ilog2().unwrap_or(0);
        let level = highest_difference / DIGIT_BITS;
        let slot = due >> (level * DIGIT_BITS) & (SLOTS as u64 - 1);
        (level as usize, slot as usize)
    }

    fn mark_empty(&mut self, level: usize, slot: usize) {
        self.slots[level] &= !(1 << slot);
        if self.slots[level] == 0 {
            self.levels &= !(1 << level);
        }
    }
}

impl Default for TimerWheel {
    fn default() -> TimerWheel {
        TimerWheel::new()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1000;
    const HOUR: u64 = 3600 * SECOND;

    fn expired(wheel: &mut TimerWheel, now: u64) -> Vec<u32> {
        let mut fired = Vec::new();
        wheel.expire(Tick(now), &mut fired);
        fired.sort_unstable();
        fired
    }

    #[test]
    fn a_deadline_fires_once_when_its_time_has_come() {
        let mut wheel = TimerWheel::new();
        wheel.arm(3, Tick(5 * SECOND));
        assert_eq!(expired(&mut wheel, 5 * SECOND - 1), [0_u32; 0]);
        assert!(wheel.is_armed(3));
        assert_eq!(expired(&mut wheel, 5 * SECOND + 2 * UNIT_MS), [3]);
        assert!(!wheel.is_armed(3));
        assert_eq!(expired(&mut wheel, HOUR), [0_u32; 0]);
    }

    #[test]
    fn arming_again_replaces_the_deadline() {
        let mut wheel = TimerWheel::new();
        wheel.arm(0, Tick(SECOND));
        wheel.arm(0, Tick(10 * SECOND));
        assert_eq!(expired(&mut wheel, 9 * SECOND), [0_u32; 0]);
        wheel.arm(0, Tick(9 * SECOND + 500));
        assert_eq!(expired(&mut wheel, 10 * SECOND), [0]);
        assert_eq!(wheel.next_deadline(), None);
    }

    #[test]
    fn a_cancelled_deadline_never_fires() {
        let mut wheel = TimerWheel::new();
        for key in 0..5 {
            wheel.arm(key, Tick(SECOND));
        }
        wheel.cancel(4);
        wheel.cancel(0);
        wheel.cancel(2);
        wheel.cancel(2);
        wheel.cancel(1000);
        assert_eq!(expired(&mut wheel, 2 * SECOND), [1, 3]);
    }

    #[test]
    fn nothing_armed_is_nothing_to_wait_for() {
        let mut wheel = TimerWheel::new();
        assert_eq!(wheel.next_deadline(), None);
        assert_eq!(expired(&mut wheel, HOUR), [0_u32; 0]);
        wheel.arm(0, Tick(2 * HOUR));
        wheel.cancel(0);
        assert_eq!(wheel.next_deadline(), None);
    }

    #[test]
    fn a_deadline_in_the_past_fires_at_the_next_turn() {
        let mut wheel = TimerWheel::new();
        assert_eq!(expired(&mut wheel, HOUR), [0_u32; 0]);
        wheel.arm(0, Tick(SECOND));
        assert_eq!(expired(&mut wheel, HOUR + UNIT_MS), [0]);
    }

    #[test]
    fn the_end_of_time_is_far_away_but_armable() {
        let mut wheel = TimerWheel::new();
        wheel.arm(0, Tick(u64::MAX));
        assert_eq!(expired(&mut wheel, 1_000_000 * HOUR), [0_u32; 0]);
        assert!(wheel.is_armed(0));
        assert_eq!(expired(&mut wheel, u64::MAX), [0_u32; 0]);
        wheel.arm(0, Tick(u64::MAX));
        wheel.cancel(0);
        assert_eq!(wheel.next_deadline(), None);
    }

    #[test]
    fn waiting_for_a_deadline_takes_few_wake_ups() {
        let mut wheel = TimerWheel::new();
        wheel.arm(0, Tick(123 * HOUR + 7));
        let mut wake_ups = 0;
        while let Some(next) = wheel.next_deadline() {
            expired(&mut wheel, next.0);
            wake_ups += 1;
        }
        assert!(wake_ups <= LEVELS, "{wake_ups}");
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Arm { key: u32, after: u64 },
        Cancel(u32),
        Advance(u64),
        Wait,
    }

    fn duration() -> impl Strategy<Value = u64> {
        prop_oneof![
            4 => 0..40u64,
            4 => 0..3 * SECOND,
            4 => 0..2 * HOUR,
            1 => 0..100_000 * HOUR,
            1 => (0..40u32).prop_map(|exponent| UNIT_MS << exponent),
        ]
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            5 => (0..30u32, duration()).prop_map(|(key, after)| Step::Arm { key, after }),
            1 => (0..30u32).prop_map(Step::Cancel),
            2 => duration().prop_map(Step::Advance),
            2 => Just(Step::Wait),
        ]
    }

    /// The obvious way, with every promise checked after each step.
    #[derive(Default)]
    struct Model {
        wheel: TimerWheel,
        deadlines: BTreeMap<u32, u64>,
        now: u64,
    }

    impl Model {
        fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
            match step {
                Step::Arm { key, after } => {
                    self.wheel.arm(key, Tick(self.now + after));
                    self.deadlines.insert(key, self.now + after);
                }
                Step::Cancel(key) => {
                    self.wheel.cancel(key);
                    self.deadlines.remove(&key);
                }
                Step::Advance(by) => self.advance(self.now + by)?,
                Step::Wait => {
                    if let Some(next) = self.wheel.next_deadline() {
                        self.advance(next.0.max(self.now))?;
                    }
                }
            }
            self.check()
        }

        fn advance(&mut self, to: u64) -> Result<(), TestCaseError> {
            self.now = to;
            let mut fired = Vec::new();
            self.wheel.expire(Tick(to), &mut fired);
            for key in fired {
                let deadline = self.deadlines.remove(&key);
                prop_assert!(deadline.is_some_and(|deadline| deadline <= to), "{key} fired early or again");
            }
            for (key, deadline) in &self.deadlines {
                prop_assert!(deadline + 2 * UNIT_MS > to, "{key} is late");
            }
            if let Some(next) = self.wheel.next_deadline() {
                prop_assert!(next.0 > to, "waiting would spin");
            }
            Ok(())
        }

        fn check(&self) -> Result<(), TestCaseError> {
            for key in 0..30 {
                prop_assert_eq!(self.wheel.is_armed(key), self.deadlines.contains_key(&key));
            }
            let earliest = self.deadlines.values().min();
            prop_assert_eq!(self.wheel.next_deadline().is_some(), earliest.is_some());
            if let (Some(next), Some(&earliest)) = (self.wheel.next_deadline(), earliest) {
                prop_assert!(
                    next.0 < earliest.max(self.now) + 2 * UNIT_MS,
                    "{next:?} is late for {earliest}"
                );
            }
            Ok(())
        }
    }

    proptest! {
        #[test]
        fn the_wheel_fires_what_a_sorted_map_would(steps in prop::collection::vec(step(), 0..150)) {
            let mut model = Model::default();
            for step in steps {
                model.take(step)?;
            }
        }
    }
}

//! A set of slots that costs no allocation while they are few.

/// A set of slots; it allocates only for slots from 64 on.
#[derive(Clone, Debug, Default)]
pub(super) struct SlotSet {
    low: u64,
    /// The slots from 64 on, 64 in each word.
    high: Vec<u64>,
}

impl SlotSet {
    pub(super) fn insert(&mut self, slot: usize) {
        let bit = 1 << (slot % 64);
        match (slot / 64).checked_sub(1) {
            None => self.low |= bit,
            Some(word) => {
                if self.high.len() <= word {
                    self.high.resize(word + 1, 0);
                }
                self.high[word] |= bit;
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.low == 0 && self.high.is_empty()
    }

    pub(super) fn contains(&self, slot: usize) -> bool {
        let word = match (slot / 64).checked_sub(1) {
            None => self.low,
            Some(word) => self.high.get(word).copied().unwrap_or(0),
        };
        word >> (slot % 64) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_far_and_near_are_kept_apart() {
        let mut set = SlotSet::default();
        let slots = [0, 5, 63, 64, 127, 128, 1000];
        for slot in slots {
            assert!(!set.contains(slot));
            set.insert(slot);
        }
        assert_eq!((0..2000).filter(|&slot| set.contains(slot)).collect::<Vec<_>>(), slots);
    }
}

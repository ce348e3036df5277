//! A set of slots that costs no allocation while they are few.

/// So many slots are kept as they are. More are rare: each one is a server that failed.
const FEW: usize = 3;

/// A set of slots; it allocates only for more than three.
#[derive(Clone, Debug)]
pub(super) enum SlotSet {
    /// So many of these.
    Few { count: u8, slots: [u32; FEW] },
    /// A bit for each slot.
    Many(Vec<u64>),
}

impl SlotSet {
    pub(super) fn insert(&mut self, slot: u32) {
        match self {
            SlotSet::Many(words) => mark(words, slot),
            SlotSet::Few { .. } if self.contains(slot) => {}
            SlotSet::Few { count, slots } => {
                if let Some(free) = slots.get_mut(usize::from(*count)) {
                    *free = slot;
                    *count += 1;
                    return;
                }
                let mut words = Vec::new();
                for few in *slots {
                    mark(&mut words, few);
                }
                mark(&mut words, slot);
                *self = SlotSet::Many(words);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, SlotSet::Few { count: 0, .. })
    }

    pub(super) fn contains(&self, slot: u32) -> bool {
        match self {
            SlotSet::Few { count, slots } => slots[..usize::from(*count)].contains(&slot),
            SlotSet::Many(words) => {
                words.get(slot as usize / 64).is_some_and(|word| word >> (slot % 64) & 1 == 1)
            }
        }
    }
}

impl Default for SlotSet {
    fn default() -> SlotSet {
        SlotSet::Few { count: 0, slots: [0; FEW] }
    }
}

fn mark(words: &mut Vec<u64>, slot: u32) {
    let word = slot as usize / 64;
    if words.len() <= word {
        words.resize(word + 1, 0);
    }
    words[word] |= 1 << (slot % 64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_far_and_near_are_kept_apart() {
        let mut set = SlotSet::default();
        assert!(set.is_empty());
        let slots = [5, 0, 1000, 63, 64, 127, 128];
        for (count, slot) in (1..).zip(slots) {
            assert!(!set.contains(slot));
            set.insert(slot);
            set.insert(slot);
            let mut inserted = slots[..count].to_vec();
            inserted.sort_unstable();
            assert_eq!((0..2000).filter(|&slot| set.contains(slot)).collect::<Vec<_>>(), inserted);
        }
        assert!(!set.is_empty());
    }

    #[test]
    fn a_set_of_few_is_as_small_as_a_vector() {
        assert_eq!(size_of::<SlotSet>(), size_of::<Vec<u64>>());
    }
}

//! Numbers for connections and clients: always the lowest free one. What a number stands for is its user's matter.

/// Enough levels of 64 for every `u32`.
const LEVELS: usize = 6;

/// Gives out the lowest free number below a capacity, in constant time; memory grows with the highest number in use.
#[derive(Debug, Default)]
pub struct IdPool {
    capacity: u32,
    taken: u32,
    /// Numbers from here on were never taken.
    fresh: u32,
    /// The numbers below `fresh` that are free, a bit each; in the next level a bit for each word that has one, and
    /// so on up to a single word.
    free: [Vec<u64>; LEVELS],
}

impl IdPool {
    /// A pool of the numbers from 0 to `capacity` − 1, at most 2³² − 1 of them.
    pub fn new(capacity: usize) -> IdPool {
        let mut pool = IdPool::default();
        pool.grow(capacity);
        pool
    }

    /// Raises the capacity; a lower one is ignored.
    pub fn grow(&mut self, capacity: usize) {
        self.capacity = self.capacity.max(u32::try_from(capacity).unwrap_or(u32::MAX));
    }

    /// Takes the lowest free number; `None`: all are taken.
    pub fn take(&mut self) -> Option<u32> {
        let id = match self.lowest_given_back() {
            Some(id) => {
                self.mark_taken(id);
                id
            }
            None if self.fresh < self.capacity => {
                self.fresh += 1;
                self.fresh - 1
            }
            None => return None,
        };
        self.taken += 1;
        Some(id)
    }

    /// Makes a number free again; one that is free already is ignored.
    pub fn give_back(&mut self, id: u32) {
        if id < self.fresh && !self.is_marked_free(id) {
            self.mark_free(id);
            self.taken -= 1;
        }
    }

    /// How many numbers are taken.
    pub fn len(&self) -> usize {
        self.taken as usize
    }

    /// How many can be.
    pub fn capacity(&self) -> usize {
        self.capacity as usize
    }

    fn lowest_given_back(&self) -> Option<u32> {
        self.free.iter().rev().try_fold(0, |index, level| {
            let word = *level.get(index as usize)?;
            (word != 0).then(|| index << 6 | word.trailing_zeros())
        })
    }

    fn is_marked_free(&self, id: u32) -> bool {
        let (word, bit) = place(id);
        self.free[0].get(word).is_some_and(|word| word & bit != 0)
    }

    fn mark_free(&mut self, id: u32) {
        let mut index = id;
        for level in &mut self.free {
            let (word, bit) = place(index);
            if level.len() <= word {
                level.resize(word + 1, 0);
            }
            let had_one = level[word] != 0;
            level[word] |= bit;
            if had_one {
                // The levels above say so already.
                break;
            }
            index >>= 6;
        }
    }

    fn mark_taken(&mut self, id: u32) {
        let mut index = id;
        for level in &mut self.free {
            let (word, bit) = place(index);
            level[word] &= !bit;
            if level[word] != 0 {
                break;
            }
            index >>= 6;
        }
    }
}

fn place(index: u32) -> (usize, u64) {
    ((index >> 6) as usize, 1 << (index & 63))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_lowest_free_number_comes_first() {
        let mut pool = IdPool::new(200);
        let taken: Vec<u32> = std::iter::from_fn(|| pool.take()).collect();
        assert_eq!(taken, (0..200).collect::<Vec<u32>>());
        for id in [150, 64, 3, 199] {
            pool.give_back(id);
        }
        assert_eq!(pool.len(), 196);
        assert_eq!(std::iter::from_fn(|| pool.take()).collect::<Vec<u32>>(), [3, 64, 150, 199]);
    }

    #[test]
    fn a_pool_grows_and_never_shrinks() {
        let mut pool = IdPool::new(1);
        assert_eq!((pool.take(), pool.take()), (Some(0), None));
        pool.grow(2);
        pool.grow(0);
        assert_eq!(pool.capacity(), 2);
        assert_eq!((pool.take(), pool.take()), (Some(1), None));
    }

    #[test]
    fn a_number_that_is_free_cannot_be_given_back() {
        let mut pool = IdPool::new(10);
        pool.give_back(4);
        pool.take();
        pool.give_back(0);
        pool.give_back(0);
        pool.give_back(u32::MAX);
        assert_eq!(pool.len(), 0);
        assert_eq!((pool.take(), pool.take()), (Some(0), Some(1)));
    }

    #[test]
    fn a_large_capacity_costs_nothing_before_it_is_used() {
        let mut pool = IdPool::new(usize::MAX);
        assert_eq!(pool.capacity(), u32::MAX as usize);
        assert_eq!(pool.take(), Some(0));
        pool.give_back(0);
        assert!(pool.free.iter().all(|level| level.len() == 1));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Take(u16),
        GiveBack(u32),
        Grow(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (1u16..400).prop_map(Step::Take),
            6 => (0u32..9000).prop_map(Step::GiveBack),
            1 => (0usize..9000).prop_map(Step::Grow),
        ]
    }

    proptest! {
        #[test]
        fn a_pool_behaves_like_an_ordered_set(capacity in 0usize..5000, steps in prop::collection::vec(step(), 0..200)) {
            let mut pool = IdPool::new(capacity);
            let mut free: BTreeSet<u32> = (0..u32::try_from(capacity).unwrap()).collect();
            let mut capacity = capacity;
            for step in steps {
                match step {
                    Step::Take(count) => for _ in 0..count {
                        prop_assert_eq!(pool.take(), free.pop_first());
                    },
                    Step::GiveBack(id) => {
                        pool.give_back(id);
                        if (id as usize) < capacity {
                            free.insert(id);
                        }
                    }
                    Step::Grow(to) => {
                        pool.grow(to);
                        free.extend((capacity..to).map(|id| u32::try_from(id).unwrap()));
                        capacity = capacity.max(to);
                    }
                }
                prop_assert_eq!(pool.len(), capacity - free.len());
                prop_assert_eq!(pool.capacity(), capacity);
            }
        }
    }
}

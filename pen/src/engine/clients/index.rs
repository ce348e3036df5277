//! Finds places by a hash of who has them: chains of places, in buckets that come and go one at a time.
//!
//! This is linear hashing. A table that doubles at once would stop all clients of a service while it moves a million of them;
//! this one moves a handful with each client that comes or goes. It knows hashes and places only; the chains' links stand
//! in the places themselves, next to what is compared, so that to find somebody takes two cache lines.

use super::NIL;

/// The buckets: so many as there are places, or one.
#[derive(Debug)]
pub(super) struct Index {
    /// The first place of each chain.
    heads: Vec<u32>,
}

/// Where the chains run: what a place must tell of itself.
pub(super) trait Chained {
    /// The hash of who has the place.
    fn hash(&self, place: u32) -> u64;
    /// The place after this one in its chain.
    fn next(&self, place: u32) -> u32;
    /// Sets that.
    fn set_next(&mut self, place: u32, next: u32);
}

impl Index {
    pub(super) fn new() -> Index {
        Index { heads: Vec::new() }
    }

    /// The first place in the chain of this hash, from which the chain goes on.
    pub(super) fn chain(&self, hash: u64) -> u32 {
        if self.heads.is_empty() { NIL } else { self.heads[self.bucket(hash)] }
    }

    /// Adds a place, and a bucket.
    pub(super) fn insert(&mut self, hash: u64, place: u32, places: &mut impl Chained) {
        self.split(places);
        self.push(self.bucket(hash), place, places);
    }

    /// Takes a place away, which must be in the chain of this hash, and a bucket.
    pub(super) fn remove(&mut self, hash: u64, place: u32, places: &mut impl Chained) {
        let bucket = self.bucket(hash);
        let next = places.next(place);
        let mut before = self.heads[bucket];
        if before == place {
            self.heads[bucket] = next;
        } else {
            while places.next(before) != place {
                before = places.next(before);
            }
            places.set_next(before, next);
        }
        self.merge(places);
    }

    /// Makes another bucket, of what belongs there from the one that had it so far.
    fn split(&mut self, places: &mut impl Chained) {
        self.heads.push(NIL);
        let new = self.heads.len() - 1;
        if new == 0 {
            return;
        }
        let old = buddy(new);
        let mut place = std::mem::replace(&mut self.heads[old], NIL);
        while place != NIL {
            let next = places.next(place);
            self.push(self.bucket(places.hash(place)), place, places);
            place = next;
        }
    }

    /// Takes the last bucket away; what is in it goes to the one that it came from.
    fn merge(&mut self, places: &mut impl Chained) {
        let Some(mut place) = self.heads.pop() else { return };
        while place != NIL {
            let next = places.next(place);
            self.push(buddy(self.heads.len()), place, places);
            place = next;
        }
        if self.heads.len() < self.heads.capacity() / 4 {
            self.heads.shrink_to(self.heads.len() * 2);
        }
    }

    fn push(&mut self, bucket: usize, place: u32, places: &mut impl Chained) {
        let next = std::mem::replace(&mut self.heads[bucket], place);
        places.set_next(place, next);
    }

    /// The hash modulo the next power of two, or where there is no such bucket yet, modulo the one before.
    #[expect(clippy::cast_possible_truncation, reason = "there are fewer buckets than 32 bits can count")]
    fn bucket(&self, hash: u64) -> usize {
        let mask = self.heads.len().next_power_of_two() - 1;
        let bucket = hash as usize & mask;
        if bucket < self.heads.len() { bucket } else { buddy(bucket) }
    }
}

/// The bucket from which one was split off: its number without the highest bit. The first has none.
fn buddy(bucket: usize) -> usize {
    bucket & !(1 << bucket.ilog2())
}

#[cfg(test)]
impl Index {
    /// Bytes allocated for buckets.
    pub(super) fn memory(&self) -> usize {
        self.heads.capacity() * size_of::<u32>()
    }
}

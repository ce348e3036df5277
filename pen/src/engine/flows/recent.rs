//! Datagrams of late, kept so that one that met an error can be sent again to another server.
//!
//! They stand in a ring of bytes: a new one takes the place of the oldest. Whoever remembers one gets a memo, which
//! recalls it as long as it is there.

use std::collections::VecDeque;

use crate::engine::time::Tick;

/// What the smallest datagram takes of the ring, so that empty ones are limited, too.
const LEAST: usize = 64;

/// A bounded ring of datagrams.
#[derive(Debug)]
pub struct Recent {
    ring: Box<[u8]>,
    kept: VecDeque<Kept>,
    /// The number of the oldest in `kept`.
    first: u64,
    /// Where the next one begins.
    next: usize,
}

/// Refers to a datagram of a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memo(u64);

/// A datagram as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remembered<'a> {
    /// What it said.
    pub bytes: &'a [u8],
    /// Several datagrams that came as one: the length of each but the last.
    pub segment: Option<usize>,
    /// When it was remembered.
    pub at: Tick,
    /// The one before it that is owed an answer, too.
    pub previous: Option<Memo>,
}

#[derive(Debug)]
struct Kept {
    begin: usize,
    len: usize,
    segment: Option<usize>,
    at: Tick,
    previous: Option<Memo>,
}

impl Recent {
    /// A ring of so many bytes.
    pub fn new(capacity: usize) -> Recent {
        Recent { ring: vec![0; capacity].into(), kept: VecDeque::new(), first: 0, next: 0 }
    }

    /// Keeps a datagram in place of the oldest ones. One that is larger than the ring is not kept. `previous`: whatever the user
    /// wants to find from there.
    pub fn remember(
        &mut self,
        bytes: &[u8],
        segment: Option<usize>,
        previous: Option<Memo>,
        now: Tick,
    ) -> Memo {
        let room = bytes.len().max(LEAST);
        if room > self.ring.len() {
            return Memo(u64::MAX);
        }
        if self.next + room > self.ring.len() {
            // What stands between here and the end is overwritten only in the next round, but it is the oldest.
            self.forget(self.next, self.ring.len());
            self.next = 0;
        }
        let (begin, end) = (self.next, self.next + room);
        self.forget(begin, end);
        self.ring[begin..begin + bytes.len()].copy_from_slice(bytes);
        self.kept.push_back(Kept { begin, len: bytes.len(), segment, at: now, previous });
        self.next = end;
        Memo(self.first + self.kept.len() as u64 - 1)
    }

    /// The datagram, unless others have taken its place.
    pub fn recall(&self, memo: Memo) -> Option<Remembered<'_>> {
        let place = usize::try_from(memo.0.checked_sub(self.first)?).ok()?;
        let &Kept { begin, len, segment, at, previous } = self.kept.get(place)?;
        Some(Remembered { bytes: &self.ring[begin..begin + len], segment, at, previous })
    }

    /// Drops the oldest datagrams as long as they reach into this part of the ring.
    fn forget(&mut self, begin: usize, end: usize) {
        while let Some(oldest) = self.kept.front()
            && oldest.begin < end
            && oldest.begin + oldest.len.max(LEAST) > begin
        {
            self.kept.pop_front();
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_datagram_is_recalled_as_it_was() {
        let mut recent = Recent::new(1000);
        let one = recent.remember(b"one", None, None, Tick(1));
        let empty = recent.remember(b"", None, Some(one), Tick(2));
        let joined = recent.remember(b"two of them", Some(6), None, Tick(3));
        for (memo, bytes, segment, previous, at) in [
            (one, &b"one"[..], None, None, 1),
            (empty, b"", None, Some(one), 2),
            (joined, b"two of them", Some(6), None, 3),
        ] {
            assert_eq!(recent.recall(memo), Some(Remembered { bytes, segment, at: Tick(at), previous }));
        }
    }

    #[test]
    fn only_the_oldest_make_room() {
        let mut recent = Recent::new(3 * LEAST);
        let mut memos: Vec<Memo> = (0..3).map(|_| recent.remember(b"small", None, None, Tick(1))).collect();
        assert!(memos.iter().all(|memo| recent.recall(*memo).is_some()));
        let there = |recent: &Recent, memos: &[Memo]| -> Vec<bool> {
            memos.iter().map(|memo| recent.recall(*memo).is_some()).collect()
        };
        memos.push(recent.remember(&[1; LEAST], None, None, Tick(1)));
        assert_eq!(there(&recent, &memos), [false, true, true, true]);
        memos.push(recent.remember(&[2; LEAST + 1], None, None, Tick(1)));
        assert_eq!(there(&recent, &memos), [false, false, false, true, true]);
    }

    #[test]
    fn a_datagram_that_is_larger_than_the_ring_is_not_kept() {
        let mut recent = Recent::new(100);
        let kept = recent.remember(b"kept", None, None, Tick(1));
        let large = recent.remember(&[1; 101], None, None, Tick(1));
        assert_eq!(recent.recall(large), None);
        assert!(recent.recall(kept).is_some());
        let exact = recent.remember(&[2; 100], None, None, Tick(1));
        assert_eq!(recent.recall(exact).map(|kept| kept.bytes.len()), Some(100));
        assert_eq!(recent.recall(kept), None);
        let nothing = &mut Recent::new(0);
        let empty = nothing.remember(b"", None, None, Tick(1));
        assert_eq!(nothing.recall(empty), None);
    }

    proptest! {
        #[test]
        fn what_is_recalled_is_what_was_said(
            capacity in 0usize..2000,
            lengths in prop::collection::vec(prop_oneof![0usize..10, 0usize..700, 1900usize..2100], 0..100),
        ) {
            let mut recent = Recent::new(capacity);
            let mut memos = VecDeque::new();
            for (length, fill) in lengths.into_iter().zip(0u8..) {
                let bytes = vec![fill; length];
                let memo = recent.remember(&bytes, None, None, Tick(fill.into()));
                prop_assert_eq!(recent.recall(memo).is_some(), length.max(LEAST) <= capacity);
                memos.push_back((memo, bytes));
                let there = |(memo, bytes): &(Memo, Vec<u8>)| recent.recall(*memo).map(|kept| {
                    assert_eq!(kept.bytes, &**bytes);
                    bytes.len().max(LEAST)
                });
                let kept: Vec<usize> = memos.iter().filter_map(there).collect();
                prop_assert!(kept.iter().sum::<usize>() <= capacity);
                prop_assert_eq!(kept.len(), recent.kept.len());
                // It forgets no more than it must: besides the latest half of the ring only what was in the way.
                let mut room = capacity / 2;
                for (memo, bytes) in memos.iter().rev() {
                    let size = bytes.len().max(LEAST);
                    if size > capacity { continue }
                    let Some(left) = room.checked_sub(size) else { break };
                    room = left;
                    prop_assert!(recent.recall(*memo).is_some());
                }
            }
        }
    }
}

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
}

#[derive(Debug)]
struct Kept {
    begin: usize,
    len: usize,
    segment: Option<usize>,
    at: Tick,
}

impl Recent {
    /// A ring of so many bytes.
    pub fn new(capacity: usize) -> Recent {
        Recent { ring: vec![0; capacity].into(), kept: VecDeque::new(), first: 0, next: 0 }
    }

    /// Keeps a datagram in place of the oldest ones. One that is larger than the ring is not kept.
    pub fn remember(&mut self, bytes: &[u8], segment: Option<usize>, now: Tick) -> Memo {
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
        self.kept.push_back(Kept { begin, len: bytes.len(), segment, at: now });
        self.next = end;
        Memo(self.first + self.kept.len() as u64 - 1)
    }

    /// The datagram, unless others have taken its place.
    pub fn recall(&self, memo: Memo) -> Option<Remembered<'_>> {
        let place = usize::try_from(memo.0.checked_sub(self.first)?).ok()?;
        let &Kept { begin, len, segment, at } = self.kept.get(place)?;
        Some(Remembered { bytes: &self.ring[begin..begin + len], segment, at })
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

//! Lines that come in several datagrams: an old penlog cuts them, and ends only the last piece with a newline. Pure: time is
//! handed in.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use crate::matching::Moment;

/// An old penlog cuts lines at this size.
pub(super) const CUT: usize = 1023;
/// No line is as long by chance.
const HUGE: usize = 60_000;

/// How long the next piece is waited for, in microseconds.
const PATIENCE: i64 = 1_000_000;
/// Of so many senders there are beginnings of lines, at most.
const MOST: usize = 1024;
/// And so many bytes altogether.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// Beginnings of lines, by sender.
#[derive(Debug, Default)]
pub(super) struct Parts {
    by_sender: HashMap<SocketAddr, Part>,
    /// The oldest first. Entries whose part is no longer there are skipped.
    ages: VecDeque<(u64, SocketAddr)>,
    bytes: usize,
    next: u64,
}

/// The beginning of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) text: Vec<u8>,
    /// The last piece had a size at which lines are cut: the next one belongs to it, whatever it looks like.
    pub(super) was_cut: bool,
    since: Moment,
    number: u64,
}

impl Parts {
    pub(super) fn is_empty(&self) -> bool {
        self.by_sender.is_empty()
    }

    /// What this sender began, which is forgotten here.
    pub(super) fn take(&mut self, sender: &SocketAddr) -> Option<Part> {
        let part = self.by_sender.remove(sender)?;
        self.bytes -= part.text.len();
        Some(part)
    }

    /// Keeps the beginning of a line, of which `piece` bytes have just come, for this sender's next datagram. It has no other
    /// one: [`take`](Parts::take) has looked for it.
    pub(super) fn keep(&mut self, sender: SocketAddr, text: Vec<u8>, piece: usize, since: Moment) {
        self.bytes += text.len();
        self.next += 1;
        self.ages.push_back((self.next, sender));
        let part = Part { text, was_cut: piece == CUT || piece >= HUGE, since, number: self.next };
        self.by_sender.insert(sender, part);
    }

    /// The next line whose end is no longer waited for, and who sent it.
    pub(super) fn overdue(&mut self, now: Moment) -> Option<(SocketAddr, Vec<u8>)> {
        self.oldest().filter(|(due, _)| *due <= now)?;
        self.pop()
    }

    /// The next line that cannot be waited for any longer because there are too many, or they have too many bytes.
    pub(super) fn squeezed_out(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        let is_crowded = self.by_sender.len() > MOST || self.bytes > MOST_BYTES;
        if is_crowded { self.pop() } else { None }
    }

    /// The next line, whether its end is waited for or not.
    pub(super) fn pop(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        let (_, sender) = self.oldest()?;
        self.take(&sender).map(|part| (sender, part.text))
    }

    /// When the next one is [`overdue`](Parts::overdue).
    pub(super) fn due(&mut self) -> Option<Moment> {
        self.oldest().map(|(due, _)| due)
    }

    fn oldest(&mut self) -> Option<(Moment, SocketAddr)> {
        while let Some((number, sender)) = self.ages.front() {
            match self.by_sender.get(sender) {
                Some(part) if part.number == *number => {
                    return Some((Moment(part.since.0 + PATIENCE), *sender));
                }
                _ => _ = self.ages.pop_front(),
            }
        }
        None
    }
}

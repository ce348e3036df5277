//! Lines that wait for their record, and those of the same server behind them, so that a server's lines keep their order. Pure:
//! time is handed in, and whose a line is knows the caller.
//!
//! A record is told by a [`Key`], under which the oldest line that waits for such a record is found at once, however many wait.

use std::collections::hash_map::{Entry, RandomState};
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::net::IpAddr;

use crate::line::Ports;
use crate::matching::Moment;

/// So many bytes of a request make its key: a record that was cut has that many, too.
const OF_REQUEST: usize = 900;

/// How much may be held.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// How long a line waits, in microseconds.
    pub(super) wait: i64,
    /// How many lines there may be.
    pub(super) lines: usize,
    /// And how many bytes in them.
    pub(super) bytes: usize,
}

/// The lines held.
#[derive(Debug)]
pub(super) struct Holding {
    limits: Limits,
    /// Those of each server that has any: the first one waits.
    queues: HashMap<IpAddr, VecDeque<Held>>,
    /// Those that wait, by when they came. Entries of lines that wait no longer are skipped.
    waiting: VecDeque<(Moment, Id)>,
    /// Those that wait, by the records that they wait for. Skipped likewise.
    by_key: HashMap<Key, VecDeque<u64>>,
    requests: RandomState,
    lines: usize,
    bytes: usize,
    next: u64,
}

/// A line that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id {
    pub(super) server: IpAddr,
    number: u64,
}

/// What a record and a line can have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// The server, and the request's hash.
    Request(IpAddr, u64),
    /// The server, and pen's port.
    Port(IpAddr, u16),
}

#[derive(Debug)]
struct Held {
    number: u64,
    text: Vec<u8>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The text is the line as it came, without a newline.
    Waiting { at: Moment, request: Option<u64>, ports: Ports },
    /// The text is what is to be written.
    Ready,
}

impl Holding {
    pub(super) fn new(limits: Limits) -> Holding {
        Holding {
            limits,
            queues: HashMap::new(),
            waiting: VecDeque::new(),
            by_key: HashMap::new(),
            requests: RandomState::new(),
            lines: 0,
            bytes: 0,
            next: 0,
        }
    }

    /// Whether nothing is held.
    pub(super) fn is_empty(&self) -> bool {
        self.lines == 0
    }

    /// How many lines are held.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lines
    }

    /// Whether a line of this server has to go behind others.
    pub(super) fn holds(&self, server: IpAddr) -> bool {
        !self.is_empty() && self.queues.contains_key(&server)
    }

    /// The key of a record of a request, and of a line.
    pub(super) fn request_key(&self, server: IpAddr, request: &[u8]) -> Key {
        Key::Request(server, self.hash(request))
    }

    /// Has a line wait for its record.
    pub(super) fn wait(
        &mut self,
        server: IpAddr,
        text: Vec<u8>,
        at: Moment,
        request: Option<&[u8]>,
        ports: Ports,
    ) {
        let request = request.map(|request| self.hash(request));
        let id = self.push(server, text, State::Waiting { at, request, ports });
        self.waiting.push_back((Moment(at.0.saturating_add(self.limits.wait)), id));
        for key in keys(server, request, ports) {
            self.by_key.entry(key).or_default().push_back(id.number);
        }
    }

    /// Puts a line, as it is to be written, behind the others of a server that [`holds`](Holding::holds) some.
    pub(super) fn queue(&mut self, server: IpAddr, text: Vec<u8>) {
        self.push(server, text, State::Ready);
    }

    /// The oldest line that waits for such a record.
    pub(super) fn awaiting(&mut self, key: Key) -> Option<Id> {
        let (Key::Request(server, _) | Key::Port(server, _)) = key;
        let Holding { queues, by_key, .. } = self;
        let numbers = by_key.get(&key)?;
        let number =
            numbers.iter().copied().find(|number| is_waiting(queues, &Id { server, number: *number }))?;
        Some(Id { server, number })
    }

    /// A line that has waited long enough.
    pub(super) fn overdue(&mut self, now: Moment) -> Option<Id> {
        self.oldest().filter(|(due, _)| *due <= now).map(|(_, id)| id)
    }

    /// A line that cannot wait any longer because there are too many, or they have too many bytes.
    pub(super) fn squeezed_out(&mut self) -> Option<Id> {
        let is_crowded = self.lines > self.limits.lines || self.bytes > self.limits.bytes;
        if is_crowded { self.oldest().map(|(_, id)| id) } else { None }
    }

    /// The line that waits for the longest time, and when it is overdue.
    pub(super) fn oldest(&mut self) -> Option<(Moment, Id)> {
        while let Some(entry) = self.waiting.front() {
            if is_waiting(&self.queues, &entry.1) {
                return Some(*entry);
            }
            self.waiting.pop_front();
        }
        None
    }

    /// A line that waits, as it came, and when that was.
    pub(super) fn line(&self, id: Id) -> Option<(&[u8], Moment)> {
        let held = self.queues.get(&id.server).and_then(|queue| find(queue, id.number))?;
        match held.state {
            State::Waiting { at, .. } => Some((&held.text, at)),
            State::Ready => None,
        }
    }

    /// Ends the wait of a line, which is to be written as `text`. What need not wait any longer for it is appended to `out`.
    pub(super) fn end(&mut self, id: Id, text: Vec<u8>, out: &mut Vec<u8>) {
        let Entry::Occupied(mut queue) = self.queues.entry(id.server) else { return };
        let Ok(index) = queue.get().binary_search_by_key(&id.number, |held| held.number) else { return };
        let Some(held) = queue.get_mut().get_mut(index) else { return };
        let State::Waiting { request, ports, .. } = std::mem::replace(&mut held.state, State::Ready) else {
            return;
        };
        self.bytes = self.bytes - held.text.len() + text.len();
        held.text = text;
        while let Some(held) = queue.get_mut().pop_front_if(|held| matches!(held.state, State::Ready)) {
            self.lines -= 1;
            self.bytes -= held.text.len();
            out.extend_from_slice(&held.text);
        }
        if queue.get().is_empty() {
            queue.remove();
        }
        for key in keys(id.server, request, ports) {
            self.forget_stale(key, id.server);
        }
    }

    fn push(&mut self, server: IpAddr, text: Vec<u8>, state: State) -> Id {
        self.next += 1;
        self.lines += 1;
        self.bytes += text.len();
        let number = self.next;
        self.queues.entry(server).or_default().push_back(Held { number, text, state });
        Id { server, number }
    }

    /// Takes lines that wait no longer from under a key. Those behind one that waits stay for now, but not longer than that.
    fn forget_stale(&mut self, key: Key, server: IpAddr) {
        let Entry::Occupied(mut numbers) = self.by_key.entry(key) else { return };
        while let Some(number) = numbers.get().front().copied() {
            if is_waiting(&self.queues, &Id { server, number }) {
                return;
            }
            numbers.get_mut().pop_front();
        }
        numbers.remove();
    }

    fn hash(&self, request: &[u8]) -> u64 {
        self.requests.hash_one(&request[..request.len().min(OF_REQUEST)])
    }
}

fn keys(server: IpAddr, request: Option<u64>, ports: Ports) -> impl Iterator<Item = Key> {
    let mut list = [None; Ports::MOST];
    for (slot, port) in list.iter_mut().zip(ports.iter()) {
        *slot = Some(Key::Port(server, port));
    }
    let request = request.map(|hash| Key::Request(server, hash));
    request.into_iter().chain(list.into_iter().flatten())
}

fn find(queue: &VecDeque<Held>, number: u64) -> Option<&Held> {
    let index = queue.binary_search_by_key(&number, |held| held.number).ok()?;
    queue.get(index)
}

fn is_waiting(queues: &HashMap<IpAddr, VecDeque<Held>>, id: &Id) -> bool {
    let held = queues.get(&id.server).and_then(|queue| find(queue, id.number));
    held.is_some_and(|held| matches!(held.state, State::Waiting { .. }))
}

#[cfg(test)]
mod tests;

//! The clients that a service remembers: which server each used last, what it has done, and who is forgotten when.
//! The table belongs behind a lock; every operation but `rows` costs the same however many clients there are.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::client_addr::ClientAddr;
use parking_lot::Mutex;

use super::ids::IdPool;
use super::servers::ServerId;
use super::time::Tick;

/// How many forgotten clients one `open` clears away: more than it can add, few enough to hold the lock but briefly.
const FORGET_AT_ONCE: usize = 4;
/// How many one `known` clears away.
const FORGET_TO_COUNT: usize = 64;
/// Numbers that a table gives back under one lock: clients of other tables wait no longer than that.
const GIVE_BACK_AT_ONCE: usize = 128;
const NIL: u32 = u32::MAX;

/// What a client has done so far. Its connections count here without asking the table.
#[derive(Debug, Default)]
pub struct ClientCounters {
    /// Connections that it opened.
    pub connects: AtomicU64,
    /// Bytes sent to the client.
    pub sent: AtomicU64,
    /// Bytes received from the client.
    pub received: AtomicU64,
}

/// The numbers of all clients of the process, whichever table they are in.
pub type ClientNumbers = Mutex<IdPool>;

/// All numbers, free.
pub fn client_numbers() -> ClientNumbers {
    Mutex::new(IdPool::new(NIL as usize))
}

/// A client in the table; once the table has dropped it, this refers to nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientRef {
    /// The number that the user knows.
    pub number: u32,
    /// Its place in the table.
    index: u32,
    /// Counts the clients that had the place.
    generation: u32,
}

/// What the table knows of a client that has just connected.
#[derive(Debug)]
pub struct Opened {
    /// Its place in the table.
    pub client: ClientRef,
    /// Its counters; they outlive its place in the table.
    pub counters: Arc<ClientCounters>,
    /// The server that it used last.
    pub last_server: Option<ServerId>,
}

/// A client as reports show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRow {
    /// Its number.
    pub number: u32,
    /// Its address.
    pub addr: ClientAddr,
    /// When a connection of it last began or ended.
    pub last_seen: Tick,
    /// The server that it used last.
    pub last_server: Option<ServerId>,
    /// Its open connections.
    pub open: u32,
    /// Connections that it opened.
    pub connects: u64,
    /// Bytes sent to it.
    pub sent: u64,
    /// Bytes received from it.
    pub received: u64,
}

/// The clients of a service, each with the lowest number that was free in the process when it came.
#[derive(Debug)]
pub struct ClientTable {
    numbers: Arc<ClientNumbers>,
    /// Which places are free.
    indices: IdPool,
    /// The hash is keyed, because who connects chooses the addresses.
    by_addr: HashMap<ClientAddr, u32, RandomState>,
    places: Vec<Place>,
    /// Clients without connections, the one whose last connection ended first in front.
    idle: Line,
    /// Clients with connections, the least recently used in front.
    busy: Line,
}

/// Who has a place.
#[derive(Debug)]
struct Place {
    generation: u32,
    entry: Option<Entry>,
}

#[derive(Debug)]
struct Entry {
    number: u32,
    addr: ClientAddr,
    open: u32,
    last_seen: Tick,
    last_server: Option<ServerId>,
    counters: Arc<ClientCounters>,
    /// Neighbours in the idle or the busy line.
    previous: u32,
    next: u32,
}

/// The ends of a list that runs through the entries.
#[derive(Debug)]
struct Line {
    front: u32,
    back: u32,
}

impl ClientTable {
    /// An empty table for at most `capacity` clients (at least one), which get their numbers from `numbers`. It takes memory
    /// only for those that come.
    pub fn new(capacity: usize, numbers: Arc<ClientNumbers>) -> ClientTable {
        ClientTable {
            numbers,
            indices: IdPool::new(capacity.max(1)),
            by_addr: HashMap::default(),
            places: Vec::new(),
            idle: Line::EMPTY,
            busy: Line::EMPTY,
        }
    }

    /// Raises the capacity; a lower one is ignored.
    pub fn grow(&mut self, capacity: usize) {
        self.indices.grow(capacity);
    }

    /// What the table holds, which is empty then: dropping that takes long if it is much.
    pub fn take(&mut self) -> ClientTable {
        let numbers = Arc::clone(&self.numbers);
        std::mem::replace(self, ClientTable::new(1, numbers))
    }

    /// How many clients it can hold.
    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.indices.capacity()
    }

    /// How many it holds. Some may have been forgotten already, if nobody has connected since.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Clears away some of those that are forgotten, and says how many are known; `None`: there are more to clear away.
    ///
    /// So a large table is counted in steps, without the lock in between.
    pub fn known(&mut self, now: Tick, tracking: Option<Duration>) -> Option<usize> {
        self.forget(FORGET_TO_COUNT, now, tracking);
        (!self.is_forgotten(self.idle.front, now, tracking)).then_some(self.by_addr.len())
    }

    /// Counts a new connection of the client. Clients without connections are forgotten after `tracking` (`None`:
    /// never).
    ///
    /// When the table is full, the least recently used client goes, those with connections last.
    pub fn open(&mut self, addr: ClientAddr, now: Tick, tracking: Option<Duration>) -> Opened {
        self.forget(FORGET_AT_ONCE, now, tracking);
        let index = match self.by_addr.get(&addr) {
            Some(&index) if !self.is_forgotten(index, now, tracking) => index,
            Some(&index) => {
                self.remove(index);
                self.insert(addr)
            }
            None => self.insert(addr),
        };
        self.unlink(index);
        let place = &mut self.places[index as usize];
        let entry = place.entry.as_mut().expect("looked up or inserted above");
        entry.open += 1;
        entry.last_seen = now;
        entry.counters.connects.fetch_add(1, Ordering::Relaxed);
        let opened = Opened {
            client: ClientRef { number: entry.number, index, generation: place.generation },
            counters: Arc::clone(&entry.counters),
            last_server: entry.last_server,
        };
        self.link(index);
        opened
    }

    /// Notes the server that the client uses.
    pub fn remember(&mut self, client: ClientRef, server: Option<ServerId>) {
        if let Some(entry) = self.entry_mut(client) {
            entry.last_server = server;
        }
    }

    /// Counts the end of a connection that `open` counted.
    pub fn close(&mut self, client: ClientRef, now: Tick) {
        if self.entry_mut(client).is_none_or(|entry| entry.open == 0) {
            return;
        }
        self.unlink(client.index);
        if let Some(entry) = self.entry_mut(client) {
            entry.open -= 1;
            entry.last_seen = now;
        }
        self.link(client.index);
    }

    /// The clients at the `count` places from `from` on, without the forgotten ones, and the place to go on with.
    ///
    /// So a large table is read in slices, without the lock in between.
    pub fn rows(
        &self,
        from: u32,
        count: usize,
        now: Tick,
        tracking: Option<Duration>,
    ) -> (Vec<ClientRow>, Option<u32>) {
        let begin = self.places.len().min(from as usize);
        let end = self.places.len().min(begin.saturating_add(count));
        let rows = self.places[begin..end]
            .iter()
            .filter_map(|place| place.entry.as_ref())
            .filter(|entry| !entry.is_forgotten(now, tracking))
            .map(Entry::row)
            .collect();
        let next = u32::try_from(end).ok().filter(|_| end < self.places.len());
        (rows, next)
    }

    /// Clears away those that are forgotten, `most` at most.
    fn forget(&mut self, most: usize, now: Tick, tracking: Option<Duration>) {
        for _ in 0..most {
            if !self.is_forgotten(self.idle.front, now, tracking) {
                break;
            }
            self.remove(self.idle.front);
        }
    }

    fn is_forgotten(&self, index: u32, now: Tick, tracking: Option<Duration>) -> bool {
        self.entry(index).is_some_and(|entry| entry.is_forgotten(now, tracking))
    }

    /// Adds a client, after making room for it.
    fn insert(&mut self, addr: ClientAddr) -> u32 {
        let index = loop {
            match self.indices.take() {
                Some(index) => break index,
                None if self.idle.front != NIL => self.remove(self.idle.front),
                None => self.remove(self.busy.front),
            }
        };
        if self.places.len() <= index as usize {
            self.places.resize_with(index as usize + 1, || Place { generation: 0, entry: None });
        }
        // There are as many numbers as there can be clients.
        let number = self.numbers.lock().take().unwrap_or(NIL);
        self.places[index as usize].entry = Some(Entry::new(number, addr));
        self.by_addr.insert(addr, index);
        self.link(index);
        index
    }

    fn remove(&mut self, index: u32) {
        self.unlink(index);
        let place = &mut self.places[index as usize];
        place.generation = place.generation.wrapping_add(1);
        if let Some(entry) = place.entry.take() {
            self.by_addr.remove(&entry.addr);
            self.numbers.lock().give_back(entry.number);
        }
        self.indices.give_back(index);
    }

    fn entry(&self, index: u32) -> Option<&Entry> {
        self.places.get(index as usize)?.entry.as_ref()
    }

    fn entry_mut(&mut self, client: ClientRef) -> Option<&mut Entry> {
        self.places
            .get_mut(client.index as usize)
            .filter(|place| place.generation == client.generation)?
            .entry
            .as_mut()
    }

    /// Puts the client at the back of the line that it belongs to.
    fn link(&mut self, index: u32) {
        let Some(entry) = self.places[index as usize].entry.as_mut() else { return };
        let line = if entry.open == 0 { &mut self.idle } else { &mut self.busy };
        let previous = std::mem::replace(&mut line.back, index);
        (entry.previous, entry.next) = (previous, NIL);
        match self.neighbour(previous) {
            Some(entry) => entry.next = index,
            None => self.line_of(index).front = index,
        }
    }

    /// Takes the client out of its line. To be called before `open` changes, which says which line that is.
    fn unlink(&mut self, index: u32) {
        let Some(&Entry { previous, next, .. }) = self.entry(index) else { return };
        match self.neighbour(previous) {
            Some(entry) => entry.next = next,
            None => self.line_of(index).front = next,
        }
        match self.neighbour(next) {
            Some(entry) => entry.previous = previous,
            None => self.line_of(index).back = previous,
        }
    }

    fn neighbour(&mut self, index: u32) -> Option<&mut Entry> {
        self.places.get_mut(index as usize)?.entry.as_mut()
    }

    fn line_of(&mut self, index: u32) -> &mut Line {
        if self.entry(index).is_some_and(|entry| entry.open > 0) { &mut self.busy } else { &mut self.idle }
    }
}

impl Drop for ClientTable {
    /// The numbers are others' again.
    fn drop(&mut self) {
        for places in self.places.chunks(GIVE_BACK_AT_ONCE) {
            let mut numbers = self.numbers.lock();
            let entries = places.iter().filter_map(|place| place.entry.as_ref());
            entries.for_each(|entry| numbers.give_back(entry.number));
        }
    }
}

impl Entry {
    fn new(number: u32, addr: ClientAddr) -> Entry {
        Entry {
            number,
            addr,
            open: 0,
            last_seen: Tick::default(),
            last_server: None,
            counters: Arc::default(),
            previous: NIL,
            next: NIL,
        }
    }

    fn is_forgotten(&self, now: Tick, tracking: Option<Duration>) -> bool {
        self.open == 0 && tracking.is_some_and(|tracking| now.since(self.last_seen) >= tracking)
    }

    fn row(&self) -> ClientRow {
        ClientRow {
            number: self.number,
            addr: self.addr,
            last_seen: self.last_seen,
            last_server: self.last_server,
            open: self.open,
            connects: self.counters.connects.load(Ordering::Relaxed),
            sent: self.counters.sent.load(Ordering::Relaxed),
            received: self.counters.received.load(Ordering::Relaxed),
        }
    }
}

impl Line {
    const EMPTY: Line = Line { front: NIL, back: NIL };
}

#[cfg(test)]
mod tests;

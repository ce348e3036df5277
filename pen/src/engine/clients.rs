//! The clients that a service remembers: which server each used last, what it has done, and who is forgotten when.
//! The table belongs behind a lock; every operation but `rows` costs the same however many clients there are.

mod index;
mod places;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::client_addr::ClientAddr;
use parking_lot::Mutex;

use super::ids::IdPool;
use super::servers::ServerId;
use super::time::Tick;
use index::{Chained, Index};
use places::Places;

/// How many forgotten clients one `open` clears away: more than it can add, few enough to hold the lock but briefly.
const FORGET_AT_ONCE: usize = 4;
/// How many one `known` clears away.
const FORGET_TO_COUNT: usize = 64;
/// Numbers that a table gives back under one lock: clients of other tables wait no longer than that.
const GIVE_BACK_AT_ONCE: usize = 128;
/// Counters that are kept for those who come next.
const SPARE_COUNTERS: usize = 64;
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

/// A client in the table, as its connections hold it. Once the table has dropped it, it is nobody there, and still counts.
#[derive(Clone, Debug)]
pub struct Tracked {
    /// The number that the user knows.
    pub number: u32,
    /// Its place in the table.
    index: u32,
    /// Its counters; they outlive its place in the table. They also say who it is: nobody else gets them while they are held.
    pub counters: Arc<ClientCounters>,
}

/// What the table knows of a client that has just connected.
#[derive(Debug)]
pub struct Opened {
    /// The client.
    pub client: Tracked,
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
    /// Of those who went, for those who come.
    spare_counters: Vec<Arc<ClientCounters>>,
    /// Which places are free.
    indices: IdPool,
    /// The hash is keyed, because who connects chooses the addresses.
    hasher: RandomState,
    by_addr: Index,
    places: Places,
    /// Clients without connections, the one whose last connection ended first in front.
    idle: Line,
    /// Clients with connections, the least recently used in front.
    busy: Line,
}

/// Who has a place: what a connection needs to know of its client, in one cache line.
#[derive(Debug)]
struct Entry {
    number: u32,
    addr: ClientAddr,
    open: u32,
    last_seen: Tick,
    last_server: LastServer,
    counters: Arc<ClientCounters>,
    /// Neighbours in the idle or the busy line.
    previous: u32,
    next: u32,
    /// The next one with a similar hash.
    next_in_chain: u32,
}

/// The server that a client used last, in eight bytes.
#[derive(Clone, Copy, Debug)]
struct LastServer {
    /// `NIL`: none.
    slot: u32,
    generation: u32,
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
            spare_counters: Vec::new(),
            hasher: RandomState::new(),
            by_addr: Index::new(),
            places: Places::default(),
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
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Clears away some of those that are forgotten, and says how many are known; `None`: there are more to clear away.
    ///
    /// So a large table is counted in steps, without the lock in between.
    pub fn known(&mut self, now: Tick, tracking: Option<Duration>) -> Option<usize> {
        self.forget(FORGET_TO_COUNT, now, tracking);
        let is_trimmed = self.places.trim();
        (is_trimmed && !self.is_forgotten(self.idle.front, now, tracking)).then_some(self.len())
    }

    /// Counts a new connection of the client. Clients without connections are forgotten after `tracking` (`None`:
    /// never).
    ///
    /// When the table is full, the least recently used client goes, those with connections last.
    pub fn open(&mut self, addr: ClientAddr, now: Tick, tracking: Option<Duration>) -> Opened {
        self.forget(FORGET_AT_ONCE, now, tracking);
        let hash = hash(&self.hasher, addr);
        let index = match self.find(hash, addr) {
            Some(index) if !self.is_forgotten(index, now, tracking) => index,
            Some(index) => {
                self.remove(index);
                self.insert(hash, addr)
            }
            None => self.insert(hash, addr),
        };
        self.unlink(index);
        let entry = self.places.get_mut(index).expect("looked up or inserted above");
        entry.open += 1;
        entry.last_seen = now;
        entry.counters.connects.fetch_add(1, Ordering::Relaxed);
        let counters = Arc::clone(&entry.counters);
        let client = Tracked { number: entry.number, index, counters };
        let last_server = entry.last_server.into();
        self.link(index);
        Opened { client, last_server }
    }

    /// Notes the server that the client uses.
    pub fn remember(&mut self, client: &Tracked, server: Option<ServerId>) {
        if let Some(entry) = self.entry_mut(client) {
            entry.last_server = server.into();
        }
    }

    /// Counts the end of a connection that `open` counted.
    pub fn close(&mut self, client: &Tracked, now: Tick) {
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
        let entries = self.places.range(begin, end);
        let rows = entries.filter(|entry| !entry.is_forgotten(now, tracking)).map(Entry::row).collect();
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
        self.places.get(index).is_some_and(|entry| entry.is_forgotten(now, tracking))
    }

    fn find(&self, hash: u64, addr: ClientAddr) -> Option<u32> {
        let mut index = self.by_addr.chain(hash);
        while let Some(entry) = self.places.get(index) {
            if entry.addr == addr {
                return Some(index);
            }
            index = entry.next_in_chain;
        }
        None
    }

    /// Adds a client, after making room for it.
    fn insert(&mut self, hash: u64, addr: ClientAddr) -> u32 {
        let index = loop {
            match self.indices.take() {
                Some(index) => break index,
                None if self.idle.front != NIL => self.remove(self.idle.front),
                None => self.remove(self.busy.front),
            }
        };
        // There are as many numbers as there can be clients.
        let number = self.numbers.lock().take().unwrap_or(NIL);
        let counters = self.spare_counters.pop().unwrap_or_default();
        self.places.put(index, Entry::new(number, addr, counters));
        let mut chains = Chains { places: &mut self.places, hasher: &self.hasher };
        self.by_addr.insert(hash, index, &mut chains);
        self.link(index);
        index
    }

    fn remove(&mut self, index: u32) {
        self.unlink(index);
        let mut chains = Chains { places: &mut self.places, hasher: &self.hasher };
        let hash = chains.hash(index);
        self.by_addr.remove(hash, index, &mut chains);
        if let Some(mut entry) = self.places.take(index) {
            self.numbers.lock().give_back(entry.number);
            // Connections may still count.
            if self.spare_counters.len() < SPARE_COUNTERS
                && let Some(counters) = Arc::get_mut(&mut entry.counters)
            {
                *counters = ClientCounters::default();
                self.spare_counters.push(entry.counters);
            }
        }
        self.indices.give_back(index);
    }

    fn entry_mut(&mut self, client: &Tracked) -> Option<&mut Entry> {
        self.places.get_mut(client.index).filter(|entry| Arc::ptr_eq(&entry.counters, &client.counters))
    }

    /// Puts the client at the back of the line that it belongs to.
    fn link(&mut self, index: u32) {
        let Some(entry) = self.places.get_mut(index) else { return };
        let line = if entry.open == 0 { &mut self.idle } else { &mut self.busy };
        let previous = std::mem::replace(&mut line.back, index);
        (entry.previous, entry.next) = (previous, NIL);
        match self.places.get_mut(previous) {
            Some(entry) => entry.next = index,
            None => self.line_of(index).front = index,
        }
    }

    /// Takes the client out of its line. To be called before `open` changes, which says which line that is.
    fn unlink(&mut self, index: u32) {
        let Some(&Entry { previous, next, .. }) = self.places.get(index) else { return };
        match self.places.get_mut(previous) {
            Some(entry) => entry.next = next,
            None => self.line_of(index).front = next,
        }
        match self.places.get_mut(next) {
            Some(entry) => entry.previous = previous,
            None => self.line_of(index).back = previous,
        }
    }

    fn line_of(&mut self, index: u32) -> &mut Line {
        if self.places.get(index).is_some_and(|entry| entry.open > 0) {
            &mut self.busy
        } else {
            &mut self.idle
        }
    }
}

impl Drop for ClientTable {
    /// The numbers are others' again.
    fn drop(&mut self) {
        for begin in (0..self.places.len()).step_by(GIVE_BACK_AT_ONCE) {
            let mut numbers = self.numbers.lock();
            let entries = self.places.range(begin, begin + GIVE_BACK_AT_ONCE);
            entries.for_each(|entry| numbers.give_back(entry.number));
        }
    }
}

/// The hash of an address as one number. What `Hash` is derived to write, tags and lengths included, takes three times as long.
fn hash(hasher: &RandomState, addr: ClientAddr) -> u64 {
    match addr {
        ClientAddr::Ip(IpAddr::V4(addr)) => hasher.hash_one(addr.to_bits()),
        ClientAddr::Ip(IpAddr::V6(addr)) => hasher.hash_one(addr.to_bits()),
        ClientAddr::Unix => 0,
    }
}

/// The chains of the index, which run through the places.
struct Chains<'a> {
    places: &'a mut Places,
    hasher: &'a RandomState,
}

impl Chained for Chains<'_> {
    fn hash(&self, place: u32) -> u64 {
        self.places.get(place).map_or(0, |entry| hash(self.hasher, entry.addr))
    }

    fn next(&self, place: u32) -> u32 {
        self.places.get(place).map_or(NIL, |entry| entry.next_in_chain)
    }

    fn set_next(&mut self, place: u32, next: u32) {
        if let Some(entry) = self.places.get_mut(place) {
            entry.next_in_chain = next;
        }
    }
}

impl Entry {
    fn new(number: u32, addr: ClientAddr, counters: Arc<ClientCounters>) -> Entry {
        Entry {
            number,
            addr,
            open: 0,
            last_seen: Tick::default(),
            last_server: None.into(),
            counters,
            previous: NIL,
            next: NIL,
            next_in_chain: NIL,
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
            last_server: self.last_server.into(),
            open: self.open,
            connects: self.counters.connects.load(Ordering::Relaxed),
            sent: self.counters.sent.load(Ordering::Relaxed),
            received: self.counters.received.load(Ordering::Relaxed),
        }
    }
}

impl From<Option<ServerId>> for LastServer {
    fn from(server: Option<ServerId>) -> LastServer {
        server.map_or(LastServer { slot: NIL, generation: 0 }, |ServerId { slot, generation }| LastServer {
            slot,
            generation,
        })
    }
}

impl From<LastServer> for Option<ServerId> {
    fn from(LastServer { slot, generation }: LastServer) -> Option<ServerId> {
        (slot != NIL).then_some(ServerId { slot, generation })
    }
}

impl Line {
    const EMPTY: Line = Line { front: NIL, back: NIL };
}

#[cfg(test)]
mod tests;

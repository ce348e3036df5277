//! The users that a service brings back to their sessions: which server each had last, from whatever address. Names come as
//! bytes that are already in the form in which they are compared. The table belongs behind a lock; every operation costs the
//! logarithm of the number of users at most, and none a pause.
//!
//! Who connects may claim any name. So a source address can make the table remember a few names only, and make it forget
//! none but those that were first heard of from there; and a user who has a connection is not forgotten at all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use common::client_addr::ClientAddr;

use super::servers::ServerId;
use super::time::Tick;

/// So many names are remembered that were first heard of from the same address.
pub const NAMES_PER_SOURCE: usize = 16;
/// How many forgotten users one `open` clears away: more than it can add, few enough to hold the lock but briefly.
const FORGET_AT_ONCE: usize = 4;
/// How many one `known` clears away.
const FORGET_TO_COUNT: usize = 64;

/// A name, as it is compared.
pub type Name = Arc<[u8]>;

/// A user in the table, as its connections hold it.
#[derive(Debug)]
pub struct User {
    name: Name,
}

/// What the table knows of a user who has just connected.
#[derive(Debug)]
pub struct Opened {
    /// The user.
    pub user: User,
    /// The server that the user had last.
    pub last_server: Option<ServerId>,
}

/// A user as reports show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRow {
    /// The name, as it is compared.
    pub name: Name,
    /// The server that the user had last.
    pub last_server: Option<ServerId>,
    /// Open connections.
    pub open: u32,
    /// When a connection last began or ended.
    pub last_seen: Tick,
}

/// Where to go on with the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    line: Line,
    turn: Turn,
}

/// The users of a service.
#[derive(Debug, Default)]
pub struct Users {
    capacity: usize,
    /// Trees, because a hash table would make everybody wait where it grows.
    by_name: BTreeMap<Name, Entry>,
    /// Those with connections, by when one of them last began or ended.
    busy: BTreeMap<Turn, Name>,
    /// Those without, by their last one's end.
    idle: BTreeMap<Turn, Name>,
    /// The same, by the address that they were first heard of from.
    idle_by_source: BTreeMap<(ClientAddr, Turn), Name>,
    /// How many were first heard of from each address; never 0.
    names: BTreeMap<ClientAddr, usize>,
    next_turn: Turn,
}

/// Counts whatever happens, so that it can be put in order.
type Turn = u64;

/// Users with connections come before those without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Busy,
    Idle,
}

#[derive(Debug)]
struct Entry {
    /// Where it was first heard of.
    source: ClientAddr,
    last_server: Option<ServerId>,
    open: u32,
    last_seen: Tick,
    /// Its place in its line.
    turn: Turn,
}

impl Users {
    /// Raises the number of users that it can hold; a lower one is ignored.
    pub fn grow(&mut self, capacity: usize) {
        self.capacity = self.capacity.max(capacity);
    }

    /// How many it holds. Some may have been forgotten already, if nobody has connected since.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Clears away some of those that are forgotten, and says how many are known; `None`: there are more to clear away.
    pub fn known(&mut self, now: Tick, tracking: Option<Duration>) -> Option<usize> {
        self.forget(FORGET_TO_COUNT, now, tracking);
        let is_clear = !self.is_next_forgotten(now, tracking);
        is_clear.then_some(self.len())
    }

    /// Counts a new connection of a user from this address. Users without connections are forgotten after `tracking` (`None`:
    /// never). The user may be given no place: then it is `None`.
    pub fn open(
        &mut self,
        name: &[u8],
        source: ClientAddr,
        now: Tick,
        tracking: Option<Duration>,
    ) -> Option<Opened> {
        self.forget(FORGET_AT_ONCE, now, tracking);
        let known = self.by_name.get_key_value(name);
        let name = match known.map(|(name, entry)| (Arc::clone(name), entry.is_forgotten(now, tracking))) {
            Some((name, false)) => name,
            Some((name, true)) => {
                self.remove(&name);
                self.insert(name, source)?
            }
            None => self.insert(name.into(), source)?,
        };
        self.unlink(&name);
        let entry = self.by_name.get_mut(&name)?;
        entry.open += 1;
        entry.last_seen = now;
        let last_server = entry.last_server;
        self.link(&name);
        Some(Opened { user: User { name }, last_server })
    }

    /// Notes the server that the user has.
    pub fn remember(&mut self, user: &User, server: Option<ServerId>) {
        if let Some(entry) = self.by_name.get_mut(&user.name) {
            entry.last_server = server;
        }
    }

    /// Counts the end of a connection that `open` counted.
    pub fn close(&mut self, user: User, now: Tick) {
        let User { name } = user;
        self.unlink(&name);
        if let Some(entry) = self.by_name.get_mut(&name) {
            entry.open = entry.open.saturating_sub(1);
            entry.last_seen = now;
        }
        self.link(&name);
    }

    /// At most `count` users without the forgotten ones, from that place on (`None`: the first), and the place to go on with. Those
    /// with connections come first, then those whose last one ended last.
    ///
    /// So a large table is read in slices, without the lock in between.
    pub fn rows(
        &self,
        from: Option<Place>,
        count: usize,
        now: Tick,
        tracking: Option<Duration>,
    ) -> (Vec<UserRow>, Option<Place>) {
        let (busy_end, idle_end) = match from {
            None => (Turn::MAX, Turn::MAX),
            Some(Place { line: Line::Busy, turn }) => (turn, Turn::MAX),
            Some(Place { line: Line::Idle, turn }) => (0, turn),
        };
        let busy = self.busy.range(..busy_end).rev().map(|(turn, name)| (Line::Busy, *turn, name));
        let idle = self.idle.range(..idle_end).rev().map(|(turn, name)| (Line::Idle, *turn, name));
        let mut rows = Vec::with_capacity(count.min(self.len()));
        let mut last = None;
        for (line, turn, name) in busy.chain(idle).take(count) {
            let Some(entry) = self.by_name.get(name) else { continue };
            if entry.is_forgotten(now, tracking) {
                // As are all that follow.
                return (rows, None);
            }
            last = Some(Place { line, turn });
            rows.push(entry.row(name));
        }
        let is_full = rows.len() == count;
        (rows, last.filter(|_| is_full))
    }

    /// Makes room for a user who is new, if possible, and adds it.
    fn insert(&mut self, name: Name, source: ClientAddr) -> Option<Name> {
        if self.names.get(&source).is_some_and(|names| *names >= NAMES_PER_SOURCE) {
            let own = self.idle_by_source.range((source, 0)..=(source, Turn::MAX)).next();
            let own = Arc::clone(own?.1);
            self.remove(&own);
        }
        if self.len() >= self.capacity {
            let oldest = Arc::clone(self.idle.first_key_value()?.1);
            self.remove(&oldest);
        }
        let entry = Entry { source, last_server: None, open: 0, last_seen: Tick::default(), turn: 0 };
        self.by_name.insert(Arc::clone(&name), entry);
        *self.names.entry(source).or_default() += 1;
        self.link(&name);
        Some(name)
    }

    fn remove(&mut self, name: &Name) {
        self.unlink(name);
        let Some(entry) = self.by_name.remove(name) else { return };
        if let Some(names) = self.names.get_mut(&entry.source) {
            *names -= 1;
            if *names == 0 {
                self.names.remove(&entry.source);
            }
        }
    }

    /// Clears away those that are forgotten, `most` at most.
    fn forget(&mut self, most: usize, now: Tick, tracking: Option<Duration>) {
        for _ in 0..most {
            if !self.is_next_forgotten(now, tracking) {
                break;
            }
            let Some((_, name)) = self.idle.first_key_value() else { break };
            let name = Arc::clone(name);
            self.remove(&name);
        }
    }

    fn is_next_forgotten(&self, now: Tick, tracking: Option<Duration>) -> bool {
        let next = self.idle.first_key_value().and_then(|(_, name)| self.by_name.get(name));
        next.is_some_and(|entry| entry.is_forgotten(now, tracking))
    }

    /// Puts the user at the end of the line that it belongs to.
    fn link(&mut self, name: &Name) {
        let Some(entry) = self.by_name.get_mut(name) else { return };
        entry.turn = self.next_turn;
        self.next_turn += 1;
        if entry.open > 0 {
            self.busy.insert(entry.turn, Arc::clone(name));
        } else {
            self.idle.insert(entry.turn, Arc::clone(name));
            self.idle_by_source.insert((entry.source, entry.turn), Arc::clone(name));
        }
    }

    /// Takes the user out of its line. To be called before `open` changes, which says which line that is.
    fn unlink(&mut self, name: &Name) {
        let Some(entry) = self.by_name.get(name) else { return };
        if entry.open > 0 {
            self.busy.remove(&entry.turn);
        } else {
            self.idle.remove(&entry.turn);
            self.idle_by_source.remove(&(entry.source, entry.turn));
        }
    }
}

impl Entry {
    fn is_forgotten(&self, now: Tick, tracking: Option<Duration>) -> bool {
        self.open == 0 && tracking.is_some_and(|tracking| now.since(self.last_seen) >= tracking)
    }

    fn row(&self, name: &Name) -> UserRow {
        UserRow {
            name: Arc::clone(name),
            last_server: self.last_server,
            open: self.open,
            last_seen: self.last_seen,
        }
    }
}

#[cfg(test)]
mod tests;

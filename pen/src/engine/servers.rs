//! The servers of a service: what is configured of each, and what its connections tell about it while they live.
//! Which server a client gets is `select`'s matter; looking names up and connecting are the shells'.

use std::fmt;
use std::mem::offset_of;
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use common::addr::Host;
use common::command::AdminState;
use parking_lot::Mutex;

use super::health::{Fitness, Reports};
use super::select::hash;
use super::time::Tick;

/// Which server: a slot, and which of its successive occupants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId {
    /// The number that the user knows.
    pub slot: u32,
    /// Counts the occupants of the slot, so that what concerns an old one never touches the new one.
    pub generation: u32,
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ServerAddr {
    /// An IP address and a port.
    Inet(SocketAddr),
    /// A Unix socket.
    Unix(Arc<Path>),
}

/// The settings of a slot's occupant, and the state that it keeps when they change.
#[derive(Clone, Debug)]
pub struct Server {
    /// What the user calls it, if anything.
    pub name: Option<String>,
    /// The host name that its address was looked up from; `None`: the user gave the address, or a socket.
    pub host: Option<Host>,
    /// The access list (0 to 9) that says which clients it takes.
    pub acl: u8,
    /// How many connections it takes from clients that are new to it; 0: no limit.
    pub max: u32,
    /// How many connections it takes from clients whose last server it was; 0: the same as `max`.
    pub hard: u32,
    /// Its share in weighted selection; 0: not selected.
    pub weight: u32,
    /// Its rank in selection by priority, lowest first.
    pub prio: u32,
    /// What the administrator wants of it.
    pub admin: AdminState,
    /// Shared by all successive settings of the same occupant.
    pub state: Arc<ServerState>,
    address: ServerAddr,
    hash_seed: u64,
}

/// What a client is to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It did not use this server last.
    New,
    /// This was its last server.
    Returning,
}

impl Server {
    /// A server without name, list, limits, weight or priority (list 0, the others 0).
    pub fn new(address: ServerAddr, state: Arc<ServerState>) -> Server {
        let hash_seed = hash::server_seed(&address);
        Server {
            name: None,
            host: None,
            acl: 0,
            max: 0,
            hard: 0,
            weight: 0,
            prio: 0,
            admin: AdminState::Ready,
            state,
            address,
            hash_seed,
        }
    }

    /// Which server this is.
    pub fn id(&self) -> ServerId {
        self.state.id
    }

    /// Where it listens.
    pub fn address(&self) -> &ServerAddr {
        &self.address
    }

    /// Moves it to another address; everything else stays.
    pub fn set_address(&mut self, address: ServerAddr) {
        self.hash_seed = hash::server_seed(&address);
        self.address = address;
    }

    /// Whether the administrator and the agent let such a client in.
    pub fn admits(&self, standing: Standing) -> bool {
        let by_admin = match self.admin {
            AdminState::Ready => true,
            AdminState::Drain => standing == Standing::Returning,
            AdminState::Maint => false,
        };
        by_admin && self.state.fitness.admits(standing)
    }

    /// How many connections it may have when such a client is let in; `None`: any number.
    pub fn limit(&self, standing: Standing) -> Option<u32> {
        let limits = self.own_limit(standing).into_iter().chain(self.state.fitness.max());
        limits.min()
    }

    /// The same, whatever its agent says.
    pub fn own_limit(&self, standing: Standing) -> Option<u32> {
        match (self.max, self.hard, standing) {
            (0, _, _) => None,
            (max, 0, _) | (max, _, Standing::New) => Some(max),
            (_, hard, Standing::Returning) => Some(hard),
        }
    }

    /// Whether it is not full for such a client. Only a reservation makes sure.
    pub fn has_room(&self, standing: Standing) -> bool {
        self.limit(standing).is_none_or(|limit| self.state.connections() < limit)
    }

    /// The part of the rendezvous hash that depends on the server alone.
    pub fn hash_seed(&self) -> u64 {
        self.hash_seed
    }
}

/// What happens at one server: counters that every thread writes, and the blacklist.
///
/// A selection may look at the first cache line of each of a thousand servers; what is written with every byte stands in another.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct ServerState {
    /// Which server this is.
    pub id: ServerId,
    /// Reservations alive: connections, and attempts to connect.
    connections: AtomicU32,
    failed_until: AtomicU64,
    banned_until: AtomicU64,
    /// What checks and its agent say of it.
    pub fitness: Fitness,
    _next_line: NextLine,
    /// The same in words.
    pub reports: Mutex<Reports>,
    last_error: Mutex<Option<Arc<str>>>,
    /// Connections that were tried and failed.
    pub failures: AtomicU64,
    /// Connections that came about.
    pub connects: AtomicU64,
    /// Bytes sent to the server.
    pub sent: AtomicU64,
    /// Bytes received from the server.
    pub received: AtomicU64,
}

/// What follows begins with a cache line of its own.
#[derive(Debug)]
#[repr(align(64))]
struct NextLine;

const _: () = assert!(offset_of!(ServerState, reports) == 64, "what a selection reads is one cache line");

impl ServerState {
    /// The state of a new occupant of a slot.
    pub fn new(id: ServerId) -> Arc<ServerState> {
        Arc::new(ServerState {
            id,
            connections: AtomicU32::new(0),
            failed_until: AtomicU64::new(0),
            banned_until: AtomicU64::new(0),
            fitness: Fitness::default(),
            _next_line: NextLine,
            reports: Mutex::default(),
            last_error: Mutex::new(None),
            failures: AtomicU64::new(0),
            connects: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
        })
    }

    /// How many connections it has, attempts included.
    pub fn connections(&self) -> u32 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Takes one of `limit` places (`None`: any number), until the reservation is dropped. `None`: all are taken.
    pub fn reserve(self: &Arc<ServerState>, limit: Option<u32>) -> Option<Reservation> {
        let limit = limit.unwrap_or(u32::MAX);
        self.connections
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| (taken < limit).then(|| taken + 1))
            .ok()?;
        Some(Reservation { state: Arc::clone(self) })
    }

    /// Counts a connection that came about. It clears the blacklist, unless that was set by hand.
    pub fn connected(&self) {
        self.connects.fetch_add(1, Ordering::Relaxed);
        if self.failed_until.load(Ordering::Relaxed) != 0 {
            self.failed_until.store(0, Ordering::Relaxed);
        }
    }

    /// Counts a connection that failed, and keeps why.
    pub fn failed(&self, error: &str) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        *self.last_error.lock() = Some(error.into());
    }

    /// Why the latest failure was one.
    pub fn last_error(&self) -> Option<Arc<str>> {
        self.last_error.lock().clone()
    }

    /// Leaves the server alone until that moment, or until a connection to it succeeds.
    pub fn blacklist(&self, until: Tick) {
        self.failed_until.store(until.0, Ordering::Relaxed);
    }

    /// Leaves the server alone until that moment, whatever succeeds meanwhile.
    pub fn blacklist_by_hand(&self, until: Tick) {
        self.banned_until.store(until.0, Ordering::Relaxed);
    }

    /// Ends the blacklist of a failure; one that was set by hand stays.
    pub fn forgive(&self) {
        self.failed_until.store(0, Ordering::Relaxed);
    }

    /// Ends the blacklist, whoever set it.
    pub fn clear(&self) {
        self.failed_until.store(0, Ordering::Relaxed);
        self.banned_until.store(0, Ordering::Relaxed);
    }

    /// Whether the server is left alone because it failed.
    pub fn has_failed(&self, now: Tick) -> bool {
        self.failed_until.load(Ordering::Relaxed) > now.0
    }

    /// How long the server is still left alone; `None`: it is not.
    pub fn blacklisted(&self, now: Tick) -> Option<Duration> {
        let until =
            Tick(self.failed_until.load(Ordering::Relaxed).max(self.banned_until.load(Ordering::Relaxed)));
        (until > now).then(|| until.since(now))
    }
}

/// A place at a server, given back when dropped.
#[derive(Debug)]
pub struct Reservation {
    state: Arc<ServerState>,
}

impl Reservation {
    /// The server's state.
    pub fn state(&self) -> &Arc<ServerState> {
        &self.state
    }
}

impl Deref for Reservation {
    type Target = ServerState;

    fn deref(&self) -> &ServerState {
        &self.state
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.state.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Display for ServerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServerAddr::Inet(address) => address.fmt(f),
            ServerAddr::Unix(path) => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: ServerId = ServerId { slot: 0, generation: 0 };

    fn server(max: u32, hard: u32) -> Server {
        let address = ServerAddr::Inet("192.0.2.1:80".parse().unwrap());
        Server { max, hard, ..Server::new(address, ServerState::new(ID)) }
    }

    #[test]
    fn the_hard_limit_is_for_clients_that_return() {
        let limits = |max, hard| {
            let server = server(max, hard);
            (server.limit(Standing::New), server.limit(Standing::Returning))
        };
        assert_eq!(limits(0, 0), (None, None));
        assert_eq!(limits(0, 5), (None, None));
        assert_eq!(limits(10, 0), (Some(10), Some(10)));
        assert_eq!(limits(10, 15), (Some(10), Some(15)));
    }

    #[test]
    fn a_limit_is_never_exceeded_however_many_threads_try() {
        const LIMIT: u32 = 10;
        let state = ServerState::new(ID);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut held = Vec::new();
                    for round in 0..20_000 {
                        held.extend(state.reserve(Some(LIMIT)));
                        assert!(held.len() <= LIMIT as usize);
                        assert!(state.connections() <= LIMIT);
                        if round % 7 == 0 {
                            held.clear();
                        }
                    }
                });
            }
        });
        assert_eq!(state.connections(), 0);
        let all: Vec<Reservation> = std::iter::from_fn(|| state.reserve(Some(LIMIT))).collect();
        assert_eq!(all.len(), LIMIT as usize);
    }

    #[test]
    fn a_success_clears_the_blacklist_of_a_failure() {
        let state = ServerState::new(ID);
        state.failed("connection refused");
        state.blacklist(Tick(30_000));
        assert_eq!(state.blacklisted(Tick(10_000)), Some(Duration::from_secs(20)));
        assert_eq!(state.blacklisted(Tick(30_000)), None);
        state.connected();
        assert_eq!(state.blacklisted(Tick(10_000)), None);
        assert_eq!(state.last_error().as_deref(), Some("connection refused"));
        assert_eq!(state.failures.load(Ordering::Relaxed), 1);
        assert_eq!(state.connects.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_blacklist_set_by_hand_ends_by_hand_or_in_time() {
        let state = ServerState::new(ID);
        state.blacklist_by_hand(Tick(60_000));
        state.blacklist(Tick(90_000));
        state.connected();
        assert_eq!(state.blacklisted(Tick(0)), Some(Duration::from_mins(1)));
        state.blacklist(Tick(90_000));
        state.forgive();
        assert_eq!(state.blacklisted(Tick(0)), Some(Duration::from_mins(1)));
        assert_eq!(state.blacklisted(Tick(60_000)), None);
        state.clear();
        assert_eq!(state.blacklisted(Tick(0)), None);
    }

    #[test]
    fn a_changed_address_changes_the_hash() {
        let mut server = server(0, 0);
        let before = server.hash_seed();
        server.set_address(ServerAddr::Unix(Path::new("/run/web.sock").into()));
        assert_ne!(server.hash_seed(), before);
        assert_eq!(server.address().to_string(), "/run/web.sock");
        assert_eq!(server.clone().id(), ID);
    }
}

//! Which server a client gets, and which ones follow when that one fails.

pub mod hash;

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use common::client_addr::ClientAddr;

use super::acl::Acl;
use super::servers::{Reservation, Server, ServerId};
use super::time::Tick;

/// How a service selects. None on: round robin with tracking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Modes {
    /// What a client used last does not count.
    pub roundrobin: bool,
    /// By a hash of the client's address (in round-robin mode, of its port too).
    pub hash: bool,
    /// Always by the hash of the address; nothing else counts.
    pub hash_only: bool,
    /// By weighted least connections.
    pub weight: bool,
    /// By priority.
    pub prio: bool,
    /// The first choice or none.
    pub stubborn: bool,
}

/// Whose turn it is: one a service, shared by all threads.
#[derive(Debug, Default)]
pub struct Turn {
    /// The slot after the one chosen last.
    next: AtomicU32,
}

/// Everything that a selection depends on.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The slots.
    pub servers: &'a [Option<Arc<Server>>],
    /// How to select.
    pub modes: Modes,
    /// The access lists that servers name by their numbers.
    pub acls: &'a [Arc<Acl>],
    /// The service's turn.
    pub turn: &'a Turn,
    /// Who is to be served.
    pub client: ClientAddr,
    /// The client's port; 0 without one.
    pub port: u16,
    /// The server that the client used last.
    pub known: Option<ServerId>,
    /// The time.
    pub now: Tick,
}

/// A server to try, with a place reserved at it.
#[derive(Debug)]
pub struct Candidate {
    /// The server.
    pub server: Arc<Server>,
    /// The place.
    pub reservation: Reservation,
}

/// How far the selection for one connection has come.
#[derive(Debug, Default)]
pub struct Selection {}

impl Selection {
    /// Before the first choice.
    pub fn new() -> Selection {
        Selection::default()
    }

    /// The next server to try, each at most once; `None`: no (further) server can take the client.
    pub fn next(&mut self, _query: &Query<'_>) -> Option<Candidate> {
        todo!()
    }
}

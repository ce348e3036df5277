//! The search for one client's server: the slots in the order of the mode, then whoever is left. Dialling is the shells'.

use std::sync::Arc;

use common::client_addr::ClientAddr;

use super::acl::Acl;
use super::select::{Modes, Query, Selection, Slots, Turn};
use super::servers::{Reservation, Server, ServerId};
use super::time::Tick;

/// How far the search for one client's server has come.
#[derive(Debug)]
pub struct Search {
    stage: Stage,
    refused: bool,
    known: Option<ServerId>,
    /// Few clients ask for anything.
    request: Option<Box<Request>>,
    selection: Selection,
}

/// What a client's first bytes ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The server of its session, which counts in all modes, and before the one that its address used last.
    pub session: Option<ServerId>,
    /// A name: only servers that have it come into question, or those without one if nobody has it. `None`: it does not matter.
    pub name: Option<Box<str>>,
    /// The server that its address used last does not count: that may have been another user.
    pub is_stranger: bool,
}

/// What a search depends on, as it is set now. It may change from one server to the next.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
    /// The slots.
    pub servers: &'a Slots,
    /// How to select.
    pub modes: Modes,
    /// The access lists.
    pub acls: &'a [Arc<Acl>],
    /// The service's turn.
    pub turn: &'a Turn,
    /// How long a server that comes back gets less than its share, in seconds.
    pub slow_start: u32,
    /// Whether servers that are down are tried for want of others.
    pub fail_open: bool,
    /// Who serves when no slot can.
    pub emergency: Option<&'a Arc<Server>>,
    /// Who serves those that are refused.
    pub abuse: Option<&'a Arc<Server>>,
    /// Who is to be served.
    pub client: ClientAddr,
    /// The client's port; 0 without one.
    pub port: u16,
    /// The time.
    pub now: Tick,
}

/// A server, and a place at it.
#[derive(Debug)]
pub struct Chosen {
    /// As it was set when it was chosen.
    pub server: Arc<Server>,
    /// The place at it.
    pub reservation: Reservation,
    /// As what it serves.
    pub role: Role,
}

/// As what a server serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// One of the slots.
    Regular,
    /// The same, although it is said to be down: nobody else was left.
    LastResort,
    /// The emergency server.
    Emergency,
    /// The abuse server.
    Abuse,
}

/// Whom to try next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The slots, in the order of the mode.
    Regular,
    /// The emergency server, because no slot can serve.
    Emergency,
    /// Those of the slots that are down.
    LastResort,
    /// The client was refused: the abuse server or nobody.
    Refused,
    /// Nobody is left.
    Exhausted,
}

impl Search {
    /// Before the first server. `known`: the client's last server; `refused`: by `client_acl`.
    pub fn new(known: Option<ServerId>, request: Option<Box<Request>>, refused: bool) -> Search {
        let is_stranger = request.as_ref().is_some_and(|request| request.is_stranger);
        Search {
            stage: if refused { Stage::Refused } else { Stage::Regular },
            refused,
            known: known.filter(|_| !is_stranger),
            request,
            selection: Selection::new(),
        }
    }

    /// After this server was chosen, has served the client, and has failed.
    pub fn after(chosen: &Chosen) -> Search {
        let mut search = Search::new(None, None, false);
        if chosen.is_regular() {
            search.selection = Selection::after(chosen.server.id().slot);
        } else {
            // Emergency and abuse servers have no slot, and nobody follows them.
            search.stage = Stage::Exhausted;
        }
        search
    }

    /// Whether `client_acl` refuses the client.
    pub fn is_refused(&self) -> bool {
        self.refused
    }

    /// The next server to try, with a place reserved at it; `None`: nobody is left.
    pub fn next(&mut self, ground: &Ground<'_>) -> Option<Chosen> {
        if self.stage == Stage::Regular {
            let chosen = self.next_slot(ground, Role::Regular);
            if chosen.is_some() {
                return chosen;
            }
            self.stage = Stage::after_slots(ground);
            // Nobody who was tried so far was down.
            self.selection = Selection::new();
        }
        match self.stage {
            Stage::LastResort => self.next_slot(ground, Role::LastResort),
            Stage::Emergency => self.last(ground.emergency, Role::Emergency),
            Stage::Refused => self.last(ground.abuse, Role::Abuse),
            Stage::Regular | Stage::Exhausted => None,
        }
    }

    fn next_slot(&mut self, ground: &Ground<'_>, role: Role) -> Option<Chosen> {
        let request = self.request.as_deref();
        let candidate = self.selection.next(&Query {
            servers: ground.servers,
            modes: ground.modes,
            acls: ground.acls,
            turn: ground.turn,
            client: ground.client,
            port: ground.port,
            known: self.known,
            session: request.and_then(|request| request.session),
            name: request.and_then(|request| request.name.as_deref()),
            slow_start: ground.slow_start,
            last_resort: role == Role::LastResort,
            now: ground.now,
        })?;
        Some(Chosen { server: candidate.server, reservation: candidate.reservation, role })
    }

    /// The emergency or the abuse server, which have no limits, and nobody after them.
    fn last(&mut self, server: Option<&Arc<Server>>, role: Role) -> Option<Chosen> {
        self.stage = Stage::Exhausted;
        let server = server?;
        let reservation = server.state.reserve(None)?;
        Some(Chosen { server: Arc::clone(server), reservation, role })
    }
}

impl Stage {
    /// What follows when no slot can serve.
    fn after_slots(ground: &Ground<'_>) -> Stage {
        if ground.modes.stubborn {
            Stage::Exhausted
        } else if ground.emergency.is_some() {
            Stage::Emergency
        } else if ground.fail_open {
            Stage::LastResort
        } else {
            Stage::Exhausted
        }
    }
}

impl Chosen {
    /// Whether it is in one of the slots, and not the emergency or abuse server.
    pub fn is_regular(&self) -> bool {
        matches!(self.role, Role::Regular | Role::LastResort)
    }
}

#[cfg(test)]
mod tests;

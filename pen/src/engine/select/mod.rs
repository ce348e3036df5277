//! Which server a client gets, and which ones follow when that one fails. Each algorithm has its file; here is
//! what they share. Emergency and abuse servers stand outside the slots and are not selected here.

pub mod hash;
mod prio;
mod round_robin;
mod slot_set;
mod slots;
#[cfg(test)]
mod tests;
mod weight;

use std::sync::Arc;

use common::client_addr::ClientAddr;

use super::acl::Acl;
use super::servers::{Reservation, Server, ServerId, Standing};
use super::time::Tick;
pub use round_robin::Turn;
use slot_set::SlotSet;
pub use slots::Slots;
use slots::{Member, Roster};

/// How a service selects. None on: in turn, with tracking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Modes {
    /// The server that a client used last does not count.
    pub roundrobin: bool,
    /// By a hash of the client's address (in round-robin mode of its port too).
    pub hash: bool,
    /// Always by the hash of the address; no other mode counts but `stubborn`, nor what the client used last.
    pub hash_only: bool,
    /// By weighted least connections.
    pub weight: bool,
    /// By priority.
    pub prio: bool,
    /// The first choice or none.
    pub stubborn: bool,
}

/// Everything that a selection depends on.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The slots.
    pub servers: &'a Slots,
    /// How to select.
    pub modes: Modes,
    /// The access lists, which servers name by their numbers; one that is missing is as good as an empty one.
    pub acls: &'a [Arc<Acl>],
    /// The service's turn.
    pub turn: &'a Turn,
    /// Who is to be served.
    pub client: ClientAddr,
    /// The client's port; 0 without one.
    pub port: u16,
    /// The server that the client used last. Whether it counts is decided here.
    pub known: Option<ServerId>,
    /// The server of the session that the client asked for in its first bytes. It counts in all modes.
    pub session: Option<ServerId>,
    /// The name that the client asked for in its first bytes: only servers that have it count (see `Slots`). `None`: it is not asked.
    pub name: Option<&'a str>,
    /// How long a server that comes back gets less than its share, in seconds.
    pub slow_start: u32,
    /// Servers that checks say are down count too, for want of others.
    pub ignore_health: bool,
    /// The time.
    pub now: Tick,
}

/// A server to try, with a place reserved at it.
#[derive(Debug)]
pub struct Candidate {
    /// The server.
    pub server: Arc<Server>,
    /// The place, given back when dropped.
    pub reservation: Reservation,
}

/// How far the selection for one connection has come.
#[derive(Debug, Default)]
pub struct Selection {
    tried: SlotSet,
    /// The slot that was tried last; `None` before the first choice.
    last: Option<u32>,
}

impl Selection {
    /// Before the first choice.
    pub fn new() -> Selection {
        Selection::default()
    }

    /// After the server in this slot has served the client, and then failed. It may have had many others, who are spread over all
    /// servers as if they were new, instead of all going to the slot that follows.
    pub fn after(slot: u32) -> Selection {
        let mut tried = SlotSet::default();
        tried.insert(slot);
        Selection { tried, last: None }
    }

    /// The next server to try, each at most once; `None`: no further one can take the client.
    ///
    /// The first one is the choice, the others are for when that one's connect fails. Queries may differ in the time and
    /// the settings from call to call.
    pub fn next(&mut self, query: &Query<'_>) -> Option<Candidate> {
        let is_first = self.last.is_none();
        if query.modes.stubborn && !self.tried.is_empty() {
            return None;
        }
        if is_first && let Some(slot) = query.known_slot() {
            let candidate = self.try_slot(slot, query, Standing::Returning);
            if candidate.is_some() || query.modes.stubborn {
                return candidate;
            }
        }
        loop {
            let slot = query.choose(self.last, &self.tried)?;
            let candidate = self.try_slot(slot, query, Standing::New);
            // Another thread may have taken the last place since.
            if candidate.is_some() || query.modes.stubborn {
                return candidate;
            }
        }
    }

    /// Reserves a place at the slot, if it can (still) take the client.
    fn try_slot(&mut self, slot: u32, query: &Query<'_>, standing: Standing) -> Option<Candidate> {
        self.tried.insert(slot);
        self.last = Some(slot);
        let server =
            query.servers.get(slot as usize)?.as_ref().filter(|server| query.can_take(server, standing))?;
        let reservation = server.state.reserve(server.limit(standing))?;
        Some(Candidate { server: Arc::clone(server), reservation })
    }
}

impl<'a> Query<'a> {
    /// The slot of the server that the client used last, if that counts and is still the same server.
    fn known_slot(&self) -> Option<u32> {
        let known = self.known.filter(|_| !self.modes.roundrobin && !self.modes.hash_only)?;
        self.servers
            .get(known.slot as usize)?
            .as_ref()
            .filter(|server| server.id() == known)
            .map(|_| known.slot)
    }

    /// The best untried slot by the mode that is on; `last` is the one that was tried before.
    fn choose(&self, last: Option<u32>, tried: &SlotSet) -> Option<u32> {
        match self.modes {
            Modes { hash_only: true, .. } => hash::choose(self, tried),
            Modes { prio: true, .. } => prio::choose(self, tried),
            Modes { weight: true, .. } => weight::choose(self, tried),
            Modes { hash: true, .. } => hash::choose(self, tried),
            _ => match last {
                None => round_robin::choose(self, tried),
                Some(slot) => round_robin::choose_after(slot, self, tried),
            },
        }
    }

    /// Whether the server can take the client.
    fn can_take(&self, server: &Server, standing: Standing) -> bool {
        server.has_room(standing)
            && server.state.blacklisted(self.now).is_none()
            && self.is_permitted_by(server.acl)
    }

    fn is_permitted_by(&self, list: u8) -> bool {
        self.acls.get(usize::from(list)).is_none_or(|acl| acl.permits(self.client))
    }

    /// The servers that there are.
    fn roster(&self) -> &'a Roster {
        self.servers.roster()
    }

    /// Whether the server is untried and can take a client that is new to it.
    fn is_available(&self, member: &Member, tried: &SlotSet) -> bool {
        member.state.connections() < member.limit
            && member.state.blacklisted(self.now).is_none()
            && !tried.contains(member.slot)
            && self.is_permitted_by(member.acl)
    }
}

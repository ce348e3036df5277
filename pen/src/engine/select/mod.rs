//! Which server a client gets, and which ones follow when that one fails. Each algorithm has its file; here is
//! what they share. Emergency and abuse servers stand outside the slots and are not selected here.

pub mod hash;
mod names;
mod prio;
mod round_robin;
mod slot_set;
mod slots;
#[cfg(test)]
mod tests;
mod weight;

use std::ops::Deref;
use std::sync::Arc;

use common::client_addr::ClientAddr;

use super::acl::Acl;
use super::servers::{Reservation, Server, ServerId, ServerState, Standing};
use super::time::Tick;
use names::Group;
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
    /// The service's turn, where names don't matter.
    pub turn: &'a Turn,
    /// Who is to be served.
    pub client: ClientAddr,
    /// The client's port; 0 without one.
    pub port: u16,
    /// The server that the client used last. Whether it counts is decided here.
    pub known: Option<ServerId>,
    /// The server of the session that the client asked for in its first bytes. It counts in all modes.
    pub session: Option<ServerId>,
    /// The name that the client asked for in its first bytes: only servers that have it count, or else those with `*.` and the
    /// rest of it, or else those without a name or with `*`. `None`: names don't matter.
    pub name: Option<&'a str>,
    /// How long a server that comes back gets less than its share, in seconds.
    pub slow_start: u32,
    /// Only servers that are said to be down count, instead of those that are not: nobody else is left.
    pub last_resort: bool,
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
        let field = Field::of(query);
        if is_first && let Some(slot) = field.own_slot() {
            let candidate = self.try_slot(slot, query, Standing::Returning);
            if candidate.is_some() || query.modes.stubborn {
                return candidate;
            }
        }
        loop {
            let slot = field.choose(self.last, &self.tried)?;
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

impl Query<'_> {
    /// Whether the server can take the client.
    fn can_take(&self, server: &Server, standing: Standing) -> bool {
        server.admits(standing)
            && self.suits_health(&server.state)
            && server.has_room(standing)
            && server.state.blacklisted(self.now).is_none()
            && self.is_permitted_by(server.acl)
    }

    fn suits_health(&self, state: &ServerState) -> bool {
        state.fitness.is_down() == self.last_resort
    }

    fn is_permitted_by(&self, list: u8) -> bool {
        self.acls.get(usize::from(list)).is_none_or(|acl| acl.permits(self.client))
    }
}

/// The servers that come into question, and what is asked of them.
struct Field<'a> {
    query: &'a Query<'a>,
    roster: &'a Roster,
    /// The name that counts; `None`: any.
    group: Option<Group>,
    /// Their turn. A name has its own: clients of other names, who come in between, would make the same server begin again and
    /// again.
    turn: &'a Turn,
    /// The largest of their weights.
    heaviest: u32,
}

impl<'a> Deref for Field<'a> {
    type Target = Query<'a>;

    fn deref(&self) -> &Query<'a> {
        self.query
    }
}

impl<'a> Field<'a> {
    fn of(query: &'a Query<'a>) -> Field<'a> {
        let roster = query.servers.roster();
        let group = query.name.map(|name| roster.names.group(name));
        let (turn, heaviest) = match group.map(|group| roster.kinship(group)) {
            Some(kinship) => (&kinship.turn, kinship.heaviest),
            None => (query.turn, roster.heaviest),
        };
        Field { query, roster, group, turn, heaviest }
    }

    /// The slot of the client's session, or of the server that it used last, if that counts and is still the same server.
    fn own_slot(&self) -> Option<u32> {
        let known = self.known.filter(|_| !self.modes.roundrobin && !self.modes.hash_only);
        [self.session, known].into_iter().flatten().find(|own| self.has(*own)).map(|own| own.slot)
    }

    fn has(&self, id: ServerId) -> bool {
        let server = self.servers.get(id.slot as usize).and_then(Option::as_ref);
        server.is_some_and(|server| server.id() == id)
            && self.group.is_none_or(|group| self.roster.group_of(id.slot) == Some(group))
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

    /// Whether the server is untried and can take a client that is new to it.
    fn is_available(&self, member: &Member, tried: &SlotSet) -> bool {
        let state = &member.state;
        state.connections() < member.limit
            && state.blacklisted(self.now).is_none()
            && (state.fitness.is_untold() && !self.last_resort || self.is_fit(state))
            && !tried.contains(member.slot)
            && self.is_permitted_by(member.acl)
            && self.is_in_question(member)
    }

    /// What checks and its agent say about a client that is new to the server.
    fn is_fit(&self, state: &ServerState) -> bool {
        let fitness = &state.fitness;
        self.suits_health(state)
            && fitness.admits(Standing::New)
            && fitness.max().is_none_or(|max| state.connections() < max)
    }

    /// Whether it has the name that counts.
    fn is_in_question(&self, member: &Member) -> bool {
        self.group.is_none_or(|group| group == member.group)
    }

    /// The first of these that is available and keeps the client; or else the first that is available.
    fn first<'m>(
        &self,
        members: impl Iterator<Item = &'m Member>,
        tried: &SlotSet,
        mut draw: impl FnMut(&Member) -> u64,
    ) -> Option<u32> {
        let mut passed_over = None;
        for member in members.filter(|member| self.is_available(member, tried)) {
            if self.keeps(member, || draw(member)) {
                return Some(member.slot);
            }
            passed_over = passed_over.or(Some(member.slot));
        }
        passed_over
    }

    /// Whether the server takes the client even if there are others: one that is to get a part of its share only takes so many of a
    /// hundred. Which ones these are is decided by the number that is drawn.
    fn keeps(&self, member: &Member, draw: impl FnOnce() -> u64) -> bool {
        let share = self.share(member);
        // The lower half: of ranks, the upper one is alike for all that come first.
        let percent = || ((draw() & u64::from(u32::MAX)) * 100) >> u32::BITS;
        share >= 100 || percent() < u64::from(share)
    }

    /// How much of its share the server is to get, in percent.
    fn share(&self, member: &Member) -> u32 {
        member.state.fitness.share(self.slow_start, self.now)
    }
}

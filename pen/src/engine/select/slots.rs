//! The slots of a service, and beside them what a selection compares of their servers: a thousand servers are looked through
//! in one piece of memory, not each where it happens to lie.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};

use common::command::AdminState;

use super::super::servers::{Server, ServerState, Standing};
use super::Turn;
use super::names::{Group, Names};

/// The slots. Who changes them pays for the comparison to be prepared anew, at the next selection.
#[derive(Debug, Default)]
pub struct Slots {
    slots: Vec<Option<Arc<Server>>>,
    roster: OnceLock<Roster>,
}

/// The servers as they are compared.
#[derive(Debug)]
pub(super) struct Roster {
    /// In the order of their slots.
    pub members: Box<[Member]>,
    /// What a hash makes of their addresses, in the same order: a hash looks at all of them, and at hardly anything else.
    pub hash_seeds: Box<[u64]>,
    /// The same by priority, equal ones by their slots: where they are in `members`.
    pub by_prio: Box<[u32]>,
    /// The largest of the weights.
    pub heaviest: u32,
    /// What they are called.
    pub names: Names,
    /// What those of each name have in common, by the places of their groups.
    kinships: Box<[Kinship]>,
}

/// What the servers of one name have in common, as those of a service do where names don't matter.
#[derive(Debug, Default)]
pub(super) struct Kinship {
    /// Whose turn it is among them. It begins anew when the service's settings change.
    pub turn: Turn,
    /// The largest of their weights.
    pub heaviest: u32,
}

/// What is compared of a server.
#[derive(Debug)]
pub(super) struct Member {
    pub state: Arc<ServerState>,
    pub slot: u32,
    pub weight: u32,
    /// How many connections it may have when a client is let in that is new to it: none if the administrator wants no such clients.
    pub limit: u32,
    pub group: Group,
    pub acl: u8,
}

impl Slots {
    pub(super) fn roster(&self) -> &Roster {
        self.roster.get_or_init(|| Roster::new(&self.slots))
    }
}

impl Roster {
    fn new(slots: &[Option<Arc<Server>>]) -> Roster {
        let occupied = || (0..).zip(slots).filter_map(|(slot, server)| Some((slot, server.as_ref()?)));
        let mut by_prio: Vec<(u32, u32)> =
            (0..).zip(occupied()).map(|(i, (_, server))| (server.prio, i)).collect();
        by_prio.sort_unstable();
        let names = Names::new(occupied().filter_map(|(_, server)| server.name.as_deref()));
        let members: Box<[Member]> =
            occupied().map(|(slot, server)| Member::new(slot, server, &names)).collect();
        let mut kinships: Vec<Kinship> = (0..names.groups()).map(|_| Kinship::default()).collect();
        for member in &members {
            let heaviest = &mut kinships[member.group.place()].heaviest;
            *heaviest = member.weight.max(*heaviest);
        }
        Roster {
            hash_seeds: occupied().map(|(_, server)| server.hash_seed()).collect(),
            by_prio: by_prio.into_iter().map(|(_, member)| member).collect(),
            heaviest: kinships.iter().map(|kinship| kinship.heaviest).max().unwrap_or(0),
            members,
            names,
            kinships: kinships.into(),
        }
    }

    /// What the servers of a name have in common.
    pub(super) fn kinship(&self, group: Group) -> &Kinship {
        &self.kinships[group.place()]
    }

    /// The group of the server in the slot, if there is one.
    pub(super) fn group_of(&self, slot: u32) -> Option<Group> {
        let member = self.members.binary_search_by_key(&slot, |member| member.slot).ok()?;
        Some(self.members[member].group)
    }

    /// All, beginning at a slot and wrapping.
    pub(super) fn from(&self, slot: u32) -> impl Iterator<Item = &Member> {
        let begin = self.members.partition_point(|member| member.slot < slot);
        let (before, after) = self.members.split_at(begin);
        after.iter().chain(before)
    }
}

impl Member {
    fn new(slot: u32, server: &Server, names: &Names) -> Member {
        let takes_new = server.admin == AdminState::Ready;
        Member {
            state: Arc::clone(&server.state),
            slot,
            weight: server.weight,
            limit: if takes_new { server.own_limit(Standing::New).unwrap_or(u32::MAX) } else { 0 },
            group: names.group_of(server.name.as_deref()),
            acl: server.acl,
        }
    }
}

impl Clone for Slots {
    fn clone(&self) -> Slots {
        self.slots.clone().into()
    }
}

impl From<Vec<Option<Arc<Server>>>> for Slots {
    fn from(slots: Vec<Option<Arc<Server>>>) -> Slots {
        Slots { slots, roster: OnceLock::new() }
    }
}

impl Deref for Slots {
    type Target = Vec<Option<Arc<Server>>>;

    fn deref(&self) -> &Self::Target {
        &self.slots
    }
}

impl DerefMut for Slots {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.roster.take();
        &mut self.slots
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::servers::{ServerAddr, ServerId};
    use super::*;

    fn server(slot: u32) -> Arc<Server> {
        let address = ServerAddr::Inet("192.0.2.1:80".parse().unwrap());
        Arc::new(Server::new(address, ServerState::new(ServerId { slot, generation: 0 })))
    }

    fn listed(slots: &Slots) -> Vec<u32> {
        slots.roster().members.iter().map(|member| member.slot).collect()
    }

    #[test]
    fn whatever_changes_in_the_slots_changes_in_the_roster() {
        let mut slots = Slots::from(vec![Some(server(0)), None, Some(server(2))]);
        assert_eq!(listed(&slots), [0, 2]);
        slots[1] = Some(server(1));
        assert_eq!(listed(&slots), [0, 1, 2]);
        let copy = slots.clone();
        slots.pop();
        assert_eq!((listed(&slots), listed(&copy)), (vec![0, 1], vec![0, 1, 2]));
    }

    #[test]
    fn a_walk_begins_at_a_slot_or_the_next_one_that_is_occupied() {
        let slots = Slots::from(vec![Some(server(0)), None, Some(server(2)), Some(server(3)), None]);
        let from = |slot| slots.roster().from(slot).map(|member| member.slot).collect::<Vec<_>>();
        assert_eq!(from(0), [0, 2, 3]);
        assert_eq!(from(1), [2, 3, 0]);
        assert_eq!(from(3), [3, 0, 2]);
        assert_eq!(from(4), [0, 2, 3]);
        assert_eq!(from(u32::MAX), [0, 2, 3]);
    }
}

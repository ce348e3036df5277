//! Ports towards servers: which flow each carries to which server.
//!
//! A port carries one flow at most to each server, once in its life, so an answer belongs to whoever is carried there, and a
//! late one to nobody. Each server goes through the ports in the order in which they were opened: a number says how far it
//! has come, and nothing has to be kept of flows that ended.

use std::collections::BTreeMap;

use hashbrown::HashTable;

use super::line::NIL;
use super::servers::{Servers, mix};
use crate::engine::ids::IdPool;
use crate::engine::servers::ServerAddr;

/// An open port; once it has closed, this refers to none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PortId {
    /// Small and dense: the shell's socket by this number.
    pub index: u32,
    /// Counts the ports that had the number.
    pub generation: u32,
}

/// What servers a port can send to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PortKind {
    /// IPv4.
    Inet4,
    /// IPv6.
    Inet6,
    /// Unix datagram sockets.
    Unix,
}

/// All ports of a table.
#[derive(Debug)]
pub(super) struct Ports {
    pub(super) places: Vec<Port>,
    numbers: IdPool,
    pub(super) servers: Servers,
    /// Ports that take flows, by kind and by the order of opening.
    pub(super) takers: [BTreeMap<u64, u32>; PortKind::COUNT],
    /// What ports carry besides their `first`.
    pub(super) others: HashTable<Carried>,
    /// How many places in the order of opening were ever given, counted from 1.
    opened: u64,
    pub(super) closed: Vec<PortId>,
}

#[derive(Debug)]
pub(super) struct Port {
    pub(super) generation: u32,
    pub(super) kind: PortKind,
    pub(super) stage: Stage,
    /// Its place in the order of opening; 0: it has none, because it is for one flow.
    pub(super) sequence: u64,
    /// How many flows it carries.
    pub(super) flows: u32,
    /// One of them, and the server to which; they are found without a search, for most ports carry no other.
    pub(super) first: Option<First>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It takes flows.
    Open,
    /// It takes one flow, to one server, and none after it.
    ForOne,
    /// It takes none, and closes when those that it has are over.
    Retired,
    Closed,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct First {
    pub(super) server: u32,
    pub(super) flow: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Carried {
    pub(super) port: u32,
    pub(super) server: u32,
    pub(super) flow: u32,
}

impl PortKind {
    pub(super) const COUNT: usize = 3;

    /// What kind of port reaches that server.
    pub fn of(server: &ServerAddr) -> PortKind {
        match server {
            ServerAddr::Inet(address) if address.is_ipv4() => PortKind::Inet4,
            ServerAddr::Inet(_) => PortKind::Inet6,
            ServerAddr::Unix(_) => PortKind::Unix,
        }
    }
}

impl Ports {
    pub(super) fn new() -> Ports {
        Ports {
            places: Vec::new(),
            numbers: IdPool::new(NIL as usize),
            servers: Servers::default(),
            takers: [const { BTreeMap::new() }; PortKind::COUNT],
            others: HashTable::new(),
            opened: 1,
            closed: Vec::new(),
        }
    }

    /// The oldest port that takes flows and has never carried one to the server.
    pub(super) fn available(&self, server: &ServerAddr) -> Option<PortId> {
        let takers = &self.takers[PortKind::of(server) as usize];
        let (_, &index) = takers.range(self.servers.turn(server)..).next()?;
        Some(PortId { index, generation: self.places[index as usize].generation })
    }

    pub(super) fn open(&mut self, kind: PortKind) -> PortId {
        let sequence = self.opened;
        self.opened += 1;
        let id = self.add(Port { generation: 0, kind, stage: Stage::Open, sequence, flows: 0, first: None });
        self.takers[kind as usize].insert(sequence, id.index);
        id
    }

    pub(super) fn open_for_one(&mut self, kind: PortKind) -> PortId {
        self.add(Port { generation: 0, kind, stage: Stage::ForOne, sequence: 0, flows: 0, first: None })
    }

    fn add(&mut self, port: Port) -> PortId {
        let index = self.numbers.take().expect("there are fewer sockets than numbers");
        let Some(place) = self.places.get_mut(index as usize) else {
            self.places.push(port);
            return PortId { index, generation: 0 };
        };
        let generation = place.generation.wrapping_add(1);
        *place = Port { generation, ..port };
        PortId { index, generation }
    }

    /// Has the port carry the flow to the server, and returns the server's number; `None`: it must not.
    pub(super) fn carry(&mut self, id: PortId, server: &ServerAddr, flow: u32) -> Option<u32> {
        let port = port_of(&mut self.places, id).filter(|port| port.kind == PortKind::of(server))?;
        match port.stage {
            Stage::Open if port.sequence >= self.servers.turn(server) => {}
            Stage::ForOne => port.stage = Stage::Retired,
            Stage::Open | Stage::Retired | Stage::Closed => return None,
        }
        let server = self.servers.add_way(server, port.sequence);
        port.flows += 1;
        if port.first.is_none() {
            port.first = Some(First { server, flow });
        } else {
            let carried = Carried { port: id.index, server, flow };
            self.others.insert_unique(carried.hash(), carried, Carried::hash);
        }
        Some(server)
    }

    /// Ends what `carry` began. The last flow that goes closes the port.
    pub(super) fn release(&mut self, id: PortId, server: u32) {
        let Some(port) = port_of(&mut self.places, id) else { return };
        if port.first.take_if(|first| first.server == server).is_none()
            && let Ok(entry) = self
                .others
                .find_entry(Carried::hash_of(id.index, server), |carried| carried.is(id.index, server))
        {
            entry.remove();
        }
        port.flows -= 1;
        if port.flows == 0 {
            self.close(id);
        }
        self.servers.remove_way(server);
    }

    /// The flow that the port carries to the server.
    pub(super) fn carried(&self, id: PortId, server: &ServerAddr) -> Option<u32> {
        let port = self.places.get(id.index as usize).filter(|port| port.is(id))?;
        match port.first {
            Some(first) if self.servers.is(first.server, server) => return Some(first.flow),
            Some(_) if port.flows == 1 => return None,
            _ => {}
        }
        let server = self.servers.find(server)?;
        let hash = Carried::hash_of(id.index, server);
        self.others.find(hash, |carried| carried.is(id.index, server)).map(|carried| carried.flow)
    }

    /// From now on no port that is open takes a flow; those without one close.
    pub(super) fn retire_all(&mut self) {
        for kind in 0..PortKind::COUNT {
            for index in std::mem::take(&mut self.takers[kind]).into_values() {
                let generation = self.places[index as usize].generation;
                self.retire(PortId { index, generation });
            }
        }
    }

    /// From now on the port takes no flow. Without one it closes.
    pub(super) fn retire(&mut self, id: PortId) {
        let takes = |port: &&mut Port| matches!(port.stage, Stage::Open | Stage::ForOne);
        let Some(port) = port_of(&mut self.places, id).filter(takes) else { return };
        port.stage = Stage::Retired;
        self.takers[port.kind as usize].remove(&port.sequence);
        if port.flows == 0 {
            self.close(id);
        }
    }

    /// How many are open.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.places.iter().filter(|port| port.stage != Stage::Closed).count()
    }

    /// Takes one of those that have closed. Its number is free for another only from here on, so the shell never has
    /// two sockets of one number.
    pub(super) fn take_closed(&mut self) -> Option<PortId> {
        let id = self.closed.pop()?;
        self.numbers.give_back(id.index);
        Some(id)
    }

    fn close(&mut self, id: PortId) {
        let port = &mut self.places[id.index as usize];
        if port.stage == Stage::Open {
            self.takers[port.kind as usize].remove(&port.sequence);
        }
        port.stage = Stage::Closed;
        self.closed.push(id);
    }
}

fn port_of(places: &mut [Port], id: PortId) -> Option<&mut Port> {
    places.get_mut(id.index as usize).filter(|port| port.is(id))
}

impl Port {
    /// Whether it is that port. A closed one carries nothing and takes nothing.
    fn is(&self, id: PortId) -> bool {
        self.generation == id.generation
    }
}

impl Carried {
    fn is(&self, port: u32, server: u32) -> bool {
        self.port == port && self.server == server
    }

    pub(super) fn hash(&self) -> u64 {
        Carried::hash_of(self.port, self.server)
    }

    /// Both numbers are ours, so the hash need not be keyed.
    fn hash_of(port: u32, server: u32) -> u64 {
        mix(port.into(), server.into())
    }
}

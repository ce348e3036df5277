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
    ports: Vec<Port>,
    numbers: IdPool,
    pub(super) servers: Servers,
    /// Open ports that may get flows, by kind and by the order of opening.
    open: [BTreeMap<u64, u32>; PortKind::COUNT],
    /// What ports carry besides their `first`.
    others: HashTable<Carried>,
    /// How many were ever opened.
    opened: u64,
    closed: Vec<PortId>,
}

#[derive(Debug)]
struct Port {
    generation: u32,
    is_open: bool,
    kind: PortKind,
    /// Its place in the order of opening.
    sequence: u64,
    /// How many flows it carries.
    flows: u32,
    /// One of them: most ports carry no other.
    first: (u32, u32),
}

#[derive(Clone, Copy, Debug)]
struct Carried {
    port: u32,
    server: u32,
    flow: u32,
}

const NOBODY: (u32, u32) = (NIL, NIL);

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
            ports: Vec::new(),
            numbers: IdPool::new(NIL as usize),
            servers: Servers::default(),
            open: [const { BTreeMap::new() }; PortKind::COUNT],
            others: HashTable::new(),
            opened: 0,
            closed: Vec::new(),
        }
    }

    /// The oldest port that has never carried a flow to the server.
    pub(super) fn available(&self, server: &ServerAddr) -> Option<PortId> {
        let open = &self.open[PortKind::of(server) as usize];
        let (_, &index) = open.range(self.servers.turn(server)..).next()?;
        Some(PortId { index, generation: self.ports[index as usize].generation })
    }

    pub(super) fn open(&mut self, kind: PortKind) -> PortId {
        let index = self.numbers.take().expect("there are fewer sockets than numbers");
        let sequence = self.opened;
        self.opened += 1;
        self.open[kind as usize].insert(sequence, index);
        let mut port = Port { generation: 0, is_open: true, kind, sequence, flows: 0, first: NOBODY };
        match self.ports.get_mut(index as usize) {
            Some(place) => {
                port.generation = place.generation;
                *place = port;
            }
            None => self.ports.push(port),
        }
        PortId { index, generation: self.ports[index as usize].generation }
    }

    /// Has the port carry the flow to the server, and returns the server's number; `None`: it must not.
    pub(super) fn carry(&mut self, id: PortId, server: &ServerAddr, flow: u32) -> Option<u32> {
        let port = self.ports.get_mut(id.index as usize).filter(|port| port.is(id))?;
        let may_get_flows = self.open[port.kind as usize].contains_key(&port.sequence);
        let is_its_turn = port.sequence >= self.servers.turn(server);
        if !may_get_flows || !is_its_turn || port.kind != PortKind::of(server) {
            return None;
        }
        let server = self.servers.add_way(server, port.sequence);
        port.flows += 1;
        if port.first == NOBODY {
            port.first = (server, flow);
        } else {
            let carried = Carried { port: id.index, server, flow };
            self.others.insert_unique(carried.hash(), carried, Carried::hash);
        }
        Some(server)
    }

    /// Ends what `carry` began. The last flow that goes closes the port.
    pub(super) fn release(&mut self, id: PortId, server: u32) {
        let port = &mut self.ports[id.index as usize];
        if port.first.0 == server {
            port.first = NOBODY;
        } else if let Ok(entry) =
            self.others.find_entry(Carried::hash_of(id.index, server), |carried| carried.is(id.index, server))
        {
            entry.remove();
        }
        port.flows -= 1;
        if port.flows == 0 {
            self.close(id.index);
        }
        self.servers.remove_way(server);
    }

    /// The flow that the port carries to the server.
    pub(super) fn carried(&self, id: PortId, server: &ServerAddr) -> Option<u32> {
        let port = self.ports.get(id.index as usize).filter(|port| port.is(id))?;
        if self.servers.is(port.first.0, server) {
            return Some(port.first.1);
        }
        if port.flows <= 1 && port.first != NOBODY {
            return None;
        }
        let server = self.servers.find(server)?;
        let hash = Carried::hash_of(id.index, server);
        self.others.find(hash, |carried| carried.is(id.index, server)).map(|carried| carried.flow)
    }

    /// From now on no port that is open gets a flow; those without one close.
    pub(super) fn retire_all(&mut self) {
        for kind in 0..PortKind::COUNT {
            for index in std::mem::take(&mut self.open[kind]).into_values() {
                if self.ports[index as usize].flows == 0 {
                    self.close(index);
                }
            }
        }
    }

    /// How many are open.
    pub(super) fn len(&self) -> usize {
        self.ports.iter().filter(|port| port.is_open).count()
    }

    /// Takes one of those that have closed. Its number is free for another only from here on, so the shell never has
    /// two sockets of one number.
    pub(super) fn take_closed(&mut self) -> Option<PortId> {
        let id = self.closed.pop()?;
        self.numbers.give_back(id.index);
        Some(id)
    }

    fn close(&mut self, index: u32) {
        let port = &mut self.ports[index as usize];
        self.open[port.kind as usize].remove(&port.sequence);
        self.closed.push(PortId { index, generation: port.generation });
        port.is_open = false;
        port.generation = port.generation.wrapping_add(1);
    }
}

impl Port {
    fn is(&self, id: PortId) -> bool {
        self.is_open && self.generation == id.generation
    }
}

impl Carried {
    fn is(&self, port: u32, server: u32) -> bool {
        self.port == port && self.server == server
    }

    fn hash(&self) -> u64 {
        Carried::hash_of(self.port, self.server)
    }

    /// Both numbers are ours, so the hash need not be keyed.
    fn hash_of(port: u32, server: u32) -> u64 {
        mix(port.into(), server.into())
    }
}

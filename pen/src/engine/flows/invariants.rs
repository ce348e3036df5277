//! What must hold of a table after every call.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::line::NIL;
use super::ports::{PortId, PortKind, Stage};
use super::ways::Link;
use super::{Chain, Flow, FlowTable, Way};

impl<T> FlowTable<T> {
    /// Checks that the parts of the table agree with each other.
    pub fn check_invariants(&self) {
        self.check_index();
        self.check_line();
        self.check_ways();
        self.check_ports();
        self.check_servers();
    }

    /// The flows with their places.
    fn held(&self) -> impl Iterator<Item = (u32, &Flow<T>)> {
        (0..).zip(&self.flows).filter_map(|(index, place)| Some((index, place.as_ref()?)))
    }

    fn check_index(&self) {
        assert_eq!(self.held().count(), self.len());
        for (index, flow) in self.held() {
            assert_eq!(self.find(&flow.key), Some(index));
        }
        let free: HashSet<&u32> = self.free.iter().collect();
        assert_eq!((free.len(), free.len() + self.len()), (self.free.len(), self.flows.len()));
        assert!(free.iter().all(|&&index| self.flows[index as usize].is_none()));
    }

    fn check_line(&self) {
        let (mut previous, mut index, mut last_use) = (NIL, self.line.front, None);
        for _ in 0..self.len() {
            let node = self.line.nodes[index as usize];
            assert!(self.flows[index as usize].is_some());
            assert_eq!(node.previous, previous);
            assert!(last_use <= Some(node.last_use), "the line is out of order");
            (previous, index, last_use) = (index, node.next, Some(node.last_use));
        }
        assert_eq!((self.line.back, index), (previous, NIL));
    }

    /// Each flow's ways lead through open ports, which know whom they carry, and carry nobody else.
    fn check_ways(&self) {
        let links: HashMap<(u32, u32), &Link> =
            self.ways.0.iter().map(|link| ((link.flow, link.way.server), link)).collect();
        let (mut ways, mut linked) = (0, 0);
        for (index, flow) in self.held() {
            let chain = chain(&links, index, flow.chain);
            linked += chain.len();
            let all = if chain.is_empty() { flow.way.into_iter().collect() } else { chain };
            assert!(!flow.is_assigned || flow.way.is_some());
            assert!(flow.way.is_none_or(|way| all.contains(&way)));
            for way in &all {
                let address = self.ports.servers.address(way.server).expect("the server is known");
                assert_eq!(self.ports.carried(way.port, address), Some(index));
            }
            ways += all.len();
        }
        assert_eq!((linked, links.len()), (self.ways.0.len(), self.ways.0.len()));
        let ports = self.ports.places.iter();
        assert_eq!(ports.map(|port| port.flows as usize).sum::<usize>(), ways);
        let firsts = self.ports.places.iter().filter(|port| port.first.is_some()).count();
        assert_eq!(firsts + self.ports.others.len(), ways);
        let servers = self.ports.servers.places.iter().flatten();
        assert_eq!(servers.map(|known| known.ways as usize).sum::<usize>(), ways);
    }

    fn check_ports(&self) {
        let ports = &self.ports;
        let closed: HashSet<&PortId> = ports.closed.iter().collect();
        assert_eq!(closed.len(), ports.closed.len());
        let mut takers = 0;
        for (index, port) in (0..).zip(&ports.places) {
            let id = PortId { index, generation: port.generation };
            match port.stage {
                Stage::Open => {
                    takers += 1;
                    assert_eq!(ports.takers[port.kind as usize].get(&port.sequence), Some(&index));
                }
                Stage::ForOne => assert_eq!((port.flows, port.sequence), (0, 0)),
                Stage::Retired => assert!(port.flows > 0, "nobody uses it"),
                Stage::Closed => assert_eq!((port.flows, port.first.is_none()), (0, true)),
            }
            assert!(port.stage == Stage::Closed || !closed.contains(&id));
        }
        assert_eq!(ports.takers.iter().map(BTreeMap::len).sum::<usize>(), takers);
    }

    /// No server's turn lies before a port that carries a flow to it.
    fn check_servers(&self) {
        let servers = &self.ports.servers;
        let known =
            || (0..).zip(&servers.places).filter_map(|(server, place)| Some((server, place.as_ref()?)));
        assert_eq!(known().filter(|(_, known)| known.ways == 0).count(), servers.idle);
        assert_eq!(known().count(), servers.by_address.len());
        assert_eq!(known().count() + servers.free.len(), servers.places.len());
        for (server, known) in known() {
            assert_eq!(servers.find(&known.address), Some(server));
        }
        let firsts =
            (0u32..).zip(&self.ports.places).filter_map(|(port, place)| Some((port, place.first?.server)));
        let others = self.ports.others.iter().map(|carried| (carried.port, carried.server));
        let mut pairs = HashSet::new();
        for (port, server) in firsts.chain(others) {
            assert!(pairs.insert((port, server)), "two flows share a port to one server");
            let port = &self.ports.places[port as usize];
            let known = servers.places[server as usize].as_ref().expect("the server is known");
            assert_eq!(port.kind, PortKind::of(&known.address));
            assert!(port.sequence < known.turn);
        }
    }
}

fn chain(links: &HashMap<(u32, u32), &Link>, flow: u32, Chain(mut server): Chain) -> Vec<Way> {
    let mut chain = Vec::new();
    while server != NIL {
        let link = links[&(flow, server)];
        chain.push(link.way);
        assert!(chain.len() <= links.len(), "the chain runs in a circle");
        server = link.next;
    }
    assert_ne!(chain.len(), 1);
    chain
}

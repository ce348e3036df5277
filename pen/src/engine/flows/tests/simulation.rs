//! A simulated network with a virtual clock: datagrams are lost, doubled, late and out of order, servers die and come back,
//! the table overflows. Each datagram says whose it is, so that every delivery can be judged.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use fastrand::Rng;

use super::super::recent::{Memo, Recent};
use super::*;

const SEEDS: u64 = 16;
const DATAGRAMS: usize = 1000;

/// What a datagram says, and what the table must not be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Datagram {
    client: u16,
    number: u32,
}

/// The address of one of pen's sockets, never used again.
type Wire = u64;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Packet {
    FromClient(Datagram),
    ToServer { wire: Wire, server: usize, datagram: Datagram },
    FromServer { wire: Wire, server: usize, datagram: Datagram },
    Unreachable { wire: Wire, server: usize },
}

#[derive(Clone, Copy)]
struct Socket {
    port: PortId,
    wire: Wire,
}

/// What hangs on a flow.
struct Content {
    client: u16,
    last_use: Tick,
    latest: Option<Memo>,
}

struct Server {
    address: ServerAddr,
    alive: bool,
    avoided_until: Tick,
}

struct World {
    rng: Rng,
    now: Tick,
    rules: Rules,
    /// The most flows.
    limit: usize,
    table: FlowTable<Content>,
    recent: Recent,
    sockets: Vec<Option<Socket>>,
    servers: Vec<Server>,
    turn: usize,
    packets: BinaryHeap<Reverse<(Tick, usize, Packet)>>,
    sent: usize,
    wires: Wire,
    /// Which flow each server has seen at each address of pen.
    seen: HashMap<(Wire, usize), FlowId>,
    /// Every port that there ever was.
    ports: Vec<PortId>,
    delivered: usize,
    again: usize,
    evicted: usize,
    strangers: usize,
}

impl World {
    fn new(seed: u64) -> World {
        let mut rng = Rng::with_seed(seed);
        let all = [server(1), server(2), server6(), server(3), unix_server(), server(4)];
        let servers = all[..rng.usize(1..=all.len())].iter();
        let servers =
            servers.map(|address| Server { address: address.clone(), alive: true, avoided_until: Tick(0) });
        World {
            now: second(1),
            rules: Rules { timeout: rng.u32(1..10), responses: rng.u32(0..3), requests: rng.u32(0..4) },
            limit: rng.usize(2..40),
            table: FlowTable::new(),
            recent: Recent::new(1000),
            sockets: Vec::new(),
            servers: servers.collect(),
            turn: 0,
            packets: BinaryHeap::new(),
            sent: 0,
            wires: 0,
            seen: HashMap::new(),
            ports: Vec::new(),
            delivered: 0,
            again: 0,
            evicted: 0,
            strangers: 0,
            rng,
        }
    }

    fn run(&mut self) {
        let clients = self.rng.u16(1..80);
        let mut at = self.now;
        for number in 0..u32::try_from(DATAGRAMS).unwrap() {
            at = Tick(at.0 + if self.rng.u8(..) == 0 { self.rng.u64(..20_000) } else { self.rng.u64(..40) });
            let datagram = Datagram { client: self.rng.u16(..clients), number };
            self.packets.push(Reverse((at, self.sent, Packet::FromClient(datagram))));
            self.sent += 1;
        }
        while self.step() {
            self.meddle();
            self.table.check_invariants();
            self.close();
            self.check_silence();
        }
        assert_eq!((self.table.len(), self.table.ports()), (0, 0));
        assert!(self.sockets.iter().all(Option::is_none));
        assert!(self.delivered > 0);
    }

    /// The next thing that happens.
    fn step(&mut self) -> bool {
        let end = self.table.poll_timeout(self.rules);
        let next = self.packets.peek().map(|Reverse((at, ..))| *at);
        let Some(at) = next.into_iter().chain(end).min() else { return false };
        assert!(at >= self.now);
        self.now = at;
        if end == Some(at) {
            let flow = self.table.expired(self.now, self.rules).expect("its time has come");
            let content = self.table.remove(flow).unwrap();
            assert_eq!(content.last_use.plus_seconds(self.rules.timeout), self.now);
            return true;
        }
        assert_eq!(self.table.expired(self.now, self.rules), None);
        if let Some(Reverse((_, _, packet))) = self.packets.pop() {
            self.arrive(packet);
        }
        true
    }

    fn arrive(&mut self, packet: Packet) {
        match packet {
            Packet::FromClient(datagram) => self.handle_client(datagram),
            Packet::ToServer { wire, server, datagram } if self.servers[server].alive => {
                for _ in 0..self.rng.u8(0..4) {
                    self.send(Packet::FromServer { wire, server, datagram });
                }
            }
            Packet::ToServer { wire, server, .. } => {
                if self.rng.bool() {
                    self.send(Packet::Unreachable { wire, server });
                }
            }
            Packet::FromServer { wire, server, datagram } => self.handle_server(wire, server, datagram),
            Packet::Unreachable { wire, server } => self.unreachable(wire, server),
        }
    }

    /// The network: most packets arrive in a moment, some never, twice, or long after.
    fn send(&mut self, packet: Packet) {
        let copies = [0, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1][self.rng.usize(..16)];
        for _ in 0..copies {
            let late = self.rng.u8(..20) == 0;
            let delay = if late { self.rng.u64(..30_000) } else { self.rng.u64(..50) };
            self.packets.push(Reverse((Tick(self.now.0 + delay), self.sent, packet)));
            self.sent += 1;
        }
    }

    fn handle_client(&mut self, datagram: Datagram) {
        let flow = match self.table.handle_client(&client(datagram.client), 1, self.now, self.rules) {
            Heading::Onward(flow) => flow,
            Heading::Choose(flow) => {
                self.choose(flow);
                flow
            }
            Heading::Begin => {
                self.make_room();
                let content = Content { client: datagram.client, last_use: self.now, latest: None };
                let flow = self.table.begin(client(datagram.client), content, 1, self.now);
                self.choose(flow);
                flow
            }
        };
        let bytes = [&datagram.client.to_ne_bytes()[..], &datagram.number.to_ne_bytes()].concat();
        let memo = self.recent.remember(&bytes, None, None, self.now);
        let content = self.table.content_mut(flow).unwrap();
        assert_eq!(content.client, datagram.client);
        (content.last_use, content.latest) = (self.now, Some(memo));
        let Some(port) = self.table.way(flow) else { return };
        let address = self.table.server(flow).unwrap();
        let server = self.servers.iter().position(|server| server.address == *address).unwrap();
        let socket = self.sockets[port.index as usize].expect("a port that is open has a socket");
        assert_eq!(socket.port, port);
        assert_eq!(*self.seen.entry((socket.wire, server)).or_insert(flow), flow, "it was another's");
        self.send(Packet::ToServer { wire: socket.wire, server, datagram });
    }

    fn make_room(&mut self) {
        if self.table.len() < self.limit {
            return;
        }
        let oldest = self.table.oldest().unwrap();
        let first = self.table.iter().map(|(_, _, content)| content.last_use).min();
        let content = self.table.remove(oldest).unwrap();
        assert_eq!(Some(content.last_use), first);
        self.evicted += 1;
    }

    /// Round robin among those that are not avoided.
    fn choose(&mut self, flow: FlowId) {
        let count = self.servers.len();
        let candidates = (0..count).map(|step| (self.turn + step) % count);
        let Some(server) =
            candidates.into_iter().find(|&server| self.servers[server].avoided_until <= self.now)
        else {
            return self.table.unassign(flow);
        };
        self.turn = server + 1;
        let address = self.servers[server].address.clone();
        let port = self.table.way_to(flow, &address).or_else(|| self.table.port_for(&address));
        let port = port.unwrap_or_else(|| self.open(PortKind::of(&address)));
        self.table.assign(flow, &address, port);
        assert_eq!(self.table.way(flow), Some(port));
    }

    fn open(&mut self, kind: PortKind) -> PortId {
        let port = self.table.open_port(kind);
        if self.sockets.len() <= port.index as usize {
            self.sockets.resize(port.index as usize + 1, None);
        }
        let place = &mut self.sockets[port.index as usize];
        assert!(place.is_none(), "two sockets of one number");
        *place = Some(Socket { port, wire: self.wires });
        self.wires += 1;
        self.ports.push(port);
        port
    }

    fn close(&mut self) {
        for port in self.table.closed_ports() {
            let socket = self.sockets[port.index as usize].take().expect("it was open");
            assert_eq!(socket.port, port);
        }
    }

    fn socket(&self, wire: Wire) -> Option<Socket> {
        self.sockets.iter().flatten().find(|socket| socket.wire == wire).copied()
    }

    fn handle_server(&mut self, wire: Wire, server: usize, datagram: Datagram) {
        let owner = self.seen[&(wire, server)];
        let is_alive = self.table.content(owner).is_some();
        let Some(socket) = self.socket(wire) else {
            return assert!(!is_alive, "its port was closed before its end");
        };
        let from = &self.servers[server].address;
        match self.table.handle_server(socket.port, from, 1, self.now, self.rules) {
            Answer::Stranger => {
                assert!(!is_alive, "an answer is kept from its client");
                self.strangers += 1;
            }
            Answer::Deliver(flow) => self.deliver(flow, owner, datagram),
            Answer::Last(flow) => {
                self.deliver(flow, owner, datagram);
                self.table.remove(flow);
            }
        }
    }

    fn deliver(&mut self, flow: FlowId, owner: FlowId, datagram: Datagram) {
        assert_eq!(flow, owner);
        let content = self.table.content_mut(flow).unwrap();
        assert_eq!(content.client, datagram.client, "the answer is another's");
        content.last_use = self.now;
        self.delivered += 1;
    }

    /// The server is avoided, its flows end, and the latest datagram of the one that met the error goes to another.
    fn unreachable(&mut self, wire: Wire, server: usize) {
        let Some(socket) = self.socket(wire) else { return };
        let address = self.servers[server].address.clone();
        let owner = self.table.owner(socket.port, &address);
        assert_eq!(
            owner,
            Some(self.seen[&(wire, server)]).filter(|flow| self.table.content(*flow).is_some())
        );
        self.servers[server].avoided_until = self.now.plus_seconds(3);
        let of_server = |flow: &FlowId| self.table.server(*flow) == Some(&address);
        let flows: Vec<FlowId> = self.table.iter().map(|(flow, _, _)| flow).filter(of_server).collect();
        for flow in flows {
            let content = self.table.remove(flow).unwrap();
            let kept = content.latest.and_then(|memo| self.recent.recall(memo));
            if let Some(kept) = kept.filter(|_| owner == Some(flow)) {
                let (client, number) = kept.bytes.split_at(2);
                let client = u16::from_ne_bytes(client.try_into().unwrap());
                assert_eq!((client, kept.at <= content.last_use), (content.client, true));
                self.again += 1;
                self.handle_client(Datagram {
                    client,
                    number: u32::from_ne_bytes(number.try_into().unwrap()),
                });
            }
        }
    }

    /// Servers die and come back, the source changes, datagrams come through ports of the past.
    fn meddle(&mut self) {
        if self.rng.u8(..) < 5 {
            let server = self.rng.usize(..self.servers.len());
            self.servers[server].alive = self.rng.bool();
        }
        if self.rng.u8(..) == 0 {
            self.table.retire_ports();
        }
        if let Some(&port) = self.rng.choice(&self.ports)
            && self.sockets[port.index as usize].is_none_or(|socket| socket.port != port)
        {
            let from = &self.rng.choice(&self.servers).unwrap().address;
            assert_eq!(self.table.handle_server(port, from, 1, self.now, self.rules), Answer::Stranger);
            assert_eq!(self.table.owner(port, from), None);
        }
    }

    /// No flow outlives its time, and none lasts in which something went wrong with the table's own idea of it.
    fn check_silence(&self) {
        assert!(self.table.len() <= self.limit);
        for (flow, key, content) in self.table.iter() {
            assert_eq!(*key, client(content.client));
            assert_eq!(self.table.last_use(flow), Some(content.last_use));
            assert!(content.last_use.plus_seconds(self.rules.timeout) >= self.now);
        }
    }
}

#[test]
fn no_answer_reaches_a_stranger_whatever_the_network_does() {
    let (mut delivered, mut again, mut evicted, mut strangers) = (0, 0, 0, 0);
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        world.run();
        delivered += world.delivered;
        again += world.again;
        evicted += world.evicted;
        strangers += world.strangers;
    }
    // Else the simulation does not try what it should.
    assert!(delivered > 5000 && again > 100 && evicted > 1000 && strangers > 200);
}

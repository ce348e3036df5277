//! What a worker knows of the UDP flows of one service: whose datagram it is, where it goes, whose an answer is, which flow
//! ends when. Sockets, and which server a flow gets, are the shell's matter.
//!
//! Every call costs the same however many flows, servers and ports there are, but for `port_for`, which searches a tree of
//! ports.

mod address;
#[cfg(test)]
mod invariants;
mod line;
mod ports;
pub mod recent;
mod servers;
mod ways;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use hashbrown::HashTable;

pub use self::address::{Endpoint, FlowKey, Local};
pub use self::ports::{PortId, PortKind};

use self::line::Line;
use self::ports::Ports;
use self::ways::{Chain, Way, Ways};
use super::servers::ServerAddr;
use super::time::Tick;

/// A flow; once it has ended, this refers to none, and whatever is asked of it is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowId {
    index: u32,
    generation: u32,
}

/// How long flows last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Seconds of silence, in both directions, that end a flow.
    pub timeout: u32,
    /// A flow ends when it has had so many answers to each of its datagrams; 0: any number.
    pub responses: u32,
    /// A flow chooses its server again after so many datagrams; 0: never.
    pub requests: u32,
}

/// What becomes of a client's datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heading {
    /// It goes the flow's way.
    Onward(FlowId),
    /// The flow wants a server: it has none, or has sent that one all it may. Without another it keeps what it has.
    Choose(FlowId),
    /// It belongs to no flow yet.
    Begin,
}

/// What becomes of a server's datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It goes to the flow's client.
    Deliver(FlowId),
    /// It goes to the flow's client, and the flow is then to be removed: it has had all its answers.
    Last(FlowId),
    /// Nobody waits for it.
    Stranger,
}

/// The flows of one service at one worker. `T` is what the shell hangs on each.
#[derive(Debug)]
pub struct FlowTable<T> {
    flows: Vec<Option<Flow<T>>>,
    /// Places in `flows` that are free.
    free: Vec<u32>,
    by_key: HashTable<Indexed>,
    /// Clients choose their addresses, so the hash is keyed.
    hasher: RandomState,
    line: Line,
    ports: Ports,
    ways: Ways,
    /// How many flows ever began, wrapping.
    begun: u32,
}

#[derive(Debug)]
struct Flow<T> {
    key: FlowKey,
    generation: u32,
    /// Datagrams since a server was last chosen.
    since_choice: u32,
    /// Datagrams of the client, and of its servers.
    requests: u64,
    responses: u64,
    /// The way to the latest server.
    way: Option<Way>,
    /// Whether datagrams still go that way.
    is_assigned: bool,
    /// All ways, if there was ever more than one.
    chain: Chain,
    content: T,
}

/// A flow in the index. With the hash beside it, growing the index does not visit the flows.
#[derive(Clone, Copy, Debug)]
struct Indexed {
    hash: u32,
    flow: u32,
}

impl<T> FlowTable<T> {
    /// A table without flows and ports.
    pub fn new() -> FlowTable<T> {
        FlowTable {
            flows: Vec::new(),
            free: Vec::new(),
            by_key: HashTable::new(),
            hasher: RandomState::new(),
            line: Line::new(),
            ports: Ports::new(),
            ways: Ways::default(),
            begun: 0,
        }
    }

    /// How many flows there are.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Notes `count` datagrams of a client that came as one. They stay together: whether their flow chooses again is decided
    /// before the first.
    pub fn handle_client(&mut self, key: &FlowKey, count: u32, now: Tick, rules: Rules) -> Heading {
        let Some(index) = self.find(key) else { return Heading::Begin };
        let Some(flow) = &mut self.flows[index as usize] else { return Heading::Begin };
        let id = FlowId { index, generation: flow.generation };
        flow.requests += u64::from(count);
        self.line.touch(index, now);
        if flow.is_assigned && (rules.requests == 0 || flow.since_choice < rules.requests) {
            flow.since_choice = flow.since_choice.saturating_add(count);
            return Heading::Onward(id);
        }
        flow.since_choice = count;
        Heading::Choose(id)
    }

    /// Begins a flow, with `count` datagrams that came as one. One of the same key would end.
    pub fn begin(&mut self, key: FlowKey, content: T, count: u32, now: Tick) -> FlowId {
        if let Some(id) = self.find(&key).and_then(|index| self.id(index)) {
            self.remove(id);
        }
        let hash = self.hash(&key);
        let generation = self.begun;
        self.begun = self.begun.wrapping_add(1);
        let flow = Some(Flow {
            key,
            generation,
            since_choice: count,
            requests: count.into(),
            responses: 0,
            way: None,
            is_assigned: false,
            chain: Chain::EMPTY,
            content,
        });
        let index = if let Some(index) = self.free.pop() {
            self.flows[index as usize] = flow;
            index
        } else {
            self.flows.push(flow);
            u32::try_from(self.flows.len() - 1).expect("there are fewer flows than numbers")
        };
        self.by_key.insert_unique(spread(hash), Indexed { hash, flow: index }, |flow| spread(flow.hash));
        self.line.join(index, now);
        FlowId { index, generation }
    }

    /// The oldest open port that has never carried a flow to this server; `None`: it takes a new one.
    pub fn port_for(&self, server: &ServerAddr) -> Option<PortId> {
        self.ports.available(server)
    }

    /// Numbers a port that the shell has opened for servers of this kind. It closes when its last flow has ended.
    pub fn open_port(&mut self, kind: PortKind) -> PortId {
        self.ports.open(kind)
    }

    /// The same of a port that is for one flow to one server, because it has that client's address: the first that is assigned to
    /// it, at once.
    pub fn open_port_for_one(&mut self, kind: PortKind) -> PortId {
        self.ports.open_for_one(kind)
    }

    /// Takes a port back that the shell could not open after all. It gets no flows, and closes.
    pub fn abandon_port(&mut self, port: PortId) {
        self.ports.retire(port);
    }

    /// The port through which the flow goes, or once went, to that server. It goes that way again.
    pub fn way_to(&self, flow: FlowId, server: &ServerAddr) -> Option<PortId> {
        let of = self.flow(flow)?;
        let server = self.ports.servers.find(server)?;
        self.existing_way(flow.index, of, server).map(|way| way.port)
    }

    /// From now on the flow's datagrams go to `server`: the way it had there before, else through `port`. From its former
    /// servers it still gets answers.
    ///
    /// A port that `port_for`, `open_port` and `open_port_for_one` would not give for this server is refused: the flow then has no
    /// server.
    pub fn assign(&mut self, flow: FlowId, server: &ServerAddr, port: PortId) {
        let Some(of) = self.flow(flow) else { return };
        let known = self.ports.servers.find(server);
        let existing = known.and_then(|server| self.existing_way(flow.index, of, server));
        let way = existing.or_else(|| {
            let server = self.ports.carry(port, server, flow.index)?;
            Some(Way { server, port })
        });
        let Some(of) = self.flows[flow.index as usize].as_mut() else { return };
        of.is_assigned = way.is_some();
        let Some(way) = way else { return };
        if existing.is_none()
            && let Some(former) = of.way
        {
            if of.chain == Chain::EMPTY {
                self.ways.add(&mut of.chain, flow.index, former);
            }
            self.ways.add(&mut of.chain, flow.index, way);
        }
        of.way = Some(way);
    }

    /// The port through which the flow's datagrams go; `None`: it has no server.
    pub fn way(&self, flow: FlowId) -> Option<PortId> {
        self.flow(flow).filter(|flow| flow.is_assigned)?.way.map(|way| way.port)
    }

    /// The server to which the flow's datagrams go.
    #[cfg(test)]
    pub fn server(&self, flow: FlowId) -> Option<&ServerAddr> {
        let way = self.flow(flow).filter(|flow| flow.is_assigned)?.way?;
        self.ports.servers.address(way.server)
    }

    /// The flow has no server any more. Answers that are under way still reach it.
    pub fn unassign(&mut self, flow: FlowId) {
        if let Some(flow) = self.flow_mut(flow) {
            flow.is_assigned = false;
        }
    }

    /// Notes `count` datagrams that came through the port from this address as one.
    pub fn handle_server(
        &mut self,
        port: PortId,
        from: &ServerAddr,
        count: u32,
        now: Tick,
        rules: Rules,
    ) -> Answer {
        let Some(index) = self.ports.carried(port, from) else { return Answer::Stranger };
        let Some(flow) = &mut self.flows[index as usize] else { return Answer::Stranger };
        let id = FlowId { index, generation: flow.generation };
        flow.responses += u64::from(count);
        self.line.touch(index, now);
        let most = flow.requests.saturating_mul(rules.responses.into());
        if rules.responses > 0 && flow.responses >= most { Answer::Last(id) } else { Answer::Deliver(id) }
    }

    /// Whose datagrams go to this server through this port.
    pub fn owner(&self, port: PortId, server: &ServerAddr) -> Option<FlowId> {
        self.id(self.ports.carried(port, server)?)
    }

    /// Whether the flow has had fewer answers than datagrams.
    pub fn is_owed(&self, flow: FlowId) -> bool {
        self.flow(flow).is_some_and(|flow| flow.responses < flow.requests)
    }

    /// The ports of all servers that the flow has had.
    pub fn ports_of(&self, flow: FlowId) -> impl Iterator<Item = PortId> {
        let of = self.flow(flow);
        let only = of.filter(|flow| flow.chain == Chain::EMPTY).and_then(|flow| flow.way);
        let several = of.into_iter().flat_map(move |of| self.ways.of(of.chain, flow.index));
        only.into_iter().chain(several).map(|way| way.port)
    }

    /// What the shell hung on the flow.
    pub fn content(&self, flow: FlowId) -> Option<&T> {
        self.flow(flow).map(|flow| &flow.content)
    }

    /// What the shell hung on the flow, to change it.
    pub fn content_mut(&mut self, flow: FlowId) -> Option<&mut T> {
        self.flow_mut(flow).map(|flow| &mut flow.content)
    }

    /// Whose flow it is.
    pub fn key(&self, flow: FlowId) -> Option<&FlowKey> {
        self.flow(flow).map(|flow| &flow.key)
    }

    /// When the flow's last datagram passed, in either direction.
    pub fn last_use(&self, flow: FlowId) -> Option<Tick> {
        self.flow(flow).and_then(|_| self.line.last_use(flow.index))
    }

    /// Ends a flow.
    pub fn remove(&mut self, flow: FlowId) -> Option<T> {
        let hash = self.hash(self.key(flow)?);
        let index = flow.index;
        let Flow { way, mut chain, content, .. } = self.flows[index as usize].take()?;
        if let Ok(entry) = self.by_key.find_entry(spread(hash), |indexed| indexed.flow == index) {
            entry.remove();
        }
        self.line.leave(index);
        self.free.push(index);
        if chain == Chain::EMPTY
            && let Some(way) = way
        {
            self.ports.release(way.port, way.server);
        }
        while let Some(way) = self.ways.take(&mut chain, index) {
            self.ports.release(way.port, way.server);
        }
        Some(content)
    }

    /// Takes out the ports that have closed since, for the shell to close their sockets. A number is given to another port
    /// only after it has come out here.
    pub fn closed_ports(&mut self) -> impl Iterator<Item = PortId> {
        std::iter::from_fn(|| self.ports.take_closed())
    }

    /// Ports that are open get no further flows; those without any close at once.
    pub fn retire_ports(&mut self) {
        self.ports.retire_all();
    }

    /// The flow that was used least recently.
    pub fn oldest(&self) -> Option<FlowId> {
        self.line.front().and_then(|(index, _)| self.id(index))
    }

    /// When the next flow ends, unless it is used before.
    pub fn poll_timeout(&self, rules: Rules) -> Option<Tick> {
        self.line.front().map(|(_, last_use)| last_use.plus_seconds(rules.timeout))
    }

    /// A flow whose time is up, the one that was used least recently first. It stays until it is removed.
    pub fn expired(&self, now: Tick, rules: Rules) -> Option<FlowId> {
        self.poll_timeout(rules).filter(|end| *end <= now).and_then(|_| self.oldest())
    }

    /// All flows, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (FlowId, &FlowKey, &T)> {
        self.slice(0, usize::MAX).0
    }

    /// The flows at the `count` places from `from` on, and the place to go on with: so a large table is read in slices.
    pub fn slice(
        &self,
        from: u32,
        count: usize,
    ) -> (impl Iterator<Item = (FlowId, &FlowKey, &T)>, Option<u32>) {
        let end = self.flows.len().min((from as usize).saturating_add(count));
        let rows =
            (from..).zip(self.flows[end.min(from as usize)..end].iter()).filter_map(|(index, place)| {
                let flow = place.as_ref()?;
                Some((FlowId { index, generation: flow.generation }, &flow.key, &flow.content))
            });
        (rows, u32::try_from(end).ok().filter(|_| end < self.flows.len()))
    }

    /// How many ports are open.
    #[cfg(test)]
    pub fn ports(&self) -> usize {
        self.ports.len()
    }

    /// The flow's way to a server, whichever of its ways that is.
    fn existing_way(&self, index: u32, flow: &Flow<T>, server: u32) -> Option<Way> {
        if flow.chain == Chain::EMPTY {
            flow.way.filter(|way| way.server == server)
        } else {
            self.ways.find(index, server)
        }
    }

    fn find(&self, key: &FlowKey) -> Option<u32> {
        let hash = self.hash(key);
        let is_it = |indexed: &Indexed| {
            indexed.hash == hash
                && self.flows[indexed.flow as usize].as_ref().is_some_and(|flow| flow.key == *key)
        };
        self.by_key.find(spread(hash), is_it).map(|indexed| indexed.flow)
    }

    #[allow(clippy::cast_possible_truncation, reason = "half of the hash will do")]
    fn hash(&self, key: &FlowKey) -> u32 {
        self.hasher.hash_one(key) as u32
    }

    fn id(&self, index: u32) -> Option<FlowId> {
        let flow = self.flows.get(index as usize)?.as_ref()?;
        Some(FlowId { index, generation: flow.generation })
    }

    fn flow(&self, id: FlowId) -> Option<&Flow<T>> {
        self.flows.get(id.index as usize)?.as_ref().filter(|flow| flow.generation == id.generation)
    }

    fn flow_mut(&mut self, id: FlowId) -> Option<&mut Flow<T>> {
        self.flows.get_mut(id.index as usize)?.as_mut().filter(|flow| flow.generation == id.generation)
    }
}

impl<T> Default for FlowTable<T> {
    fn default() -> FlowTable<T> {
        FlowTable::new()
    }
}

/// The index looks at the lowest and the highest bits of a hash.
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

#[cfg(test)]
mod tests;

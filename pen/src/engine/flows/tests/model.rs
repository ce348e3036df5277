//! The table against a model that keeps lists and searches them.

use std::collections::HashSet;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    /// A client sends so many datagrams as one; the flow gets that server if it wants one, perhaps by a port of its own.
    Client(u16, u32, usize, bool),
    /// A server answers so many as one through a port of now or earlier.
    Server(Index, usize, u32),
    /// A flow of now or earlier gets a server, by a port of now or earlier.
    Assign(Index, usize, Index),
    Unassign(Index),
    Remove(Index),
    Retire,
    Close,
    Pass(u64),
    Expire,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0u16..8, 1u32..4, 0usize..5, any::<bool>()).prop_map(|(client, count, server, alone)| Step::Client(client, count, server, alone)),
        8 => (any::<Index>(), 0usize..5, 1u32..4).prop_map(|(port, server, count)| Step::Server(port, server, count)),
        2 => (any::<Index>(), 0usize..5, any::<Index>()).prop_map(|(flow, server, port)| Step::Assign(flow, server, port)),
        1 => any::<Index>().prop_map(Step::Unassign),
        4 => any::<Index>().prop_map(Step::Remove),
        1 => Just(Step::Retire),
        2 => Just(Step::Close),
        4 => (0u64..3000).prop_map(Step::Pass),
        2 => Just(Step::Expire),
    ]
}

fn rules() -> impl Strategy<Value = Rules> {
    (1u32..5, 0u32..3, 0u32..5).prop_map(|(timeout, responses, requests)| Rules {
        timeout,
        responses,
        requests,
    })
}

fn servers() -> [ServerAddr; 5] {
    [server(1), server(2), server(3), server6(), unix_server()]
}

struct FlowModel {
    id: FlowId,
    client: u16,
    since: u32,
    requests: u32,
    responses: u32,
    last_use: Tick,
    server: Option<usize>,
    ways: Vec<(usize, PortId)>,
}

struct PortModel {
    id: PortId,
    kind: PortKind,
    takes: bool,
    /// It is for one flow.
    alone: bool,
    closed: bool,
    /// The servers to which it ever carried a flow.
    used: HashSet<usize>,
}

/// Flows in the order of their last use, ports in the order of opening.
struct Model {
    table: FlowTable<u16>,
    rules: Rules,
    now: Tick,
    flows: Vec<FlowModel>,
    ports: Vec<PortModel>,
    /// All flows that there ever were.
    ever: Vec<FlowId>,
    closed: HashSet<PortId>,
}

impl Model {
    fn new(rules: Rules) -> Model {
        Model {
            table: FlowTable::new(),
            rules,
            now: second(1),
            flows: Vec::new(),
            ports: Vec::new(),
            ever: Vec::new(),
            closed: HashSet::new(),
        }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Client(client, count, server, alone) => self.client(client, count, server, alone),
            Step::Server(port, server, count) => self.server(port, server, count),
            Step::Assign(flow, server, port) if !self.ever.is_empty() && !self.ports.is_empty() => {
                let port = port.get(&self.ports).id;
                self.assign(*flow.get(&self.ever), server, port);
            }
            Step::Unassign(flow) if !self.ever.is_empty() => {
                let id = *flow.get(&self.ever);
                self.table.unassign(id);
                self.flows.iter_mut().filter(|flow| flow.id == id).for_each(|flow| flow.server = None);
            }
            Step::Remove(flow) if !self.ever.is_empty() => self.remove(*flow.get(&self.ever)),
            Step::Assign(..) | Step::Unassign(_) | Step::Remove(_) => {}
            Step::Retire => {
                self.table.retire_ports();
                self.ports.iter_mut().filter(|port| !port.alone).for_each(|port| port.takes = false);
                self.close_unused();
            }
            Step::Close => {
                let closed: HashSet<PortId> = self.table.closed_ports().collect();
                assert_eq!(closed, std::mem::take(&mut self.closed));
            }
            Step::Pass(time) => self.now = Tick(self.now.0 + time),
            Step::Expire => self.expire(),
        }
    }

    fn client(&mut self, number: u16, count: u32, server: usize, alone: bool) {
        let heading = self.table.handle_client(&client(number), count, self.now, self.rules);
        let Some(place) = self.flows.iter().position(|flow| flow.client == number) else {
            assert_eq!(heading, Heading::Begin);
            let id = self.table.begin(client(number), number, count, self.now);
            assert!(!self.ever.contains(&id));
            self.ever.push(id);
            let (last_use, ways) = (self.now, Vec::new());
            let (since, requests) = (count, count);
            self.flows.push(FlowModel {
                id,
                client: number,
                since,
                requests,
                responses: 0,
                last_use,
                server: None,
                ways,
            });
            return self.choose(id, server, alone);
        };
        let flow = self.touch(place);
        flow.requests += count;
        let id = flow.id;
        let full = flow.since >= self.rules.requests && self.rules.requests > 0;
        let flow = self.flows.last_mut().unwrap();
        if flow.server.is_none() || full {
            flow.since = count;
            assert_eq!(heading, Heading::Choose(id));
            self.choose(id, server, alone);
        } else {
            flow.since += count;
            assert_eq!(heading, Heading::Onward(id));
        }
    }

    /// Does as the shell does.
    fn choose(&mut self, id: FlowId, server: usize, alone: bool) {
        let to = &servers()[server];
        let kind = PortKind::of(to);
        let flow = self.flows.iter().find(|flow| flow.id == id).unwrap();
        let way = flow.ways.iter().find(|way| way.0 == server).map(|way| way.1);
        assert_eq!(self.table.way_to(id, to), way);
        let turn = self.turn(server);
        let suits = |port: &&PortModel| {
            port.takes && !port.alone && port.kind == kind && !port.used.contains(&server)
        };
        let available = self.ports[turn..].iter().find(suits).map(|port| port.id);
        assert_eq!(self.table.port_for(to), available);
        let port = way.or(available.filter(|_| !alone)).unwrap_or_else(|| self.open(kind, alone));
        self.assign(id, server, port);
    }

    /// The first port behind all that the server has used.
    fn turn(&self, server: usize) -> usize {
        let used = |port: &PortModel| !port.alone && port.used.contains(&server);
        self.ports.iter().rposition(used).map_or(0, |last| last + 1)
    }

    fn open(&mut self, kind: PortKind, alone: bool) -> PortId {
        let id = if alone { self.table.open_port_for_one(kind) } else { self.table.open_port(kind) };
        assert!(self.ports.iter().all(|port| port.id != id));
        assert!(self.ports.iter().all(|port| port.closed || port.id.index != id.index));
        assert!(self.closed.iter().all(|port| port.index != id.index));
        self.ports.push(PortModel { id, kind, takes: true, alone, closed: false, used: HashSet::new() });
        id
    }

    fn assign(&mut self, id: FlowId, server: usize, port: PortId) {
        let to = &servers()[server];
        self.table.assign(id, to, port);
        let turn = self.turn(server);
        let Some(flow) = self.flows.iter_mut().find(|flow| flow.id == id) else { return };
        if flow.ways.iter().all(|way| way.0 != server) {
            let place = self.ports.iter().position(|model| model.id == port).unwrap();
            let model = &mut self.ports[place];
            flow.server = None;
            let is_over = if model.alone { !model.used.is_empty() } else { place < turn };
            if !model.takes || model.closed || model.kind != PortKind::of(to) || is_over {
                return;
            }
            assert!(model.used.insert(server));
            flow.ways.push((server, port));
        }
        flow.server = Some(server);
    }

    fn server(&mut self, port: Index, server: usize, count: u32) {
        if self.ports.is_empty() {
            return;
        }
        let (port, from) = (self.ports[port.index(self.ports.len())].id, &servers()[server]);
        let place = self.flows.iter().position(|flow| flow.ways.contains(&(server, port)));
        assert_eq!(self.table.owner(port, from), place.map(|place| self.flows[place].id));
        let answer = self.table.handle_server(port, from, count, self.now, self.rules);
        let Some(place) = place else { return assert_eq!(answer, Answer::Stranger) };
        let responses = self.rules.responses;
        let flow = self.touch(place);
        flow.responses += count;
        let id = flow.id;
        if responses > 0 && flow.responses >= responses * flow.requests {
            assert_eq!(answer, Answer::Last(id));
            self.remove(id);
        } else {
            assert_eq!(answer, Answer::Deliver(id));
        }
    }

    /// Moves a flow to the end. The order of those that were used in the same moment is left open.
    fn touch(&mut self, place: usize) -> &mut FlowModel {
        let flow = self.flows.remove(place);
        self.flows.push(FlowModel { last_use: self.now, ..flow });
        self.flows.last_mut().unwrap()
    }

    fn remove(&mut self, id: FlowId) {
        let place = self.flows.iter().position(|flow| flow.id == id);
        let number = place.map(|place| self.flows.remove(place).client);
        assert_eq!(self.table.remove(id), number);
        self.close_unused();
    }

    fn close_unused(&mut self) {
        for port in self.ports.iter_mut().filter(|port| !port.closed) {
            let carries = self.flows.iter().flat_map(|flow| &flow.ways).any(|way| way.1 == port.id);
            if !carries && (!port.used.is_empty() || !port.takes) {
                (port.closed, port.takes) = (true, false);
                self.closed.insert(port.id);
            }
        }
    }

    fn expire(&mut self) {
        while let Some(id) = self.table.expired(self.now, self.rules) {
            self.remove(id);
        }
        let end = |flow: &FlowModel| flow.last_use.plus_seconds(self.rules.timeout);
        assert!(self.flows.iter().all(|flow| end(flow) > self.now));
    }

    fn compare(&self) {
        self.table.check_invariants();
        let first = self.flows.first().map(|flow| flow.last_use);
        let timeout = self.rules.timeout;
        assert_eq!(self.table.poll_timeout(self.rules), first.map(|first| first.plus_seconds(timeout)));
        let oldest = self.table.oldest();
        assert_eq!(oldest.and_then(|flow| self.table.last_use(flow)), first);
        assert_eq!(self.table.ports(), self.ports.iter().filter(|port| !port.closed).count());
        let flows: HashSet<FlowId> = self.table.iter().map(|(flow, _, _)| flow).collect();
        assert_eq!(flows, self.flows.iter().map(|flow| flow.id).collect());
        for flow in &self.flows {
            let way = flow.server.and_then(|server| flow.ways.iter().find(|way| way.0 == server));
            assert_eq!(self.table.way(flow.id), way.map(|way| way.1));
            let server = flow.server.map(|server| servers()[server].clone());
            assert_eq!(self.table.server(flow.id), server.as_ref());
            assert_eq!(self.table.last_use(flow.id), Some(flow.last_use));
        }
    }
}

proptest! {
    #[test]
    fn a_table_behaves_like_lists_that_are_searched(rules in rules(), steps in prop::collection::vec(step(), 0..120)) {
        let mut model = Model::new(rules);
        for step in steps {
            model.take(&step);
            model.compare();
        }
        for flow in std::mem::take(&mut model.ever) {
            model.remove(flow);
        }
        model.take(&Step::Retire);
        model.take(&Step::Close);
        model.compare();
        prop_assert_eq!((model.table.len(), model.table.ports()), (0, 0));
    }
}

//! One service's flows at one worker: their lives, from the room that they take to their end.
//!
//! What clients send is in `forwarding`, what servers send in `answering`, and what becomes of flows whose server fails in
//! `moving`; `ports` has the sockets towards servers.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;

use super::super::connection::Peer;
use super::super::listener::ListenerId;
use super::Surroundings;
use super::counting::Counting;
use super::flow::{self, Flow};
use super::forwarding::Onward;
use super::journal::{Journal, Routes};
use super::sockets::Sockets;
use crate::engine::clients::Opened;
use crate::engine::flows::{FlowId, FlowKey, FlowTable, Rules};
use crate::engine::search::Chosen;
use crate::engine::time::Tick;
use crate::settings::{Service, ServiceIndex, Settings};
use crate::shared::Room;

/// Flows that end because their time is up before others have their turn.
const EXPIRED_A_TURN: usize = 256;

/// One service's flows at one worker.
#[derive(Debug)]
pub struct Balancer {
    pub(super) service: ServiceIndex,
    pub(super) table: FlowTable<Flow>,
    /// How many flows came by each listener.
    flows_by_listener: HashMap<u32, usize>,
    /// Of the ports.
    pub(super) sockets: Sockets,
    /// From where the ports send, as it was set when the first of them was opened.
    pub(super) source: Option<IpAddr>,
    pub(super) routes: Routes,
    pub(super) counting: Counting,
    /// Datagrams of a batch that go on to their servers.
    pub(super) onward: Vec<Onward>,
    /// A server was found dead, and has flows yet.
    pub(super) has_forsaken: bool,
}

impl Balancer {
    /// Without flows.
    pub fn new(service: ServiceIndex) -> Balancer {
        Balancer {
            service,
            table: FlowTable::new(),
            flows_by_listener: HashMap::new(),
            sockets: Sockets::default(),
            source: None,
            routes: Routes::default(),
            counting: Counting::default(),
            onward: Vec::new(),
            has_forsaken: false,
        }
    }

    /// Whether there are no flows.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Whether any flow came by this listener.
    pub fn uses(&self, listener: ListenerId) -> bool {
        self.flows_by_listener.contains_key(&listener.0)
    }

    /// When a flow ends next.
    pub fn next_deadline(&self, settings: &Settings) -> Option<Tick> {
        let flows = self.table.poll_timeout(rules(settings.service(self.service)));
        flows.into_iter().chain(self.sockets.next_deadline()).min()
    }

    /// Begins a flow, without a server yet. `None`: the client is refused, or there is no room.
    pub(super) fn begin(&mut self, key: FlowKey, count: u32, around: &Surroundings<'_>) -> Option<FlowId> {
        let service = around.service(self.service);
        let counters = &service.state.counters;
        let peer = flow::peer(&key);
        if service.abuse.is_none() && is_refused(peer, service, around) {
            // It takes nobody's place.
            counters.accepted.count();
            counters.refused.count();
            return None;
        }
        let room = self.room(service, around)?;
        counters.accepted.count();
        let (now, tracking) = (around.now, service.limits.tracking());
        let Opened { client, last_server } = service.state.clients.lock().open(peer.address, now, tracking);
        let content = Flow {
            room,
            peer,
            client,
            known: last_server,
            chosen: None,
            opened: now,
            memo: None,
            answered: None,
            search: None,
            journal: Journal::default(),
        };
        *self.flows_by_listener.entry(key.listener).or_default() += 1;
        Some(self.table.begin(key, content, count, now))
    }

    /// Room for a flow: the least recently used one ends for it. A worker that has far fewer than its share of all takes room beyond
    /// the limit instead, and has others end one.
    fn room(&mut self, service: &Service, around: &Surroundings<'_>) -> Option<Room> {
        if let Some(room) = around.shared.take_flow(service) {
            return Some(room);
        }
        if self.table.len() < (share(service, around) / 2).max(1)
            && let Some(room) = around.shared.take_flow_beyond(service)
        {
            around.shared.ask_for_flow(self.service, around.worker);
            return Some(room);
        }
        // Handed over, because other workers would take what is given back.
        self.take_out(self.table.oldest()?, around).map(|flow| flow.room)
    }

    /// Another worker has taken room beyond the limit: a flow ends, if there are more than this worker's share.
    pub fn make_room(&mut self, around: &Surroundings<'_>) {
        let service = around.service(self.service);
        if service.state.connections.used() > service.limits.conn_max as usize
            && self.table.len() > share(service, around)
            && let Some(oldest) = self.table.oldest()
        {
            self.end(oldest, around);
        }
    }

    /// Ends the flow that was used least recently, other than this one. Tells whether there was one.
    pub(super) fn evict(&mut self, other_than: FlowId, around: &Surroundings<'_>) -> bool {
        let oldest = self.table.oldest().filter(|oldest| *oldest != other_than);
        if let Some(oldest) = oldest {
            self.end(oldest, around);
        }
        oldest.is_some()
    }

    /// Ends flows that were silent too long, as many as others can wait for: the time of all may be up at once.
    pub fn expire(&mut self, around: &Surroundings<'_>) {
        let rules = rules(around.service(self.service));
        for _ in 0..EXPIRED_A_TURN {
            let Some(flow) = self.table.expired(around.now, rules) else { return };
            self.end(flow, around);
        }
    }

    /// Ends the flow of this number, if it is one of ours.
    pub fn end_flow(&mut self, number: u32, around: &Surroundings<'_>) {
        let found = self.table.iter().find(|(_, _, flow)| flow.room.number() == number);
        if let Some(flow) = found.map(|(id, _, _)| id) {
            self.end(flow, around);
        }
    }

    /// The service has another log than it had in the settings `before`.
    pub fn log_changed(&mut self, before: &Settings, around: &Surroundings<'_>) {
        let (before, now) = (before.service(self.service), around.service(self.service));
        for flow in self.table.iter().map(|(id, _, _)| id).collect::<Vec<_>>() {
            if let Some(flow) = self.table.content_mut(flow) {
                flow.journal.log_changed(before, now);
            }
        }
    }

    /// Ends the flows that came by this listener.
    pub fn end_flows_by(&mut self, listener: ListenerId, around: &Surroundings<'_>) {
        if !self.uses(listener) {
            return;
        }
        let flows = self.table.iter().filter(|(_, key, _)| key.listener == listener.0);
        for flow in flows.map(|(id, _, _)| id).collect::<Vec<_>>() {
            self.end(flow, around);
        }
    }

    /// Ends all flows.
    pub fn end_all(&mut self, around: &Surroundings<'_>) {
        while let Some(flow) = self.table.oldest() {
            self.end(flow, around);
        }
        self.close_ports(around);
    }

    /// The flow's server, and its place there.
    pub(super) fn chosen(&self, id: FlowId) -> Option<&Chosen> {
        self.table.content(id)?.chosen.as_ref()
    }

    /// Takes the flow's server away.
    pub(super) fn unassign(&mut self, id: FlowId) -> Option<Chosen> {
        self.table.unassign(id);
        self.table.content_mut(id)?.chosen.take()
    }

    /// Ends a flow.
    pub(super) fn end(&mut self, id: FlowId, around: &Surroundings<'_>) {
        self.take_out(id, around);
    }

    /// Ends a flow, and hands out what it had.
    fn take_out(&mut self, id: FlowId, around: &Surroundings<'_>) -> Option<Flow> {
        let listener = self.table.key(id)?.listener;
        self.quarantine_ports(id, around);
        let mut flow = self.table.remove(id)?;
        if let Entry::Occupied(mut flows) = self.flows_by_listener.entry(listener) {
            *flows.get_mut() -= 1;
            if *flows.get() == 0 {
                flows.remove();
            }
        }
        let service = around.service(self.service);
        flow.journal.ended(service);
        service.state.clients.lock().close(&flow.client, around.now);
        Some(flow)
    }
}

/// A worker's share of the flows that the service may have.
fn share(service: &Service, around: &Surroundings<'_>) -> usize {
    service.limits.conn_max as usize / around.shared.mailboxes.len().max(1)
}

/// Whether `client_acl` refuses the client.
pub fn is_refused(peer: Peer, service: &Service, around: &Surroundings<'_>) -> bool {
    !around.settings.acls[usize::from(service.client_acl)].permits(peer.address)
}

/// How long the service's flows last.
pub fn rules(service: &Service) -> Rules {
    let limits = &service.limits;
    Rules { timeout: limits.udp_timeout, responses: limits.udp_responses, requests: limits.udp_requests }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;

    use mio::Poll;

    use super::*;
    use crate::engine::clients::client_numbers;
    use crate::engine::flows::Endpoint;
    use crate::settings::DEFAULT_SERVICE;
    use crate::shared::testing;

    #[test]
    fn of_many_flows_that_end_at_once_each_turn_ends_some() {
        const FLOWS: u16 = 500;
        let (shared, _polls) = testing::shared(Settings::initial(&Arc::new(client_numbers())), 1);
        let (poll, settings) = (Poll::new().unwrap(), shared.settings.load_full());
        let at = |now| Surroundings {
            registry: poll.registry(),
            settings: &settings,
            now,
            heard_all: true,
            shared: &shared,
            worker: 0,
        };
        let mut balancer = Balancer::new(DEFAULT_SERVICE);
        for port in 1..=FLOWS {
            let client = Endpoint::inet(SocketAddr::from(([192, 0, 2, 1], port)));
            let key = FlowKey { client, local: None, listener: 0 };
            assert!(balancer.begin(key, 1, &at(Tick(0))).is_some());
        }
        let end = balancer.next_deadline(&settings).unwrap();
        let state = &settings.service(DEFAULT_SERVICE).state;
        for left in [500, 244, 0] {
            assert_eq!((balancer.table.len(), state.connections.used()), (left, left));
            assert_eq!(balancer.next_deadline(&settings), (left > 0).then_some(end), "it is due");
            balancer.expire(&at(end));
        }
        assert!(!balancer.uses(ListenerId(0)));
    }
}

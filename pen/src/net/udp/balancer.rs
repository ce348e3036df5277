//! One service's flows at one worker: datagrams of clients go to servers, and those of servers back.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use nix::errno::Errno;
use system::datagrams::{self, Datagram, Failure, Outbox, Outgoing};

use super::super::connection::{Chosen, Peer, Tracked};
use super::super::listener::ListenerId;
use super::super::token::{Side, Token};
use super::super::transparent::Source;
use super::super::upstream::{DialError, regular_server_failed, server_failed};
use super::choice::Choice;
use super::flow::{self, Flow};
use super::journal::{self, Journal, Routes};
use super::port::{Port, is_shortage};
use super::{AT_ONCE, BATCHES_A_TURN, Buffers, Receiving, Surroundings, shortage};
use crate::engine::clients::Opened;
use crate::engine::flows::recent::Recent;
use crate::engine::flows::{Answer, FlowId, FlowKey, FlowTable, Heading, PortId, PortKind, Rules};
use crate::engine::servers::{Server, ServerAddr, ServerState};
use crate::engine::time::Tick;
use crate::settings::{Service, ServiceIndex, Settings};

/// How many flows end at most to make room for one: other workers may take the room that was made.
const EVICTIONS: usize = 4;

/// One service's flows at one worker.
#[derive(Debug)]
pub struct Balancer {
    pub(super) service: ServiceIndex,
    pub(super) table: FlowTable<Flow>,
    /// How many flows came by each listener.
    flows_by_listener: HashMap<u32, usize>,
    /// By the indices of their ids.
    pub(super) ports: Vec<Option<Port>>,
    routes: Routes,
    /// The address of ours that ports have, as far as they take further flows.
    source: Option<IpAddr>,
}

/// Bytes of one datagram, or of several that the kernel has joined.
#[derive(Clone, Copy)]
struct Payload<'a> {
    bytes: &'a [u8],
    segment: Option<usize>,
}

impl Payload<'_> {
    /// How many datagrams it is.
    fn count(&self) -> u32 {
        let count = self.segment.map_or(1, |segment| self.bytes.len().div_ceil(segment.max(1)).max(1));
        count.try_into().unwrap_or(u32::MAX)
    }
}

impl Balancer {
    /// Without flows.
    pub fn new(service: ServiceIndex) -> Balancer {
        Balancer {
            service,
            table: FlowTable::new(),
            flows_by_listener: HashMap::new(),
            ports: Vec::new(),
            routes: Routes::default(),
            source: None,
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
        self.table.poll_timeout(rules(settings.service(self.service)))
    }

    /// Notes that the poll has news of a port, of which a token tells. The port is to be put into the queue, if it is not there.
    pub fn note(&mut self, told: PortId, failed: bool) -> Option<PortId> {
        let port = self.ports.get_mut(told.index as usize)?.as_mut().filter(|port| port.is_told_of(told))?;
        port.failed |= failed;
        (!std::mem::replace(&mut port.queued, true)).then_some(port.id)
    }

    /// Takes what has come to a listener, and sends it on.
    pub(super) fn receive(
        &mut self,
        listener: &mut Receiving,
        buffers: &mut Buffers,
        around: &Surroundings<'_>,
    ) {
        let Buffers { inbound, outbox, recent, .. } = buffers;
        for _ in 0..BATCHES_A_TURN {
            inbound.clear();
            match inbound.receive(&*listener.socket, AT_ONCE) {
                Ok(range) => {
                    for datagram in inbound.datagrams() {
                        self.forward(&datagram, listener.id, outbox, recent, around);
                    }
                    if range.len() < AT_ONCE {
                        listener.ready = false;
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    listener.ready = false;
                    return;
                }
                Err(error) => {
                    log::debug!("cannot receive on {}: {}", listener.socket, common::reason(&error));
                }
            }
        }
    }

    /// Takes the answers that have come to a port. Tells whether there may be more.
    pub(super) fn answer(&mut self, id: PortId, buffers: &mut Buffers, around: &Surroundings<'_>) -> bool {
        let Some(port) = open_port(&mut self.ports, id) else { return false };
        if std::mem::take(&mut port.failed) {
            self.take_failures(id, &mut buffers.outbox, &mut buffers.recent, around);
        }
        let Some(port) = open_port(&mut self.ports, id) else { return false };
        let answers = &mut buffers.answers;
        let room = answers.batch.room();
        match answers.batch.receive(port, room) {
            Ok(range) => {
                let more = range.len() == room;
                port.queued = more;
                for index in range {
                    let datagram = answers.batch.get(index);
                    let payload = Payload { bytes: datagram.bytes, segment: datagram.segment };
                    let from = flow::server_address(datagram.source);
                    if let Some(key) = self.hand_back(id, &from, payload, around) {
                        answers.address(index, key);
                    }
                }
                more
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                port.queued = false;
                false
            }
            Err(_) => {
                // The error of an earlier datagram.
                port.failed = true;
                true
            }
        }
    }

    /// Ends the flows that were silent too long.
    pub fn expire(&mut self, around: &Surroundings<'_>) {
        let rules = rules(around.service(self.service));
        while let Some(flow) = self.table.expired(around.now, rules) {
            self.end(flow, around);
        }
    }

    /// Closes the ports that nobody uses any more.
    pub fn close_ports(&mut self) {
        for id in self.table.closed_ports() {
            if let Some(port) = self.ports.get_mut(id.index as usize) {
                *port = None;
            }
        }
    }

    /// Takes the flows away from servers that may have none any more.
    pub fn forsake(&mut self, around: &Surroundings<'_>) {
        let service = around.service(self.service);
        let flows = self.table.iter().filter(|(_, _, flow)| {
            flow.chosen.as_ref().is_some_and(|chosen| !may_go_on(chosen, service, around.now))
        });
        for flow in flows.map(|(id, _, _)| id).collect::<Vec<_>>() {
            self.unassign(flow);
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

    /// Ends all flows.
    pub fn end_all(&mut self, around: &Surroundings<'_>) {
        while let Some(flow) = self.table.oldest() {
            self.end(flow, around);
        }
        self.close_ports();
    }

    fn forward(
        &mut self,
        datagram: &Datagram<'_>,
        listener: ListenerId,
        outbox: &mut Outbox,
        recent: &mut Recent,
        around: &Surroundings<'_>,
    ) {
        let service = around.service(self.service);
        let payload = Payload { bytes: datagram.bytes, segment: datagram.segment };
        let key = flow::key(datagram, listener);
        service.state.counters.datagrams.received.add(payload.count().into());
        let flow = match self.table.handle_client(&key, payload.count(), around.now, rules(service)) {
            Heading::Onward(flow) => match self.send(flow, payload, outbox) {
                Ok(()) => return self.note_sent(flow, payload, None, recent, around),
                Err(error) if is_shortage(&error) => return shortage(service, &error),
                Err(error) => return self.send_again(flow, payload, &error, outbox, recent, around),
            },
            Heading::Choose(flow) => flow,
            Heading::Begin => match self.begin(key, payload.count(), around) {
                Some(flow) => flow,
                None => return service.state.counters.datagrams.dropped.count(),
            },
        };
        let choice = self.choice(flow, around);
        self.settle(flow, choice, payload, outbox, recent, around);
    }

    /// A new flow, without a server yet.
    fn begin(&mut self, key: FlowKey, count: u32, around: &Surroundings<'_>) -> Option<FlowId> {
        let service = around.service(self.service);
        service.state.counters.accepted.count();
        let peer = flow::peer(&key);
        if service.abuse.is_none() && !is_permitted(peer, service, around) {
            // It takes nobody's place.
            service.state.counters.refused.count();
            return None;
        }
        let mut evictions = 0;
        let room = loop {
            if let Some(room) = around.shared.take_flow(service) {
                break room;
            }
            let oldest = self.table.oldest().filter(|_| evictions < EVICTIONS)?;
            self.end(oldest, around);
            evictions += 1;
        };
        let (now, tracking) = (around.now, service.limits.tracking());
        let Opened { client: entry, counters, last_server } =
            service.state.clients.lock().open(peer.address, now, tracking);
        let client = Tracked { entry, counters };
        let content = Flow {
            room,
            peer,
            client,
            known: last_server,
            chosen: None,
            opened: now,
            memo: None,
            choice: None,
            journal: Journal::default(),
        };
        *self.flows_by_listener.entry(key.listener).or_default() += 1;
        Some(self.table.begin(key, content, count, now))
    }

    /// The search for the server of a flow's next datagram.
    fn choice(&self, id: FlowId, around: &Surroundings<'_>) -> Choice {
        let service = around.service(self.service);
        let flow = self.table.content(id);
        let refused = flow.is_some_and(|flow| !is_permitted(flow.peer, service, around));
        Choice::new(flow.and_then(|flow| flow.known), refused)
    }

    /// Finds a server for a flow that has none, and sends it the datagram. The search goes on where it was.
    fn settle(
        &mut self,
        id: FlowId,
        mut choice: Choice,
        payload: Payload<'_>,
        outbox: &mut Outbox,
        recent: &mut Recent,
        around: &Surroundings<'_>,
    ) {
        let service = around.service(self.service);
        let Some(flow) = self.table.content(id) else { return };
        let peer = flow.peer;
        while let Some(chosen) = choice.next(peer, service, around) {
            let port = match self.port(id, peer, chosen.server.address(), service, around) {
                Ok(port) => port,
                Err(DialError::Shortage(error)) => {
                    self.unassign(id);
                    return shortage(service, &error);
                }
                Err(DialError::Server(error) | DialError::Full(error)) => {
                    server_failed(&chosen, &error, service, around.now);
                    continue;
                }
            };
            self.table.assign(id, chosen.server.address(), port);
            let Some(flow) = self.table.content_mut(id) else { return };
            flow.chosen = Some(chosen);
            match self.send(id, payload, outbox) {
                Ok(()) => {
                    self.note_chosen(id, payload, service, around.now);
                    return self.note_sent(id, payload, choice.after_a_failure(), recent, around);
                }
                Err(error) if is_shortage(&error) => return shortage(service, &error),
                Err(error) => {
                    choice.note_failure();
                    if let Some(chosen) = self.unassign(id) {
                        self.note_failure(&chosen, &error, around);
                    }
                }
            }
        }
        let counters = &service.state.counters;
        if choice.is_refused() {
            counters.refused.count();
        } else {
            counters.unserved.count();
        }
        counters.datagrams.dropped.count();
        self.end(id, around);
    }

    /// The server, or the network, does not take a flow's datagram: others are asked.
    fn send_again(
        &mut self,
        id: FlowId,
        payload: Payload<'_>,
        error: &io::Error,
        outbox: &mut Outbox,
        recent: &mut Recent,
        around: &Surroundings<'_>,
    ) {
        let choice = match self.unassign(id) {
            Some(chosen) => {
                self.note_failure(&chosen, error, around);
                Choice::after(&chosen)
            }
            None => self.choice(id, around),
        };
        self.settle(id, choice, payload, outbox, recent, around);
    }

    /// A server failed: if it is left alone from now on, no flow stays with it, at whatever worker.
    fn note_failure(&mut self, chosen: &Chosen, error: &io::Error, around: &Surroundings<'_>) {
        server_failed(chosen, error, around.service(self.service), around.now);
        if chosen.regular && chosen.reservation.blacklisted(around.now).is_some() {
            self.forsake(around);
            around.shared.forsake();
        }
    }

    /// A server failed to which a flow has sent, but not its latest datagram: that one went well, or will be told of itself.
    fn note_former_failure(&mut self, address: &ServerAddr, error: &io::Error, around: &Surroundings<'_>) {
        let service = around.service(self.service);
        let is_new = |server: &&Arc<Server>| {
            server.address() == address && server.state.blacklisted(around.now).is_none()
        };
        for server in service.servers.iter().flatten().filter(is_new) {
            regular_server_failed(server, error, service, around.now);
            if server.state.blacklisted(around.now).is_some() {
                self.forsake(around);
                around.shared.forsake();
            }
        }
    }

    /// Sends a flow's datagram on its way.
    fn send(&mut self, id: FlowId, payload: Payload<'_>, outbox: &mut Outbox) -> io::Result<()> {
        let gone = || io::Error::from(ErrorKind::NotConnected);
        let way = self.table.way(id).ok_or_else(gone)?;
        let port = self.ports.get(way.index as usize).and_then(Option::as_ref).ok_or_else(gone)?;
        let chosen = self.table.content(id).and_then(|flow| flow.chosen.as_ref()).ok_or_else(gone)?;
        let to = Some(flow::name(chosen.server.address()));
        let Payload { bytes, segment } = payload;
        outbox.send(port, &[Outgoing { bytes, to, from: None, segment }])?;
        Ok(())
    }

    /// A port that can carry the flow to this server.
    fn port(
        &mut self,
        flow: FlowId,
        peer: Peer,
        server: &ServerAddr,
        service: &Service,
        around: &Surroundings<'_>,
    ) -> Result<PortId, DialError> {
        if let Some(port) = self.table.ways_to(flow, server) {
            return Ok(port);
        }
        let source = match server {
            ServerAddr::Inet(server) => Source::towards(server.ip(), Some(peer.address), service),
            ServerAddr::Unix(_) => Source::System,
        };
        if self.source != service.source {
            self.source = service.source;
            self.table.retire_ports();
        }
        let is_for_one = matches!(source, Source::Client(_));
        if !is_for_one && let Some(port) = self.table.port_for(server) {
            return Ok(port);
        }
        let kind = PortKind::of(server);
        let descriptor = around.shared.take_spare_descriptor().ok_or(io::Error::from(Errno::EMFILE))?;
        let id = if is_for_one { self.table.open_port_for_one(kind) } else { self.table.open_port(kind) };
        let opened = match source {
            Source::System => Port::open(id, kind, None, descriptor),
            Source::Own(own) => Port::open(id, kind, Some(own), descriptor),
            Source::Client(client) => {
                Port::open_for(id, SocketAddr::new(client, peer.port), server, descriptor)
            }
        };
        let registered = opened.and_then(|port| {
            port.register(around.registry, Token::Port { service: self.service, port: id }.into())?;
            Ok(port)
        });
        match registered {
            Ok(port) => {
                let index = id.index as usize;
                if self.ports.len() <= index {
                    self.ports.resize_with(index + 1, || None);
                }
                self.ports[index] = Some(port);
                Ok(id)
            }
            Err(error) => {
                self.table.abandon_port(id);
                Err(error)
            }
        }
    }

    /// Deals with what the network says of datagrams that were sent by a port.
    fn take_failures(
        &mut self,
        id: PortId,
        outbox: &mut Outbox,
        recent: &mut Recent,
        around: &Surroundings<'_>,
    ) {
        let mut moved = Vec::new();
        while let Some(port) = self.ports.get(id.index as usize).and_then(Option::as_ref) {
            let Ok(Some(Failure { destination, error })) = datagrams::take_failure(port) else { break };
            let Some(server) = destination.map(ServerAddr::Inet) else { continue };
            if is_shortage(&error) {
                continue;
            }
            let Some(flow) = self.table.owner(id, &server) else { continue };
            if self.table.latest_server(flow) != Some(&server) {
                self.note_former_failure(&server, &error, around);
                continue;
            }
            // It has none if others have found out before.
            if let Some(chosen) = self.unassign(flow) {
                self.note_failure(&chosen, &error, around);
                if let Some(flow) = self.table.content_mut(flow) {
                    flow.choice.get_or_insert_with(|| Box::new(Choice::after(&chosen)));
                }
            }
            moved.push(flow);
        }
        for flow in moved {
            let Some(content) = self.table.content_mut(flow) else { continue };
            let choice = content.choice.take();
            let Some(remembered) = content.memo.take().and_then(|memo| recent.recall(memo)) else { continue };
            let choice = choice.map_or_else(|| self.choice(flow, around), |choice| *choice);
            let (bytes, segment) = (remembered.bytes.to_vec(), remembered.segment);
            self.settle(flow, choice, Payload { bytes: &bytes, segment }, outbox, recent, around);
        }
    }

    /// Whom an answer that came to a port is for.
    fn hand_back(
        &mut self,
        port: PortId,
        from: &ServerAddr,
        payload: Payload<'_>,
        around: &Surroundings<'_>,
    ) -> Option<FlowKey> {
        let rules = rules(around.service(self.service));
        let (id, last) = match self.table.handle_server(port, from, payload.count(), around.now, rules) {
            Answer::Deliver(flow) => (flow, false),
            Answer::Last(flow) => (flow, true),
            Answer::Stranger => return None,
        };
        let flow = self.table.content_mut(id)?;
        flow.memo = None;
        journal::dump(&around.settings.process, flow.room.number(), Side::Up, payload.bytes, payload.segment);
        let bytes = payload.bytes.len() as u64;
        flow.client.counters.sent.fetch_add(bytes, Relaxed);
        if let Some(chosen) = flow.chosen.as_ref().filter(|chosen| chosen.server.address() == from) {
            note_answer(chosen.reservation.state(), bytes);
        } else {
            // One of the flow's former servers.
            let servers = around.service(self.service).servers.iter().flatten();
            servers
                .filter(|server| server.address() == from)
                .for_each(|server| note_answer(&server.state, bytes));
        }
        let key = self.table.key(id).cloned();
        if last {
            self.end(id, around);
        }
        key
    }

    /// A datagram is on its way. `choice`: how far the search for a server has come with it, if one has failed already.
    fn note_sent(
        &mut self,
        id: FlowId,
        payload: Payload<'_>,
        choice: Option<Box<Choice>>,
        recent: &mut Recent,
        around: &Surroundings<'_>,
    ) {
        let Some(flow) = self.table.content_mut(id) else { return };
        journal::dump(
            &around.settings.process,
            flow.room.number(),
            Side::Down,
            payload.bytes,
            payload.segment,
        );
        let bytes = payload.bytes.len() as u64;
        flow.client.counters.received.fetch_add(bytes, Relaxed);
        if let Some(chosen) = &flow.chosen {
            chosen.reservation.sent.fetch_add(bytes, Relaxed);
        }
        flow.choice = choice;
        flow.memo = Some(recent.remember(payload.bytes, payload.segment, around.now));
    }

    /// The flow has a server that has taken its datagram.
    fn note_chosen(&mut self, id: FlowId, payload: Payload<'_>, service: &Service, now: Tick) {
        let way = self.table.way(id);
        let Some(flow) = self.table.content_mut(id) else { return };
        let Some(chosen) = &flow.chosen else { return };
        chosen.reservation.connects.fetch_add(1, Relaxed);
        let server = chosen.server.id();
        if chosen.regular && flow.known != Some(server) {
            flow.known = Some(server);
            service.state.clients.lock().remember(flow.client.entry, Some(server));
        }
        let Some(port) = way.and_then(|way| self.ports.get(way.index as usize)?.as_ref()) else { return };
        let datagram = &payload.bytes[..payload.segment.unwrap_or(payload.bytes.len())];
        let choice = journal::Choice { peer: &flow.peer, server: &chosen.server, port, datagram };
        flow.journal.chosen(&choice, service, &mut self.routes, now);
    }

    /// Takes the flow's server away.
    fn unassign(&mut self, id: FlowId) -> Option<Chosen> {
        self.table.unassign(id);
        self.table.content_mut(id)?.chosen.take()
    }

    fn end(&mut self, id: FlowId, around: &Surroundings<'_>) {
        let listener = self.table.key(id).map(|key| key.listener);
        let Some(mut flow) = self.table.remove(id) else { return };
        if let Some(Entry::Occupied(mut flows)) = listener.map(|id| self.flows_by_listener.entry(id)) {
            *flows.get_mut() -= 1;
            if *flows.get() == 0 {
                flows.remove();
            }
        }
        let service = around.service(self.service);
        flow.journal.ended(service);
        service.state.clients.lock().close(flow.client.entry, around.now);
    }
}

/// The port, if it has not closed since.
fn open_port(ports: &mut [Option<Port>], id: PortId) -> Option<&mut Port> {
    ports.get_mut(id.index as usize)?.as_mut().filter(|port| port.id == id)
}

/// Whether a flow may stay with its server: it is still there, and not left alone.
fn may_go_on(chosen: &Chosen, service: &Service, now: Tick) -> bool {
    let same =
        |server: &Server| server.id() == chosen.server.id() && server.address() == chosen.server.address();
    if !chosen.regular {
        return service.emergency.iter().chain(&service.abuse).any(|server| same(server));
    }
    let occupant = service.servers.get(chosen.server.id().slot as usize).and_then(Option::as_deref);
    chosen.reservation.blacklisted(now).is_none() && occupant.is_some_and(same)
}

/// Whether `client_acl` lets the client in.
fn is_permitted(peer: Peer, service: &Service, around: &Surroundings<'_>) -> bool {
    around.settings.acls[usize::from(service.client_acl)].permits(peer.address)
}

/// A server has answered, so it is well.
fn note_answer(server: &ServerState, bytes: u64) {
    server.received.fetch_add(bytes, Relaxed);
    server.answered();
}

fn rules(service: &Service) -> Rules {
    let limits = &service.limits;
    Rules { timeout: limits.udp_timeout, responses: limits.udp_responses, requests: limits.udp_requests }
}

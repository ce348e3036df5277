//! From clients to servers: each datagram is given its flow, each flow its server, and those of a batch that go the same way are
//! sent together.

use std::io::{self, ErrorKind};

use system::datagrams::{Batch, Outgoing};

use super::super::token::Side;
use super::balancer::{Balancer, rules};
use super::flow;
use super::journal;
use super::payload::Payload;
use super::port::is_shortage;
use super::receiving::Receiving;
use super::{AT_ONCE, BATCHES_A_TURN, Buffers, Sender, Surroundings, shortage};
use crate::engine::flows::{FlowId, FlowKey, Heading, PortId};
use crate::engine::time::Tick;

/// Datagrams to one port that are sent with one system call.
const RUN: usize = 16;
/// So many datagrams of one client in a row tell that it sends more than one at a time.
const BURST: usize = 4;
/// What is larger is remembered only if the server has not answered of late.
const SMALL: usize = 2048;

/// A datagram of a batch that goes on to its flow's server.
#[derive(Clone, Copy, Debug)]
pub struct Onward {
    port: PortId,
    flow: FlowId,
    /// Its place in the batch.
    index: usize,
}

impl Balancer {
    /// Takes what has come to a listener, and sends it on.
    pub(super) fn receive(
        &mut self,
        listener: &mut Receiving,
        buffers: &mut Buffers,
        around: &Surroundings<'_>,
    ) {
        let Buffers { inbound, sender, .. } = buffers;
        for _ in 0..BATCHES_A_TURN {
            inbound.clear();
            match inbound.receive(&*listener.socket, AT_ONCE) {
                Ok(range) => {
                    self.forward(inbound, listener, sender, around);
                    listener.ready = range.len() == AT_ONCE;
                }
                Err(error) => {
                    if error.kind() != ErrorKind::WouldBlock {
                        log::debug!("cannot receive on {}: {}", listener.socket, common::reason(&error));
                    }
                    listener.ready = false;
                }
            }
            if !listener.ready {
                return;
            }
        }
    }

    /// Sends on what was received.
    fn forward(
        &mut self,
        inbound: &Batch,
        listener: &mut Receiving,
        sender: &mut Sender,
        around: &Surroundings<'_>,
    ) {
        let rules = rules(around.service(self.service));
        let mut onward = std::mem::take(&mut self.onward);
        let (mut in_a_row, mut last) = (0, None);
        for index in 0..inbound.len() {
            let datagram = inbound.get(index);
            let payload = Payload::of(&datagram);
            if listener.is_its_own(&datagram) {
                self.counting.dropped += u64::from(payload.count());
                continue;
            }
            self.counting.requests += u64::from(payload.count());
            if datagram.is_cut {
                // The beginning of one would be another.
                self.counting.dropped += 1;
                continue;
            }
            let key = flow::key(&datagram, listener.id);
            if rules.requests > 0 {
                // Each may go to another server.
                for part in payload.parts() {
                    match self.table.handle_client(&key, 1, around.now, rules) {
                        Heading::Onward(flow) => self.deliver(flow, part, sender, around),
                        Heading::Choose(flow) => self.choose_anew(flow, part, sender, around),
                        Heading::Begin => self.begin_with(key.clone(), part, sender, around),
                    }
                }
                continue;
            }
            match self.table.handle_client(&key, payload.count(), around.now, rules) {
                Heading::Onward(flow) => {
                    in_a_row = if last == Some(flow) { in_a_row + 1 } else { 1 };
                    last = Some(flow);
                    match self.table.way(flow) {
                        Some(port) if !self.is_forsaken(flow, around) => {
                            onward.push(Onward { port, flow, index });
                        }
                        _ => self.deliver(flow, payload, sender, around),
                    }
                }
                Heading::Choose(flow) => self.choose(flow, payload, sender, around),
                Heading::Begin => self.begin_with(key, payload, sender, around),
            }
            if in_a_row == BURST {
                listener.join();
            }
        }
        self.send_onward(&mut onward, inbound, sender, around);
        onward.clear();
        self.onward = onward;
    }

    /// The first datagram of a flow.
    fn begin_with(
        &mut self,
        key: FlowKey,
        payload: Payload<'_>,
        sender: &mut Sender,
        around: &Surroundings<'_>,
    ) {
        let Some(flow) = self.begin(key, payload.count(), around) else {
            self.counting.dropped += u64::from(payload.count());
            return;
        };
        self.choose(flow, payload, sender, around);
    }

    /// Sends what the flows' servers get, as much as possible with each system call.
    fn send_onward(
        &mut self,
        onward: &mut [Onward],
        inbound: &Batch,
        sender: &mut Sender,
        around: &Surroundings<'_>,
    ) {
        // Stable: what belongs to one flow keeps its order.
        onward.sort_by_key(|datagram| datagram.port.index);
        for run in onward.chunk_by(|a, b| a.port == b.port) {
            if let [alone] = run {
                let payload = Payload::of(&inbound.get(alone.index));
                self.deliver(alone.flow, payload, sender, around);
                continue;
            }
            for run in run.chunks(RUN) {
                let sent = self.send_run(run, inbound, sender);
                for datagram in &run[..sent] {
                    let payload = Payload::of(&inbound.get(datagram.index));
                    self.note_sent(datagram.flow, payload, sender, around);
                }
                for datagram in &run[sent..] {
                    let payload = Payload::of(&inbound.get(datagram.index));
                    self.deliver(datagram.flow, payload, sender, around);
                }
            }
        }
    }

    /// Sends datagrams by one port. Tells how many were sent whole; others are to be sent one by one.
    fn send_run(&mut self, run: &[Onward], inbound: &Batch, sender: &mut Sender) -> usize {
        let mut outgoing = [Outgoing { bytes: &[], to: None, from: None, segment: None }; RUN];
        let mut count = 0;
        for (datagram, place) in run.iter().zip(&mut outgoing) {
            let Some(chosen) = self.chosen(datagram.flow).filter(|_| self.table.way(datagram.flow).is_some())
            else {
                break;
            };
            let Payload { bytes, segment } = Payload::of(&inbound.get(datagram.index));
            *place = Outgoing { bytes, to: Some(flow::name(chosen.server.address())), from: None, segment };
            count += 1;
        }
        let Some(port) = run.first().and_then(|first| self.sockets.port(first.port)).filter(|_| count > 0)
        else {
            return 0;
        };
        let sent = port.fragments.send(&outgoing[..count], port, &mut sender.outbox).unwrap_or(0);
        let last = outgoing[..sent].last().map(Payload::of_outgoing);
        // A part of several datagrams that were joined may not have been sent any more.
        let lost = last.map_or(0, |last| last.count_of(sender.outbox.unsent()));
        self.counting.dropped += u64::from(lost);
        sent
    }

    /// Sends a datagram to its flow's server; if the flow has none any more, or that does not take it, to another one.
    pub(super) fn deliver(
        &mut self,
        id: FlowId,
        payload: Payload<'_>,
        sender: &mut Sender,
        around: &Surroundings<'_>,
    ) {
        if self.is_forsaken(id, around) {
            self.move_flow(id, sender, around);
        }
        if self.table.way(id).is_none() {
            return self.choose(id, payload, sender, around);
        }
        match self.send(id, payload, sender) {
            Ok(()) => self.note_sent(id, payload, sender, around),
            Err(error) if is_shortage(&error) => shortage(around.service(self.service), &error),
            Err(error) => {
                if let Some(chosen) = self.unassign(id) {
                    self.note_failure(&chosen, &error, around);
                    self.search_on(id, &chosen, around.now);
                }
                self.choose(id, payload, sender, around);
            }
        }
    }

    /// Sends a flow's datagram on its way.
    pub(super) fn send(&mut self, id: FlowId, payload: Payload<'_>, sender: &mut Sender) -> io::Result<()> {
        let gone = || io::Error::from(ErrorKind::NotConnected);
        let port = self.table.way(id).and_then(|way| self.sockets.port(way)).ok_or_else(gone)?;
        let chosen = self.chosen(id).ok_or_else(gone)?;
        let to = Some(flow::name(chosen.server.address()));
        let Payload { bytes, segment } = payload;
        let outgoing = [Outgoing { bytes, to, from: None, segment }];
        port.fragments.send(&outgoing, port, &mut sender.outbox)?;
        self.counting.dropped += u64::from(payload.count_of(sender.outbox.unsent()));
        Ok(())
    }

    /// A server has taken the flow's datagram.
    pub(super) fn note_sent(
        &mut self,
        id: FlowId,
        payload: Payload<'_>,
        sender: &mut Sender,
        around: &Surroundings<'_>,
    ) {
        let Some(flow) = self.table.content_mut(id) else { return };
        let Payload { bytes, segment } = payload;
        journal::dump(&around.settings.process, flow.room.number(), Side::Down, payload);
        self.counting.note_request(flow, bytes.len());
        if is_to_be_kept(bytes.len(), flow.answered, around.now) {
            flow.memo = Some(sender.recent.remember(bytes, segment, flow.memo, around.now));
        }
    }
}

/// Whether a datagram is remembered in case that its server is dead. That is nearly always cheap; but large ones, which many
/// of the kind follow, are not copied while their server is known to answer.
fn is_to_be_kept(size: usize, answered: Option<Tick>, now: Tick) -> bool {
    size <= SMALL || answered.is_none_or(|answered| answered.plus_seconds(1) <= now)
}

//! From servers to clients: whose the datagrams are that come to a port.

use std::io::ErrorKind;

use system::datagrams;

use super::super::token::Side;
use super::balancer::{Balancer, rules};
use super::flow;
use super::journal;
use super::payload::Payload;
use super::{Buffers, Surroundings};
use crate::engine::flows::{Answer, FlowKey, PortId};
use crate::engine::servers::ServerAddr;

/// So many answers at once tell that more than one comes at a time.
const BURST: usize = 4;
/// A port that cannot be read so often is left alone until the poll has news of it.
const TRIES: u8 = 3;

impl Balancer {
    /// Notes that the poll has news of a socket. If its port is to be put into the queue for that, tells which one it is.
    pub fn note(&mut self, place: u32, failed: bool) -> Option<PortId> {
        let port = self.sockets.at(place)?;
        port.note(failed).then_some(port.id)
    }

    /// Takes the answers that have come to a port, as many as there is room for, and what the network reports. Tells whether there
    /// may be more.
    pub(super) fn answer(&mut self, id: PortId, buffers: &mut Buffers, around: &Surroundings<'_>) -> bool {
        let Some(port) = self.sockets.port_mut(id) else { return false };
        let mut more =
            std::mem::take(&mut port.failed) && self.take_failures(id, &mut buffers.sender, around);
        let Some(port) = self.sockets.port_mut(id) else { return false };
        port.failed = more;
        let answers = &mut buffers.answers;
        let room = answers.batch.room();
        match answers.batch.receive(port, room) {
            Ok(range) => {
                port.errors = 0;
                more |= range.len() == room;
                if range.len() >= BURST && !std::mem::replace(&mut port.joins, true) {
                    // Unix sockets have nothing like it.
                    let _ = datagrams::join_datagrams(port);
                }
                port.queued = more;
                for index in range {
                    let datagram = answers.batch.get(index);
                    if datagram.is_cut {
                        self.counting.dropped += 1;
                        continue;
                    }
                    let from = flow::server_address(datagram.source);
                    if let Some(key) = self.hand_back(id, &from, Payload::of(&datagram), around) {
                        answers.address(index, key);
                    }
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => port.queued = more,
            Err(_) => {
                // That of an earlier datagram, most likely.
                port.failed = true;
                port.errors = port.errors.saturating_add(1);
                more = port.errors < TRIES;
                port.queued = more;
            }
        }
        more
    }

    /// Whom an answer that came to a port is for.
    fn hand_back(
        &mut self,
        port: PortId,
        from: &ServerAddr,
        payload: Payload<'_>,
        around: &Surroundings<'_>,
    ) -> Option<FlowKey> {
        let service = around.service(self.service);
        let (id, is_last) =
            match self.table.handle_server(port, from, payload.count(), around.now, rules(service)) {
                Answer::Deliver(flow) => (flow, false),
                Answer::Last(flow) => (flow, true),
                Answer::Stranger => return None,
            };
        let flow = self.table.content_mut(id)?;
        journal::dump(&around.settings.process, flow.room.number(), Side::Up, payload);
        self.counting.note_answer(flow, from, payload.bytes.len(), service);
        if flow.chosen.as_ref().is_some_and(|chosen| chosen.server.address() == from) {
            // It has what was sent to it.
            flow.memo = None;
            flow.search = None;
            flow.answered = Some(around.now);
        }
        let key = self.table.key(id).cloned();
        if is_last {
            self.end(id, around);
        }
        key
    }
}

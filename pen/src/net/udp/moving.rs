//! Flows whose server is dead or down, or was taken away: they lose it at once, and the next one gets what the dead one has not.
//!
//! No answer ends the blacklist of a failure: the server gets nothing more that it could answer, and what still comes from it may
//! have been on its way before.

use std::io;
use std::sync::Arc;

use nix::errno::Errno;
use system::datagrams::{self, Failure, Quote};

use super::super::upstream::{regular_server_failed, server_failed};
use super::balancer::Balancer;
use super::payload::Payload;
use super::port::is_shortage;
use super::{Sender, Surroundings};
use crate::engine::flows::recent::{Memo, Recent};
use crate::engine::flows::{FlowId, PortId};
use crate::engine::search::{Chosen, Role};
use crate::engine::servers::{Server, ServerAddr, Standing};
use crate::engine::time::Tick;
use crate::settings::Service;

/// Failures that are taken from a port before others have their turn.
const FAILURES_A_TURN: usize = 32;
/// What was sent longer ago, in seconds, has most likely arrived.
const RECENTLY: u32 = 1;
/// So many datagrams of one flow are sent again at most.
const MOST_AGAIN: usize = 256;

impl Balancer {
    /// Deals with what the network says of datagrams that were sent by a port. Tells whether there may be more.
    pub(super) fn take_failures(
        &mut self,
        id: PortId,
        sender: &mut Sender,
        around: &Surroundings<'_>,
    ) -> bool {
        for _ in 0..FAILURES_A_TURN {
            let Some(port) = self.sockets.port(id) else { return false };
            let Ok(Some(failure)) = datagrams::take_failure(port) else { return false };
            self.heed(id, failure, sender, around);
        }
        true
    }

    fn heed(&mut self, port: PortId, failure: Failure, sender: &mut Sender, around: &Surroundings<'_>) {
        let Failure { destination, error, quote } = failure;
        let Some(server) = destination.map(ServerAddr::Inet) else { return };
        let Some(id) = self.table.owner(port, &server) else { return };
        if self.chosen(id).is_none_or(|chosen| *chosen.server.address() != server) {
            // What it sent last went to another one, well, or it will be told of itself.
            return self.note_former_failure(&server, &error, around);
        }
        if error.raw_os_error() == Some(Errno::EMSGSIZE as i32) {
            if let Some(port) = self.sockets.port(port) {
                port.fragments.allow(port);
            }
            // The system knows the way now, and takes the datagram apart. Whether others were lost, too, it will be told of each.
            let memo = self.table.content(id).and_then(|flow| flow.memo);
            let lost = lost(memo, &quote, &sender.recent, around.now);
            let first = lost.first().copied();
            let is_quoted =
                |memo: &Memo| sender.recent.recall(*memo).is_some_and(|kept| quote.is_of(kept.bytes));
            return self.send_again(id, first.filter(is_quoted).as_slice(), sender, around);
        }
        if is_shortage(&error) {
            return;
        }
        let Some(chosen) = self.unassign(id) else { return };
        self.note_failure(&chosen, &error, around);
        self.search_on(id, &chosen, around.now);
        let memo = self.table.content_mut(id).and_then(|flow| flow.memo.take());
        let lost = lost(memo, &quote, &sender.recent, around.now);
        self.send_again(id, &lost, sender, around);
    }

    /// A server has failed. If it is left alone from now on, its other flows leave it at the end of the turn, and those at other
    /// workers as soon as these hear of it.
    pub(super) fn note_failure(&mut self, chosen: &Chosen, error: &io::Error, around: &Surroundings<'_>) {
        let service = around.service(self.service);
        if !chosen.is_regular() {
            // Its clients have nobody else, and may be many.
            let (address, reason) = (chosen.server.address(), common::reason(error));
            log::debug!("server {address}{} failed: {reason}", service.of());
            chosen.reservation.state().failed(&reason);
        } else if server_failed(chosen, error, service, around.now) {
            self.has_forsaken = true;
            around.shared.forsake_elsewhere(around.worker);
        }
    }

    /// A server failed to which a flow has sent, but not its latest datagram.
    fn note_former_failure(&mut self, address: &ServerAddr, error: &io::Error, around: &Surroundings<'_>) {
        let service = around.service(self.service);
        let is_news = |server: &&Arc<Server>| {
            server.address() == address && server.state.blacklisted(around.now).is_none()
        };
        for server in service.servers.iter().flatten().filter(is_news) {
            if !is_shortage(error) && regular_server_failed(server, error, service, around.now) {
                self.has_forsaken = true;
                around.shared.forsake_elsewhere(around.worker);
            }
        }
    }

    /// Moves the flows of servers that were found dead in this turn.
    pub fn follow_up(&mut self, sender: &mut Sender, around: &Surroundings<'_>) {
        // Each time a server that was not blacklisted before is.
        while std::mem::take(&mut self.has_forsaken) {
            self.forsake(sender, around);
        }
    }

    /// Takes the flows away from servers that may have none any more.
    pub fn forsake(&mut self, sender: &mut Sender, around: &Surroundings<'_>) {
        self.counting.settle(around.service(self.service));
        self.counting.forget();
        let is_served = has_server(around.service(self.service), around.now);
        let forsaken = self.table.iter().map(|(id, _, _)| id);
        let forsaken =
            forsaken.filter(|id| self.is_forsaken(*id, around) || is_served && self.is_at_last_resort(*id));
        for flow in forsaken.collect::<Vec<_>>() {
            self.move_flow(flow, sender, around);
        }
    }

    /// Takes the flow's server away. What a dead one has not answered of late goes to another one. Where all are said to be down it
    /// would come to the same one twice, or to one that is no better.
    pub(super) fn move_flow(&mut self, id: FlowId, sender: &mut Sender, around: &Surroundings<'_>) {
        let Some(chosen) = self.unassign(id) else { return };
        let memo = self.table.content_mut(id).and_then(|flow| flow.memo.take());
        let state = chosen.reservation.state();
        let is_down = || state.fitness.is_down() && has_server(around.service(self.service), around.now);
        if chosen.is_regular() && (state.has_failed(around.now) || is_down()) {
            let latest = memo.filter(|memo| is_recent(*memo, &sender.recent, around.now));
            self.send_again(id, latest.as_slice(), sender, around);
        }
    }

    /// Whether the flow's server may have none any more.
    pub(super) fn is_forsaken(&self, id: FlowId, around: &Surroundings<'_>) -> bool {
        self.chosen(id).is_some_and(|chosen| !may_go_on(chosen, around.service(self.service), around.now))
    }

    /// Whether the flow's server is down, and it has come there for want of others.
    fn is_at_last_resort(&self, id: FlowId) -> bool {
        self.chosen(id).is_some_and(|chosen| {
            chosen.role == Role::LastResort && chosen.reservation.state().fitness.is_down()
        })
    }

    fn send_again(&mut self, id: FlowId, lost: &[Memo], sender: &mut Sender, around: &Surroundings<'_>) {
        for memo in lost {
            let Some(remembered) = sender.recent.recall(*memo) else { continue };
            let (bytes, segment) = (remembered.bytes.to_vec(), remembered.segment);
            self.deliver(id, Payload { bytes: &bytes, segment }, sender, around);
        }
    }
}

/// Which of a flow's datagrams a dead server has not got: the one that is quoted and those after it, or else the latest.
fn lost(latest: Option<Memo>, quote: &Quote, recent: &Recent, now: Tick) -> Vec<Memo> {
    let next = |memo: &Memo| recent.recall(*memo).and_then(|kept| kept.previous);
    let mut unanswered: Vec<Memo> = std::iter::successors(latest, next).take(MOST_AGAIN).collect();
    let is_quoted =
        |memo: &&Memo| !quote.is_empty() && recent.recall(**memo).is_some_and(|kept| quote.is_of(kept.bytes));
    let quoted = || unanswered.iter().enumerate().filter(|(_, memo)| is_quoted(memo));
    // Of several that are alike the oldest: the others are lost, too. But one that was sent long before may have arrived.
    let of_late = quoted().rfind(|(_, memo)| is_recent(**memo, recent, now));
    let first = of_late.or_else(|| quoted().next()).map_or(0, |(place, _)| place);
    unanswered.truncate(first + 1);
    unanswered.reverse();
    unanswered
}

fn is_recent(memo: Memo, recent: &Recent, now: Tick) -> bool {
    recent.recall(memo).is_some_and(|kept| kept.at.plus_seconds(RECENTLY) >= now)
}

/// Whether a new flow finds a server that is not down.
fn has_server(service: &Service, now: Tick) -> bool {
    let is_well = |server: &Arc<Server>| {
        let state = &server.state;
        !state.fitness.is_down() && state.blacklisted(now).is_none() && server.admits(Standing::New)
    };
    service.emergency.is_some() || service.servers.iter().flatten().any(is_well)
}

/// Whether a flow may stay with its server: it is still there, and neither left alone, in maintenance nor down. One that is down
/// keeps those that have come to it as such.
fn may_go_on(chosen: &Chosen, service: &Service, now: Tick) -> bool {
    let same =
        |server: &Server| server.id() == chosen.server.id() && server.address() == chosen.server.address();
    if !chosen.is_regular() {
        return service.emergency.iter().chain(&service.abuse).any(|server| same(server));
    }
    let occupant = service.servers.get(chosen.server.id().slot as usize).and_then(Option::as_deref);
    let state = chosen.reservation.state();
    state.blacklisted(now).is_none()
        && (chosen.role == Role::LastResort || !state.fitness.is_down())
        && occupant.is_some_and(|occupant| same(occupant) && occupant.admits(Standing::Returning))
}

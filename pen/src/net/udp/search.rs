//! Finding a server for a flow: one candidate after the other, then the emergency server; the abuse server for refused clients.
//! A flow whose server fails goes on where its search has come to.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::super::upstream::{DialError, count_served, next_server};
use super::balancer::{Balancer, is_refused};
use super::payload::Payload;
use super::port::is_shortage;
use super::{Sender, Surroundings, journal, shortage};
use crate::engine::flows::FlowId;
use crate::engine::search::{Chosen, Search};
use crate::engine::time::Tick;
use crate::settings::Service;

/// How long a search goes on, in seconds: after that all servers are tried anew.
const LIFE: u32 = 1;

/// How far the search for a flow's server has come.
#[derive(Debug)]
pub struct FlowSearch {
    search: Search,
    began: Tick,
    /// A server was tried in vain.
    has_failed: bool,
}

impl FlowSearch {
    fn new(search: Search, now: Tick) -> FlowSearch {
        FlowSearch { search, began: now, has_failed: false }
    }

    /// After this server was chosen, and has failed.
    fn after(chosen: &Chosen, now: Tick) -> FlowSearch {
        FlowSearch { search: Search::after(chosen), began: now, has_failed: true }
    }

    fn goes_on(&self, now: Tick) -> bool {
        self.began.plus_seconds(LIFE) > now
    }
}

impl Balancer {
    /// Finds a server for a flow, and sends it the datagram. The search for one that follows a failed one goes on.
    pub(super) fn choose(
        &mut self,
        id: FlowId,
        payload: Payload<'_>,
        sender: &mut Sender,
        around: &Surroundings<'_>,
    ) {
        let service = around.service(self.service);
        let Some(flow) = self.table.content_mut(id) else {
            // It ended with a datagram before this one.
            self.counting.dropped += u64::from(payload.count());
            return;
        };
        let peer = flow.peer;
        // Its own place at a server must not stand in its way.
        flow.chosen = None;
        let mut search = match flow.search.take() {
            Some(search) if search.goes_on(around.now) => *search,
            _ => {
                // Otherwise a client's datagrams would not be spread over all servers.
                let known = flow.known.filter(|_| service.limits.udp_requests == 0);
                let search = Search::new(known, None, is_refused(peer, service, around));
                FlowSearch::new(search, around.now)
            }
        };
        let acls = &around.settings.acls;
        while let Some(chosen) = next_server(&mut search.search, peer, service, acls, around.now) {
            match self.try_server(id, chosen, payload, sender, around) {
                Ok(()) => {
                    self.note_chosen(id, payload, service, around.now);
                    self.note_sent(id, payload, sender, around);
                    if let Some(flow) = self.table.content_mut(id).filter(|_| search.has_failed) {
                        flow.search = Some(Box::new(search));
                    }
                    return;
                }
                Err(DialError::Shortage(error)) => return shortage(service, &error),
                Err(DialError::Server(error) | DialError::Full(error)) => {
                    search.has_failed = true;
                    if let Some(chosen) = self.unassign(id) {
                        self.note_failure(&chosen, &error, around);
                    }
                }
            }
        }
        self.give_up(id, &search, payload, around);
    }

    /// Gives the flow a server, if it takes the datagram.
    fn try_server(
        &mut self,
        id: FlowId,
        chosen: Chosen,
        payload: Payload<'_>,
        sender: &mut Sender,
        around: &Surroundings<'_>,
    ) -> Result<(), DialError> {
        let server = Arc::clone(&chosen.server);
        let Some(flow) = self.table.content_mut(id) else { return Ok(()) };
        flow.chosen = Some(chosen);
        let port = match self.find_port(id, server.address(), around) {
            Ok(port) => port,
            Err(DialError::Shortage(error)) => {
                self.unassign(id);
                return Err(DialError::Shortage(error));
            }
            Err(error) => return Err(error),
        };
        self.table.assign(id, server.address(), port);
        let sent = match self.send(id, payload, sender) {
            // The system gives a port its number now: others have to make room.
            Err(error) if is_shortage(&error) && self.is_unbound(port) && self.evict(id, around) => {
                self.close_ports(around);
                self.send(id, payload, sender)
            }
            sent => sent,
        };
        let fault =
            |error| if is_shortage(&error) { DialError::Shortage(error) } else { DialError::Server(error) };
        sent.map_err(fault)
    }

    /// The flow has a server that has taken its datagram.
    fn note_chosen(&mut self, id: FlowId, payload: Payload<'_>, service: &Service, now: Tick) {
        let way = self.table.way(id);
        let Some(flow) = self.table.content_mut(id) else { return };
        let Some(chosen) = &flow.chosen else { return };
        chosen.reservation.connects.fetch_add(1, Relaxed);
        count_served(chosen, service);
        let server = chosen.server.id();
        if chosen.is_regular() && flow.known != Some(server) {
            flow.known = Some(server);
            service.state.clients.lock().remember(&flow.client, Some(server));
        }
        let Some(port) = way.and_then(|way| self.sockets.port(way)) else { return };
        let datagram = &payload.bytes[..payload.segment.unwrap_or(payload.bytes.len())];
        let choice = journal::Choice { peer: &flow.peer, server: &chosen.server, port, datagram };
        flow.journal.chosen(&choice, service, &mut self.routes, now);
    }

    /// Nobody can take the client.
    fn give_up(&mut self, id: FlowId, search: &FlowSearch, payload: Payload<'_>, around: &Surroundings<'_>) {
        let counters = &around.service(self.service).state.counters;
        if search.search.is_refused() {
            counters.refused.count();
        } else {
            counters.unserved.count();
        }
        counters.datagrams.dropped.add(payload.count().into());
        self.end(id, around);
    }

    /// Finds a server for a datagram whose turn it is to select one. The search for those before it is not its own: that would end
    /// after one datagram for each server.
    pub(super) fn choose_anew(
        &mut self,
        id: FlowId,
        payload: Payload<'_>,
        sender: &mut Sender,
        around: &Surroundings<'_>,
    ) {
        if let Some(flow) = self.table.content_mut(id) {
            flow.search = None;
        }
        self.choose(id, payload, sender, around);
    }

    /// The search for the flow's server goes on after one that has failed.
    pub(super) fn search_on(&mut self, id: FlowId, failed: &Chosen, now: Tick) {
        let Some(flow) = self.table.content_mut(id) else { return };
        if flow.search.as_ref().is_none_or(|search| !search.goes_on(now)) {
            flow.search = Some(Box::new(FlowSearch::after(failed, now)));
        }
    }
}

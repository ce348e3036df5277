//! What passes is counted here first, and once a turn where everybody reads it: every thread writes those counters, and the
//! processors would hand them to each other with each datagram.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::flow::Flow;
use crate::engine::clients::ClientCounters;
use crate::engine::servers::{ServerAddr, ServerState};
use crate::settings::Service;

/// Of so many servers at a time.
const SERVERS: usize = 16;

/// What was counted in this turn.
#[derive(Debug, Default)]
pub struct Counting {
    /// Datagrams of clients.
    pub requests: u64,
    /// Those of them that were lost.
    pub dropped: u64,
    servers: Vec<Passed<ServerState>>,
    /// The latest client.
    client: Option<Passed<ClientCounters>>,
}

/// Bytes that passed between us and another one.
#[derive(Debug)]
struct Passed<T> {
    with: Arc<T>,
    sent: u64,
    received: u64,
}

impl Counting {
    /// A client's bytes have gone to the flow's server.
    pub fn note_request(&mut self, flow: &Flow, bytes: usize) {
        self.client(&flow.client.counters).received += bytes as u64;
        if let Some(chosen) = &flow.chosen {
            self.server(chosen.reservation.state()).sent += bytes as u64;
        }
    }

    /// A server's bytes go to the flow's client. The server may be a former one of the flow.
    pub fn note_answer(&mut self, flow: &Flow, from: &ServerAddr, bytes: usize, service: &Service) {
        self.client(&flow.client.counters).sent += bytes as u64;
        let current = flow.chosen.as_ref().filter(|chosen| chosen.server.address() == from);
        let state = current.map(|chosen| chosen.reservation.state()).or_else(|| {
            let mut servers = service.servers.iter().flatten();
            servers.find(|server| server.address() == from).map(|server| &server.state)
        });
        if let Some(state) = state {
            self.server(state).received += bytes as u64;
        }
    }

    /// Tells all where everybody reads it.
    pub fn settle(&mut self, service: &Service) {
        let counters = &service.state.counters.datagrams;
        for (counted, counter) in
            [(&mut self.requests, &counters.received), (&mut self.dropped, &counters.dropped)]
        {
            if *counted > 0 {
                counter.add(std::mem::take(counted));
            }
        }
        self.servers.iter_mut().for_each(Passed::settle);
        self.client.iter_mut().for_each(Passed::settle);
    }

    /// Lets go of servers and clients, after [`Counting::settle`].
    pub fn forget(&mut self) {
        self.servers.clear();
        self.client = None;
    }

    fn server(&mut self, state: &Arc<ServerState>) -> &mut Passed<ServerState> {
        let place = self.servers.iter().position(|passed| Arc::ptr_eq(&passed.with, state));
        let place = place.unwrap_or_else(|| {
            if self.servers.len() == SERVERS {
                self.servers.drain(..).for_each(|mut passed| passed.settle());
            }
            self.servers.push(Passed::with(state));
            self.servers.len() - 1
        });
        &mut self.servers[place]
    }

    fn client(&mut self, counters: &Arc<ClientCounters>) -> &mut Passed<ClientCounters> {
        if self.client.as_ref().is_none_or(|passed| !Arc::ptr_eq(&passed.with, counters)) {
            self.client.iter_mut().for_each(Passed::settle);
            self.client = None;
        }
        self.client.get_or_insert_with(|| Passed::with(counters))
    }
}

impl<T: Counted> Passed<T> {
    fn with(other: &Arc<T>) -> Passed<T> {
        Passed { with: Arc::clone(other), sent: 0, received: 0 }
    }

    fn settle(&mut self) {
        let (sent, received) = self.with.counters();
        for (counted, counter) in [(&mut self.sent, sent), (&mut self.received, received)] {
            if *counted > 0 {
                counter.fetch_add(std::mem::take(counted), Relaxed);
            }
        }
    }
}

/// Whoever has counters of bytes that we have sent it, and received from it.
trait Counted {
    fn counters(&self) -> (&AtomicU64, &AtomicU64);
}

impl Counted for ServerState {
    fn counters(&self) -> (&AtomicU64, &AtomicU64) {
        (&self.sent, &self.received)
    }
}

impl Counted for ClientCounters {
    fn counters(&self) -> (&AtomicU64, &AtomicU64) {
        (&self.sent, &self.received)
    }
}

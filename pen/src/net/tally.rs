//! What is made of the bytes that pass: counters, the request log, dumps.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::connection::Peer;
use super::dump::{self, Form};
use super::relay::Observer;
use super::request_tap::{RequestTap, Witness};
use super::token::Side;
use crate::engine::clients::ClientCounters;
use crate::engine::servers::{Server, ServerState};
use crate::request_log::RequestLog;

/// One connection's, for one turn of its relay.
pub struct Tally<'a> {
    /// The client's counters, if it is tracked.
    pub client: Option<&'a ClientCounters>,
    /// The server's.
    pub server: &'a ServerState,
    /// Who wants the bytes themselves, and not only their number: mostly nobody.
    pub watcher: Option<Watcher<'a>>,
    /// Whether a byte has passed.
    pub moved: bool,
}

/// Where the bytes are shown.
pub struct Watcher<'a> {
    /// The connection's number.
    pub number: u32,
    /// The client.
    pub peer: &'a Peer,
    /// The server.
    pub server: &'a Server,
    /// Where requests go, if they are logged.
    pub requests: Option<(&'a mut RequestTap, &'a RequestLog)>,
    /// How traffic is dumped, if it is.
    pub dump: Option<Form>,
}

impl Watcher<'_> {
    // Apart from the relay, whose registers it would take.
    #[cold]
    #[inline(never)]
    fn read(&mut self, side: Side, data: &[u8]) {
        if let Some((tap, log)) = &mut self.requests {
            let witness = Witness { peer: self.peer, server: self.server, log };
            match side {
                Side::Down => tap.client_spoke(data, witness),
                Side::Up => tap.server_spoke(data, witness),
            }
        }
        if let Some(form) = self.dump {
            let from = if side == Side::Down { "client" } else { "server" };
            log::trace!("connection {}, from {from}: {}", self.number, dump::render(data, form));
        }
    }
}

impl Observer for Tally<'_> {
    fn read(&mut self, side: Side, data: &[u8]) {
        self.poured(side, data.len());
        if let Some(watcher) = &mut self.watcher {
            watcher.read(side, data);
        }
    }

    fn poured(&mut self, side: Side, count: usize) {
        self.moved = true;
        let counter = match side {
            Side::Down => self.client.map(|client| &client.received),
            Side::Up => Some(&self.server.received),
        };
        add(counter, count);
    }

    fn written(&mut self, side: Side, count: usize) {
        if count == 0 {
            return;
        }
        self.moved = true;
        let counter = match side {
            Side::Down => self.client.map(|client| &client.sent),
            Side::Up => Some(&self.server.sent),
        };
        add(counter, count);
    }
}

fn add(counter: Option<&AtomicU64>, count: usize) {
    if let Some(counter) = counter {
        counter.fetch_add(count as u64, Relaxed);
    }
}

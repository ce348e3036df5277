//! The clients that a service remembers.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use common::client_addr::ClientAddr;

use super::servers::ServerId;
use super::time::Tick;

/// What a client has done so far: counted by its connections, read by the table.
#[derive(Debug, Default)]
pub struct ClientCounters {
    /// Connections that it opened.
    pub connects: AtomicU64,
    /// Bytes sent to the client.
    pub sent: AtomicU64,
    /// Bytes received from the client.
    pub received: AtomicU64,
}

/// An entry of the table; it outlives the entry harmlessly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientRef {
    /// The number that the user knows.
    pub index: u32,
    /// Which of the successive clients with that number.
    pub generation: u32,
}

/// What the table knows of a client that has just connected.
#[derive(Debug)]
pub struct Opened {
    /// Its entry.
    pub client: ClientRef,
    /// Its counters.
    pub counters: Arc<ClientCounters>,
    /// The server that it used last.
    pub last_server: Option<ServerId>,
}

/// A client as reports show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRow {
    /// Its number.
    pub index: u32,
    /// Its address.
    pub addr: ClientAddr,
    /// When its latest connection began or ended.
    pub last_seen: Tick,
    /// The server that it used last.
    pub last_server: Option<ServerId>,
    /// Its open connections.
    pub open: u32,
    /// Connections that it opened.
    pub connects: u64,
    /// Bytes sent to it.
    pub sent: u64,
    /// Bytes received from it.
    pub received: u64,
}

/// The clients of a service.
#[derive(Debug)]
pub struct ClientTable {}

impl ClientTable {
    /// An empty table for at most `capacity` clients (at least one).
    pub fn new(_capacity: usize) -> ClientTable {
        todo!()
    }

    /// Raises the capacity; a lower one is ignored.
    pub fn grow(&mut self, _capacity: usize) {
        todo!()
    }

    /// How many clients it can hold.
    pub fn capacity(&self) -> usize {
        todo!()
    }

    /// How many it holds; some may be about to be forgotten.
    pub fn len(&self) -> usize {
        todo!()
    }

    /// Counts a new connection of the client; `tracking`: how long clients without connections are remembered.
    pub fn open(&mut self, _addr: ClientAddr, _now: Tick, _tracking: Option<Duration>) -> Opened {
        todo!()
    }

    /// Notes the server that the client uses now.
    pub fn remember(&mut self, _client: ClientRef, _server: ServerId) {
        todo!()
    }

    /// Counts the end of a connection that `open` counted.
    pub fn close(&mut self, _client: ClientRef, _now: Tick) {
        todo!()
    }

    /// The clients among the `count` numbers from `from` on, and the number to go on with.
    pub fn rows(
        &self,
        _from: u32,
        _count: usize,
        _now: Tick,
        _tracking: Option<Duration>,
    ) -> (Vec<ClientRow>, Option<u32>) {
        todo!()
    }
}

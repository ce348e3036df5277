//! What pen tells about itself: one snapshot, collected once, which every rendering shows.

use std::time::SystemTime;

use common::client_addr::ClientAddr;

/// The whole.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// When it was taken.
    pub time: SystemTime,
    /// How long pen has run, in seconds.
    pub uptime: u64,
    /// pen's version.
    pub version: &'static str,
    /// The process id.
    pub pid: u32,
    /// A service each.
    pub services: Vec<ServiceStatus>,
    /// Open connections of all services, by number.
    pub connections: Vec<ConnectionStatus>,
}

/// A service.
#[derive(Clone, Debug)]
pub struct ServiceStatus {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub listen: Vec<String>,
    /// The modes that are on, by the names of their commands; empty: tracking and round robin.
    pub modes: Vec<&'static str>,
    /// The slot that the round robin is at, if it has begun.
    pub current: Option<u32>,
    /// The slots.
    pub servers: Vec<ServerStatus>,
    /// The emergency and the abuse server, if there are such.
    pub fallbacks: Vec<FallbackStatus>,
    /// The clients that it remembers, by number.
    pub clients: Vec<ClientStatus>,
    /// Most clients that it remembers.
    pub clients_max: u32,
    /// Open connections.
    pub connections: usize,
    /// Most open connections.
    pub conn_max: u32,
    /// Connects in progress.
    pub pending: usize,
    /// Most connects in progress.
    pub pending_max: u32,
    /// Connections accepted so far.
    pub accepted: u64,
    /// Connections closed because `client_acl` refuses their client.
    pub refused: u64,
    /// Connections closed because no server could take them.
    pub unserved: u64,
    /// Connections closed for want of descriptors, ports or memory.
    pub shortages: u64,
    /// The request log's destination.
    pub log: Option<String>,
    /// Request-log records that were lost.
    pub log_lost: u64,
}

/// A slot.
#[derive(Clone, Debug)]
pub struct ServerStatus {
    /// Its number.
    pub slot: usize,
    /// What the user calls it.
    pub name: Option<String>,
    /// Its address without port, or the path of its socket; `0.0.0.0` for an empty slot.
    pub address: String,
    /// Its port; 0 for a Unix socket or an empty slot.
    pub port: u16,
    /// How it is.
    pub state: ServerState,
    /// Its connections, attempts included.
    pub connections: u32,
    /// See `server`.
    pub max: u32,
    /// See `server`.
    pub hard: u32,
    /// See `server`.
    pub weight: u32,
    /// See `server`.
    pub prio: u32,
    /// Bytes sent to it.
    pub sent: u64,
    /// Bytes received from it.
    pub received: u64,
    /// Connections made so far.
    pub connects: u64,
    /// Connections that failed so far.
    pub failures: u64,
    /// Why the latest failure was one.
    pub last_error: Option<String>,
}

/// How a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerState {
    /// It takes clients.
    Up,
    /// It is left alone for so many seconds.
    Blacklisted(u64),
    /// There is none.
    Empty,
}

/// A server outside the slots.
#[derive(Clone, Debug)]
pub struct FallbackStatus {
    /// `emergency` or `abuse`.
    pub role: &'static str,
    /// The rest; its slot number means nothing.
    pub server: ServerStatus,
}

/// A client.
#[derive(Clone, Debug)]
pub struct ClientStatus {
    /// Its number.
    pub index: u32,
    /// Its address.
    pub address: String,
    /// Seconds since it last connected or disconnected; 0 while it is connected.
    pub age: u64,
    /// The slot of the server that it used last.
    pub last_server: Option<u32>,
    /// Its open connections.
    pub open: u32,
    /// Its connections so far.
    pub connects: u64,
    /// Bytes sent to it.
    pub sent: u64,
    /// Bytes received from it.
    pub received: u64,
}

/// A connection.
#[derive(Clone, Debug)]
pub struct ConnectionStatus {
    /// Its number.
    pub number: u32,
    /// The index of its service in the snapshot.
    pub service: usize,
    /// The descriptor to the client.
    pub down_fd: i32,
    /// The descriptor to the server; -1 if there is none.
    pub up_fd: i32,
    /// How far it is.
    pub state: ConnectionState,
    /// Bytes that wait to be written to the client.
    pub pending_down: usize,
    /// Bytes that wait to be written to the server.
    pub pending_up: usize,
    /// The client's address.
    pub client_address: ClientAddr,
    /// The client's number, if it is tracked.
    pub client: Option<u32>,
    /// The slot of its server; `None` while there is none, and for the emergency and abuse servers.
    pub server: Option<u32>,
    /// Seconds since it was accepted.
    pub age: u64,
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionState {
    /// It looks for a server.
    pub connecting: bool,
    /// The client has closed its side.
    pub client_closed: bool,
    /// The server has closed its side.
    pub server_closed: bool,
}

impl ConnectionState {
    /// The number that the `connection` command shows: 1 connecting, 2 connected, +4 server closed, +8 client closed.
    pub fn number(self) -> u32 {
        let stage = if self.connecting { 1 } else { 2 };
        stage + if self.server_closed { 4 } else { 0 } + if self.client_closed { 8 } else { 0 }
    }
}

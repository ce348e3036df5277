//! What pen tells about itself: one snapshot, collected once, which every rendering shows. As JSON (`status json`) it is
//! documented in `docs/status.md`, and only ever added to.

mod health;
mod tls;
mod words;

pub use health::{AgentStatus, CheckStatus, Share, UserStatus};
pub use tls::{CertificateStatus, HandshakesStatus, ProxyStatus, TlsStatus};
pub use words::{
    Bytes, Fact, Seconds, Took, agent, all_servers, census, certificate, condition, datagrams, health,
    listens, modes, place, preface, protocol, remark, remarks, seen, since, slot, slot_or_none, state,
    user_seen, why,
};

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The version of the JSON form. It stays as long as nothing is taken away or changes its meaning.
pub const SCHEMA: u32 = 1;

/// A word that pen itself chooses.
pub type Name = Cow<'static, str>;

/// The whole.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Snapshot {
    /// [`SCHEMA`]
    pub schema: u32,
    /// When it was taken: seconds since 1970, to the millisecond.
    pub time: f64,
    /// When pen was started: seconds since 1970, to the millisecond. It stays the same as long as pen runs.
    pub started: f64,
    /// How long pen has run, in seconds.
    pub uptime: u64,
    /// pen's version.
    pub version: Name,
    /// The process id.
    pub pid: u32,
    /// A thread that forwards each.
    pub workers: Vec<WorkerStatus>,
    /// A service each.
    pub services: Vec<ServiceStatus>,
}

/// A thread that forwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkerStatus {
    /// Its open connections, of all services; flows of datagrams are none.
    pub connections: usize,
    /// New connections that it left to others so far, because it had more than they.
    pub handed_over: u64,
}

/// A service.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceStatus {
    /// Its name.
    pub name: String,
    /// It was removed, and its last connections are awaited.
    pub draining: bool,
    /// Where it listens.
    pub listen: Vec<String>,
    /// The modes that are on, by the names of their commands; empty: tracking and round robin.
    pub modes: Vec<Name>,
    /// The slot that the round robin is at, if it has begun.
    pub current: Option<u32>,
    /// How its servers are checked, in the words of `health`; `None`: they are not.
    pub check: Option<String>,
    /// How they are asked how busy they are, in the same words.
    pub agent: Option<String>,
    /// Where checks say that all servers are down, they are tried all the same.
    pub fail_open: bool,
    /// Connections and flows that `fail_open` has sent to servers that were down.
    pub failed_open: u64,
    /// What clients' first bytes decide, in the words of `peek`; `None`: nothing.
    pub peek: Option<String>,
    /// The users of `peek rdp` that it remembers, those that were here last first.
    pub users: Vec<UserStatus>,
    /// How many there are.
    pub users_known: usize,
    /// pen itself answers, as a tiny web server.
    pub dummy: bool,
    /// It tells servers of their clients in each http request.
    pub http: bool,
    /// Servers see the client's own address.
    pub transparent: bool,
    /// What it does with PROXY headers.
    pub proxy_protocol: ProxyStatus,
    /// TLS towards clients; `None`: they speak plain text.
    pub tls: Option<TlsStatus>,
    /// Its datagrams; `None`: clients make connections.
    pub udp: Option<UdpStatus>,
    /// Its numbers.
    pub limits: LimitsStatus,
    /// Open connections.
    pub connections: usize,
    /// Connects in progress.
    pub pending: usize,
    /// Connections accepted so far.
    pub accepted: u64,
    /// Connections closed because `client_acl` refuses their client.
    pub refused: u64,
    /// Connections closed because no PROXY header came, or a wrong one, or from somebody who may not send any.
    pub proxy_refused: u64,
    /// Requests refused because they break the rules of http.
    pub http_refused: u64,
    /// Connections closed because no server could take them.
    pub unserved: u64,
    /// Connections closed for want of descriptors, ports or memory.
    pub shortages: u64,
    /// How many clients it remembers.
    pub clients_known: usize,
    /// How many of its servers could take a client: pen itself is one, in `dummy` mode.
    pub usable: usize,
    /// Idle connections to its servers that `idlers` keeps, and how many it wants.
    pub idlers: IdlersStatus,
    /// The request log's destination.
    pub log: Option<String>,
    /// Request-log records that were lost.
    pub log_lost: u64,
    /// The slots.
    pub servers: Vec<ServerStatus>,
    /// The emergency and the abuse server, if there are such.
    pub fallbacks: Vec<FallbackStatus>,
    /// The clients that it remembers, by number.
    pub clients: Vec<ClientStatus>,
    /// Its open connections, by number.
    pub open_connections: Vec<ConnectionStatus>,
}

/// The numbers of a service, by the names of their commands; times in seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "named like the commands, which document them")]
pub struct LimitsStatus {
    pub backlog: u32,
    pub blacklist: u32,
    pub clients_max: u32,
    pub conn_max: u32,
    pub idle_timeout: u32,
    pub multi_accept: u32,
    pub pending_max: u32,
    pub slow_start: u32,
    pub timeout: u32,
    pub tracking: u32,
    pub udp_requests: u32,
    pub udp_responses: u32,
    pub udp_timeout: u32,
}

/// The datagrams of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UdpStatus {
    /// Those that came from clients.
    pub received: u64,
    /// Those that went back to them.
    pub answered: u64,
    /// Those that pen could not pass on, for want of a server, of room or of memory.
    pub dropped: u64,
    /// Those that the kernel threw away, because they came faster than pen took them.
    pub lost: u64,
}

/// The idle connections of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IdlersStatus {
    /// So many there are.
    pub open: u32,
    /// So many there should be.
    pub wanted: u32,
}

/// A slot.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerStatus {
    /// Its number; `None` for the emergency and the abuse server, which have no slot.
    pub slot: Option<usize>,
    /// What the user calls it.
    pub name: Option<String>,
    /// The host name that its address was looked up from.
    pub host: Option<String>,
    /// Its address without port, or the path of its socket; `0.0.0.0` for an empty slot.
    pub address: String,
    /// Its port; 0 for a Unix socket or an empty slot.
    pub port: u16,
    /// How it is.
    #[serde(flatten)]
    pub state: ServerState,
    /// What the administrator wants of it: `ready`, `drain` or `maint`.
    pub admin: Name,
    /// For so many seconds, if that is not `ready`.
    pub admin_since: Option<u64>,
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
    /// What checks say of it; `None`: it is not checked, or was not yet.
    pub check: Option<CheckStatus>,
    /// What its agent says; `None`: it has none, or none that was asked yet.
    pub agent: Option<AgentStatus>,
    /// The part of its share in new clients that it gets at present: not the whole by its agent and `slow_start`.
    pub share: Share,
}

/// How a server is: `"state": "up"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase", from = "StateFields")]
pub enum ServerState {
    /// It takes new clients.
    Up,
    /// The administrator or its agent has it drained: it takes none but clients whose server it was.
    Draining,
    /// The administrator or its agent has it out of use: it takes no clients.
    Maintenance,
    /// A check or its agent says that it is down.
    Down,
    /// It is left alone for a while.
    Blacklisted {
        /// For so many seconds, rounded up.
        blacklisted_seconds: u64,
    },
    /// There is none.
    #[default]
    Empty,
    /// A newer pen says so.
    Unknown,
}

/// The state as it is read: it may come from another version of pen, so nothing has to be there.
#[derive(Default, Deserialize)]
#[serde(default)]
struct StateFields {
    state: Name,
    blacklisted_seconds: u64,
}

impl From<StateFields> for ServerState {
    fn from(fields: StateFields) -> ServerState {
        let StateFields { state, blacklisted_seconds } = fields;
        match &*state {
            "up" => ServerState::Up,
            "draining" => ServerState::Draining,
            "maintenance" => ServerState::Maintenance,
            "down" => ServerState::Down,
            "blacklisted" => ServerState::Blacklisted { blacklisted_seconds },
            "empty" => ServerState::Empty,
            _ => ServerState::Unknown,
        }
    }
}

/// A server outside the slots.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FallbackStatus {
    /// `emergency` or `abuse`.
    pub role: Name,
    /// The rest.
    pub server: ServerStatus,
}

/// A client.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientStatus {
    /// Its number, process-wide.
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
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnectionStatus {
    /// Its number, process-wide.
    pub number: u32,
    /// The descriptor to the client.
    pub down_fd: i32,
    /// The descriptor to the server; -1 if there is none.
    pub up_fd: i32,
    /// How far it is.
    #[serde(flatten)]
    pub state: ConnectionState,
    /// Its client speaks TLS.
    pub tls: bool,
    /// Bytes that wait to be written to the client.
    pub pending_down: usize,
    /// Bytes that wait to be written to the server.
    pub pending_up: usize,
    /// The client's address.
    pub client_address: String,
    /// The client's number, if it is tracked.
    pub client: Option<u32>,
    /// The slot of its server; `None` while there is none, and for the emergency and abuse servers.
    pub server: Option<u32>,
    /// Seconds since it was accepted.
    pub age: u64,
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnectionState {
    /// It waits for what has to come before it is served: a PROXY header, a handshake, or a share of `pending_max`.
    pub waiting: bool,
    /// It looks for a server.
    pub connecting: bool,
    /// The client has closed its side.
    pub client_closed: bool,
    /// The server has closed its side.
    pub server_closed: bool,
}

impl ConnectionState {
    /// The number that the `connection` command shows: 1 connecting, 2 connected, 32 waiting for what comes first, +4 server
    /// closed, +8 client closed.
    pub fn number(self) -> u32 {
        let stage = match self {
            ConnectionState { waiting: true, .. } => 32,
            ConnectionState { connecting: true, .. } => 1,
            _ => 2,
        };
        stage + if self.server_closed { 4 } else { 0 } + if self.client_closed { 8 } else { 0 }
    }
}

impl ServiceStatus {
    /// How many of its servers could take a client: pen itself is one, in `dummy` mode.
    pub fn usable_servers(&self) -> usize {
        let up = self.servers.iter().filter(|server| server.state == ServerState::Up).count();
        up + usize::from(self.dummy)
    }

    /// How many servers it has, usable or not: an empty slot is none, and pen itself is one in `dummy` mode.
    pub fn server_count(&self) -> usize {
        let filled = self.servers.iter().filter(|server| server.state != ServerState::Empty).count();
        filled + usize::from(self.dummy)
    }
}

#[cfg(test)]
mod tests;

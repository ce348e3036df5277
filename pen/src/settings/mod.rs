//! What pen is set to do: an immutable snapshot that the control plane publishes and the workers read.
//!
//! Commands change a [`draft::Draft`], which is published as a whole or not at all. What is counted while pen runs hangs on
//! the snapshots by `Arc`s ([`ServiceState`], `ServerState`), so that it outlives the settings it was counted under.

pub mod apply;
pub mod draft;
pub mod file;
mod health;
pub mod log;
pub mod losses;
pub mod names;
mod peek;
mod places;
pub mod resolve;
pub mod servers;
pub mod services;
mod state;
#[cfg(test)]
pub mod testing;
pub mod tls;
mod udp;
pub mod write;

use std::collections::HashMap;
use std::fmt::{self, Display};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use common::addr::Port;
use common::command::{
    AclNumber, AgentCheck, FastClose, HealthCheck, Peek, ProxyVersion, ServiceName, Threads,
};
use common::escape::Line;

use crate::engine::acl::Acl;
use crate::engine::clients::ClientNumbers;
use crate::engine::select::{Modes, Slots};
use crate::engine::servers::Server;
use crate::engine::time::Tick;
use crate::request_log::RequestLog;
use crate::tls::Terminator;
use log::LogTarget;
use services::Services;

pub use places::{ListenOn, Place, Transport};
pub use state::{DatagramCounters, ServiceState, TlsCounters};

/// Access lists are numbered 0 to 9.
pub const ACL_COUNT: usize = 10;

/// Everything.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What concerns the process as a whole.
    pub process: Process,
    /// The access lists, shared by all services.
    pub acls: [Arc<Acl>; ACL_COUNT],
    /// The services.
    pub services: Services,
}

/// The command line's service.
pub const DEFAULT_SERVICE: ServiceIndex = ServiceIndex(0);

/// A service's place in the settings. It stays the same as long as the service has listeners or connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceIndex(pub u16);

/// The settings of scope P.
#[derive(Clone, Debug)]
pub struct Process {
    /// `abort_on_error`
    pub abort_on_error: bool,
    /// `ascii`: traffic dumps as text.
    pub ascii: bool,
    /// `control_acl`
    pub control_acl: u8,
    /// `debug`
    pub debug: u32,
    /// `resolve`, in seconds; 0: never
    pub resolve: u32,
    /// `shutdown_timeout`, in seconds
    pub shutdown_timeout: u32,
    /// `threads`
    pub threads: Threads,
    /// `web`
    pub web: Option<ListenOn>,
    /// `web_acl`
    pub web_acl: u8,
    /// `web_stats`
    pub web_stats: Option<PathBuf>,
}

/// The settings of scope S.
#[derive(Clone, Debug)]
pub struct Service {
    /// What the user calls it.
    pub name: Arc<str>,
    /// It was removed, and its last connections are awaited.
    pub draining: bool,
    /// Where it listens.
    pub listen: Vec<ListenOn>,
    /// Whether that was the command line's first argument, and no `listen` has said anything since.
    pub listen_is_argument: bool,
    /// The slots.
    pub servers: Slots,
    /// How a server is selected.
    pub modes: Modes,
    /// Where refused clients go.
    pub abuse: Option<Arc<Server>>,
    /// Who serves when no regular server can.
    pub emergency: Option<Arc<Server>>,
    /// `client_acl`
    pub client_acl: u8,
    /// `dummy`: answer instead of forwarding.
    pub dummy: bool,
    /// `fail_open`: where checks say that all servers are down, they are tried all the same.
    pub fail_open: bool,
    /// `health`
    pub health: Health,
    /// `http`: tell servers in each request who asks.
    pub http: bool,
    /// `keepalive`
    pub keepalive: bool,
    /// `log`
    pub log: Option<LogTarget>,
    /// `peek`
    pub peek: Option<Peek>,
    /// `proxy_protocol`
    pub proxy: Proxy,
    /// `source`
    pub source: Option<IpAddr>,
    /// `tcp_fastclose`
    pub fast_close: FastClose,
    /// `tcp_nodelay`
    pub tcp_nodelay: bool,
    /// `transparent`: servers see the client's own address.
    pub transparent: bool,
    /// `udp`: its clients send datagrams.
    pub udp: bool,
    /// What it is told of TLS.
    pub tls: tls::Tls,
    /// What came of that, once it is in force; `None`: clients speak plain text.
    pub terminator: Option<Arc<Terminator>>,
    /// The numbers.
    pub limits: Limits,
    /// What is counted while it runs.
    pub state: Arc<ServiceState>,
}

/// How a service's servers are tested.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// They are checked like this.
    pub check: Option<Arc<HealthCheck>>,
    /// They are asked like this how busy they are.
    pub agent: Option<AgentCheck>,
}

/// What a service does with PROXY headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proxy {
    /// Clients must be permitted by this list, and begin with a header.
    pub accept: Option<AclNumber>,
    /// Servers get a header of this version.
    pub send: Option<ProxyVersion>,
}

/// A service's numbers; times in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named like the commands, which document them")]
pub struct Limits {
    pub backlog: u32,
    pub blacklist: u32,
    pub clients_max: u32,
    pub conn_max: u32,
    pub idle_timeout: u32,
    pub idlers: u32,
    pub multi_accept: u32,
    pub pending_max: u32,
    pub slow_start: u32,
    pub timeout: u32,
    pub tracking: u32,
    pub udp_requests: u32,
    pub udp_responses: u32,
    pub udp_timeout: u32,
}

impl Settings {
    /// What pen starts from, before the command line says anything; `numbers` is for all clients of the process.
    pub fn initial(numbers: &Arc<ClientNumbers>) -> Settings {
        Settings {
            process: Process {
                abort_on_error: false,
                ascii: false,
                control_acl: 0,
                debug: 0,
                resolve: 0,
                shutdown_timeout: 0,
                threads: Threads::Auto,
                web: None,
                web_acl: 0,
                web_stats: None,
            },
            acls: std::array::from_fn(|_| Arc::new(Acl::new(Vec::new()))),
            services: Services::new(Service::new("default", numbers)),
        }
    }

    /// A place that two services want to listen on; only one of them can.
    pub fn shared_place(&self) -> Option<&Place> {
        let mut taken: HashMap<(Transport, &Place), ServiceIndex> = HashMap::new();
        let wanted = self.services.iter().flat_map(|(index, service)| {
            let listen = service.listen.iter().filter(|on| !on.asked.is_any_port());
            // A file stands for one socket, of whatever kind.
            let transport = |place: &Place| match place {
                Place::Inet(_) => service.transport(),
                Place::Unix(_) => Transport::Stream,
            };
            listen.map(move |on| (index, (transport(&on.asked), &on.asked)))
        });
        wanted
            .into_iter()
            .find(|(index, place)| *taken.entry(*place).or_insert(*index) != *index)
            .map(|(_, (_, place))| place)
    }

    /// How many connections all services together may have.
    pub fn connections_wanted(&self) -> usize {
        self.services.values().map(|service| service.limits.conn_max as usize).sum()
    }

    /// Whether any service listens for connections rather than datagrams.
    pub fn serves_connections(&self) -> bool {
        self.services.values().any(|service| !service.udp && !service.listen.is_empty())
    }

    /// The list of those whose PROXY headers the service believes, if that is empty and so names everybody. No list speaks of
    /// who may connect to a Unix socket.
    pub fn list_for_anybody(&self, service: &Service) -> Option<AclNumber> {
        let is_asked = service.listen.iter().any(|on| matches!(on.asked, Place::Inet(_)));
        service.proxy.accept.filter(|list| is_asked && self.acls[list.index()].is_empty())
    }

    /// The services' idle timeouts, in seconds.
    pub fn idle_timeouts(&self) -> impl Iterator<Item = u32> {
        self.services.values().map(|service| service.limits.idle_timeout)
    }

    /// Whether all services log the same as in `other`, to the same logs.
    pub fn logs_like(&self, other: &Settings) -> bool {
        self.services.iter().all(|(index, service)| {
            // One that is gone has no connections.
            other.services.get(index).is_none_or(|other| match (&service.log, &other.log) {
                (Some(target), Some(other)) => target.records_like(other),
                (None, None) => true,
                _ => false,
            })
        })
    }

    /// Why no command can speak of this service, with the usage of the one that could.
    pub fn cannot_speak_of(&self, name: &ServiceName) -> String {
        format!("{}, 'service {name}' adds it; usage: service NAME [COMMAND]", self.no_service(name))
    }

    /// That there is no service of this name, and which there are.
    pub fn no_service(&self, name: &ServiceName) -> String {
        let known = self.services.values().filter(|service| !service.draining);
        let known: Vec<&str> = known.map(|service| &*service.name).collect();
        format!("there is no service '{name}': there are {}", known.join(", "))
    }

    /// Whether commands may speak of this service.
    pub fn speaks_of(&self, index: ServiceIndex) -> bool {
        self.services.get(index).is_some_and(|service| !service.draining)
    }

    /// The service of a listener or connection.
    pub fn service(&self, index: ServiceIndex) -> &Arc<Service> {
        self.services.get(index).expect("a service is not forgotten before its last listener and connection")
    }
}

impl Service {
    /// A service with the defaults, which listens nowhere and has no servers.
    pub fn new(name: &str, numbers: &Arc<ClientNumbers>) -> Service {
        Service {
            name: name.into(),
            draining: false,
            listen: Vec::new(),
            listen_is_argument: false,
            servers: Slots::default(),
            modes: Modes::default(),
            abuse: None,
            emergency: None,
            client_acl: 0,
            dummy: false,
            fail_open: true,
            health: Health::default(),
            http: false,
            keepalive: false,
            log: None,
            peek: None,
            proxy: Proxy::default(),
            source: None,
            fast_close: FastClose::Off,
            tcp_nodelay: true,
            transparent: false,
            udp: false,
            tls: tls::Tls::default(),
            terminator: None,
            limits: Limits::default(),
            state: Arc::new(ServiceState::new(numbers)),
        }
    }

    /// ` of NAME`, for messages; nothing for the command line's service.
    pub fn of(&self) -> impl Display {
        let name = (&*self.name != ServiceName::DEFAULT).then(|| Arc::clone(&self.name));
        fmt::from_fn(move |f| name.iter().try_for_each(|name| write!(f, " of {name}")))
    }

    /// One of its servers as the log names it: `server 1 of web (10.0.0.2:80)`.
    pub fn who(&self, server: &Server) -> String {
        format!("server {}{} ({})", server.id().slot, self.of(), Line(server.address()))
    }

    /// Whether there is anything to tell of it: the command line's service may not be wanted where a file has others.
    pub fn is_in_use(&self) -> bool {
        let has_settings = !self.listen.is_empty() || !self.servers.is_empty() || self.dummy;
        has_settings || self.state.connections.used() > 0
    }

    /// The port that servers without one have: the first one that the service listens on.
    pub fn listening_port(&self) -> Option<Port> {
        self.listen.iter().find_map(|on| match &on.bound {
            Place::Inet(address) if address.port() != 0 => Some(Port::Number(address.port())),
            _ => None,
        })
    }

    /// How its clients come.
    pub fn transport(&self) -> Transport {
        Transport::of(self.udp)
    }

    /// Whether a client has something to say before it is served: who it is, in which keys it speaks, or what decides about its server.
    pub fn has_preface(&self) -> bool {
        self.proxy.accept.is_some() || self.terminator.is_some() || self.peek.is_some()
    }

    /// The open request log, if records are wanted.
    pub fn request_log(&self) -> Option<&RequestLog> {
        self.log.as_ref()?.log.as_ref()
    }

    /// The same, if records of connections are wanted too.
    pub fn connection_log(&self) -> Option<&RequestLog> {
        self.log.as_ref().filter(|target| target.connections)?.log.as_ref()
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            backlog: 500,
            blacklist: 30,
            clients_max: 2048,
            conn_max: 500,
            idle_timeout: 0,
            idlers: 0,
            multi_accept: 100,
            pending_max: 100,
            slow_start: 0,
            timeout: 5,
            tracking: 0,
            udp_requests: 0,
            udp_responses: 0,
            udp_timeout: 30,
        }
    }
}

impl Limits {
    /// How long a client without connections is remembered; `None`: for ever.
    pub fn tracking(&self) -> Option<Duration> {
        (self.tracking > 0).then(|| Duration::from_secs(self.tracking.into()))
    }

    /// When a connection in use at `since` is closed as idle; `None`: never.
    pub fn idle_deadline(&self, since: Tick) -> Option<Tick> {
        (self.idle_timeout > 0).then(|| since.plus_seconds(self.idle_timeout))
    }
}

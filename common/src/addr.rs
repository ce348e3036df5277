//! Addresses as people write them: parsed and checked, not resolved.
//!
//! Looking names up (of hosts, of services) is the daemon's business, since it takes time and can fail.

use std::fmt::{self, Display, Formatter};
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::str::FromStr;

/// What is wrong with an address: one line that names the text and what is expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AddrError(pub(crate) String);

/// Where to listen: `port`, `host:port` or `/path/to/socket`. Displays as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListenAddr {
    text: String,
    place: ListenPlace,
}

/// What a [`ListenAddr`] means.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ListenPlace {
    /// A port, of one host's addresses or (without a host) of all IPv4 addresses. Port 0 takes a free one.
    Inet {
        /// The host, if one was given.
        host: Option<Host>,
        /// The port.
        port: Port,
    },
    /// A Unix socket.
    Unix(PathBuf),
}

/// Where a server is: `host`, `host:port`, `[v6addr]`, `[v6addr]:port` or `/path/to/socket`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ServerAddr {
    /// A host and its port; without one, the port that pen listens on.
    Inet {
        /// The host.
        host: Host,
        /// The port, never 0.
        port: Option<Port>,
    },
    /// A Unix socket.
    Unix(PathBuf),
}

/// A server on the command line: `address[:port[:max[:hard[:weight[:prio]]]]]`. What was not given is 0.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerSpec {
    /// Where the server is.
    pub addr: ServerAddr,
    /// Most connections for clients that are new to the server; 0: no limit.
    pub max: u32,
    /// Most connections for clients that had this server before; 0: the same as `max`.
    pub hard: u32,
    /// Share of the clients in weight mode.
    pub weight: u32,
    /// Priority in prio mode, lowest first.
    pub prio: u32,
}

/// `host:port`, both needed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// The host.
    pub host: Host,
    /// The port, never 0.
    pub port: Port,
}

/// A host: an IPv4 or IPv6 address, or a name to look up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host(String);

/// A port by its number or by the name of its service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Port {
    /// A number.
    Number(u16),
    /// A service name, as `smtp`.
    Service(String),
}

/// Most of `max`, `hard` of a server, and of connections altogether.
pub const CONNECTIONS_MOST: u32 = 10_000_000;
/// Greatest weight, and greatest prio, of a server.
pub const WEIGHT_MOST: u32 = 1_000_000;

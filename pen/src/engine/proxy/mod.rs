//! PROXY headers, by which a proxy tells a server whose connection it passes on: read from what a proxy sends, and written for
//! servers, by the specification of haproxy's authors, versions 1 and 2. Whose headers are believed is the shells' matter.

mod crc32c;
mod read;
mod write;

use std::net::SocketAddr;

pub use read::{Reading, read};
pub use write::{local, write};

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The connection that is passed on; `None`: the one that the header came on counts, because it is the proxy's own, or
    /// nothing is known of the client's.
    pub route: Option<Route>,
    /// Whether the client spoke TLS to the proxy.
    pub secure: bool,
}

/// Where a connection comes from and goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The client.
    pub source: SocketAddr,
    /// What the client connected to.
    pub destination: SocketAddr,
}

//! What a worker hangs on a flow.

use std::sync::Arc;

use common::client_addr::ClientAddr;
use system::datagrams::{Datagram, Name};

use super::super::connection::Peer;
use super::journal::Journal;
use super::search::FlowSearch;
use crate::engine::clients::Tracked;
use crate::engine::flows::recent::Memo;
use crate::engine::flows::{Endpoint, FlowKey, Local};
use crate::engine::search::Chosen;
use crate::engine::servers::{ServerAddr, ServerId};
use crate::engine::time::Tick;
use crate::net::listener::ListenerId;
use crate::shared::Room;

/// What a worker hangs on a flow.
#[derive(Debug)]
pub struct Flow {
    /// Its number, and its share of `conn_max`.
    pub room: Room,
    /// Who the client is.
    pub peer: Peer,
    /// The client's entry in the table.
    pub client: Tracked,
    /// The server that the client used last.
    pub known: Option<ServerId>,
    /// The server, and the place at it.
    pub chosen: Option<Chosen>,
    /// When it began.
    pub opened: Tick,
    /// Its latest datagram, while an answer to it is owed.
    pub memo: Option<Memo>,
    /// When the latest answer came.
    pub answered: Option<Tick>,
    /// The search for a server, if one has failed already and none has answered since.
    pub search: Option<Box<FlowSearch>>,
    /// What the request log was told of it.
    pub journal: Journal,
}

/// Whose datagram this is.
pub fn key(datagram: &Datagram<'_>, listener: ListenerId) -> FlowKey {
    let client = match datagram.source {
        Name::Inet(address) => Endpoint::inet(address),
        Name::Unix(name) => Endpoint::Unix(Arc::from(name)),
    };
    let local = datagram.local.map(|local| Local { address: local.address, interface: local.interface });
    FlowKey { client, local, listener: listener.0 }
}

/// The client as lists, logs and tables know it.
pub fn peer(key: &FlowKey) -> Peer {
    match &key.client {
        Endpoint::Inet(address) => Peer { address: ClientAddr::from(address.ip()), port: address.port() },
        Endpoint::Unix(_) => Peer { address: ClientAddr::Unix, port: 0 },
    }
}

/// A server's address, from which an answer came.
pub fn server_address(name: Name<'_>) -> ServerAddr {
    use std::os::unix::ffi::OsStrExt;
    match name {
        Name::Inet(address) => ServerAddr::Inet(address),
        Name::Unix(name) => ServerAddr::Unix(std::path::Path::new(std::ffi::OsStr::from_bytes(name)).into()),
    }
}

/// The name of a server, to send to.
pub fn name(server: &ServerAddr) -> Name<'_> {
    use std::os::unix::ffi::OsStrExt;
    match server {
        ServerAddr::Inet(address) => Name::Inet(*address),
        ServerAddr::Unix(path) => Name::Unix(path.as_os_str().as_bytes()),
    }
}

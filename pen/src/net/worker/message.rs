//! What a worker is told by its mailbox.

use std::sync::Arc;

use super::super::listener::{Accepted, ListenSocket, ListenerId};
use super::super::report::ReportOrder;
use crate::settings::ServiceIndex;
use crate::shared::{PendingRoom, Room};

/// What the control plane tells a worker, or another worker does.
#[derive(Debug)]
pub enum Message {
    /// Accept on this socket, for this service.
    Listen(ListenerId, ServiceIndex, Arc<ListenSocket>),
    /// Serve what the socket's queue holds, then let go of it.
    Unlisten(ListenerId),
    /// Some servers may have no flows any more: their blacklists or the settings say which.
    Forsake,
    /// Another worker has begun a flow of datagrams although the service had all that it may have: end one, if you have more than
    /// your share.
    MakeRoom(ServiceIndex),
    /// Close a port for flows of the service, unless it is your only one: another worker has none.
    MakePort(ServiceIndex),
    /// Serve a client whom another worker, which has too many, has accepted.
    Adopt(Newcomer),
    /// End the connection of this number, if it is one of yours.
    EndConnection(u32),
    /// Tell about some of your connections.
    Report(ReportOrder),
    /// End all connections, and yourself.
    Stop,
}

/// A client that was accepted, with all that it needs to be served by any worker.
#[derive(Debug)]
pub struct Newcomer {
    // First, because sockets are closed before their room is given to others.
    pub(super) accepted: Accepted,
    pub(super) service: ServiceIndex,
    pub(super) room: Room,
    pub(super) pending: PendingRoom,
}

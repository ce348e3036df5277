//! What a worker tells about its connections, and its flows of datagrams beside them: bare values, as many at once as delay
//! nobody. Words are made of them by others.

use std::sync::mpsc::Sender;

use common::client_addr::ClientAddr;
use common::status::ConnectionState;
use slab::Slab;

use super::connection::{Connection, Phase};
use super::end::End;
use super::udp::{FlowPlace, Udp};
use crate::engine::time::Tick;
use crate::settings::ServiceIndex;

/// Connections told at once: the others of the worker wait no longer than that.
const SLICE: usize = 512;

/// Asks a worker for a slice of its connections.
#[derive(Clone, Debug)]
pub struct ReportOrder {
    /// Where to begin: at [`Start::FIRST`], then where the slice before says.
    pub from: Start,
    /// Who wants to know.
    pub reply: Sender<Slice>,
}

/// Where a slice begins.
#[derive(Clone, Copy, Debug)]
pub enum Start {
    /// At a slot of the connections.
    Connections(usize),
    /// After all connections, at a place of the flows.
    Flows(FlowPlace),
}

impl Start {
    /// The beginning of all.
    pub const FIRST: Start = Start::Connections(0);
}

/// Some connections of a worker.
#[derive(Debug)]
pub struct Slice {
    /// The worker.
    pub worker: usize,
    /// A row each.
    pub rows: Vec<ConnectionRow>,
    /// Where to go on; `None`: that is all.
    pub next: Option<Start>,
}

/// A connection, or a flow, as its worker knows it.
#[derive(Clone, Debug)]
pub struct ConnectionRow {
    /// Its service.
    pub service: ServiceIndex,
    /// Its number, process-wide.
    pub number: u32,
    /// The descriptor to the client.
    pub down_fd: i32,
    /// The descriptor to the server; -1 if there is none.
    pub up_fd: i32,
    /// How far it is.
    pub state: ConnectionState,
    /// The client speaks TLS.
    pub tls: bool,
    /// Bytes that wait to be written to the client.
    pub pending_down: usize,
    /// Bytes that wait to be written to the server.
    pub pending_up: usize,
    /// Who the client is.
    pub peer: ClientAddr,
    /// The client's number, if it is tracked.
    pub client: Option<u32>,
    /// The slot of its server, if it has one with a slot.
    pub server: Option<u32>,
    /// When it was accepted.
    pub opened: Tick,
}

impl ReportOrder {
    /// Answers the order.
    pub fn answer(self, worker: usize, connections: &Slab<Connection>, udp: &Udp) {
        let (rows, next) = match self.from {
            Start::Connections(from) => {
                let end = from.saturating_add(SLICE).min(connections.capacity());
                let rows = (from..end).filter_map(|slot| connections.get(slot)).map(ConnectionRow::of);
                let is_last = end >= connections.capacity();
                let flows = || (!udp.is_idle()).then_some(Start::Flows(FlowPlace::FIRST));
                (rows.collect(), if is_last { flows() } else { Some(Start::Connections(end)) })
            }
            Start::Flows(from) => {
                let (rows, next) = udp.rows(from, SLICE);
                (rows, next.map(Start::Flows))
            }
        };
        // Whoever asked may have lost interest meanwhile.
        let _ = self.reply.send(Slice { worker, rows, next });
    }
}

impl ConnectionRow {
    fn of(connection: &Connection) -> ConnectionRow {
        let Connection { down, up, .. } = connection;
        ConnectionRow {
            service: connection.service,
            number: connection.number(),
            down_fd: down.stream.fd(),
            up_fd: up.as_ref().map_or(-1, |up| up.stream.fd()),
            state: ConnectionState {
                waiting: matches!(connection.phase, Phase::Preface(_) | Phase::Queued),
                connecting: matches!(connection.phase, Phase::Connecting(_)),
                client_closed: down.ended || down.broken,
                server_closed: up.as_ref().is_some_and(|up| up.ended || up.broken),
            },
            tls: down.is_secure(),
            pending_down: down.pending(),
            pending_up: up.as_ref().map_or(0, End::pending),
            peer: connection.peer.address,
            client: connection.client.as_ref().map(|tracked| tracked.number),
            server: connection
                .server
                .as_ref()
                .filter(|chosen| chosen.is_regular())
                .map(|chosen| chosen.reservation.state().id.slot),
            opened: connection.opened,
        }
    }
}

//! What a worker tells about its connections.

use std::cmp::Reverse;

use slab::Slab;

use super::connection::{Connection, Phase};
use crate::engine::time::Tick;
use crate::settings::ServiceIndex;
use common::status::{ConnectionState, ConnectionStatus};

/// A row for each open connection, beside its service; where there are more than `most`, for the youngest.
pub fn connections(
    connections: &Slab<Connection>,
    most: usize,
    now: Tick,
) -> Vec<(ServiceIndex, ConnectionStatus)> {
    let row = |connection: &Connection| (connection.service, row(connection, now));
    if connections.len() <= most {
        return connections.iter().map(|(_, connection)| row(connection)).collect();
    }
    let mut all: Vec<&Connection> = connections.iter().map(|(_, connection)| connection).collect();
    all.select_nth_unstable_by_key(most, |connection| Reverse(connection.opened));
    all[..most].iter().map(|connection| row(connection)).collect()
}

fn row(connection: &Connection, now: Tick) -> ConnectionStatus {
    let Connection { down, up, .. } = connection;
    ConnectionStatus {
        number: connection.number(),
        down_fd: down.stream.fd(),
        up_fd: up.as_ref().map_or(-1, |up| up.stream.fd()),
        state: ConnectionState {
            connecting: matches!(connection.phase, Phase::Connecting(_)),
            client_closed: down.ended || down.broken,
            server_closed: up.as_ref().is_some_and(|up| up.ended || up.broken),
        },
        pending_down: down.pending(),
        pending_up: up.as_ref().map_or(0, super::end::End::pending),
        client_address: connection.peer.address.to_string(),
        client: connection.client.as_ref().map(|tracked| tracked.entry.number),
        server: connection
            .server
            .as_ref()
            .filter(|chosen| chosen.regular)
            .map(|chosen| chosen.reservation.state().id.slot),
        age: now.since(connection.opened).as_secs(),
    }
}

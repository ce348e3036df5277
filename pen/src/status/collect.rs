//! Collects a snapshot from the settings, the counters, the client tables and the workers.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::channel;
use std::time::{Duration, SystemTime};

use super::snapshot::{
    ClientStatus, ConnectionStatus, FallbackStatus, ServerState, ServerStatus, ServiceStatus, Snapshot,
};
use crate::engine::clients::ClientRow;
use crate::engine::select::Modes;
use crate::engine::servers::{Server, ServerAddr};
use crate::engine::time::Tick;
use crate::net::worker::Message;
use crate::settings::{DEFAULT_SERVICE, Service};
use crate::shared::Shared;

/// Client-table entries read under one lock: connections wait no longer than that.
const SLICE: usize = 512;
/// How long to wait for a worker's report. One that is busier than that is left out.
const PATIENCE: Duration = Duration::from_secs(5);

/// Everything.
pub fn everything(shared: &Shared) -> Snapshot {
    let (settings, now) = (shared.settings.load(), shared.now());
    Snapshot {
        time: SystemTime::now(),
        uptime: now.since(Tick(0)).as_secs(),
        version: env!("CARGO_PKG_VERSION"),
        pid: std::process::id(),
        services: settings.services.iter().map(|service| service_status(service, now)).collect(),
        connections: connections(shared),
    }
}

/// The service that commands speak of.
pub fn service(shared: &Shared) -> ServiceStatus {
    service_status(shared.settings.load().service(DEFAULT_SERVICE), shared.now())
}

/// The open connections, by number.
pub fn connections(shared: &Shared) -> Vec<ConnectionStatus> {
    let (sender, reports) = channel();
    for mailbox in &shared.mailboxes {
        mailbox.send(Message::Report(sender.clone()));
    }
    drop(sender);
    let mut connections = Vec::new();
    while let Ok(report) = reports.recv_timeout(PATIENCE) {
        connections.extend(report);
    }
    connections.sort_unstable_by_key(|connection| connection.number);
    connections
}

fn service_status(service: &Service, now: Tick) -> ServiceStatus {
    let (state, limits) = (&service.state, &service.limits);
    let fallback = |role, server: &Option<_>| {
        server.as_deref().map(|server| FallbackStatus { role, server: server_status(0, Some(server), now) })
    };
    ServiceStatus {
        name: service.name.to_string(),
        listen: service.listen.iter().map(|on| on.text.clone()).collect(),
        modes: modes(service.modes),
        current: state.turn.last(),
        servers: service
            .servers
            .iter()
            .enumerate()
            .map(|(slot, server)| server_status(slot, server.as_deref(), now))
            .collect(),
        fallbacks: fallback("emergency", &service.emergency)
            .into_iter()
            .chain(fallback("abuse", &service.abuse))
            .collect(),
        clients: clients(service, now),
        clients_max: limits.clients_max,
        connections: state.connections.used(),
        conn_max: limits.conn_max,
        pending: state.pending.used(),
        pending_max: limits.pending_max,
        accepted: state.counters.accepted.total(),
        refused: state.counters.refused.total(),
        unserved: state.counters.unserved.total(),
        shortages: state.counters.shortages.total(),
        log: service.log.as_ref().map(|target| target.path.display().to_string()),
        log_lost: service.request_log().map_or(0, crate::request_log::RequestLog::lost),
    }
}

fn modes(modes: Modes) -> Vec<&'static str> {
    let Modes { roundrobin, hash, hash_only, weight, prio, stubborn } = modes;
    [
        (hash, "hash"),
        (hash_only, "hash_only"),
        (roundrobin, "roundrobin"),
        (stubborn, "stubborn"),
        (weight, "weight"),
        (prio, "prio"),
    ]
    .into_iter()
    .filter_map(|(on, name)| on.then_some(name))
    .collect()
}

fn server_status(slot: usize, server: Option<&Server>, now: Tick) -> ServerStatus {
    let Some(server) = server else { return empty_slot(slot) };
    let state = &server.state;
    let (address, port) = match server.address() {
        ServerAddr::Inet(address) => (address.ip().to_string(), address.port()),
        ServerAddr::Unix(path) => (path.display().to_string(), 0),
    };
    ServerStatus {
        slot,
        name: server.name.clone(),
        address,
        port,
        state: match state.blacklisted(now) {
            // Rounded up: what is left alone for another half second is not up yet.
            Some(left) => ServerState::Blacklisted(left.as_secs() + u64::from(left.subsec_millis() > 0)),
            None => ServerState::Up,
        },
        connections: state.connections(),
        max: server.max,
        hard: server.hard,
        weight: server.weight,
        prio: server.prio,
        sent: state.sent.load(Relaxed),
        received: state.received.load(Relaxed),
        connects: state.connects.load(Relaxed),
        failures: state.failures.load(Relaxed),
        last_error: state.last_error().map(|error| error.to_string()),
    }
}

fn empty_slot(slot: usize) -> ServerStatus {
    ServerStatus {
        slot,
        name: None,
        address: "0.0.0.0".to_owned(),
        port: 0,
        state: ServerState::Empty,
        connections: 0,
        max: 0,
        hard: 0,
        weight: 0,
        prio: 0,
        sent: 0,
        received: 0,
        connects: 0,
        failures: 0,
        last_error: None,
    }
}

/// The client table, read in slices with the lock free in between.
fn clients(service: &Service, now: Tick) -> Vec<ClientStatus> {
    let mut clients = Vec::new();
    let mut from = Some(0);
    while let Some(start) = from {
        let (rows, next) = service.state.clients.lock().rows(start, SLICE, now, service.limits.tracking());
        clients.extend(rows.into_iter().map(|row| client_status(&row, now)));
        from = next;
    }
    clients
}

fn client_status(row: &ClientRow, now: Tick) -> ClientStatus {
    ClientStatus {
        index: row.index,
        address: row.addr.to_string(),
        age: if row.open > 0 { 0 } else { now.since(row.last_seen).as_secs() },
        last_server: row.last_server.map(|server| server.slot),
        open: row.open,
        connects: row.connects,
        sent: row.sent,
        received: row.received,
    }
}

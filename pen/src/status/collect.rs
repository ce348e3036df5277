//! Collects a snapshot from the settings, the counters, the client tables and the workers.

use std::cmp::Reverse;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::channel;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::status::{
    ClientStatus, ConnectionStatus, FallbackStatus, IdlersStatus, LimitsStatus, Name, SCHEMA, ServerState,
    ServerStatus, ServiceStatus, Snapshot,
};

use crate::engine::clients::ClientRow;
use crate::engine::select::Modes;
use crate::engine::servers::{Server, ServerAddr};
use crate::engine::time::Tick;
use crate::net::worker::Message;
use crate::settings::{Limits, Service, ServiceIndex};
use crate::shared::Shared;

/// Client-table entries read under one lock: connections wait no longer than that.
const SLICE: usize = 512;
/// How long to wait for a worker's report. One that is busier than that is left out.
const PATIENCE: Duration = Duration::from_secs(5);

/// How much of what may be much is wanted; `None`: all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Most {
    /// So many clients of each service: those that were here last, and of these the busiest.
    pub clients: Option<usize>,
    /// So many connections of all services together: the youngest.
    pub connections: Option<usize>,
}

impl Most {
    /// Neither clients nor connections.
    pub const NONE: Most = Most { clients: Some(0), connections: Some(0) };
}

/// Everything.
pub fn everything(shared: &Shared) -> Snapshot {
    at_most(shared, Most::default())
}

/// Everything, but no more clients and connections than wanted.
pub fn at_most(shared: &Shared, most: Most) -> Snapshot {
    let (settings, now) = (shared.settings.load(), shared.now());
    let mut connections = youngest_connections(shared, most.connections);
    let services =
        settings.services.iter().filter(|(_, service)| service.is_in_use()).map(|(index, service)| {
            let own = connections.extract_if(.., |(service, _)| *service == index);
            let open_connections = own.map(|(_, connection)| connection).collect();
            let Latest { clients, known_clients } = latest_clients(service, now, most.clients);
            ServiceStatus { known_clients, clients, open_connections, ..service_status(service, now) }
        });
    let services = services.collect();
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Snapshot {
        schema: SCHEMA,
        time: Duration::from_millis(since_epoch.as_millis().try_into().unwrap_or(u64::MAX)).as_secs_f64(),
        uptime: now.since(Tick(0)).as_secs(),
        version: Name::Borrowed(env!("CARGO_PKG_VERSION")),
        pid: std::process::id(),
        services,
    }
}

/// The open connections of all services, by number.
pub fn connections(shared: &Shared) -> Vec<(ServiceIndex, ConnectionStatus)> {
    let mut connections = reports(shared, usize::MAX);
    connections.sort_unstable_by_key(|(_, connection)| connection.number);
    connections
}

/// At most so many of them, the youngest first; or all, by number.
fn youngest_connections(shared: &Shared, most: Option<usize>) -> Vec<(ServiceIndex, ConnectionStatus)> {
    match most {
        None => connections(shared),
        // Nobody is asked.
        Some(0) => Vec::new(),
        Some(most) => {
            let mut connections = reports(shared, most);
            connections.sort_unstable_by_key(|(_, connection)| (connection.age, connection.number));
            connections.truncate(most);
            connections
        }
    }
}

/// What the workers tell of their connections: at most so many each, then the youngest.
fn reports(shared: &Shared, most: usize) -> Vec<(ServiceIndex, ConnectionStatus)> {
    let (sender, reports) = channel();
    for mailbox in &shared.mailboxes {
        mailbox.send(Message::Report(most, sender.clone()));
    }
    drop(sender);
    let mut connections = Vec::new();
    while let Ok(report) = reports.recv_timeout(PATIENCE) {
        connections.extend(report);
    }
    connections
}

/// A service, without its clients and connections.
pub fn service_status(service: &Service, now: Tick) -> ServiceStatus {
    let state = &service.state;
    let fallback = |role: &'static str, server: &Option<_>| {
        let server = server.as_deref()?;
        Some(FallbackStatus { role: role.into(), server: server_status(0, Some(server), now) })
    };
    ServiceStatus {
        name: service.name.to_string(),
        draining: service.draining,
        listen: service.listen.iter().map(|on| on.text.clone()).collect(),
        modes: modes(service.modes),
        current: state.turn.last(),
        dummy: service.dummy,
        limits: limits(&service.limits),
        connections: state.connections.used(),
        pending: state.pending.used(),
        accepted: state.counters.accepted.total(),
        refused: state.counters.refused.total(),
        unserved: state.counters.unserved.total(),
        shortages: state.counters.shortages.total(),
        idlers: IdlersStatus { open: 0, wanted: service.limits.idlers },
        log: service.log.as_ref().map(|target| target.path.display().to_string()),
        log_lost: service.request_log().map_or(0, crate::request_log::RequestLog::lost),
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
        known_clients: state.clients.lock().len(),
        clients: Vec::new(),
        open_connections: Vec::new(),
    }
}

fn limits(limits: &Limits) -> LimitsStatus {
    let Limits {
        backlog,
        blacklist,
        clients_max,
        conn_max,
        idle_timeout,
        idlers: _,
        multi_accept,
        pending_max,
        timeout,
        tracking,
    } = *limits;
    LimitsStatus {
        backlog,
        blacklist,
        clients_max,
        conn_max,
        idle_timeout,
        multi_accept,
        pending_max,
        timeout,
        tracking,
    }
}

fn modes(modes: Modes) -> Vec<Name> {
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
    .filter_map(|(on, name)| on.then_some(Name::Borrowed(name)))
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
        host: server.host.as_ref().map(ToString::to_string),
        address,
        port,
        state: match state.blacklisted(now) {
            // Rounded up: what is left alone for another half second is not up yet.
            Some(left) => ServerState::Blacklisted {
                blacklisted_seconds: left.as_secs() + u64::from(left.subsec_millis() > 0),
            },
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
    ServerStatus { slot, address: "0.0.0.0".to_owned(), ..ServerStatus::default() }
}

/// The clients of a service, by number.
pub fn clients(service: &Service, now: Tick) -> Vec<ClientStatus> {
    let mut clients = Vec::new();
    each_slice(service, now, |rows| clients.extend(rows.iter().map(|row| client_status(row, now))));
    clients.sort_unstable_by_key(|client: &ClientStatus| client.index);
    clients
}

/// Some clients, and how many there are.
struct Latest {
    clients: Vec<ClientStatus>,
    known_clients: usize,
}

/// At most so many of them, those that were here last first; or all, by number.
fn latest_clients(service: &Service, now: Tick, most: Option<usize>) -> Latest {
    let most = match most {
        None => {
            let clients = clients(service, now);
            return Latest { known_clients: clients.len(), clients };
        }
        Some(0) => {
            return Latest { known_clients: service.state.clients.lock().len(), clients: Vec::new() };
        }
        Some(most) => most,
    };
    let rank = |row: &ClientRow| {
        let absent = if row.open > 0 { 0 } else { now.since(row.last_seen).as_secs() };
        (absent, Reverse(row.sent.saturating_add(row.received)), row.number)
    };
    let (mut latest, mut known_clients) = (Vec::new(), 0);
    each_slice(service, now, |rows| {
        known_clients += rows.len();
        latest.extend(rows);
        if latest.len() > most {
            latest.select_nth_unstable_by_key(most, rank);
            latest.truncate(most);
        }
    });
    latest.sort_unstable_by_key(rank);
    Latest { clients: latest.iter().map(|row| client_status(row, now)).collect(), known_clients }
}

/// Reads the client table in slices, with the lock free in between.
fn each_slice(service: &Service, now: Tick, mut take: impl FnMut(Vec<ClientRow>)) {
    let mut from = Some(0);
    while let Some(start) = from {
        let (rows, next) = service.state.clients.lock().rows(start, SLICE, now, service.limits.tracking());
        take(rows);
        from = next;
    }
}

fn client_status(row: &ClientRow, now: Tick) -> ClientStatus {
    ClientStatus {
        index: row.number,
        address: row.addr.to_string(),
        age: if row.open > 0 { 0 } else { now.since(row.last_seen).as_secs() },
        last_server: row.last_server.map(|server| server.slot),
        open: row.open,
        connects: row.connects,
        sent: row.sent,
        received: row.received,
    }
}

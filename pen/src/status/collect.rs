//! Collects a snapshot from the settings, the counters, the client tables and the workers.

mod health;
mod users;

use std::cmp::Reverse;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::channel;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::command::{AclNumber, ProxyVersion};
use common::status::{
    CertificateStatus, ClientStatus, ConnectionStatus, FallbackStatus, HandshakesStatus, IdlersStatus,
    LimitsStatus, Name, ProxyStatus, SCHEMA, ServerStatus, ServiceStatus, Snapshot, TlsStatus, UdpStatus,
    WorkerStatus,
};

use crate::engine::clients::ClientRow;
use crate::engine::select::Modes;
use crate::engine::servers::{Server, ServerAddr};
use crate::engine::time::Tick;
use crate::net::report::{ConnectionRow, ReportOrder, Start};
use crate::net::worker::Message;
use crate::settings::{DatagramCounters, Limits, Proxy, Service, ServiceIndex, TlsCounters};
use crate::shared::{Mailbox, Shared};
use crate::tls::{Served, Terminator};
use users::Users;

/// Entries of a table that are read under one lock: connections wait no longer than that.
const SLICE: usize = 128;
/// How long to wait for a worker's report. One that is busier than that is left out.
const PATIENCE: Duration = Duration::from_secs(5);

/// How much of what may be much is wanted; `None`: all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Most {
    /// So many clients of each service: those that were here last, and of these the busiest.
    pub clients: Option<usize>,
    /// So many connections of all services together: the youngest.
    pub connections: Option<usize>,
    /// So many users of each service: those that were here last.
    pub users: Option<usize>,
}

impl Most {
    /// All of them.
    pub const ALL: Most = Most { clients: None, connections: None, users: None };

    /// Neither clients nor connections nor users: that costs the same however many there are.
    pub const NONE: Most = Most { clients: Some(0), connections: Some(0), users: Some(0) };
}

/// Everything, but no more clients, connections and users than wanted.
pub fn snapshot(shared: &Shared, most: Most) -> Snapshot {
    let (settings, now) = (shared.settings.load(), shared.now());
    let mut rows = connection_rows(shared, most.connections);
    let services =
        settings.services.iter().filter(|(_, service)| service.is_in_use()).map(|(index, service)| {
            let own = rows.extract_if(.., |row| row.service == index);
            let open_connections = own.map(|row| connection_status(&row, now)).collect();
            let Clients { clients, clients_known } = latest_clients(service, now, most.clients);
            let Users { users, users_known } = users::latest(service, now, most.users);
            ServiceStatus {
                clients_known,
                clients,
                users,
                users_known,
                open_connections,
                ..service_status(service, now)
            }
        });
    Snapshot {
        schema: SCHEMA,
        time: since_epoch(SystemTime::now()),
        started: since_epoch(shared.started_at()),
        uptime: now.since(Tick(0)).as_secs(),
        version: Name::Borrowed(env!("CARGO_PKG_VERSION")),
        pid: std::process::id(),
        workers: shared.mailboxes.iter().map(worker_status).collect(),
        services: services.collect(),
    }
}

fn worker_status(mailbox: &Mailbox) -> WorkerStatus {
    WorkerStatus { connections: mailbox.connections(), handed_over: mailbox.handed_over() }
}

/// Seconds since 1970, to the millisecond.
fn since_epoch(moment: SystemTime) -> f64 {
    let milliseconds = moment.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    Duration::from_millis(milliseconds.try_into().unwrap_or(u64::MAX)).as_secs_f64()
}

/// The open connections of all services, by number.
pub fn connections(shared: &Shared) -> Vec<(ServiceIndex, ConnectionStatus)> {
    let now = shared.now();
    connection_rows(shared, None).iter().map(|row| (row.service, connection_status(row, now))).collect()
}

/// The youngest connections, at most so many; or all, by number.
fn connection_rows(shared: &Shared, most: Option<usize>) -> Vec<ConnectionRow> {
    if most == Some(0) {
        // Nobody is asked.
        return Vec::new();
    }
    let mut rows = reports(shared);
    if let Some(most) = most {
        rows.sort_unstable_by_key(|row| Reverse(row.opened));
        rows.truncate(most);
    }
    rows
}

/// What the workers tell of their connections, slice by slice, by number.
fn reports(shared: &Shared) -> Vec<ConnectionRow> {
    let (reply, slices) = channel();
    let ask = |worker: usize, from| {
        shared.mailboxes[worker].send(Message::Report(ReportOrder { from, reply: reply.clone() }));
    };
    (0..shared.mailboxes.len()).for_each(|worker| ask(worker, Start::FIRST));
    let mut rows: Vec<ConnectionRow> = Vec::new();
    let mut awaited = shared.mailboxes.len();
    while awaited > 0
        && let Ok(slice) = slices.recv_timeout(PATIENCE)
    {
        rows.extend(slice.rows);
        match slice.next {
            Some(next) => ask(slice.worker, next),
            None => awaited -= 1,
        }
    }
    // Between two slices a number may have gone from one connection to another: one of them is enough.
    rows.sort_unstable_by_key(|row| row.number);
    rows.dedup_by_key(|row| row.number);
    rows
}

fn connection_status(row: &ConnectionRow, now: Tick) -> ConnectionStatus {
    ConnectionStatus {
        number: row.number,
        down_fd: row.down_fd,
        up_fd: row.up_fd,
        state: row.state,
        tls: row.tls,
        pending_down: row.pending_down,
        pending_up: row.pending_up,
        client_address: row.peer.to_string(),
        client: row.client,
        server: row.server,
        age: now.since(row.opened).as_secs(),
    }
}

/// A service, without its clients, connections and users and their numbers.
pub fn service_status(service: &Service, now: Tick) -> ServiceStatus {
    let state = &service.state;
    let slots = service.servers.iter().enumerate();
    let servers =
        slots.map(|(slot, server)| server_status(Some(slot), server.as_deref(), service, now)).collect();
    let fallback = |role: &'static str, server: &Option<_>| {
        let server = server.as_deref()?;
        Some(FallbackStatus { role: role.into(), server: server_status(None, Some(server), service, now) })
    };
    let mut status = ServiceStatus {
        name: service.name.to_string(),
        draining: service.draining,
        listen: service.listen.iter().map(|on| on.text.clone()).collect(),
        modes: modes(service.modes),
        check: service.health.check.as_ref().map(ToString::to_string),
        agent: service.health.agent.as_ref().map(ToString::to_string),
        fail_open: service.fail_open,
        failed_open: state.counters.failed_open.total(),
        peek: service.peek.as_ref().map(ToString::to_string),
        users: Vec::new(),
        users_known: 0,
        current: state.turn.last(),
        dummy: service.dummy,
        udp: service.udp.then(|| udp(&state.counters.datagrams)),
        http: service.http,
        transparent: service.transparent,
        proxy_protocol: proxy(service.proxy),
        tls: service.terminator.as_deref().map(|terminator| tls(service, terminator)),
        limits: limits(&service.limits),
        connections: state.connections.used(),
        pending: state.pending.used(),
        accepted: state.counters.accepted.total(),
        refused: state.counters.refused.total(),
        proxy_refused: state.counters.proxy_refused.total(),
        http_refused: state.counters.http_refused.total(),
        unserved: state.counters.unserved.total(),
        shortages: state.counters.shortages.total(),
        idlers: IdlersStatus {
            open: state.idlers.used().try_into().unwrap_or(u32::MAX),
            wanted: service.limits.idlers,
        },
        log: service.log.as_ref().map(ToString::to_string),
        log_lost: service.request_log().map_or(0, crate::request_log::RequestLog::lost),
        servers,
        fallbacks: fallback("emergency", &service.emergency)
            .into_iter()
            .chain(fallback("abuse", &service.abuse))
            .collect(),
        clients: Vec::new(),
        open_connections: Vec::new(),
        clients_known: 0,
        usable: 0,
    };
    status.usable = status.usable_servers();
    status
}

fn proxy(Proxy { accept, send }: Proxy) -> ProxyStatus {
    let version = |version| match version {
        ProxyVersion::V1 => "v1",
        ProxyVersion::V2 => "v2",
    };
    ProxyStatus {
        accept: accept.map(AclNumber::number),
        send: send.map(|send| Name::Borrowed(version(send))),
    }
}

fn tls(service: &Service, terminator: &Terminator) -> TlsStatus {
    let TlsCounters { failed, tls12, tls13, resumed } = &service.state.counters.tls;
    let certificate = |Served { file, names, not_after }: &Served| CertificateStatus {
        file: file.display().to_string(),
        names: names.clone(),
        not_after: *not_after,
    };
    TlsStatus {
        require_client_cert: service.tls.require_client_cert,
        certificates: terminator.certificates().iter().map(certificate).collect(),
        handshakes: HandshakesStatus {
            tls12: tls12.total(),
            tls13: tls13.total(),
            resumed: resumed.total(),
            failed: failed.total(),
        },
    }
}

fn udp(counters: &DatagramCounters) -> UdpStatus {
    let DatagramCounters { received, answered, dropped, lost } = counters;
    UdpStatus {
        received: received.total(),
        answered: answered.total(),
        dropped: dropped.total(),
        lost: lost.total(),
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
        slow_start,
        timeout,
        tracking,
        udp_requests,
        udp_responses,
        udp_timeout,
    } = *limits;
    LimitsStatus {
        backlog,
        blacklist,
        clients_max,
        conn_max,
        idle_timeout,
        multi_accept,
        pending_max,
        slow_start,
        timeout,
        tracking,
        udp_requests,
        udp_responses,
        udp_timeout,
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

fn server_status(slot: Option<usize>, server: Option<&Server>, service: &Service, now: Tick) -> ServerStatus {
    let Some(server) = server else { return empty_slot(slot) };
    let state = &server.state;
    let (address, port) = match server.address() {
        ServerAddr::Inet(address) => (address.ip().to_string(), address.port()),
        ServerAddr::Unix(path) => (path.display().to_string(), 0),
    };
    let kind = service.health.check.as_ref().map_or("", |check| check.probe.word());
    let health::Told { admin_since, check, agent } = health::told(server, kind.into(), now);
    ServerStatus {
        slot,
        name: server.name.clone(),
        host: server.host.as_ref().map(ToString::to_string),
        address,
        port,
        state: health::state(server, now),
        admin: health::admin(server),
        admin_since,
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
        check,
        agent,
        share: health::share(server, service.limits.slow_start, now),
    }
}

fn empty_slot(slot: Option<usize>) -> ServerStatus {
    ServerStatus { slot, address: "0.0.0.0".to_owned(), admin: "ready".into(), ..ServerStatus::default() }
}

/// The clients of a service, by number.
pub fn clients(service: &Service, now: Tick) -> Vec<ClientStatus> {
    let mut clients = Vec::new();
    each_slice(service, now, |rows| clients.extend(rows.iter().map(|row| client_status(row, now))));
    clients.sort_unstable_by_key(|client: &ClientStatus| client.index);
    clients
}

/// Some clients, and how many there are.
struct Clients {
    clients: Vec<ClientStatus>,
    clients_known: usize,
}

/// At most so many of them, those that were here last first; or all, by number.
fn latest_clients(service: &Service, now: Tick, most: Option<usize>) -> Clients {
    let most = match most {
        None => {
            let clients = clients(service, now);
            return Clients { clients_known: clients.len(), clients };
        }
        Some(0) => {
            return Clients { clients_known: clients_known(service, now), clients: Vec::new() };
        }
        Some(most) => most,
    };
    let rank = |row: &ClientRow| {
        let absent = if row.open > 0 { 0 } else { now.since(row.last_seen).as_secs() };
        (absent, Reverse(row.sent.saturating_add(row.received)), row.number)
    };
    let (mut latest, mut clients_known) = (Vec::new(), 0);
    each_slice(service, now, |rows| {
        clients_known += rows.len();
        latest.extend(rows);
        if latest.len() > most {
            latest.select_nth_unstable_by_key(most, rank);
            latest.truncate(most);
        }
    });
    latest.sort_unstable_by_key(rank);
    Clients { clients: latest.iter().map(|row| client_status(row, now)).collect(), clients_known }
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

fn clients_known(service: &Service, now: Tick) -> usize {
    let tracking = service.limits.tracking();
    std::iter::repeat_with(|| service.state.clients.lock().known(now, tracking)).flatten().next().unwrap_or(0)
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

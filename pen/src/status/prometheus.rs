//! The status for Prometheus, in its text exposition format.
//!
//! What is counted and measured, by thread, by service and by server, never by client: clients come and go by the thousand, and
//! each would be a series for ever. Names and units follow Prometheus' conventions (`docs/status.md` lists them). How a
//! server is, is a gauge of 0 or 1 for each state, which is always there, so that an alert can be written about it.
//!
//! Services that were removed have no series of their own: another one may have the name, and the same series twice
//! makes Prometheus refuse the whole. Slots that are empty have none either: nothing is wrong with them.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};

use common::escape::Label;
use common::status::{
    AgentStatus, CertificateStatus, CheckStatus, ServerState, ServerStatus, ServiceStatus, Share, Snapshot,
    TlsStatus, UdpStatus, WorkerStatus, all_servers, place,
};

/// Renders the whole.
pub fn render(snapshot: &Snapshot) -> String {
    Exposition(snapshot).to_string()
}

struct Exposition<'a>(&'a Snapshot);

/// A family of series: one name, one meaning, one value for each of what it is about.
struct Family<T> {
    name: &'static str,
    kind: Kind,
    help: &'static str,
    value: fn(&T) -> Value,
}

#[derive(Clone, Copy)]
enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only goes up, but for a restart from 0.
    Counter,
}

enum Value {
    Whole(u64),
    Fraction(f64),
    Infinite,
}

/// What a series is about, and its labels.
type Labelled<'a, T> = (String, &'a T);

impl Display for Exposition<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let snapshot = self.0;
        let build = format!("version=\"{}\"", Label(&snapshot.version));
        write_family(f, &BUILD, &[(build, snapshot)])?;
        for family in PROCESS {
            write_family(f, family, &[(String::new(), snapshot)])?;
        }
        let workers = workers(snapshot);
        for family in WORKER {
            write_family(f, family, &workers)?;
        }
        let services = services(snapshot);
        for family in SERVICE {
            write_family(f, family, &services)?;
        }
        let peeking: Vec<_> =
            services.iter().filter(|(_, service)| service.peek.is_some()).cloned().collect();
        write_family(f, &USERS, &peeking)?;
        let versions = handshakes(&services);
        write_family(f, &HANDSHAKES, &versions)?;
        let encrypted: Vec<_> = services.iter().filter_map(tls).collect();
        for family in TLS {
            write_family(f, family, &encrypted)?;
        }
        write_family(f, &EXPIRY, &certificates(&encrypted))?;
        let balancing: Vec<_> = services.iter().filter_map(udp).collect();
        for family in UDP {
            write_family(f, family, &balancing)?;
        }
        let servers = servers(snapshot);
        for family in SERVER {
            write_family(f, family, &servers)?;
        }
        let checked: Vec<_> = servers.iter().filter_map(check).collect();
        for family in CHECK {
            write_family(f, family, &checked)?;
        }
        let asked: Vec<_> = servers.iter().filter_map(agent).collect();
        for family in AGENT {
            write_family(f, family, &asked)?;
        }
        Ok(())
    }
}

fn workers(snapshot: &Snapshot) -> Vec<Labelled<'_, WorkerStatus>> {
    let workers = snapshot.workers.iter().enumerate();
    workers.map(|(index, worker)| (format!("worker=\"{index}\""), worker)).collect()
}

fn services(snapshot: &Snapshot) -> Vec<Labelled<'_, ServiceStatus>> {
    let services = snapshot.services.iter().filter(|service| !service.draining);
    services.map(|service| (format!("service=\"{}\"", Label(&service.name)), service)).collect()
}

fn tls<'a>((labels, service): &Labelled<'a, ServiceStatus>) -> Option<Labelled<'a, TlsStatus>> {
    Some((labels.clone(), service.tls.as_ref()?))
}

fn udp<'a>((labels, service): &Labelled<'a, ServiceStatus>) -> Option<Labelled<'a, UdpStatus>> {
    Some((labels.clone(), service.udp.as_ref()?))
}

/// By version, under the names that OpenSSL and everybody has for them.
fn handshakes<'a>(services: &[Labelled<'a, ServiceStatus>]) -> Vec<Labelled<'a, u64>> {
    let mut labelled = Vec::new();
    for (service, TlsStatus { handshakes, .. }) in services.iter().filter_map(tls) {
        for (version, count) in [("TLSv1.2", &handshakes.tls12), ("TLSv1.3", &handshakes.tls13)] {
            labelled.push((format!("{service},version=\"{version}\""), count));
        }
    }
    labelled
}

/// One series for each file: several names may have one, and a file has one certificate that counts.
fn certificates<'a>(services: &[Labelled<'a, TlsStatus>]) -> Vec<Labelled<'a, CertificateStatus>> {
    let mut labelled = Vec::new();
    for (service, tls) in services {
        let mut files = BTreeSet::new();
        for certificate in tls.certificates.iter().filter(|certificate| files.insert(&certificate.file)) {
            labelled.push((format!("{service},file=\"{}\"", Label(&certificate.file)), certificate));
        }
    }
    labelled
}

fn servers(snapshot: &Snapshot) -> Vec<Labelled<'_, ServerStatus>> {
    let mut labelled = Vec::new();
    for (service, status) in services(snapshot) {
        for (slot, server) in all_servers(status).filter(|(_, server)| server.state != ServerState::Empty) {
            let name = server.name.clone().unwrap_or_else(|| place(server));
            let (slot, name) = (Label(slot), Label(name));
            labelled.push((format!("{service},slot=\"{slot}\",server=\"{name}\""), server));
        }
    }
    labelled
}

fn check<'a>((labels, server): &Labelled<'a, ServerStatus>) -> Option<Labelled<'a, CheckStatus>> {
    Some((labels.clone(), server.check.as_ref()?))
}

fn agent<'a>((labels, server): &Labelled<'a, ServerStatus>) -> Option<Labelled<'a, AgentStatus>> {
    Some((labels.clone(), server.agent.as_ref()?))
}

fn write_family<T>(f: &mut Formatter<'_>, family: &Family<T>, series: &[Labelled<'_, T>]) -> fmt::Result {
    if series.is_empty() {
        return Ok(());
    }
    let Family { name, kind, help, value } = family;
    writeln!(f, "# HELP {name} {help}\n# TYPE {name} {kind}")?;
    for (labels, subject) in series {
        f.write_str(name)?;
        if !labels.is_empty() {
            write!(f, "{{{labels}}}")?;
        }
        writeln!(f, " {}", value(subject))?;
    }
    Ok(())
}

const BUILD: Family<Snapshot> =
    gauge("pen_build_info", "The version of pen, as a label.", |_| Value::Whole(1));

const PROCESS: &[Family<Snapshot>] = &[
    gauge("pen_start_time_seconds", "When pen was started, in seconds since 1970.", |pen| {
        Value::Fraction(pen.started)
    }),
    gauge(
        "pen_draining_services",
        "Services that were removed and wait for their last connections.",
        |pen| whole(pen.services.iter().filter(|service| service.draining).count()),
    ),
    gauge("pen_draining_connections", "Open connections of services that were removed.", |pen| {
        let draining = pen.services.iter().filter(|service| service.draining);
        whole(draining.map(|service| service.connections).sum())
    }),
];

const WORKER: &[Family<WorkerStatus>] = &[
    gauge("pen_worker_connections", "Open connections of a thread.", |worker| whole(worker.connections)),
    counter(
        "pen_worker_handed_over_total",
        "New connections that a thread left to one with fewer.",
        |worker| Value::Whole(worker.handed_over),
    ),
];

const SERVICE: &[Family<ServiceStatus>] = &[
    gauge("pen_service_connections", "Open connections.", |service| whole(service.connections)),
    gauge("pen_service_connections_max", "The most connections, see conn_max.", |service| {
        Value::Whole(service.limits.conn_max.into())
    }),
    gauge("pen_service_pending", "Connects to servers in progress.", |service| whole(service.pending)),
    gauge("pen_service_pending_max", "The most connects in progress, see pending_max.", |service| {
        Value::Whole(service.limits.pending_max.into())
    }),
    counter("pen_service_accepted_total", "Connections accepted.", |service| Value::Whole(service.accepted)),
    counter(
        "pen_service_refused_total",
        "Connections closed because client_acl refuses the client.",
        |service| Value::Whole(service.refused),
    ),
    counter(
        "pen_service_proxy_refused_total",
        "Connections closed for want of a right PROXY header.",
        |service| Value::Whole(service.proxy_refused),
    ),
    counter("pen_service_http_refused_total", "Requests that break the rules of http.", |service| {
        Value::Whole(service.http_refused)
    }),
    counter(
        "pen_service_unserved_total",
        "Connections closed because no server could take them.",
        |service| Value::Whole(service.unserved),
    ),
    counter(
        "pen_service_failed_open_total",
        "Connections to servers that were down, for want of others, see fail_open.",
        |service| Value::Whole(service.failed_open),
    ),
    counter(
        "pen_service_shortages_total",
        "Times that descriptors, ports or memory were short.",
        |service| Value::Whole(service.shortages),
    ),
    gauge("pen_service_clients", "Clients remembered.", |service| whole(service.clients_known)),
    gauge("pen_service_clients_max", "The most clients remembered, see clients_max.", |service| {
        Value::Whole(service.limits.clients_max.into())
    }),
    gauge("pen_service_servers", "Servers, usable or not.", |service| whole(service.server_count())),
    gauge("pen_service_usable_servers", "Servers that could take a client.", |service| whole(service.usable)),
    gauge("pen_service_idlers", "Idle connections to servers.", |service| {
        Value::Whole(service.idlers.open.into())
    }),
    gauge("pen_service_idlers_wanted", "Idle connections that there should be, see idlers.", |service| {
        Value::Whole(service.idlers.wanted.into())
    }),
    counter("pen_service_log_lost_total", "Request-log records that were lost.", |service| {
        Value::Whole(service.log_lost)
    }),
];

const USERS: Family<ServiceStatus> =
    gauge("pen_service_users", "Users of RDP remembered, see peek.", |service| whole(service.users_known));

const HANDSHAKES: Family<u64> =
    counter("pen_tls_handshakes_total", "TLS handshakes that succeeded, by version.", |&count| {
        Value::Whole(count)
    });

const TLS: &[Family<TlsStatus>] = &[
    counter("pen_tls_resumptions_total", "TLS handshakes that resumed a session.", |tls| {
        Value::Whole(tls.handshakes.resumed)
    }),
    counter("pen_tls_handshake_failures_total", "TLS handshakes that failed, or took too long.", |tls| {
        Value::Whole(tls.handshakes.failed)
    }),
];

const EXPIRY: Family<CertificateStatus> = gauge(
    "pen_tls_certificate_expiry_timestamp_seconds",
    "When a certificate in force expires, in seconds since 1970.",
    |certificate| Value::Whole(certificate.not_after),
);

const UDP: &[Family<UdpStatus>] = &[
    counter("pen_udp_received_datagrams_total", "Datagrams received from clients.", |udp| {
        Value::Whole(udp.received)
    }),
    counter("pen_udp_answered_datagrams_total", "Datagrams of servers sent to clients.", |udp| {
        Value::Whole(udp.answered)
    }),
    counter(
        "pen_udp_dropped_datagrams_total",
        "Datagrams that could not be passed on, for want of a server, of room or of memory.",
        |udp| Value::Whole(udp.dropped),
    ),
    counter(
        "pen_udp_lost_datagrams_total",
        "Datagrams that the kernel threw away because a listener's queue was full.",
        |udp| Value::Whole(udp.lost),
    ),
];

const SERVER: &[Family<ServerStatus>] = &[
    gauge("pen_server_up", "1 if the server takes new clients.", |server| {
        flag(server.state == ServerState::Up)
    }),
    gauge("pen_server_draining", "1 if the server takes returning clients only.", |server| {
        flag(server.state == ServerState::Draining)
    }),
    gauge("pen_server_maint", "1 if the server is out of use by intent.", |server| {
        flag(server.state == ServerState::Maint)
    }),
    gauge("pen_server_down", "1 if a check or an agent says that the server is down.", |server| {
        flag(server.state == ServerState::Down)
    }),
    gauge("pen_server_blacklisted", "1 if the server is left alone for a while.", |server| {
        flag(matches!(server.state, ServerState::Blacklisted { .. }))
    }),
    gauge("pen_server_blacklist_remaining_seconds", "How long the server is left alone yet.", |server| {
        match server.state {
            ServerState::Blacklisted { blacklisted_seconds } => Value::Whole(blacklisted_seconds),
            _ => Value::Whole(0),
        }
    }),
    gauge("pen_server_share_ratio", "The part of its share in new clients that the server gets.", |server| {
        ratio(server.share)
    }),
    gauge("pen_server_connections", "Open connections, attempts included.", |server| {
        Value::Whole(server.connections.into())
    }),
    gauge("pen_server_connections_max", "The most connections of new clients, see max.", |server| {
        limit(server.max)
    }),
    gauge("pen_server_connections_hard_max", "The most connections of known clients, see hard.", |server| {
        match server {
            ServerStatus { max: 0, .. } => Value::Infinite,
            ServerStatus { hard: 0, max, .. } => limit(*max),
            ServerStatus { hard, .. } => limit(*hard),
        }
    }),
    gauge("pen_server_weight", "The server's weight.", |server| Value::Whole(server.weight.into())),
    gauge("pen_server_prio", "The server's priority, lowest first.", |server| {
        Value::Whole(server.prio.into())
    }),
    counter("pen_server_sent_bytes_total", "Bytes sent to the server.", |server| Value::Whole(server.sent)),
    counter("pen_server_received_bytes_total", "Bytes received from the server.", |server| {
        Value::Whole(server.received)
    }),
    counter("pen_server_connects_total", "Connections made to the server.", |server| {
        Value::Whole(server.connects)
    }),
    counter("pen_server_failures_total", "Connections to the server that failed.", |server| {
        Value::Whole(server.failures)
    }),
];

/// Of servers that are checked, once a check has come to an end.
const CHECK: &[Family<CheckStatus>] = &[
    gauge("pen_server_check_up", "1 if checks say that the server is well.", |check| flag(check.up)),
    gauge("pen_server_check_state_seconds", "For how long checks have said so.", |check| {
        Value::Whole(check.since)
    }),
    gauge("pen_server_check_duration_seconds", "How long the latest check took.", |check| {
        Value::Fraction(check.took)
    }),
    counter("pen_server_checks_passed_total", "Checks passed.", |check| Value::Whole(check.passed)),
    counter("pen_server_checks_failed_total", "Checks failed.", |check| Value::Whole(check.failed)),
    counter(
        "pen_server_check_changes_total",
        "Times that the server came up or went down by its checks.",
        |check| Value::Whole(check.changes),
    ),
];

/// Of servers whose agent has answered.
const AGENT: &[Family<AgentStatus>] = &[
    gauge("pen_server_agent_up", "1 if the server's agent has answered the latest question.", |agent| {
        flag(agent.trouble.is_none())
    }),
    gauge("pen_server_agent_share_ratio", "The part of its share that the agent wants.", |agent| {
        ratio(agent.share)
    }),
    gauge("pen_server_agent_connections_max", "The most connections that the agent wants.", |agent| {
        agent.max.map_or(Value::Infinite, |max| Value::Whole(max.into()))
    }),
];

const fn gauge<T>(name: &'static str, help: &'static str, value: fn(&T) -> Value) -> Family<T> {
    Family { name, kind: Kind::Gauge, help, value }
}

const fn counter<T>(name: &'static str, help: &'static str, value: fn(&T) -> Value) -> Family<T> {
    Family { name, kind: Kind::Counter, help, value }
}

fn whole(count: usize) -> Value {
    Value::Whole(count as u64)
}

fn flag(is_so: bool) -> Value {
    Value::Whole(is_so.into())
}

fn ratio(share: Share) -> Value {
    Value::Fraction(f64::from(share.0) / 100.0)
}

/// A limit of 0 is none, and so that comparisons come out right, that is infinity.
fn limit(number: u32) -> Value {
    if number == 0 { Value::Infinite } else { Value::Whole(number.into()) }
}

impl Display for Kind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
        })
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Value::Whole(number) => number.fmt(f),
            Value::Fraction(number) => number.fmt(f),
            Value::Infinite => f.write_str("+Inf"),
        }
    }
}

#[cfg(test)]
mod tests;

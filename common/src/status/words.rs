//! Quantities and states as people read them. Exact numbers are the matter of the renderings.

mod health;

pub use health::{Took, agent, health, remark, remarks, since, state, user_seen, why};

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use super::{
    CertificateStatus, ClientStatus, ConnectionState, HandshakesStatus, LimitsStatus, ProxyStatus,
    ServerState, ServerStatus, ServiceStatus, TlsStatus, UdpStatus,
};

/// A number of bytes: `999 B`, `1.2 kB`, `18.4 EB`. Rounded down, in powers of 1000.
#[derive(Clone, Copy, Debug)]
pub struct Bytes(pub u64);

/// A number of seconds, in its two largest units: `45 s`, `12 min 5 s`, `3 d 4 h`.
#[derive(Clone, Copy, Debug)]
pub struct Seconds(pub u64);

impl Display for Bytes {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let bytes = self.0;
        let mut unit = 1;
        for prefix in ["", "k", "M", "G", "T", "P"] {
            if bytes / unit < 1000 {
                return write_scaled(f, bytes, unit, prefix);
            }
            unit *= 1000;
        }
        write_scaled(f, bytes, unit, "E")
    }
}

fn write_scaled(f: &mut Formatter<'_>, bytes: u64, unit: u64, prefix: &str) -> fmt::Result {
    let whole = bytes / unit;
    if unit == 1 || whole >= 100 {
        write!(f, "{whole} {prefix}B")
    } else {
        write!(f, "{whole}.{} {prefix}B", bytes % unit / (unit / 10))
    }
}

impl Display for Seconds {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let seconds = self.0;
        let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
        if days > 0 {
            write!(f, "{days} d {} h", hours % 24)
        } else if hours > 0 {
            write!(f, "{hours} h {} min", minutes % 60)
        } else if minutes > 0 {
            write!(f, "{minutes} min {} s", seconds % 60)
        } else {
            write!(f, "{seconds} s")
        }
    }
}

impl ServerState {
    /// The states in the order in which they are told.
    pub const WORDS: [&str; 7] = ["up", "draining", "maint", "down", "blacklisted", "empty", "unknown"];

    /// The state in one word.
    pub fn word(self) -> &'static str {
        match self {
            ServerState::Up => "up",
            ServerState::Draining => "draining",
            ServerState::Maint => "maint",
            ServerState::Down => "down",
            ServerState::Blacklisted { .. } => "blacklisted",
            ServerState::Empty => "empty",
            ServerState::Unknown => "unknown",
        }
    }
}

impl Display for ServerState {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        match self {
            ServerState::Blacklisted { blacklisted_seconds } => write!(f, " {blacklisted_seconds}s"),
            ServerState::Up
            | ServerState::Draining
            | ServerState::Maint
            | ServerState::Down
            | ServerState::Empty
            | ServerState::Unknown => Ok(()),
        }
    }
}

impl Display for ConnectionState {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().join(", "))
    }
}

impl ConnectionState {
    /// The stage, and the sides that are closed.
    pub fn words(self) -> Vec<&'static str> {
        let stage = match self {
            ConnectionState { waiting: true, .. } => "waiting",
            ConnectionState { connecting: true, .. } => "connecting",
            _ => "connected",
        };
        let client = self.client_closed.then_some("client closed");
        let server = self.server_closed.then_some("server closed");
        [Some(stage), client, server].into_iter().flatten().collect()
    }
}

/// What there is to say of a service, with a word for what it is about.
pub type Fact = (&'static str, String);

/// What a service does before and around what it passes on: http headers, PROXY headers, TLS. Nothing of what it does not.
/// `time`: now, in seconds since 1970.
pub fn preface(service: &ServiceStatus, time: f64) -> Vec<Fact> {
    let ServiceStatus { http, http_refused, proxy_protocol, proxy_refused, tls, .. } = service;
    let mut facts = Vec::new();
    if *http || *http_refused > 0 {
        let headers = if *http { "tells servers of clients" } else { "off" };
        facts.push(("http", format!("{headers}, {http_refused} requests refused")));
    }
    if *proxy_protocol != ProxyStatus::default() || *proxy_refused > 0 {
        facts.push(("proxy", proxy_words(proxy_protocol, *proxy_refused)));
    }
    if let Some(tls) = tls {
        facts.push(("tls", handshake_words(tls)));
        facts.extend(certificate_words(&tls.certificates, time));
    }
    facts
}

fn proxy_words(ProxyStatus { accept, send }: &ProxyStatus, refused: u64) -> String {
    let accept = accept.map(|acl| format!("headers expected from access list {acl}"));
    let send = send.as_ref().map(|version| format!("headers of {version} sent to servers"));
    let refused = format!("{refused} connections refused");
    accept.into_iter().chain(send).chain([refused]).collect::<Vec<_>>().join(", ")
}

fn handshake_words(tls: &TlsStatus) -> String {
    let HandshakesStatus { tls12, tls13, resumed, failed } = tls.handshakes;
    let asked = if tls.require_client_cert { ", clients need a certificate" } else { "" };
    format!("{tls13} handshakes of TLS 1.3, {tls12} of TLS 1.2, {resumed} resumed, {failed} failed{asked}")
}

/// The certificate for everybody, and which of all is the first to expire.
fn certificate_words(certificates: &[CertificateStatus], time: f64) -> Vec<Fact> {
    let words = |certificate: &CertificateStatus| {
        let CertificateStatus { file, names, not_after } = certificate;
        format!("{file}{}, {}", names_words(names), expiry(*not_after, time))
    };
    let Some(first) = certificates.first() else { return Vec::new() };
    let mut facts = vec![("certificate", words(first))];
    if let [_, others @ ..] = certificates
        && let Some(earliest) = others.iter().min_by_key(|certificate| certificate.not_after)
    {
        facts.push(("by name", format!("{} more, first to expire: {}", others.len(), words(earliest))));
    }
    facts
}

/// Whom a certificate is for, by the first of its names: there may be thousands.
fn names_words(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let first = names[..names.len().min(SHOWN)].join(", ");
    match names.len() {
        0 => String::new(),
        1..=SHOWN => format!(" for {first}"),
        count => format!(" for {first} and {} more", count - SHOWN),
    }
}

/// When the first of a service's certificates expires: `expires in 29 d 3 h`, `expired 2 d 0 h ago`; nothing without TLS.
/// `time`: now, in seconds since 1970.
pub fn certificate(service: &ServiceStatus, time: f64) -> String {
    let certificates = service.tls.iter().flat_map(|tls| &tls.certificates);
    let earliest = certificates.map(|certificate| certificate.not_after).min();
    earliest.map_or_else(String::new, |not_after| expiry(not_after, time))
}

fn expiry(not_after: u64, time: f64) -> String {
    let now = Duration::try_from_secs_f64(time).unwrap_or_default().as_secs();
    match not_after.checked_sub(now) {
        Some(left) => format!("expires in {}", Seconds(left)),
        None => format!("expired {} ago", Seconds(now - not_after)),
    }
}

/// How many servers are in each state that occurs: 3 `up`, 1 `empty`.
pub fn census<'a>(servers: impl Iterator<Item = &'a ServerStatus>) -> Vec<(usize, &'static str)> {
    let mut counts = ServerState::WORDS.map(|word| (0, word));
    for server in servers {
        for (count, word) in &mut counts {
            *count += usize::from(*word == server.state.word());
        }
    }
    counts.into_iter().filter(|(count, _)| *count > 0).collect()
}

/// What is to be said of a service beside its name, if it is not in force any more.
pub fn condition(service: &ServiceStatus) -> &'static str {
    if service.draining { " (removed, waits for its last connections)" } else { "" }
}

/// Where a service listens: `0.0.0.0:53, [::]:53 (UDP)`.
pub fn listens(service: &ServiceStatus) -> String {
    let places = if service.listen.is_empty() { "nowhere".to_owned() } else { service.listen.join(", ") };
    places + protocol(service)
}

/// What is to be said beside a service's addresses, if they are not of TCP.
pub fn protocol(service: &ServiceStatus) -> &'static str {
    if service.udp.is_some() { " (UDP)" } else { "" }
}

/// What became of the datagrams of a service that balances such, and how long its flows last.
pub fn datagrams(service: &ServiceStatus) -> Vec<Fact> {
    let Some(UdpStatus { received, answered, dropped, lost }) = service.udp else { return Vec::new() };
    let told = format!(
        "{received} from clients, {answered} back to them, {dropped} dropped, {lost} lost in full queues"
    );
    vec![("datagrams", told), ("flows", flow_words(&service.limits))]
}

fn flow_words(limits: &LimitsStatus) -> String {
    let LimitsStatus { udp_requests, udp_responses, udp_timeout, .. } = limits;
    let silence = format!("end after {} of silence", Seconds((*udp_timeout).into()));
    let answers = match udp_responses {
        0 => None,
        1 => Some("or an answer to each datagram".to_owned()),
        many => Some(format!("or {many} answers to each datagram")),
    };
    let choice = match udp_requests {
        0 => None,
        1 => Some("each datagram selects a server".to_owned()),
        many => Some(format!("every {many} datagrams select a server")),
    };
    [Some(silence), answers, choice].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The modes of a service, also those that are on because no other is.
pub fn modes(service: &ServiceStatus) -> String {
    if service.dummy {
        return "dummy: pen itself answers".to_owned();
    }
    let modes =
        if service.modes.is_empty() { "tracking, round robin".to_owned() } else { service.modes.join(", ") };
    if service.transparent { modes + ", transparent" } else { modes }
}

/// The servers of a service, the slots by their numbers and then the others by their roles.
pub fn all_servers(service: &ServiceStatus) -> impl Iterator<Item = (String, &ServerStatus)> {
    let slots = service.servers.iter().map(|server| (slot(server), server));
    slots.chain(
        service.fallbacks.iter().map(|fallback| (fallback.role.clone().into_owned(), &fallback.server)),
    )
}

/// The number of a server's slot; nothing if it has none.
pub fn slot(server: &ServerStatus) -> String {
    server.slot.map_or_else(String::new, |slot| slot.to_string())
}

/// Where a server is: `192.0.2.1:80`, `[2001:db8::1]:80`, `/run/www.sock`; `none` for an empty slot.
pub fn place(server: &ServerStatus) -> String {
    match server {
        ServerStatus { state: ServerState::Empty, .. } => "none".to_owned(),
        ServerStatus { address, port: 0, .. } => address.clone(),
        ServerStatus { address, port, .. } if address.contains(':') => format!("[{address}]:{port}"),
        ServerStatus { address, port, .. } => format!("{address}:{port}"),
    }
}

/// When a client was last here: `3 s ago`, `2 open`.
pub fn seen(client: &ClientStatus) -> String {
    match client {
        ClientStatus { open: 0, age, .. } => format!("{} ago", Seconds(*age)),
        ClientStatus { open, .. } => format!("{open} open"),
    }
}

/// The number of a slot, if there is one; or else `none`.
pub fn slot_or_none(slot: Option<u32>) -> String {
    slot.map_or_else(|| "none".to_owned(), |slot| slot.to_string())
}

#[cfg(test)]
mod tests;

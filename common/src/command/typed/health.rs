//! What commands say of the servers' health, and of what a client's first bytes decide.

use std::fmt::{self, Display, Formatter};
use std::ops::RangeInclusive;

use super::Toggle;
use crate::quoted::Quoted;

/// A change of how a service's servers are tested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HealthChange {
    /// They are checked like this.
    Check(HealthCheck),
    /// They are asked like this how busy they are.
    Agent(AgentCheck),
    /// They are not asked any more.
    NoAgent,
    /// Neither.
    Neither,
}

/// How a service's servers are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// What is tried.
    pub probe: Probe,
    /// At which port, 1 to 65535; `None`: the server's own.
    pub port: Option<u16>,
    /// How often.
    pub pace: Pace,
    /// So many successes in a row bring a server back that was down, at least 1.
    pub rise: u32,
    /// So many failures in a row take a server out that was up, at least 1.
    pub fall: u32,
}

/// What is tried of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// It accepts a connection.
    Tcp,
    /// It completes a TLS handshake.
    Tls {
        /// The server name that it is told.
        name: Option<String>,
    },
    /// It answers a GET request.
    Http {
        /// The target of the request; it begins with a slash.
        path: String,
        /// The Host field; `None`: the server's address.
        host: Option<String>,
        /// The statuses that are right, within 100 to 599.
        status: RangeInclusive<u16>,
        /// What the answer's body must hold.
        body: Option<Quoted>,
    },
    /// It answers a DNS query by UDP.
    Dns {
        /// The name whose address is asked for.
        name: String,
    },
    /// It confirms an RDP connection request, before any session is begun.
    Rdp,
    /// It is told something, and must say something.
    Dialogue {
        /// What it is told; `None`: nothing.
        send: Option<Quoted>,
        /// What its answer must hold; never empty.
        expect: Quoted,
    },
    /// A program ends with status 0.
    Exec {
        /// What `sh -c` runs.
        command: Quoted,
    },
}

/// How often servers are asked, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// From the beginning of one to that of the next, at least 1.
    pub interval: u32,
    /// How long one may take, at least 1.
    pub timeout: u32,
}

/// How a service's servers are asked how busy they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgentCheck {
    /// The agent's port, 1 to 65535.
    pub port: u16,
    /// How often.
    pub pace: Pace,
}

impl HealthCheck {
    /// Every two seconds, two successes, three failures.
    pub const DEFAULT_PACE: Pace = Pace { interval: 2, timeout: 2 };
    /// See [`HealthCheck::rise`].
    pub const DEFAULT_RISE: u32 = 2;
    /// See [`HealthCheck::fall`].
    pub const DEFAULT_FALL: u32 = 3;
    /// The statuses of an http check, if no others were given: success and redirection.
    pub const DEFAULT_STATUS: RangeInclusive<u16> = 200..=399;
}

impl Display for HealthCheck {
    /// As the words of `health`, with everything that has a default.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.probe.fmt(f)?;
        if let Some(port) = self.port {
            write!(f, " port {port}")?;
        }
        write!(f, " {} rise {} fall {}", self.pace, self.rise, self.fall)
    }
}

impl Display for Probe {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Probe::Tcp => f.write_str("tcp"),
            Probe::Tls { name: None } => f.write_str("tls"),
            Probe::Tls { name: Some(name) } => write!(f, "tls name {name}"),
            Probe::Http { path, host, status, body } => {
                write!(f, "http {path}")?;
                if let Some(host) = host {
                    write!(f, " host {host}")?;
                }
                match (status.start(), status.end()) {
                    (first, last) if first == last => write!(f, " status {first}")?,
                    (first, last) => write!(f, " status {first}-{last}")?,
                }
                body.iter().try_for_each(|body| write!(f, " body {body}"))
            }
            Probe::Dns { name } => write!(f, "dns {name}"),
            Probe::Rdp => f.write_str("rdp"),
            Probe::Dialogue { send: None, expect } => write!(f, "expect {expect}"),
            Probe::Dialogue { send: Some(send), expect } => write!(f, "send {send} expect {expect}"),
            Probe::Exec { command } => write!(f, "exec {command}"),
        }
    }
}

impl Probe {
    /// The word that names it.
    pub fn word(&self) -> &'static str {
        match self {
            Probe::Tcp => "tcp",
            Probe::Tls { .. } => "tls",
            Probe::Http { .. } => "http",
            Probe::Dns { .. } => "dns",
            Probe::Rdp => "rdp",
            Probe::Dialogue { .. } => "expect",
            Probe::Exec { .. } => "exec",
        }
    }
}

impl Display for Pace {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "interval {} timeout {}", self.interval, self.timeout)
    }
}

impl Display for AgentCheck {
    /// As the words of `health`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "agent {} {}", self.port, self.pace)
    }
}

/// What the administrator wants of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AdminState {
    /// It serves.
    #[default]
    Ready,
    /// It gets only clients whose server it was.
    Drain,
    /// It gets nobody.
    Maint,
}

impl AdminState {
    /// What it becomes by `drain N`, `maint N` and their `no` forms, which take back what they name and nothing else.
    #[must_use]
    pub fn changed(self, named: AdminState, toggle: Toggle) -> AdminState {
        match toggle {
            Toggle::On => named,
            Toggle::Off if self == named => AdminState::Ready,
            Toggle::Off => self,
        }
    }
}

/// What a client's first bytes decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peek {
    /// An RDP connection request: its routing token or its user names the server.
    Rdp(RdpUsers),
    /// A TLS handshake: its server name picks among the servers' names.
    Sni,
}

/// Which users of RDP are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RdpUsers {
    /// Letters are the same in both cases.
    pub fold: bool,
    /// `DOMAIN\\` before the name does not count.
    pub nodomain: bool,
    /// The first nine characters count, which is all that some clients send.
    pub short: bool,
}

impl Display for Peek {
    /// As the words of `peek`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Peek::Sni => f.write_str("sni"),
            Peek::Rdp(RdpUsers { fold, nodomain, short }) => {
                f.write_str("rdp")?;
                let words = [(fold, " fold"), (nodomain, " nodomain"), (short, " short")];
                words.iter().filter(|(is_on, _)| **is_on).try_for_each(|(_, word)| f.write_str(word))
            }
        }
    }
}

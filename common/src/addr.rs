//! Addresses as people write them: parsed and checked, not resolved.
//!
//! Looking names up (of hosts, of services) is the daemon's business, since it takes time and can fail.

use std::fmt::{self, Display, Formatter};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::str::FromStr;

/// Most of `max`, `hard` of a server, and of connections altogether.
pub const CONNECTIONS_MOST: u32 = 10_000_000;
/// Greatest weight, and greatest prio, of a server.
pub const WEIGHT_MOST: u32 = 1_000_000;

/// Where to listen: `port`, `host:port` or `/path/to/socket`. Displays as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListenAddr {
    text: String,
    place: ListenPlace,
}

/// What a [`ListenAddr`] means.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ListenPlace {
    /// A port, of one host's addresses or (without a host) of all IPv4 addresses. Port 0 takes a free one.
    Inet {
        /// The host, if one was given.
        host: Option<Host>,
        /// The port.
        port: Port,
    },
    /// A Unix socket.
    Unix(PathBuf),
}

/// Where a server is: `host`, `host:port`, `[v6addr]`, `[v6addr]:port` or `/path/to/socket`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ServerAddr {
    /// A host and its port; without one, the port that pen listens on.
    Inet {
        /// The host.
        host: Host,
        /// The port, never 0.
        port: Option<Port>,
    },
    /// A Unix socket.
    Unix(PathBuf),
}

/// A server on the command line: `address[:port[:max[:hard[:weight[:prio]]]]]`. What was not given is 0.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerSpec {
    /// Where the server is.
    pub addr: ServerAddr,
    /// Most connections for clients that are new to the server; 0: no limit.
    pub max: u32,
    /// Most connections for clients that had this server before; 0: the same as `max`.
    pub hard: u32,
    /// Share of the clients in weight mode.
    pub weight: u32,
    /// Priority in prio mode, lowest first.
    pub prio: u32,
}

/// `host:port`, both needed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// The host.
    pub host: Host,
    /// The port, never 0.
    pub port: Port,
}

/// A host: an IPv4 or IPv6 address, or a name to look up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host(String);

/// A port by its number or by the name of its service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Port {
    /// A number.
    Number(u16),
    /// A service name, as `smtp`.
    Service(String),
}

/// What is wrong with an address: one line that names the text and says what is expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AddrError(String);

impl ListenAddr {
    /// What it means.
    pub fn place(&self) -> &ListenPlace {
        &self.place
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for ListenAddr {
    type Err = AddrError;

    fn from_str(text: &str) -> Result<Self, AddrError> {
        let place = if text.starts_with('/') {
            ListenPlace::Unix(socket_path(text)?)
        } else if text.starts_with('[') {
            let (host, Some(port)) = split_host(text)? else {
                return Err(AddrError(format!("no port in '{text}': '[IPv6 address]:port' is expected")));
            };
            ListenPlace::Inet { host: Some(Host::parse(host, text)?), port: Port::parse(port, text, 0)? }
        } else {
            match text.rsplit_once(':') {
                None => ListenPlace::Inet { host: None, port: Port::parse(text, text, 0)? },
                Some(("", port)) => {
                    return Err(AddrError(format!(
                        "no host in '{text}': write '{port}' for all IPv4 addresses, ':::{port}' for all IPv6 ones"
                    )));
                }
                Some((host, port)) => ListenPlace::Inet {
                    host: Some(Host::parse(unbracketed(host), text)?),
                    port: Port::parse(port, text, 0)?,
                },
            }
        };
        Ok(ListenAddr { text: text.to_owned(), place })
    }
}

impl Display for ListenAddr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for ServerAddr {
    type Err = AddrError;

    fn from_str(text: &str) -> Result<Self, AddrError> {
        if text.starts_with('/') {
            return Ok(ServerAddr::Unix(socket_path(text)?));
        }
        let (host, rest) = split_host(text)?;
        let port = rest.map(|port| Port::parse(port, text, 1)).transpose()?;
        Ok(ServerAddr::Inet { host: Host::parse(host, text)?, port })
    }
}

impl Display for ServerAddr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            ServerAddr::Inet { host, port: Some(port) } => write!(f, "{}:{port}", host.bracketed()),
            ServerAddr::Inet { host, port: None } => f.write_str(&host.bracketed()),
            ServerAddr::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

impl FromStr for ServerSpec {
    type Err = AddrError;

    fn from_str(text: &str) -> Result<Self, AddrError> {
        let mut spec =
            ServerSpec { addr: ServerAddr::Unix(PathBuf::new()), max: 0, hard: 0, weight: 0, prio: 0 };
        if text.starts_with('/') {
            spec.addr = ServerAddr::Unix(socket_path(text)?);
            return Ok(spec);
        }
        let (host, rest) = split_host(text)?;
        let mut fields = rest.into_iter().flat_map(|rest| rest.split(':'));
        spec.addr = ServerAddr::Inet {
            host: Host::parse(host, text)?,
            port: fields.next().map(|port| Port::parse(port, text, 1)).transpose()?,
        };
        for (name, value, most) in [
            ("max", &mut spec.max, CONNECTIONS_MOST),
            ("hard", &mut spec.hard, CONNECTIONS_MOST),
            ("weight", &mut spec.weight, WEIGHT_MOST),
            ("prio", &mut spec.prio, WEIGHT_MOST),
        ] {
            if let Some(field) = fields.next() {
                *value = limit(name, field, most, text)?;
            }
        }
        match fields.next() {
            None => Ok(spec),
            Some(_) => Err(AddrError(format!(
                "too many fields in '{text}': host:port:max:hard:weight:prio is the most"
            ))),
        }
    }
}

impl Display for ServerSpec {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.addr)?;
        let numbers = [self.max, self.hard, self.weight, self.prio];
        let given = numbers.iter().rposition(|&number| number != 0).map_or(0, |last| last + 1);
        numbers[..given].iter().try_for_each(|number| write!(f, ":{number}"))
    }
}

impl FromStr for HostPort {
    type Err = AddrError;

    /// Splits at the last colon, as in a [`ListenAddr`].
    fn from_str(text: &str) -> Result<Self, AddrError> {
        let Some((host, port)) = text.rsplit_once(':') else {
            return Err(AddrError(format!("no port in '{text}': host:port is expected")));
        };
        Ok(HostPort { host: Host::parse(unbracketed(host), text)?, port: Port::parse(port, text, 1)? })
    }
}

impl Display for HostPort {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host.bracketed(), self.port)
    }
}

impl Host {
    /// The address or name, without brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is an address, which nobody has to look up, rather than a name.
    pub fn is_address(&self) -> bool {
        self.0.contains(':') || self.0.parse::<Ipv4Addr>().is_ok()
    }

    fn parse(host: &str, whole: &str) -> Result<Self, AddrError> {
        if is_host(host) {
            return Ok(Host(host.to_owned()));
        }
        let place = if host == whole { String::new() } else { format!(" in '{whole}'") };
        Err(AddrError(format!("bad host '{host}'{place}: a name or an IP address is expected")))
    }

    /// As it stands before `:port`.
    fn bracketed(&self) -> String {
        if self.0.contains(':') { format!("[{}]", self.0) } else { self.0.clone() }
    }
}

impl FromStr for Host {
    type Err = AddrError;

    /// An IPv6 address may stand in brackets.
    fn from_str(text: &str) -> Result<Self, AddrError> {
        Host::parse(unbracketed(text), text)
    }
}

impl Display for Host {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Port {
    fn parse(port: &str, whole: &str, least: u16) -> Result<Self, AddrError> {
        if port.bytes().all(|byte| byte.is_ascii_digit()) {
            if let Some(number) = port.parse().ok().filter(|&number| number >= least) {
                return Ok(Port::Number(number));
            }
        } else if is_service(port) {
            return Ok(Port::Service(port.to_owned()));
        }
        let place = if port == whole { String::new() } else { format!(" in '{whole}'") };
        Err(AddrError(format!(
            "bad port '{port}'{place}: a number from {least} to 65535 or a service name is expected"
        )))
    }
}

impl FromStr for Port {
    type Err = AddrError;

    /// Port 0 is allowed.
    fn from_str(text: &str) -> Result<Self, AddrError> {
        Port::parse(text, text, 0)
    }
}

impl Display for Port {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Port::Number(number) => number.fmt(f),
            Port::Service(name) => f.write_str(name),
        }
    }
}

/// The path of a Unix socket; the system takes no longer ones.
pub(crate) fn socket_path(text: &str) -> Result<PathBuf, AddrError> {
    const LONGEST: usize = 107;
    if text.len() > LONGEST {
        let length = text.len();
        return Err(AddrError(format!(
            "socket path '{text}' has {length} bytes: {LONGEST} are the most for a Unix socket"
        )));
    }
    if text.chars().any(char::is_control) {
        return Err(AddrError(format!("bad socket path {text:?}: it must not contain control characters")));
    }
    Ok(PathBuf::from(text))
}

/// Splits `host[:rest]` or `[v6addr][:rest]`.
fn split_host(text: &str) -> Result<(&str, Option<&str>), AddrError> {
    if let Some(inner) = text.strip_prefix('[') {
        return match inner.split_once(']') {
            Some((host, "")) if host.contains(':') => Ok((host, None)),
            Some((host, rest)) if host.contains(':') && rest.starts_with(':') => Ok((host, Some(&rest[1..]))),
            _ => Err(AddrError(format!("bad address '{text}': '[IPv6 address]:port' is expected"))),
        };
    }
    if text.starts_with("::") || text.parse::<Ipv6Addr>().is_ok() {
        return Err(AddrError(format!(
            "bad address '{text}': an IPv6 address is written in brackets here, '[::1]:80'"
        )));
    }
    Ok(match text.split_once(':') {
        Some((host, rest)) => (host, Some(rest)),
        None => (text, None),
    })
}

/// An IPv6 address without its brackets; anything else unchanged.
fn unbracketed(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .filter(|host| host.contains(':'))
        .unwrap_or(host)
}

fn is_host(text: &str) -> bool {
    let is_name = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
    };
    if text.contains(':') {
        let (address, zone) = text.split_once('%').unwrap_or((text, "zone"));
        return address.parse::<Ipv6Addr>().is_ok() && is_name(zone);
    }
    // A lone number would be taken for an IPv4 address by the resolver; here it is a forgotten host.
    is_name(text) && text.len() <= 255 && !text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_service(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 255
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_+.".contains(&byte))
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

fn limit(name: &str, field: &str, most: u32, whole: &str) -> Result<u32, AddrError> {
    decimal(field).filter(|&number| number <= most).ok_or_else(|| {
        AddrError(format!("bad {name} '{field}' in '{whole}': a number from 0 to {most} is expected"))
    })
}

/// A number of decimal digits alone (no sign, which `parse` would allow).
pub(crate) fn decimal(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests;

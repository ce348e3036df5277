//! Where lines go, and from which address: names, and what they come to.

use std::net::{IpAddr, SocketAddr};

use common::addr::{Host, HostPort};
use dns_lookup::{AddrInfoHints, SockType, getaddrinfo};

/// Where lines go, as it was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// penlogd.
    pub server: HostPort,
    /// The address to send from, if it matters.
    pub source: Option<Host>,
}

/// A way to send datagrams: both addresses are of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// To here.
    pub server: SocketAddr,
    /// From here; any port.
    pub source: Option<IpAddr>,
}

impl Destination {
    /// Whether nobody has to be asked what it means.
    pub fn is_plain(&self) -> bool {
        self.server.host.is_address() && self.source.as_ref().is_none_or(Host::is_address)
    }

    /// All routes, at least one, the best first. May take as long as the name servers do. The error says what is
    /// unknown.
    pub fn resolve(&self) -> Result<Vec<Route>, String> {
        let servers = look_up(&self.server.host, Some(&self.server.port.to_string()))?;
        let Some(host) = &self.source else {
            return Ok(servers.into_iter().map(|server| Route { server, source: None }).collect());
        };
        let sources = look_up(host, None)?;
        let routes: Vec<Route> =
            servers.into_iter().filter_map(|server| Route::from_any_of(&sources, server)).collect();
        if routes.is_empty() {
            return Err(format!("{host} and {} have no addresses of one family", self.server.host));
        }
        Ok(routes)
    }
}

impl Route {
    fn from_any_of(sources: &[SocketAddr], server: SocketAddr) -> Option<Route> {
        let source = sources.iter().find(|source| source.is_ipv4() == server.is_ipv4())?;
        Some(Route { server, source: Some(source.ip()) })
    }
}

fn look_up(host: &Host, port: Option<&str>) -> Result<Vec<SocketAddr>, String> {
    let hints = AddrInfoHints { socktype: SockType::DGram.into(), ..AddrInfoHints::default() };
    let unknown = |reason: &str| match port {
        Some(port) if host.is_address() => format!("unknown port '{port}': {reason}"),
        Some(port) => format!("unknown host '{host}' or port '{port}': {reason}"),
        None => format!("unknown host '{host}': {reason}"),
    };
    let found = getaddrinfo(Some(host.as_str()), port, Some(hints))
        .map_err(|error| unknown(&common::reason(&error.into())))?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found.filter_map(Result::ok).map(|info| info.sockaddr) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() { Err(unknown("it has no address")) } else { Ok(addresses) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destination(server: &str, source: Option<&str>) -> Destination {
        Destination { server: server.parse().unwrap(), source: source.map(|source| source.parse().unwrap()) }
    }

    #[test]
    fn addresses_are_plain_and_names_are_not() {
        assert!(destination("127.0.0.1:1", None).is_plain());
        assert!(destination("[::1]:1", Some("::1")).is_plain());
        assert!(!destination("localhost:1", None).is_plain());
        assert!(!destination("127.0.0.1:1", Some("localhost")).is_plain());
    }

    #[test]
    fn a_route_keeps_to_one_family() {
        let route = |server: &str, source: Option<&str>| Route {
            server: server.parse().unwrap(),
            source: source.map(|source| source.parse().unwrap()),
        };
        assert_eq!(destination("[::1]:1", None).resolve(), Ok(vec![route("[::1]:1", None)]));
        let from_here = destination("localhost:514", Some("127.0.0.5")).resolve();
        assert_eq!(from_here, Ok(vec![route("127.0.0.1:514", Some("127.0.0.5"))]));
        let syslog = destination("127.0.0.1:syslog", None).resolve();
        assert_eq!(syslog, Ok(vec![route("127.0.0.1:514", None)]));
    }

    #[test]
    fn what_is_unknown_is_named() {
        let error = destination("127.0.0.1:nonesuch", None).resolve().unwrap_err();
        assert!(error.starts_with("unknown port 'nonesuch': "), "{error}");
    }
}

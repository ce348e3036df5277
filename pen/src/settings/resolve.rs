//! Names to addresses: of hosts and of services. The only part of the settings that asks the world.

use std::net::{IpAddr, SocketAddr};

use common::addr::{Host, Port};
use dns_lookup::{AddrInfoHints, SockType, getaddrinfo};

/// Looks names up. Handed in, so that tests need no network.
pub trait Resolver: Send + Sync {
    /// The address to use for a host and a TCP port. The error names the word at fault.
    fn resolve(&self, host: &Host, port: &Port) -> Result<SocketAddr, String>;

    /// The number of a TCP port.
    fn port(&self, port: &Port) -> Result<u16, String>;
}

/// Asks the system: `/etc/hosts`, `/etc/services`, the name servers. May take seconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve(&self, host: &Host, port: &Port) -> Result<SocketAddr, String> {
        let port = self.port(port)?;
        if let Ok(address) = host.as_str().parse::<IpAddr>() {
            return Ok(SocketAddr::new(address, port));
        }
        let failed = |reason: &str| format!("unknown host '{host}': {reason}");
        let found = getaddrinfo(Some(host.as_str()), None, Some(hints()));
        let mut addresses = found.map_err(|error| failed(&reason(error)))?.filter_map(Result::ok);
        let first = addresses.next().ok_or_else(|| failed("it has no address"))?;
        let mut address = first.sockaddr;
        address.set_port(port);
        Ok(address)
    }

    fn port(&self, port: &Port) -> Result<u16, String> {
        let name = match port {
            Port::Number(number) => return Ok(*number),
            Port::Service(name) => name,
        };
        let unknown = || format!("unknown port '{name}': a number or the name of a TCP service is expected");
        let mut found = getaddrinfo(None, Some(name), Some(hints())).map_err(|_| unknown())?;
        found.find_map(Result::ok).map(|info| info.sockaddr.port()).ok_or_else(unknown)
    }
}

fn hints() -> AddrInfoHints {
    AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() }
}

/// The look-up's own words, without the error number.
fn reason(error: dns_lookup::LookupError) -> String {
    let error = std::io::Error::from(error);
    let text = error.to_string();
    text.strip_prefix("failed to lookup address information: ").unwrap_or(&text).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_service_names_are_ports() {
        assert_eq!(SystemResolver.port(&"8080".parse().unwrap()), Ok(8080));
        assert_eq!(SystemResolver.port(&"smtp".parse().unwrap()), Ok(25));
        let error = SystemResolver.port(&"nonesuch".parse().unwrap()).unwrap_err();
        assert_eq!(error, "unknown port 'nonesuch': a number or the name of a TCP service is expected");
    }

    #[test]
    fn names_are_looked_up_and_get_the_port() {
        let found = SystemResolver.resolve(&"localhost".parse().unwrap(), &"http".parse().unwrap()).unwrap();
        assert!(found.ip().is_loopback());
        assert_eq!(found.port(), 80);
    }

    #[test]
    fn the_port_is_looked_up_before_the_host() {
        let port = "nonesuch".parse().unwrap();
        let error = SystemResolver.resolve(&"192.0.2.1".parse().unwrap(), &port).unwrap_err();
        assert!(error.starts_with("unknown port 'nonesuch'"), "{error}");
    }

    #[test]
    fn addresses_need_no_look_up() {
        let address = SystemResolver.resolve(&"::1".parse().unwrap(), &Port::Number(80));
        assert_eq!(address, Ok("[::1]:80".parse().unwrap()));
    }
}

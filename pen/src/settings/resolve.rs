//! Names to addresses: of hosts and of services. The only part of the settings that asks the world.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use common::addr::{Host, Port};
use dns_lookup::{AddrInfoHints, SockType, getaddrinfo};

use super::Transport;

/// Looks names up. Handed in, so that tests need no network.
pub trait Resolver: Send + Sync {
    /// The addresses of a host, with this port, at least one, the best first. The error names the word at fault.
    fn resolve_all(&self, host: &Host, port: u16) -> Result<Vec<SocketAddr>, String>;

    /// The best address of a host, with this port.
    fn resolve(&self, host: &Host, port: u16) -> Result<SocketAddr, String> {
        let addresses = self.resolve_all(host, port)?;
        addresses.first().copied().ok_or_else(|| no_address(host))
    }

    /// The number of a port of TCP, or for datagrams of UDP: a name may stand for a port of either.
    fn port(&self, port: &Port, transport: Transport) -> Result<u16, String>;
}

/// Asks the system: `/etc/hosts`, `/etc/services`, the name servers. That may take seconds, but not for ever, and no longer
/// than until pen is told to stop.
#[derive(Clone, Debug, Default)]
pub struct SystemResolver {
    /// Set when pen is told to stop.
    pub give_up: Arc<AtomicBool>,
}

/// How long the system may take for one name.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often to look whether pen is told to stop.
const GLANCE: Duration = Duration::from_millis(50);

impl Resolver for SystemResolver {
    fn resolve_all(&self, host: &Host, port: u16) -> Result<Vec<SocketAddr>, String> {
        if let Ok(address) = host.as_str().parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let mut addresses = self.look_up(host)?;
        if addresses.is_empty() {
            return Err(no_address(host));
        }
        for address in &mut addresses {
            address.set_port(port);
        }
        Ok(addresses)
    }

    fn port(&self, port: &Port, transport: Transport) -> Result<u16, String> {
        match port {
            Port::Number(number) => Ok(*number),
            Port::Service(name) => number_of(name, transport),
        }
    }
}

const TCP: (SockType, &str) = (SockType::Stream, "TCP");
const UDP: (SockType, &str) = (SockType::DGram, "UDP");

fn number_of(name: &str, transport: Transport) -> Result<u16, String> {
    let ((socket, kind), (other_socket, other_kind)) = match transport {
        Transport::Stream => (TCP, UDP),
        Transport::Datagram => (UDP, TCP),
    };
    known(name, socket).ok_or_else(|| {
        let expected = format!("unknown port '{name}': a number or the name of a {kind} service is expected");
        match known(name, other_socket) {
            Some(_) => format!("{expected}, and this is one of {other_kind}"),
            None => expected,
        }
    })
}

fn known(name: &str, socket: SockType) -> Option<u16> {
    let mut found = getaddrinfo(None, Some(name), Some(hints(socket))).ok()?;
    found.find_map(Result::ok).map(|info| info.sockaddr.port())
}

impl SystemResolver {
    /// The system can't be told to stop looking, so a thread waits for its answer, and this one for the thread.
    fn look_up(&self, host: &Host) -> Result<Vec<SocketAddr>, String> {
        let failed = |reason: &str| format!("unknown host '{host}': {reason}");
        let (sender, answer) = channel();
        let name = host.as_str().to_owned();
        let looking = thread::Builder::new().name("look-up".to_owned()).spawn(move || {
            let found = getaddrinfo(Some(&name), None, Some(hints(SockType::Stream)));
            let found = found.map(|found| found.filter_map(Result::ok).map(|info| info.sockaddr).collect());
            // Whoever asked may have lost patience.
            let _ = sender.send(found.map_err(|error| common::reason(&error.into())));
        });
        let looking = looking.map_err(|error| failed(&error.to_string()))?;
        let start = Instant::now();
        while start.elapsed() < PATIENCE && !self.give_up.load(Ordering::Relaxed) {
            if let Ok(found) = answer.recv_timeout(GLANCE) {
                // It has nothing left to do, and must be gone before pen forks.
                let _ = looking.join();
                return found.map_err(|reason| failed(&reason));
            }
        }
        let stopping = self.give_up.load(Ordering::Relaxed);
        Err(failed(if stopping { "pen is stopping" } else { "the name servers do not answer" }))
    }
}

fn no_address(host: &Host) -> String {
    format!("unknown host '{host}': it has no address")
}

fn hints(socket: SockType) -> AddrInfoHints {
    AddrInfoHints { socktype: socket.into(), ..AddrInfoHints::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_service_names_are_ports() {
        let port = |name: &str, transport| SystemResolver::default().port(&name.parse().unwrap(), transport);
        assert_eq!(port("8080", Transport::Stream), Ok(8080));
        assert_eq!(port("smtp", Transport::Stream), Ok(25));
        assert_eq!(port("tftp", Transport::Datagram), Ok(69));
        let error = port("tftp", Transport::Stream).unwrap_err();
        assert_eq!(
            error,
            "unknown port 'tftp': a number or the name of a TCP service is expected, and this is one of UDP"
        );
        let error = port("nonesuch", Transport::Datagram).unwrap_err();
        assert_eq!(error, "unknown port 'nonesuch': a number or the name of a UDP service is expected");
    }

    #[test]
    fn names_are_looked_up_and_get_the_port() {
        let resolver = SystemResolver::default();
        let found = resolver.resolve(&"localhost".parse().unwrap(), 80).unwrap();
        assert!(found.ip().is_loopback());
        assert_eq!(found.port(), 80);
    }

    #[test]
    fn a_pen_that_stops_waits_for_no_name() {
        let resolver = SystemResolver { give_up: Arc::new(AtomicBool::new(true)) };
        let error = resolver.resolve(&"localhost".parse().unwrap(), 80).unwrap_err();
        assert_eq!(error, "unknown host 'localhost': pen is stopping");
        assert!(resolver.resolve(&"127.0.0.1".parse().unwrap(), 80).is_ok());
    }

    #[test]
    fn addresses_need_no_look_up() {
        let address = SystemResolver::default().resolve(&"::1".parse().unwrap(), 80);
        assert_eq!(address, Ok("[::1]:80".parse().unwrap()));
    }
}

//! What logs are told of flows: a request each time one gets a server, when its way to the server began and ended, and dumps
//! of its datagrams.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use super::super::connection::Peer;
use super::super::dump::{self, Form};
use super::super::journal::Told;
use super::super::request_tap::Witness;
use super::super::token::Side;
use super::payload::Payload;
use super::port::Port;
use crate::engine::servers::{Server, ServerAddr};
use crate::engine::time::Tick;
use crate::settings::{Process, Service};

/// How long the answer to the question for our address towards a server is believed: routes may change.
const ROUTE_LIFE: Duration = Duration::from_secs(1);
/// Of so many servers at most.
const ROUTES: usize = 1024;

/// What the log was told of one flow.
#[derive(Debug, Default)]
pub struct Journal {
    told: Told,
}

/// A flow has got a server, which has taken its datagram.
#[derive(Debug)]
pub struct Choice<'a> {
    /// Whose flow it is.
    pub peer: &'a Peer,
    /// The server.
    pub server: &'a Server,
    /// Through which port.
    pub port: &'a Port,
    /// The datagram.
    pub datagram: &'a [u8],
}

/// From which addresses of ours servers see datagrams come: ports have none, the system chooses one for each datagram.
#[derive(Debug, Default)]
pub struct Routes(HashMap<IpAddr, (IpAddr, Tick)>);

impl Journal {
    /// Tells the log of a choice, if there is a log.
    pub fn chosen(&mut self, choice: &Choice<'_>, service: &Service, routes: &mut Routes, now: Tick) {
        let Some(log) = service.request_log() else { return };
        let Choice { peer, server, port, datagram } = *choice;
        Witness { peer, server, log }.tell(datagram);
        match server.address() {
            ServerAddr::Inet(address) if self.told.is_about(*address) => {}
            ServerAddr::Inet(address) => {
                self.told.closed(log);
                if service.connection_log().is_some()
                    && let Some(pen) = routes.own_address(port, *address, now)
                {
                    self.told.opened(peer, pen, *address, log);
                }
            }
            // They have no ports to tell flows by.
            ServerAddr::Unix(_) => self.told.closed(log),
        }
    }

    /// The flow has ended.
    pub fn ended(&mut self, service: &Service) {
        if let Some(log) = service.request_log() {
            self.told.closed(log);
        }
    }

    /// The service was `before`, and is `now`.
    pub fn log_changed(&mut self, before: &Service, now: &Service) {
        self.told.log_changed(before, now);
    }
}

impl Routes {
    /// The address from which the server sees what comes through the port.
    fn own_address(&mut self, port: &Port, server: SocketAddr, now: Tick) -> Option<SocketAddr> {
        let mut own = port.local_address()?;
        if own.ip().is_unspecified() {
            own.set_ip(self.towards(server, now)?);
        }
        Some(own)
    }

    fn towards(&mut self, server: SocketAddr, now: Tick) -> Option<IpAddr> {
        if let Some((own, until)) = self.0.get(&server.ip())
            && now < *until
        {
            return Some(*own);
        }
        let own = route(server)?;
        if self.0.len() >= ROUTES {
            self.0.clear();
        }
        self.0.insert(server.ip(), (own, now.plus(ROUTE_LIFE)));
        Some(own)
    }
}

/// Our address on the way to that one. Nothing is sent.
fn route(server: SocketAddr) -> Option<IpAddr> {
    let any: SocketAddr = if server.is_ipv4() { ([0; 4], 0).into() } else { ([0; 16], 0).into() };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(server).ok()?;
    socket.local_addr().ok().map(|own| own.ip())
}

/// Dumps what passes in flow `number`, if traffic is to be dumped.
pub fn dump(process: &Process, number: u32, side: Side, payload: Payload<'_>) {
    let Some(form) = Form::wanted(process) else { return };
    let from = if side == Side::Down { "client" } else { "server" };
    for part in payload.parts() {
        log::trace!("connection {number}, from {from}: {}", dump::render(part.bytes, form));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_address_is_the_one_on_the_way_to_the_server() {
        let mut routes = Routes::default();
        for server in ["127.0.0.7:53", "[::1]:53"] {
            let server: SocketAddr = server.parse().unwrap();
            let own = routes.towards(server, Tick(0)).unwrap();
            assert!(own.is_loopback() && own.is_ipv4() == server.is_ipv4(), "{own}");
        }
        assert_eq!(routes.0.len(), 2);
    }

    #[test]
    fn what_is_known_of_routes_is_bounded() {
        let mut routes = Routes::default();
        for host in 0..3000_u32 {
            routes.towards((IpAddr::from((0x7f00_0001 + host).to_be_bytes()), 53).into(), Tick(0)).unwrap();
            assert!(routes.0.len() <= ROUTES);
        }
    }
}

//! The ports of a balancer: found, opened and closed.

use std::io;
use std::net::{IpAddr, SocketAddr};

use nix::errno::Errno;

use super::super::token::Token;
use super::super::transparent::Source;
use super::super::upstream::DialError;
use super::Surroundings;
use super::balancer::Balancer;
use super::port::Port;
use crate::engine::flows::{FlowId, PortId, PortKind};
use crate::engine::servers::ServerAddr;

/// How many flows end at most so that a port can be opened. A port has one of each server, and closes with the last: where one server
/// had more of late than another, that is not the next.
const EVICTIONS: usize = 64;

/// What a port has as its own address.
#[derive(Clone, Copy, Debug)]
enum OwnAddress {
    /// An address of this host's, or whatever the system chooses: several flows share the port.
    Shared(Option<IpAddr>),
    /// The client's: it is for one flow to one server.
    Client(SocketAddr),
}

impl OwnAddress {
    /// Whether a port that could not be opened with it might be once others have closed. An address that is not ours, or that somebody
    /// else has, stays so.
    fn can_be_had_later(self, error: &io::Error) -> bool {
        use Errno::{EADDRINUSE, EAGAIN, EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC};
        let Some(error) = error.raw_os_error().map(Errno::from_raw) else { return false };
        match error {
            // All numbers are in use.
            EADDRINUSE => matches!(self, OwnAddress::Shared(_)),
            error => [EAGAIN, EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC].contains(&error),
        }
    }
}

impl Balancer {
    /// A port that can carry the flow to this server. If no more can be opened, the least recently used flows end for it.
    pub(super) fn find_port(
        &mut self,
        flow: FlowId,
        server: &ServerAddr,
        around: &Surroundings<'_>,
    ) -> Result<PortId, DialError> {
        if let Some(port) = self.table.way_to(flow, server) {
            return Ok(port);
        }
        self.heed_source(around);
        let own = self.own_address(flow, server, around);
        if matches!(own, OwnAddress::Shared(_))
            && let Some(port) = self.table.port_for(server)
        {
            return Ok(port);
        }
        for _ in 0..EVICTIONS {
            match self.open_port(own, server, around) {
                Err(DialError::Shortage(_)) if self.sockets.close_resting() => {}
                Err(DialError::Shortage(error))
                    if own.can_be_had_later(&error) && self.evict(flow, around) =>
                {
                    self.close_ports(around);
                    self.sockets.close_resting();
                }
                Err(error) if self.sockets.in_use() == 0 => {
                    // It has none to give up, but the next datagram may find what others have.
                    around.shared.ask_for_port(self.service, around.worker);
                    return Err(error);
                }
                result => return result,
            }
        }
        self.open_port(own, server, around)
    }

    /// Another worker has not got a single port: one of several closes, with its flows.
    pub fn make_port(&mut self, around: &Surroundings<'_>) {
        if self.sockets.close_resting() {
            return;
        }
        let ports = self.sockets.in_use();
        for _ in 0..EVICTIONS {
            let Some(oldest) = self.table.oldest().filter(|_| ports > 1 && self.sockets.in_use() == ports)
            else {
                return;
            };
            self.end(oldest, around);
            self.close_ports(around);
            self.sockets.close_resting();
        }
    }

    /// The address that the server is to see.
    fn own_address(&self, flow: FlowId, server: &ServerAddr, around: &Surroundings<'_>) -> OwnAddress {
        let peer = self.table.content(flow).map(|flow| flow.peer);
        let (ServerAddr::Inet(server), Some(peer)) = (server, peer) else { return OwnAddress::Shared(None) };
        match Source::towards(server.ip(), Some(peer.address), around.service(self.service)) {
            Source::System => OwnAddress::Shared(None),
            Source::Own(own) => OwnAddress::Shared(Some(own)),
            Source::Client(client) => OwnAddress::Client(SocketAddr::new(client, peer.port)),
        }
    }

    fn open_port(
        &mut self,
        own: OwnAddress,
        server: &ServerAddr,
        around: &Surroundings<'_>,
    ) -> Result<PortId, DialError> {
        let kind = PortKind::of(server);
        if let OwnAddress::Shared(own) = own
            && around.heard_all
        {
            let open = || self.table.open_port(kind);
            if let Some(id) = self.sockets.reuse(kind, own, around.now, open) {
                let avoided = self.sockets.port(id).map_or(Ok(()), |port| avoid_quarantined(port, around));
                if avoided.is_err() {
                    self.table.abandon_port(id);
                }
                return avoided.map(|()| id);
            }
        }
        let descriptor = around.shared.take_port_descriptor().ok_or(io::Error::from(Errno::EMFILE))?;
        let (id, opened) = match own {
            OwnAddress::Shared(own) => {
                let id = self.table.open_port(kind);
                (id, Port::open(id, kind, own, descriptor))
            }
            OwnAddress::Client(client) => {
                let id = self.table.open_port_for_one(kind);
                (id, Port::open_for(id, client, server, descriptor))
            }
        };
        let registered = opened.and_then(|port| {
            avoid_quarantined(&port, around)?;
            let place = self.sockets.next_place();
            port.register(around.registry, Token::Port { service: self.service, place }.into())?;
            Ok(port)
        });
        match registered {
            Ok(port) => {
                self.sockets.put_in(port);
                Ok(id)
            }
            Err(error) => {
                self.table.abandon_port(id);
                Err(error)
            }
        }
    }

    /// Ports that send from an address that is not set any more get no further flows.
    fn heed_source(&mut self, around: &Surroundings<'_>) {
        let source = around.service(self.service).source;
        if self.source != source {
            self.source = source;
            self.table.retire_ports();
        }
    }

    /// A flow is about to end: if answers to it may be under way, nobody gets the numbers of its ports once they are closed.
    pub(super) fn quarantine_ports(&self, flow: FlowId, around: &Surroundings<'_>) {
        let timeout = around.service(self.service).limits.udp_timeout;
        let until = self.table.last_use(flow).map(|last_use| last_use.plus_seconds(timeout));
        let Some(until) = until.filter(|until| *until > around.now && self.table.is_owed(flow)) else {
            return;
        };
        for port in self.table.ports_of(flow).filter_map(|port| self.sockets.port(port)) {
            if let Some(address) = port.local_address() {
                around.shared.quarantine.add(address.port(), until);
            }
        }
    }

    /// Closes the ports that nobody uses any more.
    pub fn close_ports(&mut self, around: &Surroundings<'_>) {
        for id in self.table.closed_ports() {
            // A turn may take longer than a socket has to rest.
            self.sockets.close(id, around.shared.now());
        }
        self.sockets.close_rested(around.now);
    }

    /// Whether the system has yet to give the port a number.
    pub(super) fn is_unbound(&self, id: PortId) -> bool {
        self.sockets.port(id).is_some_and(Port::is_unbound)
    }
}

/// Has a port take a number that is not in quarantine, if there is one.
fn avoid_quarantined(port: &Port, around: &Surroundings<'_>) -> Result<(), DialError> {
    let quarantine = &around.shared.quarantine;
    if quarantine.is_to_be_heeded(around.now) {
        let taken = port.avoid(|number| quarantine.holds(number, around.now));
        if !taken.map_err(DialError::Shortage)? {
            quarantine.give_up(around.now);
        }
    }
    Ok(())
}

//! The ports of a balancer: found, opened and closed.

use std::io;
use std::net::{IpAddr, SocketAddr};

use nix::errno::Errno;

use super::super::token::Token;
use super::super::transparent::Source;
use super::super::upstream::DialError;
use super::Surroundings;
use super::balancer::Balancer;
use super::port::{Port, is_shortage};
use crate::engine::flows::{FlowId, PortId, PortKind};
use crate::engine::servers::ServerAddr;
use crate::engine::time::Tick;

/// How many flows end at most so that a port can be opened. A port has one of each server, and closes with the last: where one server
/// had more of late than another, that is not the next.
const EVICTIONS: usize = 64;

/// How long a port stays open whose last flow was still owed an answer, in seconds: until then nobody else gets its number, and with
/// it the answer.
const LINGER: u32 = 5;
/// So many ports of all workers wait like that at most, and never more than a quarter of all descriptors.
const MOST_LINGERING: usize = 4096;

/// What a port has as its own address.
#[derive(Clone, Copy, Debug)]
enum OwnAddress {
    /// An address of this host's, or whatever the system chooses: several flows share the port.
    Shared(Option<IpAddr>),
    /// The client's: it is for one flow to one server.
    Client(SocketAddr),
}

impl Balancer {
    /// A port that can carry the flow to this server. If no more can be opened, the least recently used flows end for it.
    pub(super) fn port(
        &mut self,
        flow: FlowId,
        server: &ServerAddr,
        around: &Surroundings<'_>,
    ) -> Result<PortId, DialError> {
        if let Some(port) = self.table.ways_to(flow, server) {
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
                Err(DialError::Shortage(error)) if is_shortage(&error) && self.spare_port(flow, around) => {}
                result => return result,
            }
        }
        self.open_port(own, server, around)
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
        let descriptor = around.shared.take_port_descriptor().ok_or(io::Error::from(Errno::EMFILE))?;
        let kind = PortKind::of(server);
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
            port.register(around.registry, Token::Port { service: self.service, port: id }.into())?;
            Ok(port)
        });
        match registered {
            Ok(port) => {
                let index = id.index as usize;
                if self.ports.len() <= index {
                    self.ports.resize_with(index + 1, || None);
                }
                self.ports[index] = Some(port);
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

    /// Closes a port that is least needed, or ends the flow that keeps one open and was used least recently. Tells whether there was
    /// anything to do without.
    pub(super) fn spare_port(&mut self, other_than: FlowId, around: &Surroundings<'_>) -> bool {
        if self.lingering.pop_front().is_some() {
            return true;
        }
        let is_less = self.evict(other_than, around);
        for id in self.table.closed_ports() {
            if let Some(port) = self.ports.get_mut(id.index as usize) {
                *port = None;
            }
        }
        is_less
    }

    /// Closes the ports that nobody uses any more; those whose flows were owed an answer later.
    pub fn close_ports(&mut self, around: &Surroundings<'_>) {
        for id in self.table.closed_ports() {
            let port = self.ports.get_mut(id.index as usize).and_then(Option::take);
            self.lingering.extend(port.filter(|port| port.owed).map(|port| (around.now, port)));
        }
        if self.lingering.is_empty() {
            return;
        }
        let workers = around.shared.mailboxes.len().max(1);
        let most = MOST_LINGERING.min(around.shared.descriptor_limit() / 4) / workers;
        let over = self.lingering.len().saturating_sub(most);
        self.lingering.drain(..over);
        while self.lingering.pop_front_if(|(since, _)| since.plus_seconds(LINGER) <= around.now).is_some() {}
    }

    /// When a port that is only kept closes next.
    pub(super) fn next_to_close(&self) -> Option<Tick> {
        self.lingering.front().map(|(since, _)| since.plus_seconds(LINGER))
    }

    /// The port of this name, unless it has closed.
    pub(super) fn port_of(&self, id: PortId) -> Option<&Port> {
        self.ports.get(id.index as usize)?.as_ref().filter(|port| port.id == id)
    }

    pub(super) fn port_mut(&mut self, id: PortId) -> Option<&mut Port> {
        self.ports.get_mut(id.index as usize)?.as_mut().filter(|port| port.id == id)
    }

    /// Whether the system has yet to give the port a number.
    pub(super) fn is_unbound(&self, id: PortId) -> bool {
        self.port_of(id).is_some_and(|port| port.local_address().is_none())
    }
}

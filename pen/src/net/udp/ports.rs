//! The ports of a balancer: found, opened and closed.

use std::io;

use nix::errno::Errno;

use super::super::token::Token;
use super::Surroundings;
use super::balancer::Balancer;
use super::port::{Port, is_shortage};
use crate::engine::flows::{FlowId, PortId, PortKind};
use crate::engine::servers::ServerAddr;

/// How many flows end at most so that a port can be opened: each port may have several.
const EVICTIONS: usize = 8;

impl Balancer {
    /// A port that can carry the flow to this server. If no more can be opened, the least recently used flows end for it.
    pub(super) fn port(
        &mut self,
        flow: FlowId,
        server: &ServerAddr,
        around: &Surroundings<'_>,
    ) -> io::Result<PortId> {
        if let Some(port) = self.table.ways_to(flow, server) {
            return Ok(port);
        }
        self.heed_source(around);
        if let Some(port) = self.table.port_for(server) {
            return Ok(port);
        }
        let kind = PortKind::of(server);
        for _ in 0..EVICTIONS {
            match self.open_port(kind, around) {
                Err(error) if is_shortage(&error) && self.evict(flow, around) => self.close_ports(),
                result => return result,
            }
        }
        self.open_port(kind, around)
    }

    fn open_port(&mut self, kind: PortKind, around: &Surroundings<'_>) -> io::Result<PortId> {
        let descriptor = around.shared.take_port_descriptor().ok_or(Errno::EMFILE)?;
        let mut port = Port::open(kind, self.source, descriptor)?;
        let id = self.table.open_port(kind);
        port.generation = id.generation;
        if let Err(error) = port.register(around.registry, Token::Port { service: self.service, port: id }.into()) {
            // It has a number already, and closes like all without a flow.
            self.table.retire_ports();
            return Err(error);
        }
        let index = id.index as usize;
        if self.ports.len() <= index {
            self.ports.resize_with(index + 1, || None);
        }
        self.ports[index] = Some(port);
        Ok(id)
    }

    /// Ports that send from an address that is not set any more get no further flows.
    fn heed_source(&mut self, around: &Surroundings<'_>) {
        let source = around.service(self.service).source;
        if self.source != source {
            self.source = source;
            self.table.retire_ports();
        }
    }

    /// Closes the ports that nobody uses any more.
    pub fn close_ports(&mut self) {
        for id in self.table.closed_ports() {
            if let Some(port) = self.ports.get_mut(id.index as usize) {
                *port = None;
            }
        }
    }

    /// The port of this name, unless it has closed.
    pub(super) fn port_of(&self, id: PortId) -> Option<&Port> {
        self.ports.get(id.index as usize)?.as_ref().filter(|port| port.generation == id.generation)
    }

    pub(super) fn port_mut(&mut self, id: PortId) -> Option<&mut Port> {
        self.ports.get_mut(id.index as usize)?.as_mut().filter(|port| port.generation == id.generation)
    }

    /// Whether the system has yet to give the port a number.
    pub(super) fn is_unbound(&self, id: PortId) -> bool {
        self.port_of(id).is_some_and(|port| port.local_address().is_none())
    }
}

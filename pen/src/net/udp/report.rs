//! What a worker tells about its flows: they are shown as connections are.

use common::status::ConnectionState;
use std::os::fd::{AsFd, AsRawFd};

use super::super::report::ConnectionRow;
use super::Udp;
use super::balancer::Balancer;
use super::flow::Flow;
use super::receiving::Receiving;
use crate::engine::flows::{FlowId, FlowKey};
use crate::settings::ServiceIndex;

/// A place in the tables of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowPlace {
    service: ServiceIndex,
    place: u32,
}

impl FlowPlace {
    /// The first of all.
    pub const FIRST: FlowPlace = FlowPlace { service: ServiceIndex(0), place: 0 };
}

impl Udp {
    /// The flows of the next `count` places of a table, and where to go on; `None`: that is all.
    pub fn rows(&self, from: FlowPlace, count: usize) -> (Vec<ConnectionRow>, Option<FlowPlace>) {
        let following =
            |least: ServiceIndex| self.balancers.keys().copied().filter(|index| *index >= least).min();
        let Some(service) = following(from.service) else { return (Vec::new(), None) };
        let Some(balancer) = self.balancers.get(&service) else { return (Vec::new(), None) };
        let place = if service == from.service { from.place } else { 0 };
        let (rows, next) = balancer.rows(place, count, &self.listeners);
        let next = match next {
            Some(place) => Some(FlowPlace { service, place }),
            None => following(ServiceIndex(service.0.saturating_add(1)))
                .filter(|next| *next != service)
                .map(|service| FlowPlace { service, place: 0 }),
        };
        (rows, next)
    }
}

impl Balancer {
    fn rows(&self, from: u32, count: usize, listeners: &[Receiving]) -> (Vec<ConnectionRow>, Option<u32>) {
        let (flows, next) = self.table.slice(from, count);
        let rows = flows.map(|(id, key, flow)| self.row(id, key, flow, listeners));
        (rows.collect(), next)
    }

    fn row(&self, id: FlowId, key: &FlowKey, flow: &Flow, listeners: &[Receiving]) -> ConnectionRow {
        let listener = listeners.iter().find(|listener| listener.id.0 == key.listener);
        let port = self.table.way(id).and_then(|port| self.sockets.port(port));
        let regular = flow.chosen.as_ref().filter(|chosen| chosen.is_regular());
        ConnectionRow {
            service: self.service,
            number: flow.room.number(),
            down_fd: listener.map_or(-1, |listener| listener.socket.as_fd().as_raw_fd()),
            up_fd: port.map_or(-1, |port| port.as_fd().as_raw_fd()),
            state: ConnectionState::default(),
            tls: false,
            pending_down: 0,
            pending_up: 0,
            peer: flow.peer.address,
            client: Some(flow.client.number),
            server: regular.map(|chosen| chosen.reservation.state().id.slot),
            opened: flow.opened,
        }
    }
}

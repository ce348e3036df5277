//! The sockets of ports. A port that closes gives its number back to the system at once, but its socket may serve another port
//! later, with another number: that costs a fraction of closing one and opening the next.
//!
//! In between it rests, until whatever was on its way to it has arrived, so that nothing which was meant for one port reaches
//! the next.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use slab::Slab;

use super::port::Port;
use crate::engine::flows::{PortId, PortKind};
use crate::engine::time::Tick;

/// How long a socket rests at least: what has found it before it lost its number is there by then.
const REST: Duration = Duration::from_millis(2);
/// How long one rests at most.
const LONGEST_REST: Duration = Duration::from_secs(1);
/// How many rest at most.
const MOST_RESTING: usize = 64;

/// The sockets of one balancer's ports.
#[derive(Debug, Default)]
pub struct Sockets {
    /// By the number that the poll knows.
    places: Slab<Port>,
    /// The places of open ports, by the indices of their ids.
    by_port: Vec<Option<u32>>,
    /// Those that rest, the one that began first in front.
    resting: VecDeque<(u32, Tick)>,
}

impl Sockets {
    /// The number by which the poll is to know the next socket that is put in.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "descriptors have numbers of 31 bits, so there are no more"
    )]
    pub fn next_place(&self) -> u32 {
        self.places.vacant_key() as u32
    }

    /// Puts a port in, at the next place.
    pub fn put_in(&mut self, port: Port) {
        let (id, place) = (port.id, self.next_place());
        self.places.insert(port);
        self.point(id, place);
    }

    /// The open port of this name.
    pub fn port(&self, id: PortId) -> Option<&Port> {
        let place = (*self.by_port.get(id.index as usize)?)?;
        self.places.get(place as usize).filter(|port| port.id == id)
    }

    /// The same, to change it.
    pub fn port_mut(&mut self, id: PortId) -> Option<&mut Port> {
        let place = (*self.by_port.get(id.index as usize)?)?;
        self.places.get_mut(place as usize).filter(|port| port.id == id)
    }

    /// The port whose socket the poll knows by this number. It may rest.
    pub fn at(&mut self, place: u32) -> Option<&mut Port> {
        self.places.get_mut(place as usize)
    }

    /// Closes a port. Its socket rests, if it may serve another one.
    pub fn close(&mut self, id: PortId, now: Tick) {
        let Some(place) = self.by_port.get_mut(id.index as usize).and_then(Option::take) else { return };
        let Some(port) = self.places.get_mut(place as usize) else { return };
        if self.resting.len() < MOST_RESTING && port.rest() {
            self.resting.push_back((place, now));
        } else {
            self.places.remove(place as usize);
        }
    }

    /// Has a socket that has rested serve the port that `open` names. `None`: there is none of this kind, with this address.
    pub fn reuse(
        &mut self,
        kind: PortKind,
        own: Option<IpAddr>,
        now: Tick,
        open: impl FnOnce() -> PortId,
    ) -> Option<PortId> {
        while let Some(&(place, since)) = self.resting.front()
            && now.since(since) >= REST
        {
            self.resting.pop_front();
            let Some(port) = self.places.get_mut(place as usize) else { continue };
            if port.is_shared(kind, own) && port.wake() {
                let id = open();
                port.id = id;
                self.point(id, place);
                return Some(id);
            }
            self.places.remove(place as usize);
        }
        None
    }

    /// Closes the sockets that have rested too long.
    pub fn close_rested(&mut self, now: Tick) {
        while let Some(&(place, since)) = self.resting.front()
            && now.since(since) >= LONGEST_REST
        {
            self.resting.pop_front();
            self.places.try_remove(place as usize);
        }
    }

    /// How many do not rest.
    pub fn in_use(&self) -> usize {
        self.places.len() - self.resting.len()
    }

    /// Closes all that rest, because there is a shortage. Tells whether there were any.
    pub fn close_resting(&mut self) -> bool {
        let any = !self.resting.is_empty();
        for (place, _) in self.resting.drain(..) {
            self.places.try_remove(place as usize);
        }
        any
    }

    /// When a socket has rested too long.
    pub fn next_deadline(&self) -> Option<Tick> {
        self.resting.front().map(|(_, since)| since.plus(LONGEST_REST))
    }

    fn point(&mut self, id: PortId, place: u32) {
        let index = id.index as usize;
        if self.by_port.len() <= index {
            self.by_port.resize(index + 1, None);
        }
        self.by_port[index] = Some(place);
    }
}

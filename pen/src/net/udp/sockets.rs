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
/// How many rest at most: those that some 250,000 flows a second leave behind.
const MOST_RESTING: usize = 512;

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

    /// Has a socket that has rested serve the port that `open` names. `None`: there is none of this kind, with this address. The
    /// poll has told all that it knew at this time, and that was noted.
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

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::{SocketAddr, UdpSocket};
    use std::sync::Arc;

    use mio::{Events, Poll, Token};
    use system::datagrams::{Batch, Name, Outbox, Outgoing};

    use super::super::Surroundings;
    use super::super::balancer::Balancer;
    use super::*;
    use crate::engine::clients::client_numbers;
    use crate::engine::servers::ServerAddr;
    use crate::settings::{DEFAULT_SERVICE, Settings};
    use crate::shared::{Shared, testing};

    /// A balancer with an open port for servers like this one.
    fn balancer(shared: &Arc<Shared>, like: SocketAddr) -> (Balancer, PortId, PortKind) {
        let kind = PortKind::of(&ServerAddr::Inet(like));
        let mut balancer = Balancer::new(DEFAULT_SERVICE);
        let id = balancer.table.open_port(kind);
        let descriptor = shared.take_port_descriptor().unwrap();
        balancer.sockets.put_in(Port::open(id, kind, None, descriptor).unwrap());
        (balancer, id, kind)
    }

    fn send(port: &Port, to: SocketAddr) {
        let datagram = Outgoing { bytes: b"x", to: Some(Name::Inet(to)), from: None, segment: None };
        assert_eq!(Outbox::new(1).send(port, &[datagram]).unwrap(), 1);
    }

    const LATER: Tick = Tick(500);

    #[test]
    fn what_is_left_over_of_a_port_never_reaches_the_next() {
        let (shared, _polls) = testing::shared(Settings::initial(&Arc::new(client_numbers())), 1);
        let (mut poll, mut events) = (Poll::new().unwrap(), Events::with_capacity(8));
        for host in ["127.0.0.1", "::1"] {
            let server = UdpSocket::bind((host, 0)).unwrap();
            let address = server.local_addr().unwrap();
            for left_over in ["nothing", "an error", "an answer"] {
                let (Balancer { mut sockets, .. }, id, kind) = balancer(&shared, address);
                let port = sockets.port(id).unwrap();
                port.register(poll.registry(), Token(0)).unwrap();
                send(port, address);
                let (_, from) = server.recv_from(&mut [0]).unwrap();
                match left_over {
                    "an answer" => assert_eq!(server.send_to(b"x", from).unwrap(), 1),
                    "an error" => {
                        let dead = UdpSocket::bind((host, 0)).unwrap().local_addr().unwrap();
                        send(port, dead);
                        // A call meets it, and passes over it.
                        let error = Batch::new(1).receive(port, 1).unwrap_err();
                        assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    }
                    _ => {}
                }
                sockets.close(id, Tick(0));
                poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
                for event in &events {
                    let in_queue = sockets.at(0).unwrap().note(event.is_error());
                    assert!(!in_queue, "it rests");
                }
                let next = PortId { index: id.index, generation: id.generation + 1 };
                let reused = sockets.reuse(kind, None, LATER, || next);
                assert_eq!(reused.is_some(), left_over == "nothing", "{left_over}");
                assert_eq!(sockets.port(next).is_some(), left_over == "nothing");
                assert!(sockets.port(id).is_none());
            }
        }
    }

    #[test]
    fn a_socket_rests_from_when_it_was_closed_and_not_from_when_the_turn_began() {
        let (shared, _polls) = testing::shared(Settings::initial(&Arc::new(client_numbers())), 1);
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        let (mut balancer, id, kind) = balancer(&shared, address);
        let poll = Poll::new().unwrap();
        let settings = shared.settings.load_full();
        let around = Surroundings {
            registry: poll.registry(),
            settings: &settings,
            now: Tick(0),
            heard_all: true,
            shared: &shared,
            worker: 0,
        };
        send(balancer.sockets.port(id).unwrap(), address);
        let long = Tick(0).plus(3 * REST);
        while shared.now() < long {}
        balancer.table.abandon_port(id);
        balancer.close_ports(&around);
        assert_eq!(balancer.sockets.reuse(kind, None, long, || unreachable!("it has not rested")), None);
    }
}

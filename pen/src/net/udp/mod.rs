//! Datagrams: a worker's listeners for them, and for each service a balancer with its flows and its ports.
//!
//! Who belongs to which flow, when a flow ends and which port it uses is decided in `engine::flows`; here are the sockets.

mod answering;
mod answers;
mod balancer;
mod counting;
mod flow;
mod forwarding;
mod fragments;
mod journal;
mod moving;
mod payload;
mod port;
mod ports;
mod receiving;
mod report;
mod search;
mod sockets;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use common::reason;
use mio::Registry;
use mio::event::Event;
use system::datagrams::{Batch, Outbox};

use super::listener::{ListenSocket, ListenerId};
use super::token::Token;
use crate::engine::flows::PortId;
use crate::engine::flows::recent::Recent;
use crate::engine::time::Tick;
use crate::settings::{Service, ServiceIndex, Settings};
use crate::shared::Shared;
use answers::Answers;
use balancer::Balancer;
use receiving::Receiving;

pub use report::FlowPlace;

/// Datagrams that are taken from a socket, and sent, at once.
const AT_ONCE: usize = 64;
/// Batches that are taken from a listener before others have their turn.
const BATCHES_A_TURN: usize = 4;
/// Bytes of recent datagrams that are kept to be sent again.
const RECENT: usize = 1 << 20;

/// A worker's part in the balancing of datagrams.
#[derive(Debug, Default)]
pub struct Udp {
    listeners: Vec<Receiving>,
    balancers: BTreeMap<ServiceIndex, Balancer>,
    /// Ports where answers may wait.
    ready_ports: Vec<(ServiceIndex, PortId)>,
    buffers: Option<Box<Buffers>>,
    /// Nobody is served any more.
    has_stopped: bool,
}

/// What a worker needs once it balances datagrams.
#[derive(Debug)]
struct Buffers {
    inbound: Batch,
    answers: Answers,
    sender: Sender,
}

/// What sends datagrams, and for a while knows those that went to servers.
#[derive(Debug)]
struct Sender {
    outbox: Outbox,
    recent: Recent,
}

/// What the balancing of datagrams may use during its turn.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// The poll's registry.
    pub registry: &'a Registry,
    /// The settings in force.
    pub settings: &'a Settings,
    /// The time at the beginning of the turn.
    pub now: Tick,
    /// The poll has told all that it knew at that time.
    pub heard_all: bool,
    /// What the threads share.
    pub shared: &'a Arc<Shared>,
    /// The worker, by the index of its mailbox.
    pub worker: usize,
}

impl Surroundings<'_> {
    /// The service as it is set now.
    fn service(&self, index: ServiceIndex) -> &Service {
        self.settings.service(index)
    }
}

impl Udp {
    /// Receives from the socket from now on.
    pub fn listen(
        &mut self,
        id: ListenerId,
        service: ServiceIndex,
        socket: Arc<ListenSocket>,
        around: &Surroundings<'_>,
    ) -> io::Result<()> {
        socket.register(around.registry, Token::Listener(id.0).into())?;
        around.service(service).state.counters.datagrams.lost.watch(&socket);
        self.buffers.get_or_insert_default();
        self.balancers.entry(service).or_insert_with(|| Balancer::new(service));
        self.listeners.push(Receiving::new(id, service, socket));
        Ok(())
    }

    /// Serves what the listener's queue holds, and lets go of it when its flows have ended. Their clients are not heard any more,
    /// so this takes no longer than a flow may be silent, whatever servers go on to say.
    pub fn unlisten(&mut self, id: ListenerId, around: &Surroundings<'_>) {
        for listener in self.listeners.iter_mut().filter(|listener| listener.id == id) {
            let patience = around.service(listener.service).limits.udp_timeout;
            listener.leave(around.now.plus_seconds(patience));
        }
    }

    /// Serves what the listeners' queues hold, and lets go of them; answers are not waited for.
    pub fn stop(&mut self, around: &Surroundings<'_>) {
        self.listeners.iter_mut().for_each(|listener| listener.leave(around.now));
    }

    /// The poll says that a listener has something.
    pub fn listener_is_ready(&mut self, id: u32) {
        if let Some(listener) = self.listeners.iter_mut().find(|listener| listener.id.0 == id) {
            listener.ready = true;
        }
    }

    /// The poll has news of a port.
    pub fn port_event(&mut self, service: ServiceIndex, place: u32, event: &Event) {
        if let Some(balancer) = self.balancers.get_mut(&service)
            && let Some(port) = balancer.note(place, event.is_error())
        {
            self.ready_ports.push((service, port));
        }
    }

    /// Whether there is, or was, a listener for datagrams.
    pub fn is_used(&self) -> bool {
        self.buffers.is_some()
    }

    /// Whether there is something to do at once.
    pub fn is_ready(&self) -> bool {
        let waits =
            |service| self.buffers.as_ref().is_some_and(|buffers| buffers.answers.is_blocked(service));
        self.listeners.iter().any(|listener| listener.ready)
            || self.ready_ports.iter().any(|(service, _)| !waits(*service))
    }

    /// Whether nothing is left: neither flows nor listeners.
    pub fn is_idle(&self) -> bool {
        self.listeners.is_empty() && self.balancers.values().all(Balancer::is_empty)
    }

    /// When there is something to do next, if nothing comes before: a flow ends, or answers are tried again.
    pub fn next_deadline(&self, settings: &Settings) -> Option<Tick> {
        let buffers = self.buffers.as_ref()?;
        let flows = self.balancers.values().filter_map(|balancer| balancer.next_deadline(settings)).min();
        flows.into_iter().chain(buffers.answers.next_deadline()).min()
    }

    /// Passes on what can be passed on, and ends the flows whose time has come.
    pub fn turn(&mut self, around: &Surroundings<'_>) {
        let Some(buffers) = &mut self.buffers else { return };
        self.ready_ports.retain(|&(service, port)| {
            if buffers.answers.is_full() {
                buffers.answers.send(&self.listeners, &mut buffers.sender.outbox, around);
            }
            if buffers.answers.is_blocked(service) {
                return true;
            }
            let Some(balancer) = self.balancers.get_mut(&service) else { return false };
            balancer.answer(port, buffers, around)
        });
        buffers.answers.send(&self.listeners, &mut buffers.sender.outbox, around);
        for listener in self.listeners.iter_mut().filter(|listener| listener.ready) {
            if self.has_stopped {
                listener.ready = false;
                continue;
            }
            let Some(balancer) = self.balancers.get_mut(&listener.service) else { continue };
            balancer.receive(listener, buffers, around);
        }
        let is_over = |listener: &&Receiving| listener.leaving.is_some_and(|until| until <= around.now);
        for listener in self.listeners.iter().filter(is_over) {
            if let Some(balancer) = self.balancers.get_mut(&listener.service) {
                balancer.end_flows_by(listener.id, around);
            }
        }
        for balancer in self.balancers.values_mut() {
            balancer.follow_up(&mut buffers.sender, around);
            balancer.expire(around);
            balancer.close_ports(around);
            balancer.counting.settle(around.service(balancer.service));
        }
        self.let_go(around);
    }

    /// Ends the flows of servers that may have none any more, as far as `settings` and their blacklists say.
    pub fn forsake(&mut self, around: &Surroundings<'_>) {
        let Some(buffers) = &mut self.buffers else { return };
        for balancer in self.balancers.values_mut() {
            balancer.forsake(&mut buffers.sender, around);
        }
    }

    /// Ends a flow of the service if it has more than may be, because another worker has begun one.
    pub fn make_room(&mut self, service: ServiceIndex, around: &Surroundings<'_>) {
        if let Some(balancer) = self.balancers.get_mut(&service) {
            balancer.make_room(around);
        }
    }

    /// Closes a port of the service, because another worker has none.
    pub fn make_port(&mut self, service: ServiceIndex, around: &Surroundings<'_>) {
        if let Some(balancer) = self.balancers.get_mut(&service) {
            balancer.make_port(around);
        }
    }

    /// The logs of some services are others than in the settings `before`.
    pub fn log_changed(&mut self, before: &Settings, around: &Surroundings<'_>) {
        self.balancers.values_mut().for_each(|balancer| balancer.log_changed(before, around));
    }

    /// Ends the flow of this number, if it is one of ours.
    pub fn end_flow(&mut self, number: u32, around: &Surroundings<'_>) {
        self.balancers.values_mut().for_each(|balancer| balancer.end_flow(number, around));
    }

    /// Ends all flows. None begins any more.
    pub fn end_all(&mut self, around: &Surroundings<'_>) {
        self.has_stopped = true;
        self.balancers.values_mut().for_each(|balancer| balancer.end_all(around));
        self.turn(around);
    }

    /// Lets go of the listeners whose time is over, and of balancers that nobody needs.
    fn let_go(&mut self, around: &Surroundings<'_>) {
        let balancers = &self.balancers;
        let is_done = |listener: &mut Receiving| {
            let in_use = || balancers.get(&listener.service).is_some_and(|one| one.uses(listener.id));
            listener.leaving.is_some() && !listener.ready && !in_use()
        };
        for listener in self.listeners.extract_if(.., is_done) {
            listener.socket.deregister(around.registry);
            if let Some(service) = around.settings.services.get(listener.service) {
                service.state.counters.datagrams.lost.unwatch(&listener.socket);
            }
        }
        let listeners = &self.listeners;
        self.balancers.retain(|service, balancer| {
            !balancer.is_empty() || listeners.iter().any(|listener| listener.service == *service)
        });
    }
}

impl Default for Buffers {
    fn default() -> Buffers {
        Buffers {
            inbound: Batch::new(AT_ONCE),
            answers: Answers::new(AT_ONCE),
            sender: Sender { outbox: Outbox::new(AT_ONCE), recent: Recent::new(RECENT) },
        }
    }
}

/// Says that a datagram could not be passed on, for want of something of our own.
fn shortage(service: &Service, error: &io::Error) {
    service.state.counters.shortages.count();
    service.state.counters.datagrams.dropped.count();
    log::debug!("a datagram{} is lost: {}", service.of(), reason(error));
}

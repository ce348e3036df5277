//! What the threads share: the published settings, the room that connections take, and the workers' mailboxes. What is in a
//! mailbox is in `mailbox`.

mod mailbox;

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Instant, SystemTime};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use crate::engine::balance::{self, Own};
use crate::engine::gauge::Gauge;
use crate::engine::ids::IdPool;
use crate::engine::quarantine::Quarantine;
use crate::engine::time::Tick;
use crate::net::worker::{Message, Newcomer};
use crate::settings::{Service, ServiceIndex, ServiceState, Settings};
use crate::status::renderings::Renderings;

pub use self::mailbox::Mailbox;

/// Descriptors that a connection may need: one to the client, one to the server.
pub const DESCRIPTORS_PER_CONNECTION: usize = 2;

/// Shared by all threads of the process.
#[derive(Debug)]
pub struct Shared {
    /// The settings in force.
    pub settings: ArcSwap<Settings>,
    /// One mailbox a worker.
    pub mailboxes: Vec<Mailbox>,
    /// The renderings of the status that are asked for.
    pub renderings: Renderings,
    /// Numbers that ports for datagrams should not get for a while.
    pub quarantine: Quarantine,
    clock: Clock,
    descriptor_limit: AtomicUsize,
    taken: Apart<Taken>,
}

/// What is taken of what there is for all services. Each connection of every worker changes this; what is beside it in `Shared`
/// is only read, in each turn.
#[derive(Debug)]
struct Taken {
    /// The connection numbers, process-wide.
    numbers: Mutex<IdPool>,
    /// Descriptors that connections have taken, of so many that they may take.
    descriptors: Gauge,
    /// Those of them that serve no client.
    spare_descriptors: Gauge,
    /// Those of them that serve flows of datagrams.
    port_descriptors: Gauge,
}

/// A value in cache lines of its own, so that who writes it does not slow down who reads its neighbours. Processors fetch
/// lines of 64 bytes in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Apart<T>(T);

impl<T> Deref for Apart<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// The process's clock: never goes back.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
    started_at: SystemTime,
}

/// Room for one connection: its number, its share of `conn_max` and of the descriptors. Given back exactly once, on drop.
#[derive(Debug)]
pub struct Room {
    shared: Arc<Shared>,
    service: Arc<ServiceState>,
    number: u32,
    descriptors: usize,
}

/// Room for one connect in progress, of `pending_max`. Given back exactly once, on drop.
#[derive(Debug)]
pub struct PendingRoom {
    shared: Arc<Shared>,
    service: Arc<ServiceState>,
}

/// A descriptor for what serves no client. Given back exactly once, on drop.
#[derive(Debug)]
pub struct SpareDescriptor(Arc<Shared>);

/// A descriptor for flows of datagrams. Given back exactly once, on drop.
#[derive(Debug)]
pub struct PortDescriptor(Arc<Shared>);

impl Shared {
    /// `wakers`: one a worker. Connections get no descriptors before [`Shared::allow_descriptors`].
    pub fn new(settings: Arc<Settings>, clock: Clock, wakers: Vec<mio::Waker>) -> Shared {
        let numbers = IdPool::new(numbers_wanted(&settings, wakers.len()));
        Shared {
            settings: ArcSwap::new(settings),
            mailboxes: wakers.into_iter().map(Mailbox::new).collect(),
            renderings: Renderings::default(),
            quarantine: Quarantine::default(),
            clock,
            descriptor_limit: AtomicUsize::new(0),
            taken: Apart(Taken {
                numbers: Mutex::new(numbers),
                descriptors: Gauge::default(),
                spare_descriptors: Gauge::default(),
                port_descriptors: Gauge::default(),
            }),
        }
    }

    /// Says how many descriptors connections may use.
    pub fn allow_descriptors(&self, limit: usize) {
        self.descriptor_limit.store(limit, Ordering::Relaxed);
    }

    /// Puts new settings in force and tells the workers.
    pub fn publish(&self, settings: Arc<Settings>) {
        self.taken.numbers.lock().grow(numbers_wanted(&settings, self.mailboxes.len()));
        self.settings.store(settings);
        for mailbox in &self.mailboxes {
            mailbox.wake();
        }
    }

    /// Has the workers look which servers may have no flows any more.
    pub fn forsake(&self) {
        for mailbox in &self.mailboxes {
            mailbox.send(Message::Forsake);
        }
    }

    /// Has the workers but this one look which servers may have no flows any more.
    pub fn forsake_elsewhere(&self, worker: usize) {
        self.others(worker).for_each(|mailbox| mailbox.send(Message::Forsake));
    }

    /// Has the workers but this one end a flow of the service that is beyond its limit.
    pub fn ask_for_flow(&self, service: ServiceIndex, worker: usize) {
        self.others(worker).for_each(|mailbox| mailbox.send(Message::MakeRoom(service)));
    }

    /// Has the other workers close ports for flows of the service, because this one has none and cannot open any.
    pub fn ask_for_port(&self, service: ServiceIndex, worker: usize) {
        self.others(worker).for_each(|mailbox| mailbox.send(Message::MakePort(service)));
    }

    /// Hands a newcomer of this worker, of whose connections so many have ended lately, to one with clearly fewer; gives it back
    /// if there is none.
    pub fn hand_over(&self, newcomer: Newcomer, worker: usize, ended_lately: usize) -> Result<(), Newcomer> {
        let own = Own { connections: self.mailboxes[worker].connections(), ended_lately };
        let connections = self.mailboxes.iter().map(Mailbox::connections);
        match balance::better_place(own, self.accepted_connections(), connections) {
            Some(better) => {
                self.mailboxes[better].adopt(newcomer)?;
                self.mailboxes[worker].count_handed_over();
                Ok(())
            }
            None => Err(newcomer),
        }
    }

    /// Accepted connections of all services, by their descriptors, which are counted in one place. Flows of datagrams are none.
    fn accepted_connections(&self) -> usize {
        let others = self.taken.spare_descriptors.used() + self.taken.port_descriptors.used();
        self.taken.descriptors.used().saturating_sub(others) / DESCRIPTORS_PER_CONNECTION
    }

    fn others(&self, worker: usize) -> impl Iterator<Item = &Mailbox> {
        self.mailboxes
            .iter()
            .enumerate()
            .filter(move |(index, _)| *index != worker)
            .map(|(_, mailbox)| mailbox)
    }

    /// The time.
    pub fn now(&self) -> Tick {
        self.clock.now()
    }

    /// When the process began, by the calendar of that moment.
    pub fn started_at(&self) -> SystemTime {
        self.clock.started_at
    }

    /// How many connection numbers there are.
    pub fn connection_numbers(&self) -> usize {
        self.taken.numbers.lock().capacity()
    }

    /// How many of the connections that the settings want the descriptors allow.
    pub fn reachable_connections(&self) -> usize {
        let settings = self.settings.load();
        let (wanted, needed) = (settings.connections_wanted(), descriptors_wanted(&settings));
        let limit = self.descriptor_limit.load(Ordering::Relaxed);
        if needed <= limit { wanted } else { wanted * limit / needed }
    }

    /// Connections of all services.
    pub fn open_connections(&self) -> usize {
        self.settings.load().services.values().map(|service| service.state.connections.used()).sum()
    }

    /// Takes room for a connection of `service` and for its connect; `None`: there is none now.
    ///
    /// It looks before it takes, because taking one and giving it back for want of the other would wake those who wait.
    pub fn take_room(self: &Arc<Shared>, service: &Service) -> Option<(Room, PendingRoom)> {
        let (state, limits) = (&service.state, &service.limits);
        let there_is_room = state.connections.used() < limits.conn_max as usize
            && state.pending.used() < limits.pending_max as usize
            && self.taken.descriptors.used() + DESCRIPTORS_PER_CONNECTION
                <= self.descriptor_limit.load(Ordering::Relaxed);
        if !there_is_room {
            return None;
        }
        let room =
            self.take_connection(service, service.limits.conn_max as usize, DESCRIPTORS_PER_CONNECTION)?;
        let pending = self.take_pending(service)?;
        Some((room, pending))
    }

    /// Takes room for a flow of datagrams, which needs no descriptor of its own; `None`: there is none now.
    pub fn take_flow(self: &Arc<Shared>, service: &Service) -> Option<Room> {
        let limit = service.limits.conn_max as usize;
        if service.state.connections.used() >= limit {
            return None;
        }
        self.take_connection(service, limit, 0)
    }

    /// The same beyond the limit, for a worker that has less than its share: one for each, until others have made room.
    pub fn take_flow_beyond(self: &Arc<Shared>, service: &Service) -> Option<Room> {
        self.take_connection(service, service.limits.conn_max as usize + self.mailboxes.len(), 0)
    }

    /// Takes room for one connect.
    pub fn take_pending(self: &Arc<Shared>, service: &Service) -> Option<PendingRoom> {
        let state = &service.state;
        let pending = state.pending.take(1, service.limits.pending_max as usize);
        pending.then(|| PendingRoom { shared: Arc::clone(self), service: Arc::clone(state) })
    }

    fn take_connection(
        self: &Arc<Shared>,
        service: &Service,
        conn_max: usize,
        descriptors: usize,
    ) -> Option<Room> {
        let state = &service.state;
        if !state.connections.take(1, conn_max) {
            return None;
        }
        let limit = self.descriptor_limit.load(Ordering::Relaxed);
        if !self.taken.descriptors.take(descriptors, limit) {
            state.connections.give_back(1);
            self.room_was_freed();
            return None;
        }
        let Some(number) = self.taken.numbers.lock().take() else {
            self.taken.descriptors.give_back(descriptors);
            state.connections.give_back(1);
            self.room_was_freed();
            return None;
        };
        Some(Room { shared: Arc::clone(self), service: Arc::clone(state), number, descriptors })
    }

    /// Takes a descriptor for what serves no client; `None`: there is none now, or half of all serve none already.
    pub fn take_spare_descriptor(self: &Arc<Shared>) -> Option<SpareDescriptor> {
        let limit = self.descriptor_limit.load(Ordering::Relaxed);
        if !self.taken.spare_descriptors.take(1, limit / 2) {
            return None;
        }
        if !self.taken.descriptors.take(1, limit) {
            self.taken.spare_descriptors.give_back(1);
            return None;
        }
        Some(SpareDescriptor(Arc::clone(self)))
    }

    /// Takes a descriptor for flows of datagrams; `None`: there is none now. Flows cost their senders nothing, who may be forged,
    /// and connections cannot end them: where there are services of connections, half of all descriptors are for these.
    pub fn take_port_descriptor(self: &Arc<Shared>) -> Option<PortDescriptor> {
        let limit = self.descriptor_limit.load(Ordering::Relaxed);
        let most = if self.settings.load().serves_connections() { limit / 2 } else { limit };
        if !self.taken.port_descriptors.take(1, most) {
            return None;
        }
        if !self.taken.descriptors.take(1, limit) {
            self.taken.port_descriptors.give_back(1);
            return None;
        }
        Some(PortDescriptor(Arc::clone(self)))
    }

    /// There is room again: whoever waits for it is told, whatever thread it is.
    fn room_was_freed(&self) {
        self.mailboxes.iter().for_each(Mailbox::room_was_freed);
    }
}

impl Clock {
    /// Starts the clock.
    pub fn start() -> Clock {
        Clock { started: Instant::now(), started_at: SystemTime::now() }
    }

    /// The time since the start.
    pub fn now(self) -> Tick {
        Tick(0).plus(self.started.elapsed())
    }
}

impl Room {
    /// The connection's number.
    pub fn number(&self) -> u32 {
        self.number
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.shared.taken.numbers.lock().give_back(self.number);
        self.shared.taken.descriptors.give_back(self.descriptors);
        self.service.connections.give_back(1);
        self.shared.room_was_freed();
    }
}

impl Drop for SpareDescriptor {
    fn drop(&mut self) {
        self.0.taken.spare_descriptors.give_back(1);
        self.0.taken.descriptors.give_back(1);
        self.0.room_was_freed();
    }
}

impl Drop for PortDescriptor {
    fn drop(&mut self) {
        self.0.taken.port_descriptors.give_back(1);
        self.0.taken.descriptors.give_back(1);
        self.0.room_was_freed();
    }
}

impl Drop for PendingRoom {
    fn drop(&mut self) {
        self.service.pending.give_back(1);
        self.shared.room_was_freed();
    }
}

/// How many descriptors all connections that the settings want need at least. Flows of datagrams to different servers share one.
fn descriptors_wanted(settings: &Settings) -> usize {
    let (mut connections, mut ports) = (0, 0);
    for service in settings.services.values() {
        let conn_max = service.limits.conn_max as usize;
        if service.udp {
            ports += conn_max.div_ceil(service.servers.iter().flatten().count().max(1));
        } else {
            connections += conn_max * DESCRIPTORS_PER_CONNECTION;
        }
    }
    (connections + ports).max(if settings.serves_connections() { 2 * ports } else { 0 })
}

/// How many numbers connections may need at a time. A worker without a flow takes one beyond the limit before another ends.
fn numbers_wanted(settings: &Settings, workers: usize) -> usize {
    let of_datagrams = settings.services.values().filter(|service| service.udp).count();
    settings.connections_wanted() + of_datagrams * workers
}

#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;

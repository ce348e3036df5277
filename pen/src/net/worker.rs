//! A data-plane thread: its poll, its connections, its listeners, its flows. It shares nothing on the way of a byte. How clients
//! are taken in is in `accepting`, what others tell it in `message`.

mod accepting;
mod message;
mod stage;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use common::reason;
use mio::{Events, Poll};
use slab::Slab;

use super::connection::{Connection, Next, Phase};
use super::end::LARGEST_READ;
use super::listener::{ListenSocket, ListenerId, Listening};
use super::pipe::Pipe;
use super::queues::Queues;
use super::token::Token;
use super::udp::{Surroundings, Udp};
use crate::engine::balance::Turnover;
use crate::engine::time::Tick;
use crate::engine::timer::TimerWheel;
use crate::settings::{ServiceIndex, Settings, Transport};
use crate::shared::{Mailbox, Shared};

pub use self::message::{Message, Newcomer};
pub use self::stage::Context;
use self::stage::Stage;

/// Events taken from the poll at once.
const EVENTS_PER_TURN: usize = 1024;
/// How long a worker that stops waits for its last bytes to arrive.
const STOP_PATIENCE: Duration = Duration::from_secs(1);

/// A worker.
#[derive(Debug)]
pub struct Worker {
    index: usize,
    poll: Poll,
    shared: Arc<Shared>,
    settings: Arc<Settings>,
    now: Tick,
    /// The poll had no more to tell at that time.
    heard_all: bool,
    listeners: Vec<Listening>,
    connections: Slab<Connection>,
    next_generation: u32,
    timers: TimerWheel,
    scratch: Box<[u8]>,
    pipe: Option<Pipe>,
    /// Connections that stopped only to let the others have their turn.
    unfinished: Vec<(u32, u32)>,
    /// Connections that are over: closed after the events are dealt with.
    ended: Vec<u32>,
    /// How fast connections end.
    turnover: Turnover,
    /// Connections that wait for room for their connect.
    queues: Queues,
    udp: Udp,
    fired: Vec<u32>,
    /// Set once it is told to stop: it ends then at the latest.
    stop_at: Option<Tick>,
}

impl Worker {
    /// A worker around its poll; `index` is that of its mailbox. Without a `pipe` it copies everything.
    pub fn new(index: usize, poll: Poll, pipe: Option<Pipe>, shared: Arc<Shared>) -> Worker {
        Worker {
            index,
            poll,
            settings: shared.settings.load_full(),
            now: shared.now(),
            heard_all: true,
            shared,
            listeners: Vec::new(),
            connections: Slab::new(),
            next_generation: 0,
            timers: TimerWheel::new(),
            scratch: vec![0; LARGEST_READ].into_boxed_slice(),
            pipe,
            unfinished: Vec::new(),
            ended: Vec::new(),
            turnover: Turnover::default(),
            queues: Queues::default(),
            udp: Udp::default(),
            fired: Vec::new(),
            stop_at: None,
        }
    }

    /// Works until it is told to stop.
    pub fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS_PER_TURN);
        while !self.is_done() {
            if let Err(error) = self.poll.poll(&mut events, self.patience())
                && error.kind() != io::ErrorKind::Interrupted
            {
                log::error!("cannot wait for events: {}", reason(&error));
            }
            self.now = self.shared.now();
            self.heard_all = events.iter().count() < EVENTS_PER_TURN;
            let unfinished = self.unfinished.len();
            self.dispatch(&events);
            self.resume(unfinished);
            self.run_timers();
            self.accept();
            self.balance_datagrams();
            self.close_ended();
        }
        // Who has not said goodbye by now is not waited for.
        self.step_all(|_| true, |_, _| Next::End);
        self.close_ended();
        self.with_udp(Udp::end_all);
    }

    /// Whether the worker was told to stop, and all its connections have said goodbye or had their time for it.
    fn is_done(&self) -> bool {
        self.stop_at.is_some_and(|stop_at| stop_at <= self.now || self.has_nobody())
    }

    fn has_nobody(&self) -> bool {
        self.connections.is_empty()
            && self.udp.is_idle()
            && !self.listeners.iter().any(|listening| listening.ready)
    }

    /// Deals with all events, in their order.
    fn dispatch(&mut self, events: &Events) {
        let mut events = events.iter();
        while let Some((token, event)) = self.stage().take_in(&mut events) {
            match token {
                Token::Mailbox => self.read_mailbox(),
                Token::Listener(id) => self.listener_is_ready(id),
                Token::Port { service, place } => self.udp.port_event(service, place, event),
                Token::Connection { .. } => {}
            }
        }
    }

    fn listener_is_ready(&mut self, id: u32) {
        match self.listeners.iter_mut().find(|listening| listening.id.0 == id) {
            Some(listening) => listening.ready = true,
            None => self.udp.listener_is_ready(id),
        }
    }

    /// Goes on with the connections that were the first `count` to stop for the others.
    fn resume(&mut self, count: usize) {
        if count == 0 {
            return;
        }
        for place in 0..count {
            let (slot, generation) = self.unfinished[place];
            self.step(slot, generation, Connection::resume_from_queue);
        }
        self.unfinished.drain(..count);
    }

    /// How long to wait for events.
    fn patience(&self) -> Option<Duration> {
        if !self.unfinished.is_empty()
            || self.udp.is_ready()
            || self.listeners.iter().any(Listening::can_accept)
        {
            return Some(Duration::ZERO);
        }
        let timers = self.timers.next_deadline().into_iter().chain(self.udp.next_deadline(&self.settings));
        let pauses = self.listeners.iter().filter_map(|listening| listening.paused_until);
        Some(timers.chain(pauses).chain(self.stop_at).min()?.since(self.now))
    }

    /// The connections, and what they may use.
    fn stage(&mut self) -> Stage<'_> {
        let context = Context {
            registry: self.poll.registry(),
            settings: &self.settings,
            timers: &mut self.timers,
            scratch: &mut self.scratch,
            pipe: self.pipe.as_mut(),
            now: self.now,
            queues: &mut self.queues,
            shared: &self.shared,
            worker: self.index,
        };
        Stage {
            context,
            connections: &mut self.connections,
            unfinished: &mut self.unfinished,
            ended: &mut self.ended,
        }
    }

    /// Lets a connection take a step, unless it has ended (or never was).
    fn step(
        &mut self,
        slot: u32,
        generation: u32,
        step: impl FnOnce(&mut Connection, &mut Context<'_>) -> Next,
    ) {
        self.stage().step(slot, generation, step);
    }

    fn run_timers(&mut self) {
        self.timers.expire(self.now, &mut self.fired);
        if self.fired.is_empty() {
            return;
        }
        let mut fired = std::mem::take(&mut self.fired);
        for slot in fired.drain(..) {
            if let Some(connection) = self.connections.get(slot as usize) {
                self.step(slot, connection.generation, Connection::timer);
            }
        }
        self.fired = fired;
    }

    /// Passes datagrams on.
    fn balance_datagrams(&mut self) {
        if !self.udp.is_used() {
            return;
        }
        if self.udp.is_ready() {
            // What is sent after a command was answered is served by its settings, even if this turn began before.
            self.refresh_settings();
        }
        self.with_udp(Udp::turn);
    }

    /// What balances datagrams, and what it may use.
    fn with_udp<T>(&mut self, act: impl FnOnce(&mut Udp, &Surroundings<'_>) -> T) -> T {
        let around = Surroundings {
            registry: self.poll.registry(),
            settings: &self.settings,
            now: self.now,
            heard_all: self.heard_all,
            shared: &self.shared,
            worker: self.index,
        };
        act(&mut self.udp, &around)
    }

    /// Closes what has ended: only now, so that no event of this turn can meet a stranger in an old slot.
    fn close_ended(&mut self) {
        if self.ended.is_empty() {
            return;
        }
        self.mailbox().connections_end(self.ended.len());
        self.turnover.note(self.ended.len(), self.now);
        for slot in self.ended.drain(..) {
            self.connections.remove(slot as usize).close();
        }
    }

    fn read_mailbox(&mut self) {
        // Messages first: the settings that they speak of were published before they were sent.
        let messages = self.mailbox().take();
        self.refresh_settings();
        for listening in &mut self.listeners {
            listening.waits_for_room = false;
        }
        self.call_queued();
        for message in messages {
            self.obey(message);
        }
    }

    fn obey(&mut self, message: Message) {
        match message {
            Message::Listen(id, service, socket) => self.listen(id, service, &socket),
            Message::Unlisten(id) => {
                for listening in self.listeners.iter_mut().filter(|listening| listening.id == id) {
                    listening.close_when_empty();
                }
                self.with_udp(|udp, around| udp.unlisten(id, around));
            }
            Message::Adopt(newcomer) => self.admit(newcomer),
            Message::EndConnection(number) => {
                self.end_connections(|connection| connection.number() == number);
                self.with_udp(|udp, around| udp.end_flow(number, around));
            }
            Message::Forsake => self.with_udp(Udp::forsake),
            Message::MakeRoom(service) => self.with_udp(|udp, around| udp.make_room(service, around)),
            Message::MakePort(service) => self.with_udp(|udp, around| udp.make_port(service, around)),
            Message::Report(order) => order.answer(self.index, &self.connections, &self.udp),
            Message::Stop => self.stop(),
        }
    }

    /// There may be room for connects: those who wait go on, in their order, as far as there is.
    fn call_queued(&mut self) {
        for service in self.queues.services() {
            while let Some((slot, generation)) = self.queues.first(service) {
                if self.is_queued(slot, generation) {
                    let Some(pending) = self.stage().context.take_pending(service) else { break };
                    self.step(slot, generation, |connection, context| connection.serve(pending, context));
                }
                self.queues.pop(service);
            }
        }
    }

    /// Whether the connection still waits in its queue.
    fn is_queued(&self, slot: u32, generation: u32) -> bool {
        self.connections.get(slot as usize).is_some_and(|connection| {
            connection.generation == generation && matches!(connection.phase, Phase::Queued)
        })
    }

    /// Ends all connections with an ordinary close; those that are still in the queues follow as they are accepted.
    fn stop(&mut self) {
        self.stop_at = Some(self.now.plus(STOP_PATIENCE));
        for message in self.mailbox().take_last_newcomers() {
            self.obey(message);
        }
        self.end_connections(|_| true);
        self.with_udp(Udp::stop);
    }

    fn refresh_settings(&mut self) {
        let settings = self.shared.settings.load();
        if Arc::ptr_eq(&settings, &self.settings) {
            return;
        }
        let before = std::mem::replace(&mut self.settings, Arc::clone(&settings));
        drop(settings);
        let same_logs = before.logs_like(&self.settings);
        self.with_udp(|udp, around| {
            udp.forsake(around);
            if !same_logs {
                udp.log_changed(&before, around);
            }
        });
        let Stage { mut context, connections, .. } = self.stage();
        let same_timeouts = before.idle_timeouts().eq(context.settings.idle_timeouts());
        if same_timeouts && same_logs {
            return;
        }
        for (_, connection) in connections {
            if !same_timeouts {
                connection.idle_timeout_changed(&mut context);
            }
            if !same_logs {
                connection.log_changed(before.service(connection.service), &context);
            }
        }
    }

    fn listen(&mut self, id: ListenerId, service: ServiceIndex, socket: &Arc<ListenSocket>) {
        let registry = self.poll.registry();
        let registered = match socket.transport() {
            Transport::Stream => socket.register(registry, Token::Listener(id.0).into()).map(|()| {
                self.listeners.push(Listening::new(id, service, Arc::clone(socket)));
            }),
            Transport::Datagram => {
                self.with_udp(|udp, around| udp.listen(id, service, Arc::clone(socket), around))
            }
        };
        match registered {
            Ok(()) => {}
            Err(error) => {
                log::error!("cannot listen on {socket}: {}", reason(&error));
                // Better refused than never accepted.
                if let Err(error) = socket.turn_away() {
                    log::error!("cannot close {socket} to new clients: {}", reason(&error));
                }
            }
        }
    }

    fn end_connections(&mut self, which: impl Fn(&Connection) -> bool) {
        self.step_all(which, Connection::leave);
    }

    fn step_all(
        &mut self,
        which: impl Fn(&Connection) -> bool,
        step: fn(&mut Connection, &mut Context<'_>) -> Next,
    ) {
        let slots: Vec<(u32, u32)> = self
            .connections
            .iter()
            .filter(|(_, connection)| which(connection))
            .map(|(_, connection)| (connection.slot, connection.generation))
            .collect();
        for (slot, generation) in slots {
            self.step(slot, generation, step);
        }
    }

    fn mailbox(&self) -> &Mailbox {
        &self.shared.mailboxes[self.index]
    }
}

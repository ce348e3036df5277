//! One client's connection: from its acceptance, through the search for a server, to its end.
//!
//! The worker calls in with events and timers; every entry answers what comes [`Next`]. How a server is found and dialled
//! is in `upstream`, how bytes move in `relay`.

use std::io;

use common::client_addr::ClientAddr;
use common::reason;
use mio::event::Event;

use super::dummy;
use super::dump;
use super::end::End;
use super::http::Http;
use super::journal::Journal;
use super::listener::Accepted;
use super::peek::Peeked;
use super::preface::Preface;
use super::relay::{self, Progress};
use super::tally::{Tally, Watcher};
use super::token::{Side, Token};
use super::upstream::Attempt;
use super::worker::Context;
use crate::engine::clients::{Opened, Tracked};
use crate::engine::http::Origin;
use crate::engine::proxy::Header;
use crate::engine::search::Chosen;
use crate::engine::servers::ServerId;
use crate::engine::time::Tick;
use crate::settings::{Service, ServiceIndex};
use crate::shared::{PendingRoom, Room};
use system::socket;

/// A connection.
#[derive(Debug)]
pub struct Connection {
    /// The client's end.
    pub down: End,
    /// The server's end, once there is one.
    pub up: Option<End>,
    /// How far it has come.
    pub phase: Phase,
    /// Which service it came to.
    pub service: ServiceIndex,
    /// Who the client is.
    pub peer: Peer,
    /// Its place in the poll's tokens.
    pub slot: u32,
    /// See [`Token::Connection`].
    pub generation: u32,
    /// What a PROXY header has told of the client's connection, if there was one.
    pub proxied: Option<Box<Header>>,
    /// What its first bytes have asked for, if anything.
    pub peeked: Option<Box<Peeked>>,
    /// The client's entry in the table, if it is tracked.
    pub client: Option<Tracked>,
    /// The server and the place at it.
    pub server: Option<Chosen>,
    /// When it was accepted.
    pub opened: Tick,
    last_activity: Tick,
    /// Its requests, if servers are told in them who asks.
    pub http: Option<Box<Http>>,
    /// What the request log hears of it, if there is one.
    pub journal: Option<Box<Journal>>,
    /// It is in the worker's queue of those that have more to do.
    queued: bool,
    room: Room,
}

/// How far a connection has come.
#[derive(Debug)]
pub enum Phase {
    /// Something has to come before it is served.
    Preface(Box<Preface>),
    /// It waits for a share of `pending_max`.
    Queued,
    /// It looks for a server. That is part of every connection's life, so it is worth its room, and not an allocation.
    Connecting(Attempt),
    /// Bytes flow.
    Relaying,
    /// One end is dead; the other has until the deadline to take what the dead one had sent, then it is reset.
    Failing(Tick),
    /// pen itself is the server.
    Dummy,
    /// The client was refused: until the deadline it may take its answer and close, and nothing is listened to.
    Lingering(Tick),
    /// Everything is said, or was cut short: until the deadline the last bytes may arrive, and nothing is listened to.
    Leaving(Tick),
    /// It is over.
    Ended,
}

/// Where a client comes from.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Its address.
    pub address: ClientAddr,
    /// Its port; 0 for a Unix socket.
    pub port: u16,
}

/// What the worker does next with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Next {
    /// Wait for the poll, the timer or a message.
    Wait,
    /// Call `resume` soon; it only lets others have their turn.
    Resume,
    /// Take it away.
    End,
}

impl Connection {
    /// Takes in an accepted socket.
    pub fn accept(accepted: Accepted, seat: Seat, context: &mut Context<'_>) -> Connection {
        context.settings.service(seat.service).state.counters.accepted.count();
        Connection {
            down: End::accepted(accepted.stream),
            up: None,
            phase: Phase::Queued,
            service: seat.service,
            peer: accepted.peer,
            slot: seat.slot,
            generation: seat.generation,
            proxied: None,
            peeked: None,
            client: None,
            server: None,
            opened: context.now,
            last_activity: context.now,
            http: None,
            journal: None,
            queued: false,
            room: seat.room,
        }
    }

    /// Registers with the poll and takes the first step. `pending` is given back if others come before the search for a
    /// server.
    pub fn start(&mut self, pending: PendingRoom, context: &mut Context<'_>) -> Next {
        let token = self.token(Side::Down);
        if let Err(error) = self.down.stream.register(context.registry, token) {
            return self.shortage(&error, context);
        }
        if context.settings.service(self.service).has_preface() {
            drop(pending);
            return self.begin(context);
        }
        self.serve(pending, context)
    }

    /// Begins with the search for a server (or the abuse server, or none).
    pub fn serve(&mut self, pending: PendingRoom, context: &mut Context<'_>) -> Next {
        let service = context.settings.service(self.service);
        if service.dummy {
            self.phase = Phase::Dummy;
            context.timers.arm(self.slot, context.now.plus_seconds(service.limits.timeout));
            return self.resume(context);
        }
        let known = self.track(service, context.now);
        self.journal = service.request_log().map(|_| Box::default());
        if service.http {
            let origin = Origin { client: self.peer.address, secure: self.came_by_tls() };
            self.http = Some(Box::new(Http::new(origin)));
        }
        let refused = self.is_refused(service, context);
        let request = if refused { None } else { self.find_session(service, context.now) };
        self.phase = Phase::Connecting(Attempt::new(known, request, refused, pending));
        self.try_next_server(context)
    }

    /// Whether `client_acl` refuses the client.
    pub fn is_refused(&self, service: &Service, context: &Context<'_>) -> bool {
        !context.settings.acls[usize::from(service.client_acl)].permits(self.peer.address)
    }

    /// An event on one side.
    pub fn event(&mut self, side: Side, event: &Event, context: &mut Context<'_>) -> Next {
        let end = match side {
            Side::Down => Some(&mut self.down),
            Side::Up => self.up.as_mut(),
        };
        if let Some(end) = end {
            end.note(event);
        }
        match (&self.phase, side) {
            // Nearly always.
            (Phase::Relaying, _) => self.relay(context),
            (Phase::Preface(_), _) => self.read_preface(context),
            (Phase::Connecting(_), Side::Up) => self.connect_event(context),
            // Nobody is left to be served. Data and an ordinary close wait for the server.
            (Phase::Connecting(_) | Phase::Queued, Side::Down) if self.down.failed() => Next::End,
            (Phase::Connecting(_), Side::Down) | (Phase::Queued | Phase::Ended, _) => Next::Wait,
            _ => self.resume(context),
        }
    }

    /// Moves what can be moved.
    #[inline]
    pub fn resume(&mut self, context: &mut Context<'_>) -> Next {
        match self.phase {
            Phase::Relaying | Phase::Failing(_) => self.relay(context),
            Phase::Dummy => {
                dummy::serve(&mut self.down, context.scratch, context.settings.service(self.service))
            }
            Phase::Leaving(deadline) => self.wait_for_delivery(deadline, context),
            Phase::Lingering(deadline) => self.linger(deadline, context),
            Phase::Preface(_) => self.read_preface(context),
            Phase::Queued | Phase::Connecting(_) | Phase::Ended => Next::Wait,
        }
    }

    /// The same, for a connection that was put into the worker's queue.
    pub fn resume_from_queue(&mut self, context: &mut Context<'_>) -> Next {
        self.queued = false;
        self.resume(context)
    }

    /// Marks the connection as queued; false if it is already.
    pub fn queue(&mut self) -> bool {
        !std::mem::replace(&mut self.queued, true)
    }

    /// The timer has run out.
    pub fn timer(&mut self, context: &mut Context<'_>) -> Next {
        match self.phase {
            Phase::Preface(_) => self.preface_timed_out(context),
            Phase::Connecting(_) => self.connect_timed_out(context),
            Phase::Relaying => self.check_time(context),
            Phase::Dummy => Next::End,
            Phase::Failing(_) | Phase::Lingering(_) | Phase::Leaving(_) => self.resume(context),
            Phase::Queued | Phase::Ended => Next::Wait,
        }
    }

    /// The idle timeout was set anew.
    pub fn idle_timeout_changed(&mut self, context: &mut Context<'_>) {
        if matches!(self.phase, Phase::Relaying) {
            self.arm_timer(context);
        }
    }

    /// The server has answered the connect: bytes may flow.
    pub fn established(&mut self, context: &mut Context<'_>) -> Next {
        self.phase = Phase::Relaying;
        self.last_activity = context.now;
        self.arm_timer(context);
        self.tell_opened(context);
        self.introduce(context);
        self.relay(context)
    }

    /// pen itself lacks something (descriptors, ports, memory): nobody else is to blame.
    pub fn shortage(&mut self, error: &io::Error, context: &Context<'_>) -> Next {
        context.settings.service(self.service).state.counters.shortages.count();
        log::warn!("closing a connection from {}: {}", self.peer.address, reason(error));
        Next::End
    }

    /// Its number, process-wide.
    pub fn number(&self) -> u32 {
        self.room.number()
    }

    /// The poll's token of one side.
    pub fn token(&self, side: Side) -> mio::Token {
        Token::Connection { slot: self.slot, generation: self.generation, side }.into()
    }

    /// Says goodbye to the client table and the log. The sockets are closed by `close`, later in the turn.
    pub fn end(&mut self, context: &mut Context<'_>) {
        context.timers.cancel(self.slot);
        self.phase = Phase::Ended;
        self.tell_closed(context);
        self.leave_session(context);
        if let Some(tracked) = self.client.take() {
            let service = context.settings.service(self.service);
            service.state.clients.lock().close(&tracked, context.now);
        }
    }

    /// Closes the sockets, and only then gives their room to others.
    pub fn close(self) {
        if let Some(up) = self.up {
            socket::close_pair(self.down.stream.into_fd(), up.stream.into_fd());
        }
    }

    /// Enters the client into the table, and tells which server it had last.
    fn track(&mut self, service: &Service, now: Tick) -> Option<ServerId> {
        if service.modes.hash_only {
            return None;
        }
        let Opened { client, last_server } =
            service.state.clients.lock().open(self.peer.address, now, service.limits.tracking());
        self.client = Some(client);
        last_server
    }

    fn relay(&mut self, context: &mut Context<'_>) -> Next {
        let service = context.settings.service(self.service);
        let (Some(up), Some(chosen)) = (&mut self.up, &self.server) else { return Next::End };
        let dump = dump::Form::wanted(&context.settings.process);
        let watcher = (self.journal.is_some() || dump.is_some()).then(|| {
            let requests = self.journal.as_deref_mut().map(|journal| &mut journal.requests);
            Watcher {
                number: self.room.number(),
                peer: &self.peer,
                server: &chosen.server,
                requests: requests.zip(service.request_log()),
                dump,
            }
        });
        // A rewriter sees the bytes, too.
        let seen = self.http.is_some() || watcher.is_some();
        let mut tally = Tally {
            client: self.client.as_ref().map(|tracked| &*tracked.counters),
            server: &chosen.reservation,
            watcher,
            moved: false,
        };
        let progress = relay::turn(
            &mut self.down,
            up,
            context.scratch,
            context.pipe.as_deref_mut().filter(|_| !seen),
            service.fast_close,
            self.http.as_mut().map(|http| &mut http.rewriter),
            &mut tally,
        );
        if tally.moved {
            self.last_activity = context.now;
        }
        let deadline_changed = self.http.as_mut().is_some_and(|http| http.note_head(up, context.now));
        if deadline_changed && matches!(self.phase, Phase::Relaying) {
            self.arm_timer(context);
        }
        match progress {
            Progress::Waiting => {
                if let Phase::Failing(_) = self.phase {
                    // The error turned out to be none.
                    self.phase = Phase::Relaying;
                    self.arm_timer(context);
                }
                Next::Wait
            }
            Progress::Unfinished => Next::Resume,
            Progress::Refused(refusal) => self.refuse(refusal, context),
            Progress::Finished => Next::End,
            Progress::CutShort => self.leave(context),
            Progress::Failing => self.fail(context),
            Progress::Reset(side) => self.reset(side, context),
        }
    }

    /// The timer has run out while bytes flow, or rather do not.
    fn check_time(&mut self, context: &mut Context<'_>) -> Next {
        if let Some(http) = &mut self.http
            && http.head_deadline.is_some_and(|deadline| context.now >= deadline)
        {
            http.rewriter.give_up();
            return self.relay(context);
        }
        match self.idle_deadline(context) {
            Some(deadline) if context.now >= deadline => {
                log::debug!("connection {} from {} was idle too long", self.number(), self.peer.address);
                self.leave(context)
            }
            _ => {
                self.arm_timer(context);
                Next::Wait
            }
        }
    }

    /// Arms the timer for the idle timeout counted from the latest activity (later activity moves it when it fires), or for
    /// the end of a head that has begun.
    fn arm_timer(&mut self, context: &mut Context<'_>) {
        let head_deadline = self.http.as_ref().and_then(|http| http.head_deadline);
        match self.idle_deadline(context).into_iter().chain(head_deadline).min() {
            Some(deadline) => context.timers.arm(self.slot, deadline),
            None => context.timers.cancel(self.slot),
        }
    }

    fn idle_deadline(&self, context: &Context<'_>) -> Option<Tick> {
        context.settings.service(self.service).limits.idle_deadline(self.last_activity)
    }
}

/// What a new connection is given by its worker.
#[derive(Debug)]
pub struct Seat {
    /// The service.
    pub service: ServiceIndex,
    /// Its slot in the worker.
    pub slot: u32,
    /// The slot's generation.
    pub generation: u32,
    /// Its room.
    pub room: Room,
}

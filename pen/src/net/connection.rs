//! One client's connection: from its acceptance, through the search for a server, to its end.
//!
//! The worker calls in with events and timers; every entry answers what comes [`Next`]. How a server is found and dialled
//! is in `upstream`, how bytes move in `relay`.

use std::io;
use std::sync::Arc;

use common::client_addr::ClientAddr;
use common::reason::reason;
use mio::event::Event;

use super::dummy;
use super::dump;
use super::end::{End, LARGEST_READ};
use super::listener::Accepted;
use super::relay::{self, Standing};
use super::request_tap::RequestTap;
use super::tally::Tally;
use super::token::{Side, Token};
use super::upstream::Attempt;
use super::worker::Turn;
use crate::engine::clients::{ClientCounters, ClientRef, Opened};
use crate::engine::servers::{Reservation, Server, ServerId};
use crate::engine::time::Tick;
use crate::os::socket;
use crate::settings::{Service, ServiceIndex};
use crate::shared::{PendingRoom, Room};

/// How often a dying connection looks whether its last bytes have arrived.
const DELIVERY_CHECK_MILLISECONDS: u64 = 50;

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
    /// The client's entry in the table, if it is tracked.
    pub client: Option<Tracked>,
    /// The server and the place at it.
    pub server: Option<Chosen>,
    /// When it was accepted.
    pub opened: Tick,
    last_activity: Tick,
    request_tap: Option<Box<RequestTap>>,
    /// It is in the worker's queue of those that have more to do.
    queued: bool,
    room: Room,
}

/// How far a connection has come.
#[derive(Debug)]
pub enum Phase {
    /// It looks for a server.
    Connecting(Box<Attempt>),
    /// Bytes flow.
    Relaying,
    /// One end is dead; the other has until the deadline to take what the dead one had sent, then it is reset.
    Failing(Tick),
    /// pen itself is the server.
    Dummy,
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

/// A client's entry in the client table.
#[derive(Debug)]
pub struct Tracked {
    /// The entry.
    pub entry: ClientRef,
    /// Its counters.
    pub counters: Arc<ClientCounters>,
}

/// The server of a connection.
#[derive(Debug)]
pub struct Chosen {
    /// As it was set when it was chosen.
    pub server: Arc<Server>,
    /// The place at it.
    pub reservation: Reservation,
    /// Whether it is one of the slots, or the emergency or abuse server.
    pub regular: bool,
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
    /// Takes in an accepted socket and begins with the search for a server (or the abuse server, or none: SPEC 3).
    pub fn accept(accepted: Accepted, place: Place, pending: PendingRoom, turn: &mut Turn<'_>) -> Connection {
        let mut connection = Connection {
            down: End::accepted(accepted.stream),
            up: None,
            phase: Phase::Dummy,
            service: place.service,
            peer: accepted.peer,
            slot: place.slot,
            generation: place.generation,
            client: None,
            server: None,
            opened: turn.now,
            last_activity: turn.now,
            request_tap: None,
            queued: false,
            room: place.room,
        };
        let service = turn.settings.service(place.service);
        service.state.counters.accepted.count();
        if service.dummy {
            return connection;
        }
        let known = connection.track(service, turn.now);
        connection.request_tap = service.request_log().map(|_| Box::default());
        let refused = !turn.settings.acls[usize::from(service.client_acl)].permits(accepted.peer.address);
        connection.phase = Phase::Connecting(Box::new(Attempt::new(known, refused, pending)));
        connection
    }

    /// Registers with the poll and takes the first step.
    pub fn start(&mut self, turn: &mut Turn<'_>) -> Next {
        let token = self.token(Side::Down);
        if let Err(error) = self.down.stream.register(turn.registry, token) {
            return self.shortage(&error, turn);
        }
        if let Phase::Connecting(_) = self.phase {
            return self.try_next_server(turn);
        }
        let limits = &turn.settings.service(self.service).limits;
        turn.timers.arm(self.slot, turn.now.plus_seconds(limits.timeout));
        Next::Wait
    }

    /// An event on one side.
    pub fn event(&mut self, side: Side, event: &Event, turn: &mut Turn<'_>) -> Next {
        match side {
            Side::Down => self.down.note(event),
            Side::Up => {
                if let Some(up) = &mut self.up {
                    up.note(event);
                }
            }
        }
        match (&self.phase, side) {
            (Phase::Connecting(_), Side::Up) => self.connect_event(turn),
            // Nobody is left to be served. Data and an ordinary close wait for the server.
            (Phase::Connecting(_), Side::Down) if self.down.failed() => Next::End,
            (Phase::Connecting(_), Side::Down) | (Phase::Ended, _) => Next::Wait,
            _ => self.resume(turn),
        }
    }

    /// Moves what can be moved.
    pub fn resume(&mut self, turn: &mut Turn<'_>) -> Next {
        match self.phase {
            Phase::Relaying | Phase::Failing(_) => self.relay(turn),
            Phase::Dummy => dummy::serve(&mut self.down, turn.scratch, turn.settings.service(self.service)),
            Phase::Leaving(deadline) => self.wait_for_delivery(deadline, turn),
            Phase::Connecting(_) | Phase::Ended => Next::Wait,
        }
    }

    /// The same, for a connection that was put into the worker's queue.
    pub fn resume_from_queue(&mut self, turn: &mut Turn<'_>) -> Next {
        self.queued = false;
        self.resume(turn)
    }

    /// Marks the connection as queued; false if it is already.
    pub fn queue(&mut self) -> bool {
        !std::mem::replace(&mut self.queued, true)
    }

    /// Ends the connection with an ordinary close, to both sides. A close alone would be a reset wherever the peer is still
    /// sending, and would take back what was sent and has not arrived.
    pub fn leave(&mut self, turn: &mut Turn<'_>) -> Next {
        if let Phase::Connecting(_) = self.phase {
            self.up = None;
        }
        self.down.say_goodbye();
        if let Some(up) = &mut self.up {
            up.say_goodbye();
        }
        let limits = &turn.settings.service(self.service).limits;
        self.wait_for_delivery(turn.now.plus_seconds(limits.timeout), turn)
    }

    /// The timer has run out.
    pub fn timer(&mut self, turn: &mut Turn<'_>) -> Next {
        match self.phase {
            Phase::Connecting(_) => self.connect_timed_out(turn),
            Phase::Relaying => self.check_idle(turn),
            Phase::Dummy => Next::End,
            Phase::Failing(_) | Phase::Leaving(_) => self.resume(turn),
            Phase::Ended => Next::Wait,
        }
    }

    /// The idle timeout was set anew.
    pub fn idle_timeout_changed(&mut self, turn: &mut Turn<'_>) {
        if matches!(self.phase, Phase::Relaying) {
            self.arm_idle_timer(turn);
        }
    }

    /// The server has answered the connect: bytes may flow.
    pub fn established(&mut self, turn: &mut Turn<'_>) -> Next {
        self.phase = Phase::Relaying;
        self.last_activity = turn.now;
        self.arm_idle_timer(turn);
        self.relay(turn)
    }

    /// pen itself lacks something (descriptors, ports, memory): nobody else is to blame.
    pub fn shortage(&mut self, error: &io::Error, turn: &Turn<'_>) -> Next {
        turn.settings.service(self.service).state.counters.shortages.count();
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
    pub fn end(&mut self, turn: &mut Turn<'_>) {
        turn.timers.cancel(self.slot);
        self.phase = Phase::Ended;
        let service = turn.settings.service(self.service);
        if let (Some(tap), Some(chosen), Some(log)) =
            (&mut self.request_tap, &self.server, service.request_log())
        {
            tap.finish(&self.peer, &chosen.server, log);
        }
        if let Some(tracked) = self.client.take() {
            service.state.clients.lock().close(tracked.entry, turn.now);
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
        let Opened { client, counters, last_server } =
            service.state.clients.lock().open(self.peer.address, now, service.limits.tracking());
        self.client = Some(Tracked { entry: client, counters });
        last_server
    }

    fn relay(&mut self, turn: &mut Turn<'_>) -> Next {
        let service = turn.settings.service(self.service);
        let (Some(up), Some(chosen)) = (&mut self.up, &self.server) else { return Next::End };
        let mut tally = Tally {
            number: self.room.number(),
            peer: &self.peer,
            client: self.client.as_ref().map(|tracked| &*tracked.counters),
            chosen,
            requests: self.request_tap.as_deref_mut().zip(service.request_log()),
            dump: dump::Form::wanted(&turn.settings.process),
            moved: false,
        };
        let standing = relay::turn(
            &mut self.down,
            up,
            &mut turn.scratch[..LARGEST_READ],
            service.fast_close,
            &mut tally,
        );
        if tally.moved {
            self.last_activity = turn.now;
        }
        match standing {
            Standing::Waiting => {
                if let Phase::Failing(_) = self.phase {
                    // The error turned out to be none.
                    self.phase = Phase::Relaying;
                    self.arm_idle_timer(turn);
                }
                Next::Wait
            }
            Standing::Unfinished => Next::Resume,
            Standing::Finished => Next::End,
            Standing::CutShort => self.leave(turn),
            Standing::Failing => self.fail(turn),
            Standing::Reset(side) => self.reset(side, turn),
        }
    }

    /// One end is dead, and the other has not taken everything yet.
    fn fail(&mut self, turn: &mut Turn<'_>) -> Next {
        let deadline = match self.phase {
            Phase::Failing(deadline) => deadline,
            _ => turn.now.plus_seconds(turn.settings.service(self.service).limits.timeout),
        };
        if turn.now >= deadline {
            return self.reset_now();
        }
        self.phase = Phase::Failing(deadline);
        turn.timers.arm(self.slot, deadline.min(Tick(turn.now.0 + DELIVERY_CHECK_MILLISECONDS)));
        Next::Wait
    }

    /// Everything was written to `side`: it is reset as soon as it has arrived there.
    fn reset(&mut self, side: Side, turn: &mut Turn<'_>) -> Next {
        let delivered = match (side, &self.up) {
            (Side::Down, _) => self.down.delivered(),
            (Side::Up, Some(up)) => up.delivered(),
            (Side::Up, None) => true,
        };
        if delivered { self.reset_now() } else { self.fail(turn) }
    }

    /// Waits, not beyond the deadline, for the last bytes to arrive.
    fn wait_for_delivery(&mut self, deadline: Tick, turn: &mut Turn<'_>) -> Next {
        let mut more = self.down.discard(turn.scratch);
        let mut delivered = self.down.delivered();
        if let Some(up) = &mut self.up {
            more |= up.discard(turn.scratch);
            delivered &= up.delivered();
        }
        if delivered || turn.now >= deadline {
            return Next::End;
        }
        self.phase = Phase::Leaving(deadline);
        turn.timers.arm(self.slot, deadline.min(Tick(turn.now.0 + DELIVERY_CHECK_MILLISECONDS)));
        if more { Next::Resume } else { Next::Wait }
    }

    /// Both ends are closed with a reset (to a dead one it makes no difference).
    fn reset_now(&mut self) -> Next {
        self.down.stream.reset();
        if let Some(up) = &self.up {
            up.stream.reset();
        }
        Next::End
    }

    fn check_idle(&mut self, turn: &mut Turn<'_>) -> Next {
        match turn.settings.service(self.service).limits.idle_deadline(self.last_activity) {
            Some(deadline) if turn.now >= deadline => {
                log::debug!("connection {} from {} was idle too long", self.number(), self.peer.address);
                self.leave(turn)
            }
            _ => {
                self.arm_idle_timer(turn);
                Next::Wait
            }
        }
    }

    /// Arms the timer for the idle timeout counted from the latest activity: later activity moves it when it fires.
    fn arm_idle_timer(&mut self, turn: &mut Turn<'_>) {
        match turn.settings.service(self.service).limits.idle_deadline(self.last_activity) {
            Some(deadline) => turn.timers.arm(self.slot, deadline),
            None => turn.timers.cancel(self.slot),
        }
    }
}

/// What a new connection is given by its worker.
#[derive(Debug)]
pub struct Place {
    /// The service.
    pub service: ServiceIndex,
    /// Its slot in the worker.
    pub slot: u32,
    /// The slot's generation.
    pub generation: u32,
    /// Its room.
    pub room: Room,
}

//! The main thread: the control port's sessions, and the signals. It waits for nothing but its poll, so that nobody who is
//! silent, slow or hostile delays anybody else.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use common::client_addr::ClientAddr;
use common::reason;
use common::wire::{LineReader, Request, SESSION_LIMIT, SESSION_TIMEOUT};
use mio::{Events, Poll, Token};

use super::answers;
use super::listener::ControlListener;
use super::orders::Orders;
use super::replies::Replies;
use super::requests::{Heard, interpret, question};
use super::{Origin, SessionId};
use crate::engine::time::Tick;
use crate::net::listener::AcceptTrouble;
use crate::net::stream::Stream;
use crate::shared::Shared;
use system::signals::{Signal, Signals};

/// The token of [`Replies`]' waker.
pub const REPLIES: Token = Token(0);
const SIGNALS: Token = Token(1);
const LISTENER: Token = Token(2);
/// Session N has this token plus N.
const FIRST_SESSION: usize = 3;

/// How soon to accept again after a failure.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// How long a session may be idle before it goes for another one. Whoever has something to say has said it by then, and those who
/// want more sessions than there are wait in the kernel's queue: so a flood of silent peers drives nobody else out.
const GRACE: Duration = Duration::from_millis(20);

/// The sessions and what they need.
pub struct Sessions {
    poll: Poll,
    signals: Signals,
    listener: Option<ControlListener>,
    /// When to accept.
    accept_at: Option<Tick>,
    /// Somebody may be waiting for room, which any turn can bring.
    crowded: bool,
    shared: Arc<Shared>,
    orders: Orders,
    replies: Replies,
    open: Vec<Session>,
    next_id: usize,
}

/// Where another session can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    /// There are fewer than there may be.
    Free,
    /// In the place of the one at this index.
    InsteadOf(usize),
    /// Nowhere before then, if nothing else happens.
    At(Tick),
}

struct Session {
    id: SessionId,
    stream: Stream,
    origin: Origin,
    may_command: bool,
    phase: Phase,
    /// Since when it waits for its peer.
    idle_since: Tick,
}

enum Phase {
    /// The line is not complete.
    Reading(LineReader),
    /// The steward has it.
    Waiting,
    /// The answer goes out.
    Answering { answer: Arc<String>, written: usize },
    /// All is said; what the peer still sends is thrown away, lest its kernel throw our answer away.
    Leaving,
    /// To be closed.
    Over,
}

impl Sessions {
    /// Around a poll that already has the replies' waker.
    pub fn new(
        poll: Poll,
        mut signals: Signals,
        listener: Option<ControlListener>,
        shared: Arc<Shared>,
        orders: Orders,
        replies: Replies,
    ) -> io::Result<Sessions> {
        poll.registry().register(&mut signals, SIGNALS, mio::Interest::READABLE)?;
        if let Some(listener) = &listener {
            listener.register(poll.registry(), LISTENER)?;
        }
        Ok(Sessions {
            poll,
            signals,
            listener,
            accept_at: None,
            crowded: false,
            shared,
            orders,
            replies,
            open: Vec::new(),
            next_id: 0,
        })
    }

    /// Serves until the steward says that pen is done.
    pub fn run(mut self) {
        let mut events = Events::with_capacity(128);
        while !self.replies.finished() {
            if let Err(error) = self.poll.poll(&mut events, self.patience())
                && error.kind() != ErrorKind::Interrupted
            {
                log::error!("cannot wait for control events: {}", reason(&error));
            }
            let now = self.shared.now();
            for event in &events {
                match event.token() {
                    REPLIES => self.deliver_replies(now),
                    SIGNALS => self.pass_signals_on(),
                    // After those who are here already.
                    LISTENER => self.accept_at = Some(now),
                    Token(number) => self.progress(number - FIRST_SESSION, now),
                }
            }
            self.open.extract_if(.., |session| session.end() <= now).for_each(Session::close);
            if self.crowded || self.accept_at.is_some_and(|at| at <= now) {
                self.accept(now);
            }
        }
        self.end(self.shared.now());
    }

    /// Delivers the steward's last words. Whose command it did not take any more is told so: silence would be taken for success.
    fn end(&mut self, now: Tick) {
        self.deliver_replies(now);
        for mut session in self.open.drain(..) {
            if matches!(session.phase, Phase::Waiting) {
                session.answer(Arc::new("error: pen is stopping".to_owned()), now);
            }
            session.close();
        }
    }

    fn patience(&self) -> Option<Duration> {
        let ends = self.open.iter().map(Session::end).chain(self.accept_at);
        ends.min().map(|end| end.since(self.shared.now()))
    }

    /// Accepts those who wait, as long as there is room. Sessions end only between two calls, so that there is an end to this even when
    /// peers come faster than they can be accepted.
    fn accept(&mut self, now: Tick) {
        (self.accept_at, self.crowded) = (None, false);
        loop {
            let Some(listener) = &self.listener else { return };
            let room = self.room(now);
            if let Room::At(then) = room {
                (self.accept_at, self.crowded) = (Some(then), true);
                return;
            }
            match listener.accept() {
                Ok(accepted) => self.admit(accepted.stream, accepted.peer.address, room, now),
                Err(error) if AcceptTrouble::from(&error) == AcceptTrouble::NobodyWaits => return,
                Err(error) if AcceptTrouble::from(&error) == AcceptTrouble::PeerIsGone => {}
                Err(error) => {
                    log::warn!("cannot accept on the control port, trying again soon: {}", reason(&error));
                    self.accept_at = Some(now.plus(ACCEPT_PAUSE));
                    return;
                }
            }
        }
    }

    /// When there are as many sessions as may be, the one goes whose peer has neither said its line nor taken anything of its answer
    /// for the longest time. Those whose answer is being made stay: so no more answers are in the making than there may be sessions.
    fn room(&self, now: Tick) -> Room {
        if self.open.len() < SESSION_LIMIT {
            return Room::Free;
        }
        let idle =
            self.open.iter().enumerate().filter(|(_, session)| !matches!(session.phase, Phase::Waiting));
        let Some((index, longest)) = idle.min_by_key(|(_, session)| session.idle_since) else {
            return Room::At(Tick(u64::MAX));
        };
        let then = longest.idle_since.plus(GRACE);
        if then <= now { Room::InsteadOf(index) } else { Room::At(then) }
    }

    fn admit(&mut self, mut stream: Stream, peer: ClientAddr, room: Room, now: Tick) {
        if let Room::InsteadOf(index) = room {
            self.open.remove(index).close();
        }
        let number = self.next_id;
        self.next_id += 1;
        let token = Token(FIRST_SESSION + number);
        if let Err(error) = stream.register(self.poll.registry(), token) {
            log::warn!("cannot serve a control session: {}", reason(&error));
            return;
        }
        self.open.push(Session {
            id: SessionId(number),
            stream,
            origin: if peer == ClientAddr::Unix { Origin::Unix } else { Origin::Tcp },
            may_command: self.may_command(peer),
            phase: Phase::Reading(LineReader::default()),
            idle_since: now,
        });
        // Its line may be there already.
        self.progress(number, now);
    }

    /// Until `control_acl` names a list with entries, only this machine may.
    fn may_command(&self, peer: ClientAddr) -> bool {
        let settings = self.shared.settings.load();
        let list = &settings.acls[usize::from(settings.process.control_acl)];
        match peer {
            ClientAddr::Unix => true,
            ClientAddr::Ip(address) if list.is_empty() => address.is_loopback(),
            ClientAddr::Ip(_) => list.permits(peer),
        }
    }

    fn progress(&mut self, number: usize, now: Tick) {
        let Some(session) = self.open.iter_mut().find(|session| session.id == SessionId(number)) else {
            return;
        };
        if let Some(request) = session.read() {
            match interpret(request, session.may_command) {
                Heard::Command(command) => {
                    session.phase = Phase::Waiting;
                    match question(&command) {
                        Some((question, service)) => {
                            let (shared, replies) = (&self.shared, &self.replies);
                            answers::answer_later(question, service, session.id, shared, replies);
                        }
                        None => self.orders.command(session.id, session.origin, command),
                    }
                }
                Heard::Answer(answer) => session.answer(answer.into(), now),
                Heard::Nothing => session.phase = Phase::Over,
            }
        }
        session.write(now);
        session.leave();
    }

    fn deliver_replies(&mut self, now: Tick) {
        for (id, answer) in self.replies.take() {
            // It may have gone meanwhile.
            if let Some(session) = self.open.iter_mut().find(|session| session.id == id) {
                session.answer(answer, now);
            }
        }
    }

    fn pass_signals_on(&mut self) {
        for signal in self.signals.pending() {
            match signal {
                Signal::Reload => self.orders.reload(),
                Signal::WriteStatus => self.orders.write_status(),
                Signal::Stop => self.orders.stop(),
            }
        }
    }
}

impl Session {
    /// Reads the line; at most what fits, and only once.
    fn read(&mut self) -> Option<Request> {
        let Phase::Reading(line) = &mut self.phase else { return None };
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Some(line.finish()),
                Ok(length) => {
                    if let Some(request) = line.feed(&buffer[..length]) {
                        return Some(request);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    self.phase = Phase::Over;
                    return None;
                }
            }
        }
    }

    fn answer(&mut self, mut answer: Arc<String>, now: Tick) {
        if !answer.is_empty() && !answer.ends_with('\n') {
            Arc::make_mut(&mut answer).push('\n');
        }
        self.phase = Phase::Answering { answer, written: 0 };
        self.idle_since = now;
        self.write(now);
        self.leave();
    }

    fn write(&mut self, now: Tick) {
        let Phase::Answering { answer, written } = &mut self.phase else { return };
        while *written < answer.len() {
            match self.stream.write(&answer.as_bytes()[*written..]) {
                Ok(length) => {
                    *written += length;
                    self.idle_since = now;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    self.phase = Phase::Over;
                    return;
                }
            }
        }
        self.phase = if self.stream.shutdown_write().is_ok() { Phase::Leaving } else { Phase::Over };
    }

    /// Closing with unread bytes would reset the connection, and the peer might lose the answer: so they are read, some of them.
    fn leave(&mut self) {
        let mut buffer = [0; 4096];
        for _ in 0..16 {
            if !matches!(self.phase, Phase::Leaving) {
                return;
            }
            match self.stream.read(&mut buffer) {
                Ok(1..) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Ok(0) | Err(_) => self.phase = Phase::Over,
            }
        }
        self.phase = Phase::Over;
    }

    /// Closes; with a reset if the answer is not complete, lest it look so.
    fn close(self) {
        if matches!(self.phase, Phase::Answering { .. }) {
            self.stream.reset();
        }
    }

    /// When it is over, if its peer goes on being idle.
    fn end(&self) -> Tick {
        match self.phase {
            Phase::Over => Tick(0),
            Phase::Waiting => Tick(u64::MAX),
            Phase::Reading(_) | Phase::Answering { .. } | Phase::Leaving => {
                self.idle_since.plus(SESSION_TIMEOUT)
            }
        }
    }
}

#[cfg(test)]
mod tests;

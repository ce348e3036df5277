//! Many clients and the poll that they share.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use slab::Slab;

use super::Target;
use super::client::{Client, Progress};

const ALARM: Token = Token(usize::MAX - 1);
/// Bytes that are read at once.
const CHUNK: usize = 256 << 10;

/// Clients by number.
pub(super) struct Crowd {
    target: Target,
    poll: Poll,
    events: Events,
    clients: Slab<Client>,
    buffer: Vec<u8>,
    news: Vec<(usize, Progress)>,
    alarm: TimerFd,
}

impl Crowd {
    pub(super) fn new(target: &Target) -> io::Result<Crowd> {
        let poll = Poll::new()?;
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let alarm = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        let fd = std::os::fd::AsFd::as_fd(&alarm).as_raw_fd();
        poll.registry().register(&mut SourceFd(&fd), ALARM, Interest::READABLE)?;
        Ok(Crowd {
            target: target.clone(),
            poll,
            events: Events::with_capacity(512),
            clients: Slab::new(),
            buffer: vec![0; CHUNK],
            news: Vec::new(),
            alarm,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.clients.len()
    }

    /// A new client, which connects; its number.
    pub(super) fn dial(&mut self, source: Option<Ipv4Addr>) -> io::Result<usize> {
        let client = Client::dial(&self.target, source)?;
        let number = self.clients.insert(client);
        let socket = &mut self.clients[number].socket;
        self.poll.registry().register(socket, Token(number), Interest::READABLE | Interest::WRITABLE)?;
        Ok(number)
    }

    /// Has a client ask for so many bytes.
    pub(super) fn ask(&mut self, number: usize, answer: u64) -> Progress {
        self.clients.get_mut(number).map_or(Progress::Lost, |client| client.ask(answer))
    }

    /// Closes a client's connection.
    pub(super) fn part(&mut self, number: usize) {
        drop(self.clients.try_remove(number));
    }

    /// Ends the next turn after this time, to the microsecond: a poll alone knows milliseconds.
    pub(super) fn wake_after(&mut self, delay: Duration) -> io::Result<()> {
        let delay = delay.max(Duration::from_nanos(1));
        let expiration = Expiration::OneShot(TimeSpec::from_duration(delay));
        Ok(self.alarm.set(expiration, TimerSetTimeFlags::empty())?)
    }

    /// Waits for events, and tells which clients have their answers or lost them.
    pub(super) fn turn(&mut self, limit: Duration) -> io::Result<&[(usize, Progress)]> {
        self.news.clear();
        match self.poll.poll(&mut self.events, Some(limit)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(&self.news),
            other => other?,
        }
        for event in &self.events {
            if event.token() == ALARM {
                let _ = self.alarm.wait();
                continue;
            }
            let Some(client) = self.clients.get_mut(event.token().0) else { continue };
            let progress = client.advance(&mut self.buffer, event.is_read_closed() || event.is_error());
            if progress != Progress::Waiting {
                self.news.push((event.token().0, progress));
            }
        }
        Ok(&self.news)
    }
}

//! One end of a connection: its socket, what is known of the socket's state, and what still has to be written to it.

mod outgoing;
mod pouring;
mod records;

use std::io::{self, ErrorKind};

use mio::event::Event;

use super::stream::Stream;
use super::tls::Session;
use outgoing::{Nagle, Pending};
pub use pouring::Poured;

/// The largest single read. A worker has one buffer of this size for all its connections.
pub const LARGEST_READ: usize = 256 * 1024;
/// The smallest read that a slow receiver on the other side brings us down to.
pub const SMALLEST_READ: usize = 16 * 1024;
/// Reads in a row when the data is thrown away.
const READS_PER_DISCARD: usize = 16;
/// The first reads of a connection: an ordinary request or answer fits.
pub const FIRST_READ: usize = 64 * 1024;

/// One end of a connection. The poll reports edges, so the end remembers what was reported and not yet used up.
#[derive(Debug)]
pub struct End {
    /// The socket.
    pub stream: Stream,
    /// What the peer sends and gets is encrypted.
    tls: Option<Box<Session>>,
    /// What comes before everything else; nothing is allocated where nothing does.
    first: Option<Box<First>>,
    /// The peer broke the rules of TLS, and was told so.
    alerted: bool,
    /// What the peer has not taken yet; nothing is allocated while there is nothing.
    pending: Option<Box<Pending>>,
    /// How much to read at once: halved when the other side can't take it all, doubled when it does.
    read_size: usize,
    /// There may be something to read.
    readable: bool,
    /// There may be room to write.
    writable: bool,
    /// The peer has closed its side; what it sent before may still have to be read.
    closing: bool,
    /// The socket has an error, behind what may still have to be read.
    failed: bool,
    /// The peer uses urgent data, at which reads stop short.
    urgent: bool,
    /// What is still to be done about Nagle's delay.
    nagle: Nagle,
    /// Everything that the peer sent has been read.
    pub ended: bool,
    /// We have told the peer that nothing more will come, or will do so when what is pending is written.
    pub shut: bool,
    /// That is still to be told.
    shut_later: bool,
    /// The socket is dead: it was reset or failed otherwise.
    pub broken: bool,
}

/// What comes first in one of the directions: a client's end may have the one, a server's the other.
#[derive(Debug)]
enum First {
    /// It was read too early, and is read again.
    Unread(Vec<u8>),
    /// It goes out together with the first bytes that do.
    Opening(Vec<u8>),
}

/// What a read brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// These bytes.
    Data(&'a [u8]),
    /// Nothing now.
    Nothing,
    /// Nothing any more: see `ended` and `broken`.
    Over,
}

impl End {
    /// An accepted socket: it can be written to, and the poll will tell when there is something to read.
    pub fn accepted(stream: Stream) -> End {
        End { writable: true, ..End::connecting(stream) }
    }

    /// A socket that is still being connected.
    pub fn connecting(stream: Stream) -> End {
        End {
            stream,
            tls: None,
            first: None,
            alerted: false,
            pending: None,
            read_size: FIRST_READ,
            readable: false,
            writable: false,
            closing: false,
            failed: false,
            urgent: false,
            nagle: Nagle::Settled,
            ended: false,
            shut: false,
            shut_later: false,
            broken: false,
        }
    }

    /// Takes in what the poll reported.
    pub fn note(&mut self, event: &Event) {
        self.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        self.writable |= event.is_writable();
        self.closing |= event.is_read_closed();
        self.failed |= event.is_error();
        self.urgent |= event.is_priority();
        if self.ended {
            self.look_for_an_error();
        }
    }

    /// The poll may have reported an error that no read has met, and nobody will read this socket again.
    fn look_for_an_error(&mut self) {
        if self.failed && !self.broken {
            self.broken = !matches!(self.stream.take_error(), Ok(None));
        }
    }

    /// Whether the poll has reported an error on this socket.
    pub fn failed(&self) -> bool {
        self.failed
    }

    /// Whether the peer has something for us, as far as the poll has told.
    pub fn readable(&self) -> bool {
        let held = self.is_unread() || self.tls.as_ref().is_some_and(|session| session.is_unread());
        self.readable || held
    }

    /// Whether a read could bring anything, the end included. If not it need not be tried.
    pub fn may_bring_something(&self) -> bool {
        self.readable || self.first.is_some() || self.tls.is_some()
    }

    /// Whether neither an end nor an error has been met.
    pub fn goes_on(&self) -> bool {
        !self.ended && !self.broken && !self.failed
    }

    /// Whether another write can be tried.
    pub fn writable(&self) -> bool {
        self.writable
    }

    /// Whether something can be sent: nothing is pending, and the socket was not full.
    pub fn takes_more(&self) -> bool {
        self.pending.is_none() && self.writable && !self.broken
    }

    /// Whether reads have grown beyond the first, by one of that size which was taken whole.
    pub fn reads_much(&self) -> bool {
        self.read_size > FIRST_READ
    }

    /// How much to read at most for `to`. A large read is cut to what the socket there has room for: what it does not take would be
    /// copied and kept, a quarter of a megabyte for each client that is slow to take its answer.
    #[inline(never)]
    pub fn portion_for(&self, to: &End) -> usize {
        if !self.reads_much() || self.tls.is_some() {
            return LARGEST_READ;
        }
        to.stream.room().clamp(SMALLEST_READ, LARGEST_READ)
    }

    /// Reads once, at most `buffer`'s size and what the other end has lately been able to take.
    #[inline]
    pub fn read<'a>(&mut self, buffer: &'a mut [u8]) -> Incoming<'a> {
        // What was given back is plain text: what a session's records come from is all read in its handshake.
        if self.tls.is_some() && !self.is_unread() {
            self.read_records(buffer)
        } else {
            self.read_bytes(buffer)
        }
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "two calls for each read are a twentieth of what a relay costs")]
    fn read_bytes<'a>(&mut self, buffer: &'a mut [u8]) -> Incoming<'a> {
        if self.is_unread() {
            return self.read_again(buffer);
        }
        if self.ended {
            return Incoming::Over;
        }
        if !self.readable {
            return Incoming::Nothing;
        }
        let size = buffer.len().min(self.read_size);
        match self.stream.read(&mut buffer[..size]) {
            Ok(0) => {
                self.readable = false;
                self.ended = true;
                self.look_for_an_error();
                Incoming::Over
            }
            Ok(length) => {
                if length < size && self.stream.short_read_means_drained() && !self.urgent && !self.failed {
                    // The socket was drained. If the peer had closed when the poll reported, that was all of it, and the read
                    // that would return 0 can be saved. (After an error only a read tells a reset from an end.)
                    self.readable = false;
                    self.ended = self.closing;
                }
                Incoming::Data(&buffer[..length])
            }
            Err(error) => self.note_read_error(&error),
        }
    }

    #[cold]
    #[inline(never)]
    fn note_read_error<'a>(&mut self, error: &io::Error) -> Incoming<'a> {
        match error.kind() {
            ErrorKind::WouldBlock => self.readable = false,
            ErrorKind::Interrupted => {}
            _ => {
                self.ended = true;
                self.broken = true;
                return Incoming::Over;
            }
        }
        Incoming::Nothing
    }

    /// Gives back the last that was read: it comes again with the next read, before what was given back earlier and not read since.
    pub fn unread(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let mut unread = bytes.to_vec();
        if let Some(First::Unread(rest)) = self.first.as_deref() {
            unread.extend_from_slice(rest);
        }
        self.first = Some(Box::new(First::Unread(unread)));
        if self.ended {
            // Not before that is read, and then the socket or the session tells it again.
            self.ended = false;
            self.readable = true;
            if let Some(session) = &mut self.tls {
                session.look_again();
            }
        }
    }

    fn is_unread(&self) -> bool {
        matches!(self.first.as_deref(), Some(First::Unread(_)))
    }

    /// Reads what was given back.
    #[cold]
    #[inline(never)]
    fn read_again<'a>(&mut self, buffer: &'a mut [u8]) -> Incoming<'a> {
        let Some(First::Unread(rest)) = self.first.as_deref_mut() else { return Incoming::Nothing };
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        rest.drain(..length);
        if rest.is_empty() {
            self.first = None;
        }
        Incoming::Data(&buffer[..length])
    }

    /// Throws away what the peer sends; true while there may be more at once.
    pub fn discard(&mut self, buffer: &mut [u8]) -> bool {
        // The socket may not be known to the poll, so it is asked itself.
        self.readable = true;
        for _ in 0..READS_PER_DISCARD {
            if !matches!(self.read_bytes(buffer), Incoming::Data(_)) {
                return false;
            }
        }
        self.readable
    }

    /// Adapts the size of this end's reads to what the other end takes: memory for slow receivers stays small, fast ones get
    /// large and few system calls.
    pub fn adapt_read_size(&mut self, length: usize, all_taken: bool) {
        let length = self.tls.as_ref().map_or(length, |session| session.last_read);
        if !all_taken {
            self.read_size = (self.read_size / 2).max(SMALLEST_READ);
        } else if length == self.read_size {
            self.read_size = (self.read_size * 2).min(LARGEST_READ);
        }
    }

    /// Whether the peer's kernel has everything that was written, or will never have it.
    pub fn delivered(&self) -> bool {
        self.broken || self.stream.delivered()
    }

    /// Makes the close that follows a reset. Not so for who broke the rules of TLS: a reset could overtake the alert that says so.
    pub fn reset(&self) {
        if !self.alerted {
            self.stream.reset();
        }
    }
}

#[cfg(test)]
mod tests;

//! One end of a connection: its socket, what is known of the socket's state, and what still has to be written to it.

mod records;

use std::io::{self, ErrorKind, IoSlice};

use mio::event::Event;

use super::stream::Stream;
use super::tls::Session;
use crate::engine::http::Pieces;

/// The largest single read. A worker has one buffer of this size for all its connections.
pub const LARGEST_READ: usize = 256 * 1024;
/// The smallest read that a slow receiver on the other side brings us down to.
const SMALLEST_READ: usize = 16 * 1024;
/// What the system takes in one call (`IOV_MAX`).
const SLICES_AT_ONCE: usize = 1024;
/// Reads in a row when the data is thrown away.
const READS_PER_DISCARD: usize = 16;
/// The first reads of a connection: an ordinary request or answer fits.
const FIRST_READ: usize = 64 * 1024;

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

#[derive(Debug, Default)]
struct Pending {
    data: Vec<u8>,
    written: usize,
    /// So many of the peer's bytes in it have not been told to be out. The rest is what TLS adds.
    uncounted: usize,
}

/// Nagle's algorithm delays a small write while an earlier one is unacknowledged: never the first. So the option that turns it
/// off is set before the second write, and a connection that writes once never pays for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nagle {
    Settled,
    BeforeSecondWrite,
    BeforeThisWrite,
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

    /// Turns Nagle's delay off, as soon as it could matter.
    pub fn avoid_delay(&mut self) {
        self.nagle = Nagle::BeforeSecondWrite;
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

    /// Whether another write can be tried.
    pub fn writable(&self) -> bool {
        self.writable
    }

    /// Bytes that wait to be written.
    pub fn pending(&self) -> usize {
        self.pending.as_ref().map_or(0, |pending| pending.data.len() - pending.written)
    }

    /// Gives back the rest of what the latest read brought: it comes again with the next one.
    pub fn unread(&mut self, rest: &[u8]) {
        if rest.is_empty() {
            return;
        }
        self.first = Some(Box::new(First::Unread(rest.to_vec())));
        if self.ended {
            // Not before that is read, and then the socket tells it again.
            self.ended = false;
            self.readable = true;
        }
    }

    fn is_unread(&self) -> bool {
        matches!(self.first.as_deref(), Some(First::Unread(_)))
    }

    /// Reads what was given back.
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

    fn take_opening(&mut self) -> Option<Vec<u8>> {
        match *self.first.take_if(|first| matches!(**first, First::Opening(_)))? {
            First::Opening(opening) => Some(opening),
            First::Unread(_) => None,
        }
    }

    /// Says what goes out before anything else: together with the next bytes that are sent, or by `open`.
    pub fn open_with(&mut self, opening: Vec<u8>) {
        self.first = Some(Box::new(First::Opening(opening)));
    }

    /// Sends the opening, if it has not gone out with other bytes. Nothing may be pending with it. Tells how many bytes went out.
    pub fn open(&mut self) -> usize {
        if self.first.is_some() { self.send(&[]) } else { 0 }
    }

    /// Reads once, at most `buffer`'s size and what the other end has lately been able to take.
    pub fn read<'a>(&mut self, buffer: &'a mut [u8]) -> Incoming<'a> {
        if self.tls.is_some() { self.read_records(buffer) } else { self.read_bytes(buffer) }
    }

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
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                Incoming::Nothing
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Incoming::Nothing,
            Err(_) => {
                self.ended = true;
                self.broken = true;
                Incoming::Over
            }
        }
    }

    /// Writes `data`, keeping what the peer doesn't take now. Nothing may be pending. Tells how many bytes went out at once.
    pub fn send(&mut self, data: &[u8]) -> usize {
        debug_assert!(self.pending.is_none());
        if self.tls.is_some() {
            return self.send_encrypted(&[IoSlice::new(data)], false);
        }
        if let Some(opening) = self.take_opening() {
            return self.send_slices(&mut [IoSlice::new(&opening), IoSlice::new(data)]);
        }
        let written = self.write(data);
        if written < data.len() && !self.broken {
            self.keep(data[written..].to_vec());
        }
        written
    }

    /// The same for the last of all data.
    pub fn send_last(&mut self, data: &[u8]) -> usize {
        if self.tls.is_some() { self.send_encrypted(&[IoSlice::new(data)], true) } else { self.send(data) }
    }

    /// The same for several pieces.
    pub fn send_pieces(&mut self, pieces: &Pieces<'_>) -> usize {
        if let [piece] = &pieces[..] {
            return self.send(piece);
        }
        debug_assert!(self.pending.is_none());
        let opening = self.take_opening();
        let slices = opening.iter().map(Vec::as_slice).chain(pieces.iter().map(|piece| &**piece));
        let mut slices: Vec<IoSlice<'_>> = slices.map(IoSlice::new).collect();
        if self.tls.is_some() { self.send_encrypted(&slices, false) } else { self.send_slices(&mut slices) }
    }

    fn send_slices(&mut self, mut slices: &mut [IoSlice<'_>]) -> usize {
        let mut written = 0;
        self.settle_nagle();
        while self.writable && !self.broken && !slices.is_empty() {
            let whole = slices.len() <= SLICES_AT_ONCE;
            match self.stream.write_vectored(slices) {
                Ok(length) => {
                    written += length;
                    IoSlice::advance_slices(&mut slices, length);
                    self.writable = slices.is_empty() || !whole;
                }
                Err(error) => self.note_write_error(&error),
            }
        }
        if !slices.is_empty() && !self.broken {
            self.keep(slices.iter().flat_map(|slice| slice.iter().copied()).collect());
        }
        written
    }

    fn keep(&mut self, data: Vec<u8>) {
        let uncounted = data.len();
        self.pending = Some(Box::new(Pending { data, written: 0, uncounted }));
    }

    /// The same, but behind what is pending.
    pub fn send_behind(&mut self, data: &[u8]) -> usize {
        if self.tls.is_some() {
            return self.send_encrypted(&[IoSlice::new(data)], false);
        }
        match &mut self.pending {
            Some(pending) => {
                pending.data.extend_from_slice(data);
                pending.uncounted += data.len();
                0
            }
            None => self.send(data),
        }
    }

    /// Writes what is pending, as far as the peer takes it. Tells how many of the peer's bytes went out.
    pub fn flush(&mut self) -> usize {
        let Some(mut pending) = self.pending.take() else { return 0 };
        let written = self.write(&pending.data[pending.written..]);
        pending.written += written;
        if pending.written == pending.data.len() {
            if self.shut_later {
                self.shut_down();
            }
            return pending.uncounted;
        }
        let counted = written.min(pending.uncounted);
        pending.uncounted -= counted;
        if !self.broken {
            self.pending = Some(pending);
        }
        counted
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

    /// Says that nothing more will be written; what is pending is not, and then a goodbye in TLS would be a lie.
    pub fn say_goodbye(&mut self) {
        let is_cut = self.pending.take().is_some();
        if !self.shut && !is_cut {
            self.finish_writing();
        } else if !self.shut || self.shut_later {
            self.shut_down();
        }
    }

    /// Writes what is pending, and if the peer takes all of it, says that nothing more will be written. Tells how many bytes went
    /// out.
    pub fn finish_when_written(&mut self) -> usize {
        let written = if self.writable { self.flush() } else { 0 };
        if self.pending.is_none() && !self.shut {
            self.finish_writing();
        }
        written
    }

    /// Whether the peer's kernel has everything that was written, or will never have it.
    pub fn delivered(&self) -> bool {
        self.broken || self.stream.delivered()
    }

    /// Says that nothing more will be written than what is pending.
    pub fn finish_writing(&mut self) {
        self.say_goodbye_in_records();
        if self.pending.is_some() {
            self.shut = true;
            self.shut_later = true;
        } else {
            self.shut_down();
        }
    }

    fn shut_down(&mut self) {
        self.shut = true;
        self.shut_later = false;
        if self.stream.shutdown_write().is_err() {
            self.broken = true;
        }
    }

    /// Makes the close that follows a reset. Not so for who broke the rules of TLS: a reset could overtake the alert that says so.
    pub fn reset(&self) {
        if !self.alerted {
            self.stream.reset();
        }
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

    /// Writes until everything is out, the socket is full, or broken.
    fn write(&mut self, data: &[u8]) -> usize {
        self.settle_nagle();
        let mut written = 0;
        while self.writable && !self.broken && written < data.len() {
            match self.stream.write(&data[written..]) {
                // A partial write of a stream socket means that it is full: the next room comes with an edge.
                Ok(length) => {
                    written += length;
                    self.writable = written == data.len();
                }
                Err(error) => self.note_write_error(&error),
            }
        }
        written
    }

    fn note_write_error(&mut self, error: &io::Error) {
        match error.kind() {
            ErrorKind::Interrupted => {}
            ErrorKind::WouldBlock => self.writable = false,
            _ => self.break_off(),
        }
    }

    fn settle_nagle(&mut self) {
        match self.nagle {
            Nagle::Settled => {}
            Nagle::BeforeSecondWrite => self.nagle = Nagle::BeforeThisWrite,
            Nagle::BeforeThisWrite => {
                self.stream.set_nodelay();
                self.nagle = Nagle::Settled;
            }
        }
    }

    /// The socket can't be written any more. What the peer sent before it failed may still be read.
    fn break_off(&mut self) {
        self.broken = true;
        self.failed = true;
        self.readable = true;
        self.writable = false;
        self.pending = None;
    }
}

#[cfg(test)]
mod tests;

//! One end of a connection: its socket, what is known of the socket's state, and what still has to be written to it.

use std::io::{self, ErrorKind, IoSlice, Write};

use mio::event::Event;

use super::stream::Stream;
use super::tls::Session;
use crate::engine::http::Pieces;

/// The largest single read. A worker has one buffer of this size for all its connections.
pub const LARGEST_READ: usize = 256 * 1024;
/// The smallest read that a slow receiver on the other side brings us down to.
const SMALLEST_READ: usize = 16 * 1024;
/// What one TLS record takes at most.
const LARGEST_RECORD: usize = 18 * 1024;
/// What the system takes in one call (IOV_MAX).
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
    /// What was read too early, and is read again before anything else.
    unread: Option<Box<[u8]>>,
    /// What goes out before anything else, and together with it.
    opening: Option<Box<[u8]>>,
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
    /// We have told the peer that nothing more will come.
    pub shut: bool,
    /// The socket is dead: it was reset or failed otherwise.
    pub broken: bool,
}

#[derive(Debug)]
struct Pending {
    data: Vec<u8>,
    written: usize,
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
            unread: None,
            opening: None,
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
        self.readable || self.unread.is_some()
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
        self.unread = Some(rest.into());
        if self.ended {
            // Not before that is read, and then the socket tells it again.
            self.ended = false;
            self.readable = true;
        }
    }

    /// Says what goes out before anything else: together with the next bytes that are sent, or by `open`.
    pub fn open_with(&mut self, opening: &[u8]) {
        self.opening = Some(opening.into());
    }

    /// Sends the opening, if it has not gone out with other bytes. Nothing may be pending with it. Tells how many bytes went out.
    pub fn open(&mut self) -> usize {
        if self.opening.is_some() { self.send(&[]) } else { 0 }
    }

    /// From now on everything is encrypted.
    pub fn secure(&mut self, session: Session) {
        self.tls = Some(Box::new(session));
        // Some of it may have come with the handshake.
        self.readable = true;
    }

    /// Whether the peer speaks TLS.
    pub fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Reads once, at most `buffer`'s size and what the other end has lately been able to take.
    pub fn read<'a>(&mut self, buffer: &'a mut [u8]) -> Incoming<'a> {
        if self.tls.is_some() { self.read_records(buffer) } else { self.read_bytes(buffer) }
    }

    /// Reads once and decrypts. One half of the buffer is for what is read, the other for what comes of it.
    fn read_records<'a>(&mut self, buffer: &'a mut [u8]) -> Incoming<'a> {
        let (plain, encrypted) = buffer.split_at_mut(buffer.len() / 2);
        let limit = encrypted.len().saturating_sub(LARGEST_RECORD);
        let was_over = self.ended;
        let received = match self.read_bytes(&mut encrypted[..limit]) {
            Incoming::Data(data) => data.len(),
            Incoming::Nothing => 0,
            Incoming::Over if was_over => return Incoming::Over,
            Incoming::Over => 0,
        };
        let Some(mut session) = self.tls.take() else { return Incoming::Nothing };
        let decrypted = session.decrypt(&encrypted[..received], plain);
        self.send_records(&mut session);
        self.tls = Some(session);
        match decrypted {
            Ok(decrypted) => {
                self.ended |= decrypted.closed;
                match decrypted.length {
                    0 if self.ended => Incoming::Over,
                    0 => Incoming::Nothing,
                    length => Incoming::Data(&plain[..length]),
                }
            }
            Err(_) => {
                self.ended = true;
                self.broken = true;
                Incoming::Over
            }
        }
    }

    fn read_bytes<'a>(&mut self, buffer: &'a mut [u8]) -> Incoming<'a> {
        if let Some(unread) = self.unread.take() {
            let (now, later) = unread.split_at(buffer.len().min(unread.len()));
            let data = &mut buffer[..now.len()];
            data.copy_from_slice(now);
            self.unread = (!later.is_empty()).then(|| later.into());
            return Incoming::Data(data);
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

    /// Writes `data`, keeping what the peer doesn't take now. Nothing may be pending. Tells how many bytes went out at once;
    /// of what is encrypted, all.
    pub fn send(&mut self, data: &[u8]) -> usize {
        debug_assert!(self.pending.is_none());
        if let Some(session) = self.tls.take() {
            return self.send_encrypted(session, &[data]);
        }
        if let Some(opening) = self.opening.take() {
            return self.send_slices(&mut [IoSlice::new(&opening), IoSlice::new(data)]);
        }
        let written = self.write(data);
        if written < data.len() && !self.broken {
            self.pending = Some(Box::new(Pending { data: data[written..].to_vec(), written: 0 }));
        }
        written
    }

    /// The same for several pieces.
    pub fn send_pieces(&mut self, pieces: &Pieces<'_>) -> usize {
        debug_assert!(self.pending.is_none());
        if let Some(session) = self.tls.take() {
            let pieces: Vec<&[u8]> = pieces.iter().map(|piece| &**piece).collect();
            return self.send_encrypted(session, &pieces);
        }
        let opening = self.opening.take();
        let slices = opening.iter().map(|opening| &**opening).chain(pieces.iter().map(|piece| &**piece));
        let mut slices: Vec<IoSlice<'_>> = slices.map(IoSlice::new).collect();
        self.send_slices(&mut slices)
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
            let data = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
            self.pending = Some(Box::new(Pending { data, written: 0 }));
        }
        written
    }

    fn send_encrypted(&mut self, mut session: Box<Session>, pieces: &[&[u8]]) -> usize {
        for piece in pieces {
            if session.encrypt(piece).is_err() {
                self.break_off();
            }
        }
        self.send_records(&mut session);
        self.tls = Some(session);
        pieces.iter().map(|piece| piece.len()).sum()
    }

    fn send_records(&mut self, session: &mut Session) {
        // The outlet takes everything.
        let _ = session.send_records(&mut Outlet(self));
    }

    /// The same, but behind what is pending.
    pub fn send_behind(&mut self, data: &[u8]) -> usize {
        if let Some(session) = self.tls.take() {
            return self.send_encrypted(session, &[data]);
        }
        match &mut self.pending {
            Some(pending) => {
                pending.data.extend_from_slice(data);
                0
            }
            None => self.send(data),
        }
    }

    /// Writes what is pending, as far as the peer takes it. Tells how many bytes went out.
    pub fn flush(&mut self) -> usize {
        let Some(mut pending) = self.pending.take() else { return 0 };
        let written = self.write(&pending.data[pending.written..]);
        pending.written += written;
        if pending.written < pending.data.len() && !self.broken {
            self.pending = Some(pending);
        }
        written
    }

    /// Throws away what the peer sends; true while there may be more at once.
    pub fn discard(&mut self, buffer: &mut [u8]) -> bool {
        // The socket may not be known to the poll, so it is asked itself.
        self.readable = true;
        for _ in 0..READS_PER_DISCARD {
            if !matches!(self.read(buffer), Incoming::Data(_)) {
                return false;
            }
        }
        self.readable
    }

    /// Says that nothing more will be written; what is pending is not.
    pub fn say_goodbye(&mut self) {
        self.pending = None;
        if !self.shut {
            self.finish_writing();
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

    /// Says that nothing more will be written.
    pub fn finish_writing(&mut self) {
        if let Some(mut session) = self.tls.take() {
            session.say_goodbye();
            self.send_records(&mut session);
            self.tls = Some(session);
        }
        self.shut = true;
        if self.stream.shutdown_write().is_err() {
            self.broken = true;
        }
    }

    /// Adapts the size of this end's reads to what the other end takes: memory for slow receivers stays small, fast ones get
    /// large and few system calls.
    pub fn adapt_read_size(&mut self, length: usize, all_taken: bool) {
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

/// Where records go: to the socket, and what that does not take to what is pending.
struct Outlet<'a>(&'a mut End);

impl Write for Outlet<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(data)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let length = slices.iter().map(|slice| slice.len()).sum();
        match &mut self.0.pending {
            Some(pending) => slices.iter().for_each(|slice| pending.data.extend_from_slice(slice)),
            None => {
                self.0.send_slices(&mut slices.to_vec());
            }
        }
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;

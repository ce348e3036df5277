//! What an end sends: the peer takes it at once, or it is kept until the peer does. And how the peer is told that nothing more
//! will come.

use std::io::{self, ErrorKind, IoSlice};

use super::{End, First};
use crate::engine::http::Pieces;

/// What the system takes in one call (`IOV_MAX`).
const SLICES_AT_ONCE: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) data: Vec<u8>,
    written: usize,
    /// So many of the peer's bytes in it have not been told to be out. The rest is what TLS adds.
    pub(super) uncounted: usize,
}

/// Nagle's algorithm delays a small write while an earlier one is unacknowledged: never the first. So the option that turns it
/// off is set before the second write, and a connection that writes once never pays for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nagle {
    Settled,
    BeforeSecondWrite,
    BeforeThisWrite,
}

impl End {
    /// Writes `data`, keeping what the peer doesn't take now. Nothing may be pending. Tells how many bytes went out at once.
    #[inline]
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
            self.keep(&data[written..]);
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
            // A request without a body. To write one buffer takes the kernel less than a vector of one.
            return self.send(piece);
        }
        debug_assert!(self.pending.is_none());
        let opening = self.take_opening();
        let slices = opening.iter().map(Vec::as_slice).chain(pieces.iter().map(|piece| &**piece));
        let mut slices: Vec<IoSlice<'_>> = slices.map(IoSlice::new).collect();
        if self.tls.is_some() { self.send_encrypted(&slices, false) } else { self.send_slices(&mut slices) }
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

    #[inline(never)]
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
            self.keep(slices.iter().flat_map(|slice| slice.iter().copied()).collect::<Vec<u8>>());
        }
        written
    }

    #[cold]
    #[inline(never)]
    fn keep(&mut self, data: impl Into<Vec<u8>>) {
        let data = data.into();
        let uncounted = data.len();
        self.pending = Some(Box::new(Pending { data, written: 0, uncounted }));
    }

    /// Says what goes out before anything else: together with the next bytes that are sent, or by `open`.
    pub fn open_with(&mut self, opening: Vec<u8>) {
        self.first = Some(Box::new(First::Opening(opening)));
    }

    /// Sends the opening, if it has not gone out with other bytes. Nothing may be pending with it. Tells how many bytes went out.
    pub fn open(&mut self) -> usize {
        if self.first.is_some() { self.send(&[]) } else { 0 }
    }

    fn take_opening(&mut self) -> Option<Vec<u8>> {
        match *self.first.take_if(|first| matches!(**first, First::Opening(_)))? {
            First::Opening(opening) => Some(opening),
            First::Unread(_) => None,
        }
    }

    /// Bytes that wait to be written.
    pub fn pending(&self) -> usize {
        self.pending.as_ref().map_or(0, |pending| pending.data.len() - pending.written)
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

    /// Writes what is pending, and if the peer takes all of it, says that nothing more will be written. Tells how many bytes went
    /// out.
    pub fn finish_when_written(&mut self) -> usize {
        let written = if self.writable { self.flush() } else { 0 };
        if self.pending.is_none() && !self.shut {
            self.finish_writing();
        }
        written
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

    /// Says that nothing more will be written; what is pending is not, and then a goodbye in TLS would be a lie.
    pub fn say_goodbye(&mut self) {
        let is_cut = self.pending.take().is_some();
        if !self.shut && !is_cut {
            self.finish_writing();
        } else if !self.shut || self.shut_later {
            self.shut_down();
        }
    }

    /// Turns Nagle's delay off, as soon as it could matter.
    pub fn avoid_delay(&mut self) {
        self.nagle = Nagle::BeforeSecondWrite;
    }

    /// Writes as much as the socket takes, which may be broken.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "two calls for each write are a twentieth of what a relay costs"
    )]
    fn write(&mut self, data: &[u8]) -> usize {
        self.settle_nagle();
        while self.writable && !self.broken && !data.is_empty() {
            match self.stream.write(data) {
                // A partial write of a stream socket means that it is full: the next room comes with an edge.
                Ok(length) => {
                    self.writable = length == data.len();
                    return length;
                }
                Err(error) => self.note_write_error(&error),
            }
        }
        0
    }

    #[cold]
    #[inline(never)]
    pub(super) fn note_write_error(&mut self, error: &io::Error) {
        match error.kind() {
            ErrorKind::Interrupted => {}
            ErrorKind::WouldBlock => self.writable = false,
            _ => self.break_off(),
        }
    }

    #[inline]
    pub(super) fn settle_nagle(&mut self) {
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
    pub(super) fn break_off(&mut self) {
        self.broken = true;
        self.failed = true;
        self.readable = true;
        self.writable = false;
        self.pending = None;
    }
}

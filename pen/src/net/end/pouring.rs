//! What an end passes on unseen: much at once goes from socket to socket through a pipe, by reference.
//!
//! That saves both copies, which are most of what large transfers cost. Small amounts are copied in less time than the kernel
//! takes to account for their pages, and what is encrypted or waits in front has to be read anyway.

use std::io::ErrorKind;

use super::{End, FIRST_READ, SMALLEST_READ};
use crate::net::pipe::Pipe;
use crate::net::stream::Stream;

/// Errors that say nothing of the socket, but of the system that we are in: some sandboxes lack such calls.
const NOT_OF_THE_PEER: [ErrorKind; 4] =
    [ErrorKind::InvalidInput, ErrorKind::Unsupported, ErrorKind::PermissionDenied, ErrorKind::Interrupted];

/// What came of pouring.
#[derive(Debug, PartialEq, Eq)]
pub enum Poured {
    /// So many bytes came, so many of them went out at once; the others are kept.
    Some {
        /// Bytes that came.
        read: usize,
        /// Bytes that went out.
        written: usize,
    },
    /// Nothing now, or nothing any more: see `ended` and `broken`.
    Nothing,
    /// The system can't do that here, or nothing more may come; a read tells.
    Impossible,
}

impl End {
    /// Whether what comes next is worth pouring, and both sockets are for it. `to` has nothing pending.
    pub fn can_pour_into(&self, to: &End) -> bool {
        self.reads_much() && !self.urgent && !self.ended && self.is_plain() && to.is_plain()
    }

    fn is_plain(&self) -> bool {
        self.tls.is_none() && self.first.is_none() && matches!(self.stream, Stream::Tcp(_))
    }

    /// Passes bytes on through the pipe, as many as `read` would read; `scratch` is for what the other end does not take.
    pub fn pour_into(&mut self, to: &mut End, pipe: &mut Pipe, scratch: &mut [u8]) -> Poured {
        if !self.readable {
            return Poured::Nothing;
        }
        let size = self.read_size.min(scratch.len());
        match pipe.fill(&self.stream, size) {
            // The end, or urgent data in front of it, of which the poll has not told yet.
            Ok(0) => {
                self.stop_pouring();
                Poured::Impossible
            }
            Ok(read) => {
                let written = to.take_from(pipe, scratch);
                self.adapt_read_size(read, to.pending() == 0);
                if read < SMALLEST_READ {
                    self.stop_pouring();
                }
                Poured::Some { read, written }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                Poured::Nothing
            }
            Err(error) if NOT_OF_THE_PEER.contains(&error.kind()) => {
                self.stop_pouring();
                Poured::Impossible
            }
            Err(_) => {
                self.ended = true;
                self.broken = true;
                Poured::Nothing
            }
        }
    }

    /// Reads, until that brings much again.
    fn stop_pouring(&mut self) {
        self.read_size = self.read_size.min(FIRST_READ);
    }

    /// Writes what the pipe holds, keeping what the peer doesn't take now. Tells how many bytes went out.
    fn take_from(&mut self, pipe: &mut Pipe, scratch: &mut [u8]) -> usize {
        self.settle_nagle();
        let written = pipe.drain(&self.stream).unwrap_or(0);
        if pipe.is_empty() {
            return written;
        }
        // Whether the socket is full or broken, an ordinary write tells.
        if let Some(rest) = pipe.take_rest(scratch) {
            written + self.send(rest)
        } else {
            self.break_off();
            written
        }
    }
}

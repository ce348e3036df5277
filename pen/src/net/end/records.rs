//! What an end does differently whose peer speaks TLS, or is about to.

use std::io::{self, ErrorKind, IoSlice, Write};

use super::outgoing::Pending;
use super::{End, Incoming};
use crate::net::tls::{Session, Then};

/// What one TLS record takes at most.
const LARGEST_RECORD: usize = 18 * 1024;

impl End {
    /// From now on everything is encrypted.
    pub fn secure(&mut self, mut session: Box<Session>) {
        // What came with the end of the handshake is in the session, and stands before the end of the socket.
        session.socket_ended = std::mem::take(&mut self.ended);
        self.tls = Some(session);
    }

    /// Whether the peer speaks TLS.
    pub fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Reads until there is plain text, or nothing more to read: part of a record comes to nothing, but does not mean that the
    /// socket is drained. One half of the buffer, of 40 KiB or more, is for what is read, the other for what comes of it.
    #[inline(never)]
    pub(super) fn read_records<'a>(&mut self, buffer: &'a mut [u8]) -> Incoming<'a> {
        let (plain, encrypted) = buffer.split_at_mut(buffer.len() / 2);
        let limit = encrypted.len().saturating_sub(LARGEST_RECORD).max(1);
        let Some(mut session) = self.tls.take() else { return Incoming::Nothing };
        let mut length = 0;
        while !self.ended && length == 0 {
            session.last_read = 0;
            if !session.socket_ended
                && let Incoming::Data(data) = self.read_bytes(&mut encrypted[..limit])
            {
                session.last_read = data.len();
            }
            self.ended |= session.socket_ended;
            if session.last_read == 0 && !session.is_unread() {
                break;
            }
            length = self.decrypt(&mut session, encrypted, plain);
        }
        self.tls = Some(session);
        match length {
            0 if self.ended => Incoming::Over,
            0 => Incoming::Nothing,
            length => Incoming::Data(&plain[..length]),
        }
    }

    fn decrypt(&mut self, session: &mut Session, encrypted: &[u8], plain: &mut [u8]) -> usize {
        let decrypted = session.decrypt(&encrypted[..session.last_read], plain);
        // TLS 1.3 answers to nothing but failures; what else it may have to send, tickets, goes with the first answer.
        if decrypted.then == Then::Failure || !session.is_tls13() {
            session.send_records(&mut self.outlet());
        }
        match decrypted.then {
            Then::More => {}
            Then::Goodbye => self.ended = true,
            Then::Failure => self.fail_records(),
        }
        decrypted.length
    }

    /// The peer has broken the rules, and was told so.
    fn fail_records(&mut self) {
        self.ended = true;
        self.broken = true;
        self.alerted = self.pending.take().is_none();
    }

    /// Encrypts and writes, behind what is pending; the goodbye too, if this is the last. Tells how many bytes of the pieces went
    /// out at once.
    #[inline(never)]
    pub(super) fn send_encrypted(&mut self, pieces: &[IoSlice<'_>], is_last: bool) -> usize {
        let Some(mut session) = self.tls.take() else { return 0 };
        if session.encrypt(pieces).is_err() {
            self.break_off();
        }
        if is_last {
            session.say_goodbye();
        }
        let mut outlet = self.outlet();
        session.send_records(&mut outlet);
        let written = outlet.written;
        self.tls = Some(session);
        let length: usize = pieces.iter().map(|piece| piece.len()).sum();
        match &mut self.pending {
            None if self.broken => length.min(written),
            None => length,
            Some(pending) => {
                let counted = length.min(written);
                pending.uncounted += length - counted;
                counted
            }
        }
    }

    /// Says goodbye to a peer that speaks TLS, behind what is pending; once.
    pub fn say_goodbye_in_records(&mut self) {
        if let Some(mut session) = self.tls.take() {
            session.say_goodbye();
            session.send_records(&mut self.outlet());
            self.tls = Some(session);
        }
    }

    /// Where records go.
    pub fn outlet(&mut self) -> Outlet<'_> {
        Outlet { end: self, written: 0 }
    }
}

/// Where records go: to the socket, and what that does not take to what is pending.
#[derive(Debug)]
pub struct Outlet<'a> {
    end: &'a mut End,
    /// So much went to the socket.
    written: usize,
}

impl Outlet<'_> {
    /// Writes to the socket what it takes, unless something is pending.
    fn write_now(&mut self, slices: &[IoSlice<'_>]) -> usize {
        let end = &mut *self.end;
        if end.pending.is_some() {
            return 0;
        }
        end.settle_nagle();
        while end.writable && !end.broken {
            match end.stream.write_vectored(slices) {
                Ok(written) => return written,
                Err(error) => end.note_write_error(&error),
            }
        }
        0
    }
}

impl Write for Outlet<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(data)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let length: usize = slices.iter().map(|slice| slice.len()).sum();
        let written = self.write_now(slices);
        self.written += written;
        if self.end.broken {
            return Err(ErrorKind::BrokenPipe.into());
        }
        if written < length {
            // A partial write of a stream socket means that it is full: the next room comes with an edge.
            self.end.writable &= self.end.pending.is_some();
            let data = &mut self.end.pending.get_or_insert_with(Box::<Pending>::default).data;
            data.reserve(length - written);
            let mut skipped = written;
            for slice in slices {
                let start = skipped.min(slice.len());
                skipped -= start;
                data.extend_from_slice(&slice[start..]);
            }
        }
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

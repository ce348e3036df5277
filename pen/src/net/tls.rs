//! TLS on a client's connection, once the handshake is done: records. Bytes go in and come out; sockets are in `end`.

use std::io::{self, IoSlice, Read, Write};

use rustls::{HandshakeKind, ProtocolVersion, ServerConnection, SupportedCipherSuite};

use crate::settings::TlsCounters;

/// Plain text in one record, at most.
const PLAIN_TEXT_PER_RECORD: u64 = 16 * 1024;

/// A session with a client.
#[derive(Debug)]
pub struct Session {
    /// The protocol.
    pub connection: ServerConnection,
    /// The peer's socket has ended, and what came before may not all be decrypted yet.
    pub socket_ended: bool,
    /// How many bytes of records were read last.
    pub last_read: usize,
    /// It may hold something that `decrypt` has not brought out.
    unread: bool,
    /// How many more records may be sent. In TLS 1.2 nothing renews the keys, and rustls then ends a session like one that is
    /// complete.
    pub records_left: u64,
}

/// What a client's records came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Decrypted {
    /// So many bytes of plain text.
    pub length: usize,
    /// What is to be expected after them.
    pub then: Then,
}

/// What is to be expected of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// More records.
    More,
    /// Nothing: it has said so.
    Goodbye,
    /// Nothing: it has broken the rules. It is told so by what `send_records` sends.
    Failure,
}

impl Session {
    /// Before its handshake.
    pub fn new(mut connection: ServerConnection) -> Session {
        connection.set_buffer_limit(None);
        Session { connection, socket_ended: false, last_read: 0, unread: true, records_left: u64::MAX }
    }

    /// To be called when the handshake is done.
    pub fn begin(&mut self, counters: &TlsCounters) {
        if let Some(SupportedCipherSuite::Tls12(suite)) = self.connection.negotiated_cipher_suite() {
            // A few go to the handshake and to alerts.
            self.records_left = suite.common.confidentiality_limit.saturating_sub(100);
        }
        let version = if self.is_tls13() { &counters.tls13 } else { &counters.tls12 };
        version.count();
        if self.connection.handshake_kind() == Some(HandshakeKind::Resumed) {
            counters.resumed.count();
        }
    }

    /// Whether it is TLS 1.3.
    pub fn is_tls13(&self) -> bool {
        self.connection.protocol_version() == Some(ProtocolVersion::TLSv1_3)
    }

    /// Whether `decrypt` may bring something out although nothing more was read.
    pub fn is_unread(&self) -> bool {
        self.unread
    }

    /// Has `decrypt` tell once more how the peer's records have ended.
    pub fn look_again(&mut self) {
        self.unread = true;
    }

    /// Decrypts `data` into `plain`, which must be larger by what may have been left of an earlier record (18 KiB).
    pub fn decrypt(&mut self, mut data: &[u8], plain: &mut [u8]) -> Decrypted {
        self.unread = false;
        let mut length = 0;
        loop {
            let processed = self.connection.process_new_packets();
            length += self.connection.reader().read(&mut plain[length..]).unwrap_or(0);
            let then = match processed {
                Ok(state) if state.peer_has_closed() => Then::Goodbye,
                Ok(_) if data.is_empty() => Then::More,
                Ok(_) => match self.connection.read_tls(&mut data) {
                    Ok(_) => continue,
                    Err(error) => failure(&error),
                },
                Err(error) => failure(&error),
            };
            return Decrypted { length, then };
        }
    }

    /// Takes plain text, to be sent by `send_records`.
    ///
    /// # Errors
    /// When nothing more may be sent: after a failure, or after too much.
    pub fn encrypt(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<()> {
        let length: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
        let records = length.div_ceil(PLAIN_TEXT_PER_RECORD);
        self.records_left = self.records_left.checked_sub(records).ok_or(io::ErrorKind::QuotaExceeded)?;
        self.connection.writer().write_vectored(pieces).map(drop)
    }

    /// Says goodbye, to be sent by `send_records`; once.
    pub fn say_goodbye(&mut self) {
        self.connection.send_close_notify();
    }

    /// Hands what is to be sent to `outlet`, which takes all of it.
    pub fn send_records(&mut self, outlet: &mut impl Write) {
        while self.connection.wants_write() && self.connection.write_tls(outlet).is_ok() {}
    }
}

fn failure(error: &dyn std::fmt::Display) -> Then {
    log::debug!("a client breaks the rules of TLS: {error}");
    Then::Failure
}

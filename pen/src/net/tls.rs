//! TLS on a client's connection: the handshake, then records. Bytes go in and come out; sockets are in `end`.

use std::io::{self, Read, Write};

use rustls::server::{Accepted, Acceptor};
use rustls::{HandshakeKind, ProtocolVersion, ServerConnection};

use crate::settings::TlsCounters;
use crate::tls::Terminator;

/// A handshake in progress.
pub enum Handshake {
    /// The client's first message is not complete.
    Hello(Box<Acceptor>),
    /// The rest.
    Session(Box<ServerConnection>),
}

/// Where a handshake stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// It waits for the client.
    Waiting,
    /// It has succeeded.
    Done,
}

impl Handshake {
    /// Before the first byte.
    pub fn new() -> Handshake {
        Handshake::Hello(Box::default())
    }

    /// Takes what the client sent. What is to be sent to it, also if it failed, is appended to `answer`.
    ///
    /// # Errors
    /// One line that says why it failed.
    pub fn take(
        &mut self,
        mut data: &[u8],
        terminator: &Terminator,
        answer: &mut Vec<u8>,
    ) -> Result<Stand, String> {
        if let Handshake::Hello(acceptor) = self {
            let Some(accepted) = hello(acceptor, &mut data, answer)? else { return Ok(Stand::Waiting) };
            let config = terminator.config(accepted.client_hello().server_name()).clone();
            let mut session = accepted.into_connection(config).map_err(|(error, mut alert)| {
                // A vector takes whatever is written.
                let _ = alert.write_all(answer);
                error.to_string()
            })?;
            session.set_buffer_limit(None);
            *self = Handshake::Session(Box::new(session));
        }
        let Handshake::Session(session) = self else { return Ok(Stand::Waiting) };
        let taken = take_all(session, data);
        while session.wants_write() {
            let _ = session.write_tls(answer);
        }
        taken?;
        Ok(if session.is_handshaking() { Stand::Waiting } else { Stand::Done })
    }

    /// What a handshake that succeeded has led to.
    pub fn into_session(self, counters: &TlsCounters) -> Option<Session> {
        let Handshake::Session(session) = self else { return None };
        match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => counters.tls13.count(),
            _ => counters.tls12.count(),
        }
        if session.handshake_kind() == Some(HandshakeKind::Resumed) {
            counters.resumed.count();
        }
        Some(Session(session))
    }
}

/// Reads the client's first message.
fn hello(
    acceptor: &mut Acceptor,
    data: &mut &[u8],
    answer: &mut Vec<u8>,
) -> Result<Option<Accepted>, String> {
    while !data.is_empty() {
        acceptor.read_tls(data).map_err(|error| error.to_string())?;
        match acceptor.accept() {
            Ok(None) => {}
            Ok(accepted) => return Ok(accepted),
            Err((error, mut alert)) => {
                let _ = alert.write_all(answer);
                return Err(error.to_string());
            }
        }
    }
    Ok(None)
}

fn take_all(session: &mut ServerConnection, mut data: &[u8]) -> Result<(), String> {
    loop {
        session.process_new_packets().map_err(|error| error.to_string())?;
        if data.is_empty() {
            return Ok(());
        }
        session.read_tls(&mut data).map_err(|error| error.to_string())?;
    }
}

/// An established session.
#[derive(Debug)]
pub struct Session(Box<ServerConnection>);

/// What a client's records came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Decrypted {
    /// So many bytes of plain text.
    pub length: usize,
    /// The client has said that nothing more will come.
    pub closed: bool,
}

impl Session {
    /// Decrypts `data` into `plain`, which must be larger by what may have been left of an earlier record (18 KiB).
    ///
    /// # Errors
    /// When the client breaks the rules. It is told so by what `send_records` sends.
    pub fn decrypt(&mut self, mut data: &[u8], plain: &mut [u8]) -> io::Result<Decrypted> {
        let mut length = 0;
        loop {
            self.0.process_new_packets().map_err(io::Error::other)?;
            let closed = loop {
                match self.0.reader().read(&mut plain[length..]) {
                    Ok(0) => break true,
                    Ok(count) => length += count,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break false,
                    // A FIN without a goodbye is not seen here.
                    Err(error) => return Err(error),
                }
            };
            if data.is_empty() || closed {
                return Ok(Decrypted { length, closed });
            }
            self.0.read_tls(&mut data)?;
        }
    }

    /// Takes plain text, to be sent by `send_records`.
    pub fn encrypt(&mut self, plain: &[u8]) -> io::Result<()> {
        self.0.writer().write_all(plain)
    }

    /// Says goodbye, to be sent by `send_records`.
    pub fn say_goodbye(&mut self) {
        self.0.send_close_notify();
    }

    /// Hands what is to be sent to `outlet`, which takes all of it.
    pub fn send_records(&mut self, outlet: &mut impl Write) -> io::Result<()> {
        while self.0.wants_write() {
            self.0.write_tls(outlet)?;
        }
        Ok(())
    }
}

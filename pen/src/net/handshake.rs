//! The handshake of TLS. What is said in it is rustls's business; this module carries it to the client and back, and says what
//! becomes of the connection.

use std::io::Write;
use std::sync::Arc;

use rustls::server::{Accepted, Acceptor};

use super::connection::{Connection, Next, Phase};
use super::end::Incoming;
use super::preface::Preface;
use super::tls::Session;
use super::worker::Context;
use crate::tls::Terminator;

/// A read during a handshake: what comes behind it must fit into what rustls keeps.
const LARGEST_READ: usize = 8 * 1024;

/// A handshake in progress.
pub struct Handshake {
    /// The terms at its beginning, whatever becomes of the settings meanwhile.
    terminator: Arc<Terminator>,
    stage: Stage,
}

enum Stage {
    /// The client's first message is not complete.
    Hello(Box<Acceptor>),
    /// The rest.
    Session(Box<Session>),
}

impl Connection {
    /// Goes on with the handshake.
    pub(super) fn shake_hands(&mut self, context: &mut Context<'_>) -> Next {
        loop {
            // A client that takes nothing has to, before more is heard from it.
            self.down.flush();
            if self.down.pending() > 0 {
                return Next::Wait;
            }
            let Phase::Preface(preface) = &mut self.phase else { return Next::Wait };
            let Preface::Handshake(handshake) = &mut **preface else { return Next::Wait };
            if handshake.is_done() {
                return self.secure(context);
            }
            let data = match self.down.read(&mut context.scratch[..LARGEST_READ]) {
                Incoming::Data(data) => data,
                Incoming::Nothing => return Next::Wait,
                Incoming::Over => return self.handshake_failed("the client closed the connection", context),
            };
            if let Err(error) = handshake.take(data, &mut self.down.outlet()) {
                return self.handshake_failed(&error, context);
            }
        }
    }

    /// It has succeeded.
    fn secure(&mut self, context: &mut Context<'_>) -> Next {
        if let Phase::Preface(preface) = std::mem::replace(&mut self.phase, Phase::Queued)
            && let Preface::Handshake(handshake) = *preface
            && let Stage::Session(mut session) = handshake.stage
        {
            session.begin(&context.settings.service(self.service).state.counters.tls);
            self.down.secure(session);
        }
        self.begin_peek(context)
    }

    /// It has failed: the client is not served.
    pub(super) fn handshake_failed(&mut self, reason: &str, context: &mut Context<'_>) -> Next {
        context.settings.service(self.service).state.counters.tls.failed.count();
        log::debug!("TLS handshake with {} failed: {reason}", self.peer.address);
        self.leave(context)
    }
}

impl Handshake {
    /// Before the first byte.
    pub fn new(terminator: Arc<Terminator>) -> Handshake {
        Handshake { terminator, stage: Stage::Hello(Box::default()) }
    }

    /// Whether it has succeeded.
    pub fn is_done(&self) -> bool {
        matches!(&self.stage, Stage::Session(session) if !session.connection.is_handshaking())
    }

    /// Takes what the client sent. What is to be sent to it, also if it failed, goes to `outlet`, which takes all of it.
    ///
    /// # Errors
    /// One line that says why it failed.
    pub fn take(&mut self, mut data: &[u8], outlet: &mut impl Write) -> Result<(), String> {
        if let Stage::Hello(acceptor) = &mut self.stage {
            let Some(accepted) = hello(acceptor, &mut data, outlet)? else { return Ok(()) };
            let config = self.terminator.config(accepted.client_hello().server_name()).clone();
            let connection = accepted.into_connection(config).map_err(|(error, mut alert)| {
                let _ = alert.write_all(outlet);
                error.to_string()
            })?;
            self.stage = Stage::Session(Box::new(Session::new(connection)));
        }
        let Stage::Session(session) = &mut self.stage else { return Ok(()) };
        let fed = feed(session, data);
        let is_done = !session.connection.is_handshaking();
        // What TLS 1.3 says after the handshake, tickets, goes with the answer, if a request is here already. Else it is sent at
        // once: a client with Nagle's delay waits for an acknowledgement before it sends its request, and that goes with them.
        if !(is_done && session.is_tls13() && fed.as_ref().is_ok_and(|plain| *plain > 0)) {
            session.send_records(outlet);
        }
        fed.map(drop)
    }
}

/// Reads the client's first message.
fn hello(
    acceptor: &mut Acceptor,
    data: &mut &[u8],
    outlet: &mut impl Write,
) -> Result<Option<Accepted>, String> {
    while !data.is_empty() {
        acceptor.read_tls(data).map_err(|error| error.to_string())?;
        match acceptor.accept() {
            Ok(None) => {}
            Ok(accepted) => return Ok(accepted),
            Err((error, mut alert)) => {
                let _ = alert.write_all(outlet);
                return Err(error.to_string());
            }
        }
    }
    Ok(None)
}

/// Takes records; how many bytes of plain text have come with them.
fn feed(session: &mut Session, mut data: &[u8]) -> Result<usize, String> {
    loop {
        let state = session.connection.process_new_packets().map_err(|error| error.to_string())?;
        if data.is_empty() {
            return Ok(state.plaintext_bytes_to_read());
        }
        session.connection.read_tls(&mut data).map_err(|error| error.to_string())?;
    }
}

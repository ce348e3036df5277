//! What comes before a client is served: the PROXY header that tells who it is, and the handshake of TLS. No server is asked
//! for before that, and none of `pending_max` is taken.

use std::time::Duration;

use super::connection::{Connection, Next, Phase};
use super::end::{End, Incoming};
use super::tls::{Handshake, Stand};
use super::worker::Context;

/// How long each part may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// A read during a handshake: what comes behind it must fit into what rustls keeps.
const HANDSHAKE_READ: usize = 8 * 1024;

/// The part that is awaited.
pub enum Preface {
    /// A PROXY header, of which so much has come.
    Proxy(Vec<u8>),
    /// A TLS handshake.
    Handshake(Handshake),
}

impl std::fmt::Debug for Preface {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Preface::Proxy(_) => "Proxy",
            Preface::Handshake(_) => "Handshake",
        })
    }
}

impl Connection {
    /// Begins with the first part that the service wants, or serves the client at once.
    pub fn begin(&mut self, context: &mut Context<'_>) -> Next {
        let service = context.settings.service(self.service);
        match service.proxy.accept {
            Some(acl) => self.begin_proxy(acl, context),
            None => self.begin_tls(context),
        }
    }

    /// The client is known: what is left is TLS, if the service speaks it.
    pub fn begin_tls(&mut self, context: &mut Context<'_>) -> Next {
        let service = context.settings.service(self.service);
        if service.terminator.is_none() {
            return self.admit(context);
        }
        self.await_preface(Preface::Handshake(Handshake::new()), context)
    }

    /// Awaits this part, which has some time.
    pub fn await_preface(&mut self, preface: Preface, context: &mut Context<'_>) -> Next {
        self.phase = Phase::Preface(Box::new(preface));
        context.timers.arm(self.slot, context.now.plus(PATIENCE));
        self.read_preface(context)
    }

    /// Reads on.
    pub fn read_preface(&mut self, context: &mut Context<'_>) -> Next {
        let Phase::Preface(preface) = &mut self.phase else { return Next::Wait };
        match &mut **preface {
            Preface::Proxy(_) => self.read_proxy_header(context),
            Preface::Handshake(_) => self.shake_hands(context),
        }
    }

    /// It took too long.
    pub fn preface_timed_out(&mut self, context: &mut Context<'_>) -> Next {
        if let Phase::Preface(preface) = &self.phase
            && let Preface::Proxy(_) = **preface
        {
            return self.refuse_proxy(&"its PROXY header took too long", context);
        }
        context.settings.service(self.service).state.counters.tls.failed.count();
        log::debug!("closing a connection from {}: it began too slowly", self.peer.address);
        self.leave(context)
    }

    fn shake_hands(&mut self, context: &mut Context<'_>) -> Next {
        let service = context.settings.service(self.service);
        let Some(terminator) = service.terminator.clone() else { return self.leave(context) };
        loop {
            let Phase::Preface(preface) = &mut self.phase else { return Next::Wait };
            let Preface::Handshake(handshake) = &mut **preface else { return Next::Wait };
            let data = match self.down.read(&mut context.scratch[..HANDSHAKE_READ]) {
                Incoming::Data(data) => data,
                Incoming::Nothing => return Next::Wait,
                Incoming::Over => {
                    service.state.counters.tls.failed.count();
                    return self.leave(context);
                }
            };
            let mut answer = Vec::new();
            let stand = handshake.take(data, &terminator, &mut answer);
            reply(&mut self.down, &answer);
            match stand {
                Ok(Stand::Waiting) => {}
                Ok(Stand::Done) => {
                    let Phase::Preface(preface) = std::mem::replace(&mut self.phase, Phase::Queued) else {
                        return Next::Wait;
                    };
                    if let Preface::Handshake(handshake) = *preface
                        && let Some(session) = handshake.into_session(&service.state.counters.tls)
                    {
                        self.down.secure(session);
                    }
                    return self.admit(context);
                }
                Err(error) => {
                    service.state.counters.tls.failed.count();
                    log::debug!("TLS handshake with {} failed: {error}", self.peer.address);
                    return self.leave(context);
                }
            }
        }
    }
}

/// Sends a part of the handshake. A client that takes nothing has to, before more is said.
fn reply(down: &mut End, answer: &[u8]) {
    if !answer.is_empty() {
        down.send(answer);
    }
}

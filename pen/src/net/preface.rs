//! What comes before a client is served: the PROXY header that tells who it is, the handshake of TLS, and the first bytes that say
//! which server it wants. No server is asked for before that, and none of `pending_max` is taken.

use std::sync::Arc;
use std::time::Duration;

use super::connection::{Connection, Next, Phase};
use super::handshake::Handshake;
use super::peek::Peeking;
use super::worker::Context;
use crate::settings::Service;

/// How long a part may take without which the client is not served.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a client may take to say which server it wants. It is served in any case.
const PEEK_PATIENCE: Duration = Duration::from_secs(5);

/// The part that is awaited.
pub enum Preface {
    /// A PROXY header, of which so much has come.
    Proxy(Vec<u8>),
    /// A TLS handshake.
    Handshake(Handshake),
    /// The client's first bytes.
    Peek(Peeking),
}

impl Preface {
    /// How long it may take.
    fn patience(&self) -> Duration {
        match self {
            Preface::Proxy(_) | Preface::Handshake(_) => PATIENCE,
            Preface::Peek(_) => PEEK_PATIENCE,
        }
    }
}

impl std::fmt::Debug for Preface {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Preface::Proxy(_) => "Proxy",
            Preface::Handshake(_) => "Handshake",
            Preface::Peek(_) => "Peek",
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

    /// The client is known: what is left is TLS, if the service speaks it. Who is only to be turned away need not prove more.
    pub fn begin_tls(&mut self, context: &mut Context<'_>) -> Next {
        let service = context.settings.service(self.service);
        match &service.terminator {
            Some(terminator) if !self.is_to_be_closed(service, context) => {
                let handshake = Handshake::new(Arc::clone(terminator));
                self.await_preface(Preface::Handshake(handshake), context)
            }
            _ => self.begin_peek(context),
        }
    }

    fn is_to_be_closed(&self, service: &Service, context: &Context<'_>) -> bool {
        !service.dummy && service.abuse.is_none() && self.is_refused(service, context)
    }

    /// It is known who the client is, and it may speak: it is served as soon as there is room for another connect.
    pub fn admit(&mut self, context: &mut Context<'_>) -> Next {
        if !context.queues.has(self.service)
            && let Some(pending) = context.take_pending(self.service)
        {
            return self.serve(pending, context);
        }
        self.phase = Phase::Queued;
        context.timers.cancel(self.slot);
        context.queues.push(self.service, (self.slot, self.generation));
        Next::Wait
    }

    /// Awaits this part, which has some time.
    pub fn await_preface(&mut self, preface: Preface, context: &mut Context<'_>) -> Next {
        context.timers.arm(self.slot, context.now.plus(preface.patience()));
        self.phase = Phase::Preface(Box::new(preface));
        self.read_preface(context)
    }

    /// Reads on.
    pub fn read_preface(&mut self, context: &mut Context<'_>) -> Next {
        let Phase::Preface(preface) = &mut self.phase else { return Next::Wait };
        match &mut **preface {
            Preface::Proxy(_) => self.read_proxy_header(context),
            Preface::Handshake(_) => self.shake_hands(context),
            Preface::Peek(_) => self.read_peek(context),
        }
    }

    /// It took too long.
    pub fn preface_timed_out(&mut self, context: &mut Context<'_>) -> Next {
        let Phase::Preface(preface) = &self.phase else { return Next::Wait };
        match **preface {
            Preface::Proxy(_) => self.refuse_proxy(&"its PROXY header took too long", context),
            Preface::Handshake(_) => self.handshake_failed("it took too long", context),
            Preface::Peek(_) => self.stop_peeking(context),
        }
    }
}

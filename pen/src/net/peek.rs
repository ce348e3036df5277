//! What a client's first bytes say about the server that it wants: read before the client is served, and given back to be passed
//! on, whatever they are. How they are read is `engine::peek`'s matter.

use std::net::{SocketAddr, SocketAddrV4};

use common::command::{Peek, RdpUsers};

use super::connection::{Connection, Next, Phase};
use super::end::{Incoming, LARGEST_READ};
use super::preface::Preface;
use super::worker::Context;
use crate::engine::peek::rdp::{self, Request};
use crate::engine::peek::sni::{self, Hello};
use crate::engine::peek::{Sight, user};
use crate::engine::servers::{ServerAddr, ServerId};
use crate::engine::time::Tick;
use crate::engine::users::{Opened, User};
use crate::settings::Service;

/// A client's first bytes as far as they have come.
#[derive(Debug)]
pub struct Peeking {
    bytes: Vec<u8>,
    subject: Subject,
}

/// What is looked for.
#[derive(Debug)]
enum Subject {
    Rdp(RdpUsers),
    Sni(Hello),
}

/// What a client's first bytes have asked for, and what is known of that.
#[derive(Debug)]
pub struct Peeked {
    wish: Wish,
    /// The server of the session that the client wants to go on with.
    pub session: Option<ServerId>,
    /// The user, once its connection is served.
    user: Option<User>,
    /// The server that the table of users has for the user: `session`, or one that has not taken the connection yet.
    remembered: Option<ServerId>,
}

#[derive(Debug)]
enum Wish {
    /// The server at this address.
    Server(SocketAddrV4),
    /// The server that this user had last.
    User(Box<[u8]>),
    /// A server of this name. One that was not told is empty: nobody has it.
    Name(Box<str>),
}

impl Peeking {
    /// Before the first byte.
    pub fn new(peek: Peek) -> Peeking {
        let subject = match peek {
            Peek::Rdp(users) => Subject::Rdp(users),
            Peek::Sni => Subject::Sni(Hello::default()),
        };
        Peeking { bytes: Vec::new(), subject }
    }

    /// How much may be read at once: no more than what there can be to see. Behind it the client may have a lot to say.
    fn portion(&self) -> usize {
        let most = match self.subject {
            Subject::Rdp(_) => rdp::LONGEST,
            Subject::Sni(_) => sni::LONGEST,
        };
        most.saturating_sub(self.bytes.len()).max(1)
    }

    fn take(&mut self, bytes: &[u8]) -> Sight<Wish> {
        self.bytes.extend_from_slice(bytes);
        match &mut self.subject {
            Subject::Sni(hello) => match hello.take(bytes) {
                Sight::Incomplete => Sight::Incomplete,
                Sight::Seen(name) => Sight::Seen(Some(Wish::Name(name.unwrap_or_default().into()))),
            },
            Subject::Rdp(users) => match rdp::read(&self.bytes) {
                Sight::Incomplete => Sight::Incomplete,
                Sight::Seen(Some(Request::Token(address))) => Sight::Seen(Some(Wish::Server(address))),
                Sight::Seen(Some(Request::User(sent))) => {
                    Sight::Seen(user::name(sent, *users).map(Wish::User))
                }
                Sight::Seen(None) => Sight::Seen(None),
            },
        }
    }

    /// What is asked for by who says nothing, or no more.
    fn without_more(&self) -> Option<Wish> {
        matches!(self.subject, Subject::Sni(_)).then(|| Wish::Name("".into()))
    }
}

impl Connection {
    /// Awaits the client's first bytes, if they decide about its server: one that is not to be chosen needs no decision.
    pub fn begin_peek(&mut self, context: &mut Context<'_>) -> Next {
        let service = context.settings.service(self.service);
        match service.peek {
            Some(peek) if !service.dummy && !self.is_refused(service, context) => {
                self.await_preface(Preface::Peek(Peeking::new(peek)), context)
            }
            _ => self.admit(context),
        }
    }

    /// Reads on.
    pub fn read_peek(&mut self, context: &mut Context<'_>) -> Next {
        loop {
            let Phase::Preface(preface) = &mut self.phase else { return Next::Wait };
            let Preface::Peek(peeking) = &mut **preface else { return Next::Wait };
            // What TLS has decrypted it keeps nowhere.
            let portion = if self.down.is_secure() { LARGEST_READ } else { peeking.portion() };
            let sight = match self.down.read(&mut context.scratch[..portion]) {
                Incoming::Data(data) => peeking.take(data),
                Incoming::Nothing => return Next::Wait,
                Incoming::Over if self.down.broken || peeking.bytes.is_empty() => return self.leave(context),
                Incoming::Over => return self.stop_peeking(context),
            };
            if let Sight::Seen(wish) = sight {
                return self.peeked(wish, context);
            }
        }
    }

    /// No more comes, or not in time: what has come says nothing.
    pub fn stop_peeking(&mut self, context: &mut Context<'_>) -> Next {
        let Phase::Preface(preface) = &self.phase else { return Next::Wait };
        let Preface::Peek(peeking) = &**preface else { return Next::Wait };
        let wish = peeking.without_more();
        self.peeked(wish, context)
    }

    fn peeked(&mut self, wish: Option<Wish>, context: &mut Context<'_>) -> Next {
        if let Phase::Preface(preface) = std::mem::replace(&mut self.phase, Phase::Queued)
            && let Preface::Peek(peeking) = *preface
        {
            self.down.unread(&peeking.bytes);
        }
        self.peeked = wish.map(|wish| Box::new(Peeked { wish, session: None, user: None, remembered: None }));
        self.admit(context)
    }

    /// Looks up what the client has asked for; done when it is served, because others may have come before it. Tells whether it is
    /// a user, and so need not be whoever came from its address before.
    pub fn find_session(&mut self, service: &Service, now: Tick) -> bool {
        let Some(peeked) = self.peeked.as_deref_mut() else { return false };
        match &peeked.wish {
            Wish::Name(_) => {}
            Wish::Server(address) => peeked.session = server_at(*address, service),
            Wish::User(name) => {
                let tracking = service.limits.tracking();
                let opened = service.state.users.lock().open(name, self.peer.address, now, tracking);
                if let Some(Opened { user, last_server }) = opened {
                    peeked.user = Some(user);
                    peeked.session = last_server;
                    peeked.remembered = last_server;
                }
            }
        }
        peeked.user.is_some()
    }

    /// Notes the server that the user gets; `None`: it is none of the regular ones, so the session is where it was.
    pub fn remember_session(&mut self, service: &Service, server: Option<ServerId>) {
        let Some(peeked) = self.peeked.as_deref_mut() else { return };
        let server = server.or(peeked.session);
        if let Some(user) = &peeked.user
            && peeked.remembered != server
        {
            service.state.users.lock().remember(user, server);
            peeked.remembered = server;
        }
    }

    /// Counts the end of a user's connection.
    pub fn leave_session(&mut self, context: &Context<'_>) {
        if let Some(user) = self.peeked.take().and_then(|peeked| peeked.user) {
            context.settings.service(self.service).state.users.lock().close(user, context.now);
        }
    }
}

impl Peeked {
    /// The name that a server must have; `None`: names do not matter.
    pub fn name(&self) -> Option<&str> {
        match &self.wish {
            Wish::Name(name) => Some(name),
            Wish::Server(_) | Wish::User(_) => None,
        }
    }
}

/// The server that a routing token names, if it is one of the service's.
fn server_at(address: SocketAddrV4, service: &Service) -> Option<ServerId> {
    let is_it = |server: &ServerAddr| match server {
        ServerAddr::Inet(server) => {
            SocketAddr::new(server.ip().to_canonical(), server.port()) == address.into()
        }
        ServerAddr::Unix(_) => false,
    };
    service.servers.iter().flatten().find(|server| is_it(server.address())).map(|server| server.id())
}

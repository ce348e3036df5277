//! What a client's first bytes say about the server that it wants: read before the client is served, and given back to be passed
//! on, whatever they are. How they are read is `engine::peek`'s matter.

use std::net::{SocketAddr, SocketAddrV4};

use common::command::{Peek, RdpUsers};

use super::connection::{Connection, Next, Phase};
use super::end::Incoming;
use super::preface::Preface;
use super::worker::Context;
use crate::engine::peek::rdp::{self, Request};
use crate::engine::peek::sni::{self, Hello};
use crate::engine::peek::{Sight, user};
use crate::engine::search;
use crate::engine::servers::{ServerAddr, ServerId};
use crate::engine::time::Tick;
use crate::engine::users::{Opened, User};
use crate::settings::Service;

/// A read where TLS has to be decrypted: as small as that may be, because all that comes of it is kept until there is a server.
const SECURE_READ: usize = 40 * 1024;

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

/// What a client's first bytes have come to.
#[derive(Debug)]
pub enum Peeked {
    /// It has asked for something, and is not served yet.
    Wish(Wish),
    /// It is a user, who may go on with a session.
    Session(Session),
}

/// What a client asks for.
#[derive(Debug)]
pub enum Wish {
    /// The server at this address.
    Server(SocketAddrV4),
    /// The server that this user had last.
    User(Box<[u8]>),
    /// A server of this name. One that was not told is empty: nobody has it.
    Name(Box<str>),
}

/// A user's session.
#[derive(Debug)]
pub struct Session {
    user: User,
    /// The server that the user had last.
    known: Option<ServerId>,
    /// The server that the table of users has for the user: `known`, or one that has not taken the connection yet.
    remembered: Option<ServerId>,
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
            let portion = if self.down.is_secure() { SECURE_READ } else { peeking.portion() };
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
        self.peeked = wish.map(|wish| Box::new(Peeked::Wish(wish)));
        self.admit(context)
    }

    /// What the client has asked for, in terms of servers. It is looked up when the client is served, because others may have
    /// been served meanwhile.
    pub fn find_session(&mut self, service: &Service, now: Tick) -> Option<Box<search::Request>> {
        let Peeked::Wish(wish) = *self.peeked.take()? else { return None };
        let mut request = search::Request::default();
        match wish {
            Wish::Name(name) => request.name = Some(name),
            Wish::Server(address) => request.session = Some(server_at(address, service)?),
            Wish::User(name) => {
                let tracking = service.limits.tracking();
                let opened = service.state.users.lock().open(&name, self.peer.address, now, tracking);
                let Opened { user, last_server } = opened?;
                let session = Session { user, known: last_server, remembered: last_server };
                self.peeked = Some(Box::new(Peeked::Session(session)));
                request.session = last_server;
                request.is_stranger = true;
            }
        }
        Some(Box::new(request))
    }

    /// Notes the server that the user gets; `None`: it is none of the slots, so the session is where it was.
    pub fn remember_session(&mut self, service: &Service, server: Option<ServerId>) {
        let Some(Peeked::Session(session)) = self.peeked.as_deref_mut() else { return };
        let server = server.or(session.known);
        if session.remembered != server {
            service.state.users.lock().remember(&session.user, server);
            session.remembered = server;
        }
    }

    /// Counts the end of a user's connection.
    pub fn leave_session(&mut self, context: &Context<'_>) {
        if let Some(peeked) = self.peeked.take()
            && let Peeked::Session(session) = *peeked
        {
            context.settings.service(self.service).state.users.lock().close(session.user, context.now);
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

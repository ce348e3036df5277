//! Finding a server for a connection: choose, dial, and on failure choose the next.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;

use common::client_addr::ClientAddr;
use common::reason;
use mio::net::{TcpStream, UnixStream};
use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, SockRef, Socket, Type};

use super::connection::{Connection, Next, Peer, Phase};
use super::end::End;
use super::stream::Stream;
use super::token::Side;
use super::transparent::{Source, allow_any_address};
use super::worker::Context;
use crate::engine::acl::Acl;
use crate::engine::search::{Chosen, Ground, Request, Role, Search};
use crate::engine::servers::{Server, ServerAddr, ServerId};
use crate::engine::time::Tick;
use crate::settings::Service;
use crate::shared::PendingRoom;

/// How far the search for a server has come.
#[derive(Debug)]
pub struct Attempt {
    search: Search,
    /// The server that the client had last.
    known: Option<ServerId>,
    /// The server that the client table has for the client: `known`, or one that has not taken the connection yet.
    remembered: Option<ServerId>,
    _pending: PendingRoom,
}

/// Why a server could not be dialled.
#[derive(Debug)]
pub enum DialError {
    /// We lack something.
    Shortage(io::Error),
    /// The server refused, or can't be reached.
    Server(io::Error),
    /// The server's queue is full (Unix sockets say so at once): another may take the client, but it isn't dead.
    Full(io::Error),
}

impl Attempt {
    /// Before the first server. `known`: the client's last server; `request`: what its first bytes ask for; `refused`: by
    /// `client_acl`.
    pub fn new(
        known: Option<ServerId>,
        request: Option<Box<Request>>,
        refused: bool,
        pending: PendingRoom,
    ) -> Attempt {
        Attempt { search: Search::new(known, request, refused), known, remembered: known, _pending: pending }
    }
}

impl Connection {
    /// Dials the next server that can take the client, until one is on its way.
    pub fn try_next_server(&mut self, context: &mut Context<'_>) -> Next {
        let service = context.settings.service(self.service);
        while let Some(chosen) = self.choose(service, context) {
            self.remember_session(service, chosen.is_regular().then(|| chosen.server.id()));
            match dial(&chosen.server, Some(self.peer.address), service) {
                Ok(stream) => {
                    let mut up = End::connecting(stream);
                    if let Err(error) = up.stream.register(context.registry, self.token(Side::Up)) {
                        return self.shortage(&error, context);
                    }
                    if service.tcp_nodelay {
                        up.avoid_delay();
                    }
                    self.up = Some(up);
                    self.server = Some(chosen);
                    context.timers.arm(self.slot, context.now.plus_seconds(service.limits.timeout));
                    return Next::Wait;
                }
                Err(DialError::Shortage(error)) => return self.shortage(&error, context),
                Err(DialError::Server(error)) => _ = server_failed(&chosen, &error, service, context.now),
                Err(DialError::Full(error)) => chosen.reservation.state().failed(&reason(&error)),
            }
        }
        self.remember_session(service, None);
        self.give_up(service, context)
    }

    /// The server's socket has news while connecting.
    pub fn connect_event(&mut self, context: &mut Context<'_>) -> Next {
        let Some(up) = &self.up else { return Next::Wait };
        if up.failed() {
            match up.stream.peek() {
                // A server that has said something was there, even if it has reset the connection since.
                Ok(1..) => {}
                Err(error) if error.kind() != ErrorKind::WouldBlock => {
                    return self.connect_failed(&error, context);
                }
                // It was closed at once, or its error was met before.
                Ok(0) | Err(_) => return self.connect_failed(&Errno::ECONNRESET.into(), context),
            }
        } else if !up.writable() {
            return Next::Wait;
        }
        if let Some(chosen) = &self.server {
            chosen.reservation.state().connected();
            count_served(chosen, context.settings.service(self.service));
        }
        self.established(context)
    }

    /// The server has not answered in time.
    pub fn connect_timed_out(&mut self, context: &mut Context<'_>) -> Next {
        self.connect_failed(&ErrorKind::TimedOut.into(), context)
    }

    fn connect_failed(&mut self, error: &io::Error, context: &mut Context<'_>) -> Next {
        self.up = None;
        if let Some(chosen) = self.server.take() {
            if is_shortage(error) {
                return self.shortage(error, context);
            }
            server_failed(&chosen, error, context.settings.service(self.service), context.now);
        }
        self.try_next_server(context)
    }

    /// The next server, with a place reserved at it, and remembered as the client's if it is a regular one.
    fn choose(&mut self, service: &Service, context: &Context<'_>) -> Option<Chosen> {
        let Phase::Connecting(attempt) = &mut self.phase else { return None };
        let acls = &context.settings.acls;
        let chosen = next_server(&mut attempt.search, self.peer, service, acls, context.now);
        let regular = chosen.as_ref().filter(|chosen| chosen.is_regular());
        // Already now, so that a client's simultaneous connections go to one server.
        let remembered = regular.map(|chosen| chosen.server.id()).or(attempt.known);
        if let Some(tracked) = &self.client
            && attempt.remembered != remembered
        {
            service.state.clients.lock().remember(tracked, remembered);
            attempt.remembered = remembered;
        }
        chosen
    }

    /// Nobody can take the client.
    fn give_up(&mut self, service: &Service, context: &mut Context<'_>) -> Next {
        let refused = matches!(&self.phase, Phase::Connecting(attempt) if attempt.search.is_refused());
        let counters = &service.state.counters;
        if refused {
            counters.refused.count();
        } else {
            counters.unserved.count();
        }
        log::debug!("closing a connection from {}: no server{} can take it", self.peer.address, service.of());
        self.leave(context)
    }
}

/// The next server that the search comes to, with a place reserved at it.
pub fn next_server(
    search: &mut Search,
    peer: Peer,
    service: &Service,
    acls: &[Arc<Acl>],
    now: Tick,
) -> Option<Chosen> {
    let chosen = search.next(&Ground {
        servers: &service.servers,
        modes: service.modes,
        acls,
        turn: &service.state.turn,
        slow_start: service.limits.slow_start,
        fail_open: service.fail_open,
        emergency: service.emergency.as_ref(),
        abuse: service.abuse.as_ref(),
        client: peer.address,
        port: peer.port,
        now,
    })?;
    match chosen.role {
        Role::LastResort if service.state.fail_open.begins(now) => {
            log::warn!(
                "no server{} is up and can take a client: fail_open tries those that are down",
                service.of()
            );
        }
        Role::Regular if service.state.fail_open.ends(now) => {
            log::info!("servers{} that are up take clients again: fail_open ends", service.of());
        }
        _ => {}
    }
    Some(chosen)
}

/// Counts a client that its server has taken, if that is said to be down.
pub fn count_served(chosen: &Chosen, service: &Service) {
    if chosen.role == Role::LastResort {
        service.state.counters.failed_open.count();
    }
}

/// Notes that the server which was chosen failed, and leaves it alone for a while; emergency and abuse servers are never
/// blacklisted. Tells whether it is left alone from now on, and was not before.
pub fn server_failed(chosen: &Chosen, error: &io::Error, service: &Service, now: Tick) -> bool {
    if chosen.is_regular() {
        return regular_server_failed(&chosen.server, error, service, now);
    }
    let reason = reason(error);
    chosen.server.state.failed(&reason);
    log::warn!("server {}{} failed: {reason}", chosen.server.address(), service.of());
    false
}

/// The same of a server in one of the slots.
pub fn regular_server_failed(server: &Server, error: &io::Error, service: &Service, now: Tick) -> bool {
    let state = &server.state;
    let reason = reason(error);
    state.failed(&reason);
    let (address, of) = (server.address(), service.of());
    if has_moved(server, service) {
        log::debug!("server {} was at {address}, which failed: {reason}", state.id.slot);
        return false;
    }
    let is_news = state.blacklisted(now).is_none() && service.limits.blacklist > 0;
    if is_news {
        let (slot, seconds) = (state.id.slot, service.limits.blacklist);
        log::warn!("server {slot}{of} ({address}) failed: {reason}; it is left alone for {seconds} seconds");
    } else {
        log::debug!("server {}{of} ({address}) failed: {reason}", state.id.slot);
    }
    state.blacklist(now.plus_seconds(service.limits.blacklist));
    is_news
}

/// Whether the server's name has another address by now, of which the failure of the old one says nothing.
fn has_moved(server: &Server, service: &Service) -> bool {
    let occupant = service.servers.get(server.id().slot as usize).and_then(Option::as_deref);
    occupant.is_some_and(|occupant| occupant.id() == server.id() && occupant.address() != server.address())
}

/// Starts a connection to the server; it is there when the poll says that it can be written to. `client`: for whom.
pub fn dial(server: &Server, client: Option<ClientAddr>, service: &Service) -> Result<Stream, DialError> {
    dial_address(server.address(), client, service)
}

/// The same to a server's other port.
pub fn dial_address(
    address: &ServerAddr,
    client: Option<ClientAddr>,
    service: &Service,
) -> Result<Stream, DialError> {
    match address {
        ServerAddr::Inet(address) => {
            let source = Source::towards(address.ip(), client, service);
            let stream = dial_tcp(*address, source)?;
            if service.keepalive {
                SockRef::from(&stream).set_keepalive(true)?;
            }
            Ok(Stream::Tcp(stream))
        }
        ServerAddr::Unix(path) => match UnixStream::connect(path) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(DialError::Full(error)),
            connected => Ok(Stream::Unix(connected?)),
        },
    }
}

fn dial_tcp(address: SocketAddr, source: Source) -> Result<TcpStream, DialError> {
    if source == Source::System {
        return Ok(TcpStream::connect(address)?);
    }
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking().cloexec(), None)?;
    // Whatever stands in the way of that, it is not the server.
    bind(&socket, source).map_err(DialError::Shortage)?;
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(Errno::EINPROGRESS as i32) => Err(error.into()),
        _ => Ok(TcpStream::from_std(socket.into())),
    }
}

/// Gives the socket its address. The port is left to the connect, so that it only has to be free towards this server.
pub fn bind(socket: &Socket, source: Source) -> io::Result<()> {
    let address = match source {
        Source::System => return Ok(()),
        Source::Own(address) => address,
        Source::Client(address) => {
            allow_any_address(socket)?;
            address
        }
    };
    setsockopt(socket, sockopt::IpBindAddressNoPort, &true)?;
    socket.bind(&SocketAddr::new(address, 0).into())
}

impl From<io::Error> for DialError {
    fn from(error: io::Error) -> DialError {
        if is_shortage(&error) { DialError::Shortage(error) } else { DialError::Server(error) }
    }
}

/// Whether an error is our own lack of something, for which no server is to blame.
pub fn is_shortage(error: &io::Error) -> bool {
    use Errno::{EADDRNOTAVAIL, EAGAIN, EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC};
    let shortages = [EADDRNOTAVAIL, EAGAIN, EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC];
    error.raw_os_error().is_some_and(|code| shortages.contains(&Errno::from_raw(code)))
}

//! A port: a socket towards servers. Answers come back to it from those it has sent to.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use mio::event::Source;
use mio::unix::SourceFd;
use mio::{Interest, Registry};
use nix::errno::Errno;
use socket2::{Domain, SockAddr, Socket, Type};
use system::datagrams;

use super::super::transparent::allow_any_address;
use super::super::upstream::DialError;
use crate::engine::flows::{PortId, PortKind};
use crate::engine::servers::ServerAddr;
use crate::net::token::PORT_GENERATION_MASK;
use crate::shared::PortDescriptor;

/// A port.
#[derive(Debug)]
pub struct Port {
    /// Which port this is.
    pub id: PortId,
    socket: Socket,
    /// It waits for its turn.
    pub queued: bool,
    /// The poll has told of an error.
    pub failed: bool,
    /// How often in a row it could not be read.
    pub errors: u8,
    /// The kernel was asked to join datagrams.
    pub joins: bool,
    /// A flow has ended that was owed an answer, which may come yet.
    pub owed: bool,
    _descriptor: PortDescriptor,
}

impl Port {
    /// Opens a port for flows to several servers. `own`: our address towards servers of its family.
    pub fn open(
        id: PortId,
        kind: PortKind,
        own: Option<IpAddr>,
        descriptor: PortDescriptor,
    ) -> Result<Port, DialError> {
        let socket = socket(kind)?;
        let bound = match (kind, own) {
            // The system gives it a name, so that it can be answered.
            (PortKind::Unix, _) => SockAddr::unix("").and_then(|address| socket.bind(&address)),
            (PortKind::Inet4, Some(own @ IpAddr::V4(_))) | (PortKind::Inet6, Some(own @ IpAddr::V6(_))) => {
                socket.bind(&SocketAddr::new(own, 0).into())
            }
            _ => Ok(()),
        };
        bound.map_err(DialError::Shortage)?;
        Ok(Port::new(id, socket, descriptor))
    }

    /// Opens a port for one flow to one server, which sees the client's address.
    pub fn open_for(
        id: PortId,
        client: SocketAddr,
        server: &ServerAddr,
        descriptor: PortDescriptor,
    ) -> Result<Port, DialError> {
        let socket = socket(PortKind::of(server))?;
        // Whatever stands in the way of that, it is not the server.
        take_address(&socket, client).map_err(DialError::Shortage)?;
        if let ServerAddr::Inet(server) = server {
            // Other sockets may have the same address, each for answers of another server.
            socket.connect(&(*server).into())?;
        }
        Ok(Port::new(id, socket, descriptor))
    }

    fn new(id: PortId, socket: Socket, descriptor: PortDescriptor) -> Port {
        Port {
            id,
            socket,
            queued: false,
            failed: false,
            errors: 0,
            joins: false,
            owed: false,
            _descriptor: descriptor,
        }
    }

    /// Whether it is the port that a token tells of.
    pub fn is_told_of(&self, told: PortId) -> bool {
        self.id.index == told.index && (self.id.generation ^ told.generation) & PORT_GENERATION_MASK == 0
    }

    /// Its own address: without an IP address where the system chooses one for each datagram. Of a Unix socket there is none.
    pub fn local_address(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()?.as_socket().filter(|own| own.port() != 0)
    }

    /// Tells the poll about it.
    pub fn register(&self, registry: &Registry, token: mio::Token) -> io::Result<()> {
        SourceFd(&self.socket.as_raw_fd()).register(registry, token, Interest::READABLE)
    }
}

impl AsFd for Port {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn socket(kind: PortKind) -> io::Result<Socket> {
    let domain = match kind {
        PortKind::Inet4 => Domain::IPV4,
        PortKind::Inet6 => Domain::IPV6,
        PortKind::Unix => Domain::UNIX,
    };
    let socket = Socket::new(domain, Type::DGRAM.nonblocking().cloexec(), None)?;
    match kind {
        PortKind::Inet4 => datagrams::report_failures_of_ipv4(&socket)?,
        PortKind::Inet6 => datagrams::report_failures(&socket)?,
        PortKind::Unix => {}
    }
    if kind == PortKind::Inet4 {
        datagrams::allow_fragments(&socket)?;
    }
    Ok(socket)
}

/// Gives the socket a client's address. Others of pen may have it: for the same client's flows to other servers; and a listener
/// for all addresses may have the port.
fn take_address(socket: &Socket, client: SocketAddr) -> io::Result<()> {
    allow_any_address(socket)?;
    socket.set_reuse_port(true)?;
    socket.bind(&client.into())
}

/// Whether an error of opening or sending is our own lack of something, for which no server is to blame. `EPERM` is a full table
/// of the packet filter, or a rule of ours.
pub fn is_shortage(error: &io::Error) -> bool {
    use Errno::{
        EADDRINUSE, EADDRNOTAVAIL, EAGAIN, EMFILE, EMSGSIZE, ENFILE, ENOBUFS, ENOMEM, ENOSPC, EPERM,
    };
    let shortages =
        [EADDRINUSE, EADDRNOTAVAIL, EAGAIN, EMFILE, EMSGSIZE, ENFILE, ENOBUFS, ENOMEM, ENOSPC, EPERM];
    error.raw_os_error().is_some_and(|code| shortages.contains(&Errno::from_raw(code)))
}

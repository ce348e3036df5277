//! A port: a socket towards servers. Answers come back to it from those it has sent to.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use mio::event::Source;
use mio::unix::SourceFd;
use mio::{Interest, Registry};
use nix::errno::Errno;
use socket2::{Domain, SockAddr, Socket, Type};
use system::{datagrams, socket};

use super::super::transparent::allow_any_address;
use super::super::upstream::{self, DialError};
use super::fragments::Fragments;
use crate::engine::flows::{PortId, PortKind};
use crate::engine::servers::ServerAddr;
use crate::shared::PortDescriptor;

/// How often a number is taken, or given back because it is to be avoided, at most: by then nearly all are.
const ATTEMPTS: usize = 63;

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
    /// Whether routers may split what it sends.
    pub fragments: Fragments,
    /// No port has its socket now.
    rests: bool,
    /// What it is for, if it may be for several servers.
    shared: Option<(PortKind, Option<IpAddr>)>,
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
        let socket = open(kind)?;
        let bound = match (kind, own) {
            // The system gives it a name, so that it can be answered.
            (PortKind::Unix, _) => SockAddr::unix("").and_then(|address| socket.bind(&address)),
            (PortKind::Inet4, Some(own @ IpAddr::V4(_))) | (PortKind::Inet6, Some(own @ IpAddr::V6(_))) => {
                socket.bind(&SocketAddr::new(own, 0).into())
            }
            _ => Ok(()),
        };
        bound.map_err(DialError::Shortage)?;
        Ok(Port::new(id, socket, (kind != PortKind::Unix).then_some((kind, own)), descriptor))
    }

    /// Opens a port for one flow to one server, which sees the client's address.
    pub fn open_for(
        id: PortId,
        client: SocketAddr,
        server: &ServerAddr,
        descriptor: PortDescriptor,
    ) -> Result<Port, DialError> {
        let socket = open(PortKind::of(server))?;
        // Whatever stands in the way of that, it is not the server.
        take_address(&socket, client).map_err(DialError::Shortage)?;
        if let ServerAddr::Inet(server) = server {
            // Other sockets may have the same address, each for answers of another server.
            socket.connect(&(*server).into())?;
        }
        Ok(Port::new(id, socket, None, descriptor))
    }

    fn new(
        id: PortId,
        socket: Socket,
        shared: Option<(PortKind, Option<IpAddr>)>,
        descriptor: PortDescriptor,
    ) -> Port {
        Port {
            id,
            fragments: Fragments::forbidden(&socket),
            socket,
            queued: false,
            failed: false,
            errors: 0,
            joins: false,
            rests: false,
            shared,
            _descriptor: descriptor,
        }
    }

    /// Takes a number for which `avoided` is false. Tells whether there was one, as far as some attempts can find that out.
    pub fn avoid(&self, avoided: impl Fn(u16) -> bool) -> io::Result<bool> {
        let Some((kind, own)) = self.shared else { return Ok(true) };
        let any = match kind {
            PortKind::Inet4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            PortKind::Inet6 | PortKind::Unix => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let own = own.filter(|own| own.is_ipv4() == any.is_ipv4()).unwrap_or(any);
        for _ in 0..ATTEMPTS {
            match self.local_address() {
                None => self.socket.bind(&SocketAddr::new(own, 0).into())?,
                Some(address) if avoided(address.port()) => socket::give_up_port(&self.socket)?,
                Some(_) => return Ok(true),
            }
        }
        Ok(false)
    }

    /// Whether it is, or was, for flows to several servers, of this kind and with this address of ours.
    pub fn is_shared(&self, kind: PortKind, own: Option<IpAddr>) -> bool {
        self.shared == Some((kind, own))
    }

    /// The poll has news of the socket. Tells whether the port is to be put into the queue for that.
    pub fn note(&mut self, failed: bool) -> bool {
        self.failed |= failed;
        !std::mem::replace(&mut self.queued, true) && !self.rests
    }

    /// Gives its number back to the system, so that nothing more arrives. Tells whether the socket may serve another port: one
    /// that has a client's address, or whose name the system has made, may not.
    pub fn rest(&mut self) -> bool {
        self.rests = self.shared.is_some() && socket::give_up_port(&self.socket).is_ok();
        self.rests
    }

    /// Gets ready for another port. Tells whether nothing is left over of the one before, neither datagrams nor errors, as far as
    /// the poll has told.
    pub fn wake(&mut self) -> bool {
        (self.rests, self.errors) = (false, 0);
        !self.queued && !self.failed
    }

    /// Its own address: without an IP address where the system chooses one for each datagram. Of a Unix socket there is none.
    pub fn local_address(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()?.as_socket().filter(|own| own.port() != 0)
    }

    /// Whether the system has yet to give it a number. Unix sockets have none.
    pub fn is_unbound(&self) -> bool {
        let own = self.socket.local_addr().ok().and_then(|own| own.as_socket());
        own.is_some_and(|own| own.port() == 0)
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

fn open(kind: PortKind) -> io::Result<Socket> {
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
    Ok(socket)
}

/// Gives the socket a client's address. Others of pen may have it: for the same client's flows to other servers; and a listener
/// for all addresses may have the port.
fn take_address(socket: &Socket, client: SocketAddr) -> io::Result<()> {
    allow_any_address(socket)?;
    socket.set_reuse_port(true)?;
    socket.bind(&client.into())
}

/// Whether an error of opening or sending is our own lack of something, for which no server is to blame. With datagrams that is
/// also a full table of the packet filter, or a rule of ours (`EPERM`), that all numbers are in use (`EADDRINUSE`), and that one is
/// larger than the way allows (`EMSGSIZE`).
pub fn is_shortage(error: &io::Error) -> bool {
    let of_datagrams = [Errno::EADDRINUSE, Errno::EMSGSIZE, Errno::EPERM];
    let is_of_datagrams = |code| of_datagrams.contains(&Errno::from_raw(code));
    upstream::is_shortage(error) || error.raw_os_error().is_some_and(is_of_datagrams)
}

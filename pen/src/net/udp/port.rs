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

use crate::engine::flows::PortKind;
use crate::shared::PortDescriptor;

/// A port.
#[derive(Debug)]
pub struct Port {
    socket: Socket,
    /// It waits for its turn.
    pub queued: bool,
    /// The poll has told of an error.
    pub failed: bool,
    /// How often in a row it could not be read.
    pub errors: u8,
    /// The kernel was asked to join datagrams.
    pub joins: bool,
    /// That of its id.
    pub generation: u32,
    _descriptor: PortDescriptor,
}

impl Port {
    /// Opens a port. `source`: our address towards servers of its family.
    pub fn open(kind: PortKind, source: Option<IpAddr>, descriptor: PortDescriptor) -> io::Result<Port> {
        let domain = match kind {
            PortKind::Inet4 => Domain::IPV4,
            PortKind::Inet6 => Domain::IPV6,
            PortKind::Unix => Domain::UNIX,
        };
        let socket = Socket::new(domain, Type::DGRAM.nonblocking().cloexec(), None)?;
        match (kind, source) {
            // The system gives it a name, so that it can be answered.
            (PortKind::Unix, _) => socket.bind(&SockAddr::unix("")?)?,
            (PortKind::Inet4, Some(source @ IpAddr::V4(_)))
            | (PortKind::Inet6, Some(source @ IpAddr::V6(_))) => {
                socket.bind(&SocketAddr::new(source, 0).into())?;
            }
            _ => {}
        }
        match kind {
            PortKind::Inet4 => datagrams::report_failures_of_ipv4(&socket)?,
            PortKind::Inet6 => datagrams::report_failures(&socket)?,
            PortKind::Unix => {}
        }
        Ok(Port { socket, queued: false, failed: false, errors: 0, joins: false, generation: 0, _descriptor: descriptor })
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

/// Whether an error of opening or sending is our own lack of something, for which no server is to blame. `EPERM` is a full table
/// of the packet filter, or a rule of ours.
pub fn is_shortage(error: &io::Error) -> bool {
    use Errno::{EADDRINUSE, EADDRNOTAVAIL, EAGAIN, EMFILE, EMSGSIZE, ENFILE, ENOBUFS, ENOMEM, ENOSPC, EPERM};
    let shortages =
        [EADDRINUSE, EADDRNOTAVAIL, EAGAIN, EMFILE, EMSGSIZE, ENFILE, ENOBUFS, ENOMEM, ENOSPC, EPERM];
    error.raw_os_error().is_some_and(|code| shortages.contains(&Errno::from_raw(code)))
}

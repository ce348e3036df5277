//! Listening sockets, for connections and for datagrams: opening one, accepting from one, and what a worker knows of those it
//! accepts from. Which ones there are is the `registry`'s business; how they get their addresses is in `binding`.

mod binding;

use std::fmt::{self, Display, Formatter};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::lchown;
use std::path::Path;
use std::sync::Arc;

use common::client_addr::ClientAddr;
use mio::event::Source;
use mio::net::{TcpListener, UdpSocket, UnixDatagram, UnixListener};
use mio::unix::SourceFd;
use mio::{Interest, Registry};
use nix::errno::Errno;
use socket2::{SockRef, Type};

use self::binding::{Sharing, bind_tcp, bind_udp, bind_unix, turn_datagrams_away};
use super::connection::Peer;
use super::stream::Stream;
use crate::engine::time::Tick;
use crate::settings::losses::Queue;
use crate::settings::{ServiceIndex, Transport};
use system::privileges::User;
use system::{datagrams, poll, socket};

/// A listener's number in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListenerId(pub u32);

/// A listening socket. TCP and UDP: each worker has its own, in one `SO_REUSEPORT` group. Unix: connections come to one that
/// all workers share, datagrams to one that the first worker has.
#[derive(Debug)]
pub struct ListenSocket {
    kind: Kind,
    name: String,
}

#[derive(Debug)]
enum Kind {
    Tcp(TcpListener),
    Unix(UnixListener),
    Udp(UdpSocket),
    UnixDatagram(UnixDatagram),
}

/// How a TCP listener is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpOptions {
    /// How many clients may wait in the queue.
    pub backlog: u32,
    /// An IPv6 wildcard leaves IPv4 to another listener.
    pub only_v6: bool,
    /// What accepted connections inherit.
    pub inherited: Inherited,
}

/// What a TCP listener passes on to the connections that it accepts, at no system call of theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inherited {
    /// `SO_KEEPALIVE`
    pub keepalive: bool,
    /// `TCP_NODELAY`
    pub nodelay: bool,
}

/// A client that was accepted.
#[derive(Debug)]
pub struct Accepted {
    /// Its connection.
    pub stream: Stream,
    /// Who it is.
    pub peer: Peer,
}

impl ListenSocket {
    /// One of a TCP listener's group of sockets. It has its address; clients come to it from the first `set_options` on.
    pub fn tcp(address: SocketAddr, options: TcpOptions) -> io::Result<ListenSocket> {
        let socket = bind_tcp(address, options.only_v6, true)?;
        let listener = TcpListener::from_std(socket.into());
        let name = listener.local_addr()?.to_string();
        Ok(ListenSocket { kind: Kind::Tcp(listener), name })
    }

    /// One of a UDP listener's group of sockets. Datagrams come to it from the beginning. `beside`: others of ours may be at that
    /// address, one that leaves perhaps.
    pub fn udp(address: SocketAddr, only_v6: bool, beside: bool) -> io::Result<ListenSocket> {
        let socket = bind_udp(address, only_v6, if beside { Sharing::Beside } else { Sharing::Group })?;
        let listener = UdpSocket::from_std(socket.into());
        let name = listener.local_addr()?.to_string();
        Ok(ListenSocket { kind: Kind::Udp(listener), name })
    }

    /// Whether a UDP address can be had, for us alone; tells the address, with the port that was free for a 0.
    pub fn probe_udp(address: SocketAddr, only_v6: bool) -> io::Result<SocketAddr> {
        let bound = bind_udp(address, only_v6, Sharing::None)?.local_addr()?;
        Ok(bound.as_socket().unwrap_or(address))
    }

    /// Whether a TCP address can be had, for us alone; tells the address, with the port that was free for a 0.
    pub fn probe(address: SocketAddr, options: TcpOptions) -> io::Result<SocketAddr> {
        let bound = bind_tcp(address, options.only_v6, false)?.local_addr()?;
        Ok(bound.as_socket().unwrap_or(address))
    }

    /// A Unix listener. A file that a dead process left is replaced; one that a live process answers on is an error.
    pub fn unix(path: &Path, backlog: u32) -> io::Result<ListenSocket> {
        let socket = bind_unix(path, Type::STREAM)?;
        socket.listen(backlog.try_into().unwrap_or(i32::MAX))?;
        let listener = UnixListener::from_std(socket.into());
        Ok(ListenSocket { kind: Kind::Unix(listener), name: path.display().to_string() })
    }

    /// A Unix socket for datagrams, with the same rules.
    pub fn unix_datagram(path: &Path) -> io::Result<ListenSocket> {
        let socket = UnixDatagram::from_std(bind_unix(path, Type::DGRAM)?.into());
        Ok(ListenSocket { kind: Kind::UnixDatagram(socket), name: path.display().to_string() })
    }

    /// How clients come to it.
    pub fn transport(&self) -> Transport {
        match self.kind {
            Kind::Tcp(_) | Kind::Unix(_) => Transport::Stream,
            Kind::Udp(_) | Kind::UnixDatagram(_) => Transport::Datagram,
        }
    }

    /// Takes the next client from the queue.
    pub fn accept(&self) -> io::Result<Accepted> {
        match &self.kind {
            Kind::Tcp(listener) => {
                let (stream, address) = listener.accept()?;
                let peer = Peer { address: ClientAddr::from(address.ip()), port: address.port() };
                Ok(Accepted { stream: Stream::Tcp(stream), peer })
            }
            Kind::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                Ok(Accepted {
                    stream: Stream::Unix(stream),
                    peer: Peer { address: ClientAddr::Unix, port: 0 },
                })
            }
            // They have no queue of clients.
            Kind::Udp(_) | Kind::UnixDatagram(_) => Err(ErrorKind::WouldBlock.into()),
        }
    }

    /// Tells a worker's poll about the socket, which several workers may do.
    pub fn register(&self, registry: &Registry, token: mio::Token) -> io::Result<()> {
        match &self.kind {
            // One of the workers, or each client would wake them all, and find one.
            Kind::Unix(listener) => poll::wake_only_one(registry, listener, token.0 as u64),
            _ => SourceFd(&self.fd()).register(registry, token, Interest::READABLE),
        }
    }

    /// Takes `register` back: other threads may hold the socket open longer.
    pub fn deregister(&self, registry: &Registry) {
        // It fails only if the poll never knew the socket.
        let _ = SourceFd(&self.fd()).deregister(registry);
    }

    /// Sets what can be set while it listens: the length of the queue, and what accepted connections inherit. A TCP socket that
    /// does not listen yet begins to.
    pub fn set_options(&self, options: TcpOptions) -> io::Result<()> {
        let backlog = options.backlog.try_into().unwrap_or(i32::MAX);
        match &self.kind {
            Kind::Tcp(listener) => {
                let socket = SockRef::from(listener);
                socket.set_keepalive(options.inherited.keepalive)?;
                socket.set_tcp_nodelay(options.inherited.nodelay)?;
                socket.listen(backlog)
            }
            Kind::Unix(listener) => SockRef::from(listener).listen(backlog),
            Kind::Udp(_) | Kind::UnixDatagram(_) => Ok(()),
        }
    }

    /// The address of a TCP or UDP listener.
    pub fn local_address(&self) -> Option<SocketAddr> {
        match &self.kind {
            Kind::Tcp(listener) => listener.local_addr().ok(),
            Kind::Udp(socket) => socket.local_addr().ok(),
            Kind::Unix(_) | Kind::UnixDatagram(_) => None,
        }
    }

    /// Lets no new client begin, while those that have begun still get in.
    pub fn turn_away(&self) -> io::Result<()> {
        match &self.kind {
            Kind::Tcp(listener) => socket::refuse_new_peers(listener),
            // The queue can still be accepted from.
            Kind::Unix(listener) => SockRef::from(listener).shutdown(std::net::Shutdown::Read),
            Kind::Udp(socket) => turn_datagrams_away(socket),
            Kind::UnixDatagram(socket) => SockRef::from(socket).shutdown(std::net::Shutdown::Read),
        }
    }

    /// Makes the socket (of Unix: its file) the user's, as if the user had opened it: only sockets of one user can share an
    /// address, and only who owns a file may take it away again.
    pub fn give_to(&self, user: &User) -> io::Result<()> {
        match &self.kind {
            Kind::Tcp(listener) => nix::unistd::fchown(listener, Some(user.uid), None)?,
            Kind::Udp(socket) => nix::unistd::fchown(socket, Some(user.uid), None)?,
            Kind::Unix(_) | Kind::UnixDatagram(_) => {
                lchown(&self.name, Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
            }
        }
        Ok(())
    }

    fn fd(&self) -> i32 {
        self.as_fd().as_raw_fd()
    }
}

impl Queue for ListenSocket {
    fn lost(&self) -> u32 {
        datagrams::lost(self).unwrap_or(0)
    }
}

impl AsFd for ListenSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.kind {
            Kind::Tcp(listener) => listener.as_fd(),
            Kind::Unix(listener) => listener.as_fd(),
            Kind::Udp(socket) => socket.as_fd(),
            Kind::UnixDatagram(socket) => socket.as_fd(),
        }
    }
}

impl Display for ListenSocket {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A listening socket as a worker sees it.
#[derive(Debug)]
pub struct Listening {
    /// Its number.
    pub id: ListenerId,
    /// Its service.
    pub service: ServiceIndex,
    /// The socket.
    pub socket: Arc<ListenSocket>,
    /// Somebody may wait in its queue: the poll said so, and the queue was not seen empty since.
    pub ready: bool,
    /// There was no room for another connection; the mailbox tells when there is.
    pub waits_for_room: bool,
    /// The kernel could not give us another connection; tried again then.
    pub paused_until: Option<Tick>,
    closing: bool,
}

impl Listening {
    /// A listener that the poll has just been told about; whoever already waits is found at once.
    pub fn new(id: ListenerId, service: ServiceIndex, socket: Arc<ListenSocket>) -> Listening {
        Listening {
            id,
            service,
            socket,
            ready: true,
            waits_for_room: false,
            paused_until: None,
            closing: false,
        }
    }

    /// Whether accepting makes sense now.
    pub fn can_accept(&self) -> bool {
        self.ready && !self.waits_for_room && self.paused_until.is_none()
    }

    /// Leaves it alone until then.
    pub fn pause(&mut self, until: Tick) {
        self.paused_until = Some(until);
    }

    /// Ends the pause if it is over.
    pub fn resume(&mut self, now: Tick) {
        if self.paused_until.is_some_and(|until| until <= now) {
            self.paused_until = None;
        }
    }

    /// Accepts what is in the queue, however long that takes, and then is finished.
    pub fn close_when_empty(&mut self) {
        self.closing = true;
        self.ready = true;
    }

    /// Whether it can be dropped.
    pub fn finished(&self) -> bool {
        self.closing && !self.ready
    }
}

/// Why nobody could be accepted.
#[derive(Debug, PartialEq, Eq)]
pub enum AcceptTrouble {
    /// The queue is empty.
    NobodyWaits,
    /// A client gave up, or its network did, before we came: the next one may be fine.
    PeerIsGone,
    /// We lack descriptors or memory, or something unknown is wrong.
    Shortage,
}

impl From<&io::Error> for AcceptTrouble {
    fn from(error: &io::Error) -> AcceptTrouble {
        use Errno::{
            ECONNABORTED, EHOSTDOWN, EHOSTUNREACH, EINTR, ENETDOWN, ENETUNREACH, ENONET, ENOPROTOOPT,
            EOPNOTSUPP, EPERM, EPROTO,
        };
        if error.kind() == ErrorKind::WouldBlock {
            return AcceptTrouble::NobodyWaits;
        }
        // accept(2): Linux passes errors that are already pending on the new connection.
        let passing = [
            ECONNABORTED,
            EHOSTDOWN,
            EHOSTUNREACH,
            EINTR,
            ENETDOWN,
            ENETUNREACH,
            ENONET,
            ENOPROTOOPT,
            EOPNOTSUPP,
            EPERM,
            EPROTO,
        ];
        match error.raw_os_error() {
            Some(code) if passing.contains(&Errno::from_raw(code)) => AcceptTrouble::PeerIsGone,
            _ => AcceptTrouble::Shortage,
        }
    }
}

#[cfg(test)]
mod tests;

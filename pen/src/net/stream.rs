//! One non-blocking stream socket, TCP or Unix: what forwarding needs of it and nothing more.

use std::io::{self, IoSlice, Write};
use std::mem::MaybeUninit;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry};
use socket2::SockRef;

use crate::engine::proxy::Route;
use system::socket;

/// A connected (or connecting) socket.
#[derive(Debug)]
pub enum Stream {
    /// TCP over IPv4 or IPv6.
    Tcp(TcpStream),
    /// A Unix stream socket.
    Unix(UnixStream),
}

impl Stream {
    /// Tells the poll about this socket, once, for everything: edges do the rest.
    pub fn register(&mut self, registry: &Registry, token: mio::Token) -> io::Result<()> {
        let everything = Interest::READABLE | Interest::WRITABLE | Interest::PRIORITY;
        match self {
            Stream::Tcp(tcp) => tcp.register(registry, token, everything),
            Stream::Unix(unix) => unix.register(registry, token, everything),
        }
    }

    /// Reads once.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        socket::receive(self, buffer)
    }

    /// Writes once; never raises SIGPIPE.
    pub fn write(&self, data: &[u8]) -> io::Result<usize> {
        socket::send(self, data)
    }

    /// The same for several pieces, in one system call.
    pub fn write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Stream::Tcp(tcp) => (&mut &*tcp).write_vectored(slices),
            Stream::Unix(unix) => (&mut &*unix).write_vectored(slices),
        }
    }

    /// Says that nothing more will be written: the peer reads end of file after what was sent.
    pub fn shutdown_write(&self) -> io::Result<()> {
        match self {
            Stream::Tcp(tcp) => tcp.shutdown(Shutdown::Write),
            Stream::Unix(unix) => unix.shutdown(Shutdown::Write),
        }
    }

    /// Makes the close that follows a reset for the peer, not an end of file. Unix sockets have no reset: they just close.
    pub fn reset(&self) {
        if let Stream::Tcp(tcp) = self {
            // A failure leaves an ordinary close, which is all that a dead socket can do anyway.
            let _ = SockRef::from(tcp).set_linger(Some(Duration::ZERO));
        }
    }

    /// Turns Nagle's delay off; Unix sockets never had one.
    pub fn set_nodelay(&self) {
        if let Stream::Tcp(tcp) = self {
            // Only a socket that is already dead refuses, and that shows at the next write.
            let _ = tcp.set_nodelay(true);
        }
    }

    /// The error that a failed connect or a reset left in the socket, if any.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        match self {
            Stream::Tcp(tcp) => tcp.take_error(),
            Stream::Unix(unix) => unix.take_error(),
        }
    }

    /// Looks at what the peer has sent, without taking it: how many bytes (at most 1), or the error of a socket that failed
    /// before it received anything.
    pub fn peek(&self) -> io::Result<usize> {
        let mut byte = [MaybeUninit::uninit()];
        match self {
            Stream::Tcp(tcp) => SockRef::from(tcp).peek(&mut byte),
            Stream::Unix(unix) => SockRef::from(unix).peek(&mut byte),
        }
    }

    /// Whether everything written has reached the peer's kernel.
    pub fn delivered(&self) -> bool {
        match self {
            Stream::Tcp(tcp) => socket::unsent_bytes(tcp).is_ok_and(|bytes| bytes == 0),
            Stream::Unix(_) => true,
        }
    }

    /// How much a write would take now; of Unix sockets it is not known.
    pub fn room(&self) -> usize {
        match self {
            Stream::Tcp(tcp) => socket::room_to_send(tcp).unwrap_or(usize::MAX),
            Stream::Unix(_) => usize::MAX,
        }
    }

    /// Whether a read shorter than the buffer proves that the socket had no more at that moment. Unix stream sockets also end a
    /// read early where the sender's credentials or passed descriptors change.
    pub fn short_read_means_drained(&self) -> bool {
        matches!(self, Stream::Tcp(_))
    }

    /// Our address and port; none for Unix sockets.
    pub fn local_address(&self) -> Option<SocketAddr> {
        match self {
            // Only a socket that is already dead refuses.
            Stream::Tcp(tcp) => tcp.local_addr().ok(),
            Stream::Unix(_) => None,
        }
    }

    /// From where to where it goes; none for Unix sockets.
    pub fn route(&self) -> Option<Route> {
        match self {
            Stream::Tcp(tcp) => {
                Some(Route { source: tcp.local_addr().ok()?, destination: tcp.peer_addr().ok()? })
            }
            Stream::Unix(_) => None,
        }
    }

    /// The socket itself.
    pub fn into_fd(self) -> OwnedFd {
        match self {
            Stream::Tcp(tcp) => tcp.into(),
            Stream::Unix(unix) => unix.into(),
        }
    }

    /// The descriptor's number, for humans.
    pub fn fd(&self) -> RawFd {
        match self {
            Stream::Tcp(tcp) => tcp.as_raw_fd(),
            Stream::Unix(unix) => unix.as_raw_fd(),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Tcp(tcp) => tcp.as_fd(),
            Stream::Unix(unix) => unix.as_fd(),
        }
    }
}

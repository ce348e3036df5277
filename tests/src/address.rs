//! Addresses of the tests' sockets, and addresses that fail in a chosen way.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

use socket2::{Domain, SockAddr, Socket, Type};

/// The kinds of stream sockets that pen listens on and connects to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// TCP over IPv4.
    Tcp4,
    /// TCP over IPv6.
    Tcp6,
    /// A Unix stream socket.
    Unix,
    /// TLS over TCP and IPv4: only clients speak it with pen.
    Tls,
}

impl Family {
    /// Those between pen and servers: the relay suite runs over every pair.
    pub const ALL: [Self; 3] = [Self::Tcp4, Self::Tcp6, Self::Unix];
    /// Those between clients and pen.
    pub const DOWNSTREAM: [Self; 4] = [Self::Tcp4, Self::Tcp6, Self::Unix, Self::Tls];
}

/// Where a socket is, written as pen's command line writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An IP address and a port.
    Ip(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl Address {
    /// An address that nobody else uses now; Unix sockets get a name in `directory`.
    pub fn unused(family: Family, directory: &Path) -> Self {
        match family {
            Family::Tcp4 | Family::Tls => Self::Ip(private_address()),
            Family::Tcp6 => Self::Ip(SocketAddr::from((Ipv6Addr::LOCALHOST, free_tcp6_port()))),
            Family::Unix => Self::Unix(directory.join(format!("socket.{}", next_number()))),
        }
    }

    /// The IP address and port.
    pub fn ip(&self) -> SocketAddr {
        match self {
            Self::Ip(address) => *address,
            Self::Unix(path) => panic!("{} is no IP address", path.display()),
        }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        match self {
            Self::Ip(address) => address.port(),
            Self::Unix(path) => panic!("{} has no port", path.display()),
        }
    }

    pub(crate) fn domain(&self) -> Domain {
        match self {
            Self::Ip(address) => Domain::for_address(*address),
            Self::Unix(_) => Domain::UNIX,
        }
    }

    pub(crate) fn to_sockaddr(&self) -> io::Result<SockAddr> {
        match self {
            Self::Ip(address) => Ok((*address).into()),
            Self::Unix(path) => SockAddr::unix(path),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(out),
            Self::Unix(path) => path.display().fmt(out),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(address)
    }
}

/// A loopback address and port that no other test, of this or another process, gets.
///
/// The host part comes from the process id, so that the port cannot be taken by somebody's outgoing connection, as
/// a port of 127.0.0.1 that was free a moment ago can be.
pub fn private_address() -> SocketAddr {
    let [_, high, middle, low] = process::id().to_be_bytes();
    let host = Ipv4Addr::new(127, 128 | (high & 0x3f), middle, low.clamp(1, 254));
    SocketAddr::new(IpAddr::V4(host), 10_000 + next_number())
}

fn next_number() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn free_tcp6_port() -> u16 {
    let probe = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).expect("::1 has free ports");
    probe.local_addr().expect("a bound socket has an address").port()
}

/// A port at which connections are refused for as long as this value lives.
pub struct DeadPort {
    _bound_but_not_listening: Socket,
    address: Address,
}

impl DeadPort {
    /// Takes a port of the loopback address.
    pub fn new() -> Self {
        let (socket, address) = bound_to_loopback();
        Self { _bound_but_not_listening: socket, address }
    }

    /// The address that refuses.
    pub fn address(&self) -> &Address {
        &self.address
    }
}

impl Default for DeadPort {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for DeadPort {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(out)
    }
}

/// A listener whose backlog is full and stays so: a connect to it gets no answer, and times out.
pub struct FullBacklog {
    _listener: Socket,
    _fillers: Vec<Socket>,
    address: Address,
}

impl FullBacklog {
    /// Opens the listener and fills it.
    pub fn new() -> Self {
        let (listener, address) = bound_to_loopback();
        listener.listen(0).expect("a bound socket can listen");
        let target = address.to_sockaddr().expect("an IP address is a socket address");
        let fillers = (0..4).map(|_| {
            let filler = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket can be had");
            filler.set_nonblocking(true).expect("a socket can be made non-blocking");
            filler.connect(&target).expect_err("a non-blocking connect is in progress");
            filler
        });
        Self { _fillers: fillers.collect(), _listener: listener, address }
    }

    /// The address that never answers.
    pub fn address(&self) -> &Address {
        &self.address
    }
}

impl Default for FullBacklog {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for FullBacklog {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(out)
    }
}

fn bound_to_loopback() -> (Socket, Address) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket can be had");
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("127.0.0.1 has free ports");
    let bound = socket.local_addr().ok().and_then(|address| address.as_socket());
    (socket, Address::Ip(bound.expect("a bound socket has an address")))
}

//! Sockets that get an address to listen at, and one that is to receive no more there.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use mio::net::UdpSocket;
use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use system::{datagrams, socket};

/// Bytes of datagrams that may wait for a worker, as far as the system allows it.
const QUEUE: usize = 8 << 20;

/// A socket that has its address, and does not listen yet. `shared`: as one of a `SO_REUSEPORT` group, which no process of another user can join.
pub fn bind_tcp(address: SocketAddr, only_v6: bool, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking().cloexec(), None)?;
    if only_v6 {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// With whom a UDP socket shares its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// It is alone.
    None,
    /// It is one of a `SO_REUSEPORT` group, which no process of another user can join.
    Group,
    /// The same, and another one that leaves may be there.
    Beside,
}

/// A socket that has its address, and room for what comes there.
pub fn bind_udp(address: SocketAddr, only_v6: bool, sharing: Sharing) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM.nonblocking().cloexec(), None)?;
    if only_v6 {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_port(sharing != Sharing::None)?;
    // One that leaves does not belong to a group any more; this alone lets both have the address.
    socket.set_reuse_address(sharing == Sharing::Beside)?;
    datagrams::set_receive_buffer(&socket, QUEUE)?;
    if address.ip().is_unspecified() {
        datagrams::tell_destinations(&socket)?;
    }
    socket.bind(&address.into())?;
    if sharing == Sharing::Beside {
        socket.set_reuse_address(false)?;
    }
    Ok(socket)
}

/// Has the socket receive no more. What it has received can still be read, and answers can still be sent.
///
/// Connected to itself, it could receive from itself only. It also leaves its `SO_REUSEPORT` group: otherwise sockets that are
/// opened at its address would become members of it, and clients would change from worker to worker when it is closed.
pub fn turn_datagrams_away(socket: &UdpSocket) -> io::Result<()> {
    let mut itself = socket.local_addr()?;
    if itself.ip().is_unspecified() {
        itself.set_ip(match itself.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    socket.connect(itself)?;
    let options = SockRef::from(socket);
    options.set_reuse_address(true)?;
    options.set_reuse_port(false)?;
    socket::leave_group(socket)
}

/// A socket that has its file. One that a dead process left is replaced.
pub fn bind_unix(path: &Path, kind: Type) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, kind.nonblocking().cloexec(), None)?;
    let address = SockAddr::unix(path)?;
    if let Err(error) = socket.bind(&address) {
        if error.kind() != ErrorKind::AddrInUse {
            return Err(error);
        }
        if !is_socket(path) {
            return Err(io::Error::other("a file that is no socket is there"));
        }
        if !is_abandoned(path) {
            return Err(error);
        }
        std::fs::remove_file(path)?;
        socket.bind(&address)?;
    }
    Ok(socket)
}

/// Whether the file is a Unix socket.
fn is_socket(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
}

/// Whether nobody answers on the socket.
fn is_abandoned(path: &Path) -> bool {
    // A socket of the other kind says EPROTOTYPE, so somebody is there.
    mio::net::UnixStream::connect(path).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

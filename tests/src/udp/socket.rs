//! A socket of datagrams, of either family.

use std::ffi::OsStr;
use std::io;
use std::net::UdpSocket;
use std::os::linux::net::SocketAddrExt;
use std::os::unix;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;

use socket2::{SockRef, Socket, Type};

use super::LARGEST;
use crate::address::Address;

/// Bytes that may wait for a client or server of a test, as far as the system allows it.
const QUEUE: usize = 4 << 20;

/// A socket of datagrams, of either family.
#[derive(Debug)]
pub(super) enum DatagramSocket {
    Udp(UdpSocket),
    Unix(UnixDatagram),
}

impl DatagramSocket {
    /// A socket at this address; port 0 is a free one.
    pub(super) fn bind(address: &Address) -> io::Result<Self> {
        let socket = Socket::new(address.domain(), Type::DGRAM.cloexec(), None)?;
        socket.set_recv_buffer_size(QUEUE)?;
        socket.bind(&address.to_sockaddr()?)?;
        Ok(match address {
            Address::Ip(_) => Self::Udp(socket.into()),
            Address::Unix(_) => Self::Unix(socket.into()),
        })
    }

    /// Where it is.
    pub(super) fn address(&self) -> Address {
        match self {
            Self::Udp(socket) => socket.local_addr().expect("it is bound").into(),
            Self::Unix(socket) => {
                let name = socket.local_addr().expect("it is bound");
                Address::Unix(name.as_pathname().expect("it has a path").to_owned())
            }
        }
    }

    /// Sends a datagram, which is an error where a Unix socket's peer has gone.
    pub(super) fn send(&self, bytes: &[u8], to: &Address) -> io::Result<()> {
        let sent = match (self, to) {
            (Self::Udp(socket), Address::Ip(to)) => socket.send_to(bytes, to)?,
            // It may be a name that is no path, which the standard library takes in another way.
            (Self::Unix(socket), Address::Unix(_)) => {
                SockRef::from(socket).send_to(bytes, &to.to_sockaddr()?)?
            }
            _ => panic!("{to} is of another family"),
        };
        assert_eq!(sent, bytes.len(), "datagrams are sent whole");
        Ok(())
    }

    /// Lets nobody's datagrams in any more. To close it is not enough: a program that another test starts just now holds all
    /// descriptors for a moment.
    pub(super) fn deafen(&self) {
        if let Self::Udp(socket) = self {
            let own = socket.local_addr().expect("it is bound");
            // It cannot where a test has taken the address away; then nobody's datagrams come either.
            let _ = socket.connect(own);
        }
    }

    /// Takes the next datagram, if one comes within that time, and tells whose it is. A Unix socket without a name has an
    /// empty path, and one whose name is no path a path that begins with NUL.
    pub(super) fn receive(&self, limit: Duration) -> Option<(Vec<u8>, Address)> {
        self.as_socket().set_read_timeout(Some(limit)).expect("the time is not zero");
        let mut bytes = vec![0; LARGEST + 1];
        let (length, from) = match self {
            Self::Udp(socket) => {
                let (length, from) = uninterrupted(|| socket.recv_from(&mut bytes)).ok()?;
                (length, Address::Ip(from))
            }
            Self::Unix(socket) => {
                let (length, from) = uninterrupted(|| socket.recv_from(&mut bytes)).ok()?;
                (length, Address::Unix(path_of(&from)))
            }
        };
        bytes.truncate(length);
        Some((bytes, from))
    }

    fn as_socket(&self) -> SockRef<'_> {
        match self {
            Self::Udp(socket) => SockRef::from(socket),
            Self::Unix(socket) => SockRef::from(socket),
        }
    }
}

fn path_of(name: &unix::net::SocketAddr) -> PathBuf {
    match (name.as_pathname(), name.as_abstract_name()) {
        (Some(path), _) => path.to_owned(),
        (None, Some(name)) => OsStr::from_bytes(&[b"\0", name].concat()).into(),
        (None, None) => PathBuf::new(),
    }
}

/// A call that waits with a limit is not begun again by the system when a signal comes.
fn uninterrupted<T>(mut receive: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match receive() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            received => return received,
        }
    }
}

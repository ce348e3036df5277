//! A client that speaks to one address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tempfile::TempDir;

use super::quiet_port::at_quiet_port;
use super::socket::DatagramSocket;
use crate::address::Address;
use crate::wait::LIMIT;

/// A client with one socket, which is not connected: it sees from where answers come, and takes them from anywhere.
#[derive(Debug)]
pub struct UdpClient {
    socket: DatagramSocket,
    to: Address,
    _directory: Option<TempDir>,
}

impl UdpClient {
    /// A client of this address, on a port of the loopback that is free, or on a Unix socket of its own.
    #[track_caller]
    pub fn of(to: &Address) -> Self {
        match to {
            Address::Ip(SocketAddr::V4(_)) => Self::from(Ipv4Addr::LOCALHOST, to),
            Address::Ip(SocketAddr::V6(_)) => Self::from(Ipv6Addr::LOCALHOST, to),
            Address::Unix(_) => {
                let directory = TempDir::new().expect("a directory can be made");
                let own = Address::Unix(directory.path().join("client"));
                Self::bind(&own, to, Some(directory))
            }
        }
    }

    /// A client that has this IP address, and a port that is free.
    #[track_caller]
    pub fn from(own: impl Into<IpAddr>, to: &Address) -> Self {
        let own = own.into();
        let socket = at_quiet_port(|port| DatagramSocket::bind(&SocketAddr::new(own, port).into()));
        Self { socket, to: to.clone(), _directory: None }
    }

    /// A client that has this address and port.
    #[track_caller]
    pub fn at(own: SocketAddr, to: &Address) -> Self {
        Self::bind(&own.into(), to, None)
    }

    #[track_caller]
    fn bind(own: &Address, to: &Address, directory: Option<TempDir>) -> Self {
        let socket = DatagramSocket::bind(own).expect("the address is free");
        Self { socket, to: to.clone(), _directory: directory }
    }

    /// Where it is.
    pub fn address(&self) -> Address {
        self.socket.address()
    }

    /// Sends a datagram.
    #[track_caller]
    pub fn send(&self, bytes: impl AsRef<[u8]>) {
        self.socket.send(bytes.as_ref(), &self.to).expect("datagrams can be sent");
    }

    /// The next datagram, which must come, and from where the client has sent to.
    #[track_caller]
    pub fn receive(&self) -> Vec<u8> {
        let Some((bytes, from)) = self.socket.receive(LIMIT) else { panic!("no answer from {}", self.to) };
        assert_eq!(from, self.to, "the answer's address");
        bytes
    }

    /// The next datagram, if one comes within that time, from wherever it comes.
    pub fn receive_within(&self, limit: Duration) -> Option<(Vec<u8>, Address)> {
        self.socket.receive(limit)
    }

    /// Sends a datagram, and returns the answer, which must come.
    #[track_caller]
    pub fn ask(&self, bytes: impl AsRef<[u8]>) -> Vec<u8> {
        self.send(bytes);
        self.receive()
    }

    /// [`UdpClient::ask`] where the answer is text.
    #[track_caller]
    pub fn ask_for_text(&self, bytes: impl AsRef<[u8]>) -> String {
        String::from_utf8(self.ask(bytes)).expect("the answer is text")
    }
}

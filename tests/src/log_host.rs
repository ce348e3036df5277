//! A penlogd of the tests: it takes datagrams, and says what they were.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};

use crate::address::private_address;
use crate::wait::LIMIT;

/// A socket that datagrams are sent to, until it is dropped.
#[derive(Debug)]
pub struct LogHost {
    socket: UdpSocket,
    address: SocketAddr,
}

impl LogHost {
    /// At an address that nobody else gets.
    pub fn new() -> Self {
        Self::at(private_address())
    }

    /// At this address.
    pub fn at(address: SocketAddr) -> Self {
        let socket = UdpSocket::bind(address).expect("the address is free");
        socket.set_read_timeout(Some(LIMIT)).expect("a limit above zero is valid");
        Self { socket, address }
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next datagram.
    #[track_caller]
    pub fn next(&self) -> String {
        let mut buffer = [0; 2048];
        let length = self.socket.recv(&mut buffer).expect("a datagram comes");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    /// As many datagrams as come next.
    #[track_caller]
    pub fn take(&self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.next()).collect()
    }

    /// What has come already.
    pub fn arrived(&self) -> Vec<String> {
        self.socket.set_nonblocking(true).expect("a socket can be made non-blocking");
        let mut datagrams = Vec::new();
        let mut buffer = [0; 2048];
        loop {
            match self.socket.recv(&mut buffer) {
                Ok(length) => datagrams.push(String::from_utf8_lossy(&buffer[..length]).into_owned()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        self.socket.set_nonblocking(false).expect("a socket can be made blocking");
        datagrams
    }
}

impl Default for LogHost {
    fn default() -> Self {
        Self::new()
    }
}

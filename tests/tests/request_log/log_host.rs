//! A penlogd of the tests, which says what it gets.

use std::net::SocketAddr;

use pen_tests::Datagrams;

/// A socket that records are sent to, until it is dropped.
pub struct LogHost(Datagrams);

impl LogHost {
    /// At an address that nobody else gets.
    pub fn new() -> Self {
        Self(Datagrams::anywhere())
    }

    /// At this address.
    pub fn at(address: SocketAddr) -> Self {
        Self(Datagrams::at(address))
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// The next record.
    #[track_caller]
    pub fn next(&self) -> String {
        text(&self.0.receive())
    }

    /// As many records as come next.
    #[track_caller]
    pub fn take(&self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.next()).collect()
    }

    /// What has come already.
    pub fn arrived(&self) -> Vec<String> {
        self.0.drain().iter().map(|datagram| text(datagram)).collect()
    }
}

fn text(datagram: &[u8]) -> String {
    String::from_utf8_lossy(datagram).into_owned()
}

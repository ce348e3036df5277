//! Records of the request log: who asked which server for what, and which connection to a server is which client's. Here is
//! how they are written and read, as lines of a file and as datagrams. Sending and keeping them is the programs'
//! business.

mod connection;
mod reading;
mod request;

pub use connection::Connection;
pub use reading::{Record, RecordError, parse_datagram, parse_line};
pub use request::{Request, RequestLine};

/// A datagram has no more bytes than that, its newline among them.
pub const MAX_DATAGRAM: usize = 1023;

/// A point in time, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub u64);

impl std::fmt::Display for Millis {
    /// Unix seconds with milliseconds: `1700000000.042`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

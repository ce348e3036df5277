//! Who a client is: its address without the port, in the one form that tracking, access lists and logs compare.
//! Endpoints (addresses with ports, names, socket paths) are in `addr`.

use std::fmt;
use std::net::IpAddr;

/// The identity of a client. All clients of Unix sockets are one client.
///
/// Make it with `From`: that maps IPv4-mapped IPv6 addresses to IPv4, which everything that compares relies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ClientAddr {
    /// A client on the network.
    Ip(IpAddr),
    /// Any client of a Unix socket.
    Unix,
}

impl From<IpAddr> for ClientAddr {
    fn from(address: IpAddr) -> ClientAddr {
        ClientAddr::Ip(address.to_canonical())
    }
}

impl fmt::Display for ClientAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientAddr::Ip(address) => address.fmt(f),
            ClientAddr::Unix => f.pad("unix"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> ClientAddr {
        text.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn a_mapped_ipv6_address_is_the_same_client_as_its_ipv4_address() {
        assert_eq!(client("::ffff:192.0.2.7"), client("192.0.2.7"));
        assert_ne!(client("::192.0.2.7"), client("192.0.2.7"));
    }

    #[test]
    fn clients_are_written_as_plain_addresses() {
        assert_eq!(client("::ffff:192.0.2.7").to_string(), "192.0.2.7");
        assert_eq!(client("2001:db8:0::1").to_string(), "2001:db8::1");
        assert_eq!(ClientAddr::Unix.to_string(), "unix");
        assert_eq!(format!("{:>6}", ClientAddr::Unix), "  unix");
    }
}

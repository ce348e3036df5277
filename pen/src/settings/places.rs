//! Where to listen: as asked for, and as it came out.

use std::fmt::{self, Display, Formatter};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use common::addr::{ListenAddr, ListenPlace};

use super::resolve::Resolver;

/// A listening address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenOn {
    /// What was asked for, looked up; port 0 takes a free one.
    pub asked: Place,
    /// The same; once it is open, with the port that it got instead of a 0.
    pub bound: Place,
    /// As the user wrote it; once it is open, with the port that it got instead of a 0.
    pub text: String,
    /// As the user wrote it.
    pub given: String,
}

impl ListenOn {
    /// Looks the names up. The error names the word at fault.
    pub fn resolve(
        address: &ListenAddr,
        transport: Transport,
        resolver: &dyn Resolver,
    ) -> Result<ListenOn, String> {
        let place = match address.place() {
            ListenPlace::Unix(path) => Place::Unix(path.clone()),
            ListenPlace::Inet { host, port } => {
                let port = resolver.port(port, transport)?;
                Place::Inet(match host {
                    Some(host) => resolver.resolve(host, port)?,
                    None => (Ipv4Addr::UNSPECIFIED, port).into(),
                })
            }
        };
        let given = address.as_str().to_owned();
        Ok(ListenOn { asked: place.clone(), bound: place, text: given.clone(), given })
    }

    /// Notes where it really listens.
    pub fn bind_to(&mut self, bound: &Place) {
        if let (Place::Inet(asked), Place::Inet(got)) = (&self.asked, bound)
            && asked.port() == 0
        {
            self.text = with_port(&self.text, got.port());
        }
        self.bound = bound.clone();
    }
}

/// A listening address as given, but with the port that it got where it asked for any.
fn with_port(text: &str, port: u16) -> String {
    match text.rsplit_once(':') {
        Some((host, "0")) => format!("{host}:{port}"),
        None if text == "0" => port.to_string(),
        _ => text.to_owned(),
    }
}

/// How clients come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// By connections: TCP, or Unix stream sockets.
    Stream,
    /// By datagrams: UDP, or Unix datagram sockets.
    Datagram,
}

impl Transport {
    /// `udp`: that of a service with this switch.
    pub fn of(udp: bool) -> Transport {
        if udp { Transport::Datagram } else { Transport::Stream }
    }
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// TCP or UDP.
    Inet(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl Place {
    /// Whether the port is left to the system.
    pub fn is_any_port(&self) -> bool {
        matches!(self, Place::Inet(address) if address.port() == 0)
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Place::Inet(address) => address.fmt(f),
            Place::Unix(path) => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::with_port;

    #[test]
    fn a_port_that_was_left_to_the_system_is_told() {
        assert_eq!(with_port("0", 4711), "4711");
        assert_eq!(with_port("[::1]:0", 4711), "[::1]:4711");
        assert_eq!(with_port("localhost:8080", 8080), "localhost:8080");
        assert_eq!(with_port("http", 80), "http");
    }
}

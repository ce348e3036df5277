//! The control port: a TCP address or a Unix socket.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use common::addr::{ListenAddr, ListenPlace};
use nix::sys::stat::{Mode, umask};

use crate::net::listener::{Accepted, Inherited, ListenSocket, TcpOptions};
use crate::net::registry::{ListenError, SocketFile};
use crate::os::privileges::User;
use crate::settings::Place;
use crate::settings::resolve::Resolver;

/// Sessions that may wait to be accepted.
const BACKLOG: u32 = 128;

/// The open control port.
#[derive(Debug)]
pub struct ControlListener {
    socket: ListenSocket,
    /// The address as the user gave it, with the port that it got instead of a 0.
    pub text: String,
    _file: Option<SocketFile>,
}

impl ControlListener {
    /// Opens the control port. A Unix socket's file gets mode 0600 and belongs to `owner`, pen's user to be.
    pub fn open(
        address: &ListenAddr,
        owner: Option<&User>,
        resolver: &dyn Resolver,
    ) -> Result<ControlListener, String> {
        let place = match address.place() {
            ListenPlace::Unix(path) => Place::Unix(path.clone()),
            ListenPlace::Inet { host: Some(host), port } => Place::Inet(resolver.resolve(host, port)?),
            ListenPlace::Inet { host: None, port } => {
                Place::Inet((std::net::Ipv4Addr::UNSPECIFIED, resolver.port(port)?).into())
            }
        };
        let failed = |error| format!("control port: {}", ListenError::new(place.clone(), error));
        match &place {
            Place::Inet(wanted) => {
                let socket = open_tcp(*wanted).map_err(failed)?;
                let port = socket.local_address().map_or(wanted.port(), |address| address.port());
                Ok(ControlListener { socket, text: with_port(address.as_str(), port), _file: None })
            }
            Place::Unix(path) => {
                let (socket, file) = open_private(path, owner).map_err(failed)?;
                Ok(ControlListener { socket, text: address.as_str().to_owned(), _file: Some(file) })
            }
        }
    }

    /// Tells the poll about it.
    pub fn register(&self, registry: &mio::Registry, token: mio::Token) -> io::Result<()> {
        self.socket.register(registry, token)
    }

    /// The next peer.
    pub fn accept(&self) -> io::Result<Accepted> {
        self.socket.accept()
    }
}

fn open_tcp(address: SocketAddr) -> io::Result<ListenSocket> {
    let inherited = Inherited { keepalive: false, nodelay: true };
    let options = TcpOptions { backlog: BACKLOG, only_v6: false, inherited };
    ListenSocket::tcp(ListenSocket::probe(address, options)?, options)
}

/// Nobody but pen's user may use the socket, from the first moment on.
fn open_private(path: &Path, owner: Option<&User>) -> io::Result<(ListenSocket, SocketFile)> {
    let before = umask(Mode::from_bits_truncate(0o177));
    let socket = ListenSocket::unix(path, BACKLOG);
    umask(before);
    let socket = socket?;
    let file = SocketFile(path.to_owned());
    if let Some(user) = owner {
        std::os::unix::fs::lchown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
    }
    Ok((socket, file))
}

/// A listening address as given, but with the port that it got where it asked for any.
pub fn with_port(text: &str, port: u16) -> String {
    match text.rsplit_once(':') {
        Some((host, "0")) => format!("{host}:{port}"),
        None if text == "0" => port.to_string(),
        _ => text.to_owned(),
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

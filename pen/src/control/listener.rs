//! The control port: a TCP address or a Unix socket.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use nix::sys::stat::{Mode, umask};

use crate::net::listener::{Accepted, Inherited, ListenSocket, TcpOptions};
use crate::net::registry::{ListenError, SocketFile};
use crate::settings::{ListenOn, Place};
use system::privileges::User;

/// Sessions that may wait to be accepted. Many, because they wait when there are too many.
const BACKLOG: u32 = 4096;

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
    pub fn open(address: &ListenOn, owner: Option<&User>) -> Result<ControlListener, String> {
        let failed = |error| format!("control port: {}", ListenError::new(address.asked.clone(), error));
        let mut on = address.clone();
        let (socket, file) = match &address.asked {
            Place::Inet(wanted) => (open_tcp(*wanted).map_err(failed)?, None),
            Place::Unix(path) => {
                let (socket, file) = open_private(path, owner).map_err(failed)?;
                (socket, Some(file))
            }
        };
        if let Some(got) = socket.local_address() {
            on.bind_to(&Place::Inet(got));
        }
        Ok(ControlListener { socket, text: on.text, _file: file })
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
    let socket = ListenSocket::tcp(ListenSocket::probe(address, options)?, options)?;
    socket.set_options(options)?;
    Ok(socket)
}

/// Nobody but pen's user may use the socket, from the first moment on.
fn open_private(path: &Path, owner: Option<&User>) -> io::Result<(ListenSocket, SocketFile)> {
    let before = umask(Mode::from_bits_truncate(0o177));
    let socket = ListenSocket::unix(path, BACKLOG);
    umask(before);
    let socket = socket?;
    let file = SocketFile::new(path);
    if let Some(user) = owner {
        std::os::unix::fs::lchown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
    }
    Ok((socket, file))
}

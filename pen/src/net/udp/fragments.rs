//! Whether routers may split what a socket sends. They have to be allowed to for large datagrams of IPv4, but a small one, which
//! no link is too small for, costs the kernel less while they are not.

use std::cell::Cell;
use std::os::fd::AsFd;

use system::datagrams::{self, Outgoing};

/// Every link takes datagrams with so many bytes in them: those of DNS have relied on it from the beginning.
const SMALL: usize = 512;

/// What one socket was told.
#[derive(Debug, Default)]
pub struct Fragments(Cell<bool>);

impl Fragments {
    /// Allows them from the first datagram on that may need it.
    pub fn allow_for(&self, datagrams: &[Outgoing<'_>], socket: &impl AsFd) {
        let is_large = |one: &Outgoing<'_>| one.segment.unwrap_or(one.bytes.len()) > SMALL;
        if !self.0.get() && datagrams.iter().any(is_large) {
            self.0.set(true);
            // Only sockets of another kind refuse, which need nothing like it.
            let _ = datagrams::allow_fragments(socket);
        }
    }
}

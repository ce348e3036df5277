//! Whether what a socket sends may be split on its way. Large datagrams of IPv4 have to be, where a link is too small for them. A
//! small one costs the kernel less while it must not be: it needs no number then, by which its parts would be put together, and
//! of which all processors have one counter.

use std::cell::Cell;
use std::io;
use std::os::fd::AsFd;

use nix::errno::Errno;
use system::datagrams::{self, Outbox, Outgoing};

/// Nearly every link takes datagrams with so many bytes in them: those of DNS have relied on it from the beginning.
const SMALL: usize = 512;

/// What one socket was told: nothing at first, and then the system finds out by itself what each way takes, which costs it that
/// number, and one datagram wherever a way takes less than it thought.
#[derive(Debug, Default)]
pub struct Fragments {
    are_allowed: Cell<bool>,
}

impl Fragments {
    /// Forbids them. Who sends by the socket has to listen to what the network reports, and then [allow](Fragments::allow) them.
    pub fn forbidden(socket: &impl AsFd) -> Fragments {
        // Only sockets of another kind refuse, which need nothing like it.
        let _ = datagrams::forbid_fragments(socket);
        Fragments::default()
    }

    /// Sends datagrams by the socket, as [`Outbox::send`] does, and allows fragments from the first one on that may need it.
    pub fn send(
        &self,
        datagrams: &[Outgoing<'_>],
        socket: &impl AsFd,
        outbox: &mut Outbox,
    ) -> io::Result<usize> {
        let is_large = |one: &Outgoing<'_>| one.segment.unwrap_or(one.bytes.len()) > SMALL;
        if !self.are_allowed.get() && datagrams.iter().any(is_large) {
            self.allow(socket);
        }
        match outbox.send(socket, datagrams) {
            Err(error) if is_too_large(&error) && !self.are_allowed.get() => {
                self.allow(socket);
                outbox.send(socket, datagrams)
            }
            result => result,
        }
    }

    /// Allows fragments from now on: a link on the way takes no such datagram.
    pub fn allow(&self, socket: &impl AsFd) {
        self.are_allowed.set(true);
        let _ = datagrams::allow_fragments(socket);
    }
}

fn is_too_large(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::EMSGSIZE as i32)
}

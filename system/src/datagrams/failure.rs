//! What the network reports of datagrams that were sent earlier.
#![allow(unsafe_code)]

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;

use super::Name;
use super::address::{self, Address};
use super::control::{self, Control, Message};
use super::options::is_unix;
use super::outbox::zeroed;
use crate::calls;

/// A call is repeated so often at most because of failures of earlier datagrams.
const TRIES: usize = 3;

/// The network could not deliver a datagram that was sent earlier.
#[derive(Debug)]
pub struct Failure {
    /// Where the datagram was going.
    pub destination: Option<SocketAddr>,
    /// What the ICMP message means. `ECONNREFUSED`: nobody has that port; `EHOSTUNREACH`, `ENETUNREACH`: there is no way;
    /// `EMSGSIZE`: it is only too large for the way.
    pub error: io::Error,
    /// What the datagram said, as far as the network has sent it back.
    pub quote: Quote,
}

/// The beginning of a datagram: 64 bytes at most, often fewer, and sometimes none.
#[derive(Clone, Copy, Debug)]
pub struct Quote {
    bytes: [u8; QUOTE],
    length: usize,
}

const QUOTE: usize = 64;

impl Quote {
    /// Whether a datagram may be the one that is quoted.
    pub fn is_of(&self, datagram: &[u8]) -> bool {
        datagram.starts_with(&self.bytes[..self.length])
    }

    /// Nothing of it was sent back.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

/// The oldest failure that the network has reported and nobody has taken, if the socket was told to
/// [report them](super::report_failures). `None`: there is no more. Unix sockets have none: whoever sends is told at once.
pub fn take_failure(socket: &impl AsFd) -> io::Result<Option<Failure>> {
    if is_unix(socket) {
        // The kernel would hand out a datagram that has arrived.
        return Ok(None);
    }
    loop {
        let mut address = Address::new();
        let mut control = Control::new();
        let mut quote = [0; QUOTE];
        let mut vector: libc::iovec = zeroed();
        vector.iov_base = quote.as_mut_ptr().cast();
        vector.iov_len = QUOTE;
        let mut header: libc::msghdr = zeroed();
        header.msg_iov = &raw mut vector;
        header.msg_iovlen = 1;
        header.msg_name = address.as_mut_ptr().cast();
        header.msg_namelen = libc::socklen_t::try_from(address::SIZE).unwrap_or(0);
        header.msg_control = control.as_mut_ptr().cast();
        control::set_length(&mut header, control::SIZE);
        // SAFETY: the header points to buffers of the sizes that it names, which live until the end of the call. The descriptor
        // is open while it is borrowed.
        let result = unsafe {
            let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
            calls::receive(socket.as_fd().as_raw_fd(), &mut header, flags)
        };
        let length = match result {
            Err(Errno::EAGAIN) => return Ok(None),
            Err(error) => return Err(error.into()),
            Ok(length) => length.min(QUOTE),
        };
        // Errors of our own host were returned by the call that sent, and others concern the datagram alone.
        if let Some(error) = reported(control.written(control::length(&header))) {
            let destination = match address.read(usize::try_from(header.msg_namelen).unwrap_or(0)) {
                Name::Inet(address) => Some(address),
                Name::Unix(_) => None,
            };
            return Ok(Some(Failure {
                destination,
                error: error.into(),
                quote: Quote { bytes: quote, length },
            }));
        }
    }
}

/// What an ICMP message means, according to these control messages. `None`: it was none, or one that says nothing of the
/// destination.
fn reported(control: &[u8]) -> Option<Errno> {
    let is_report = |message: &Message<'_>| {
        matches!(
            (message.level, message.kind),
            (libc::SOL_IP, libc::IP_RECVERR) | (libc::SOL_IPV6, libc::IPV6_RECVERR)
        )
    };
    let report = control::messages(control).find(is_report)?;
    let &[a, b, c, d, origin, kind, code, ..] = report.data else { return None };
    let error = i32::from_ne_bytes([a, b, c, d]);
    is_of_destination(origin, kind, code).then(|| Errno::from_raw(error))
}

/// Whether an ICMP message tells that datagrams do not get there. A host whose fragments did not all arrive, or that does not like a
/// header, is there.
fn is_of_destination(origin: u8, kind: u8, code: u8) -> bool {
    const UNREACHABLE: u8 = 3;
    const TIME_EXCEEDED: u8 = 11;
    const UNREACHABLE_V6: u8 = 1;
    const TOO_BIG_V6: u8 = 2;
    const TIME_EXCEEDED_V6: u8 = 3;
    /// Of a time that was exceeded: on the way, and not when a datagram was put together.
    const ON_THE_WAY: u8 = 0;
    match origin {
        libc::SO_EE_ORIGIN_ICMP => kind == UNREACHABLE || (kind, code) == (TIME_EXCEEDED, ON_THE_WAY),
        libc::SO_EE_ORIGIN_ICMP6 => {
            matches!(kind, UNREACHABLE_V6 | TOO_BIG_V6) || (kind, code) == (TIME_EXCEEDED_V6, ON_THE_WAY)
        }
        _ => false,
    }
}

/// Makes a call that sends or receives, again if it only met the failure of an earlier datagram.
pub(super) fn retry<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    let first = match call() {
        Err(error) if may_be_earlier(error) => error,
        result => return result,
    };
    for _ in 1..TRIES {
        match call() {
            Err(error) if may_be_earlier(error) => (),
            // A Unix socket forgets a peer that has gone as soon as it has told so.
            Err(Errno::ENOTCONN) => break,
            result => return result,
        }
    }
    Err(first)
}

/// Whether an ICMP message can mean this.
fn may_be_earlier(error: Errno) -> bool {
    matches!(
        error,
        Errno::ECONNREFUSED
            | Errno::EHOSTUNREACH
            | Errno::ENETUNREACH
            | Errno::EHOSTDOWN
            | Errno::ENONET
            | Errno::EMSGSIZE
            | Errno::EPROTO
            | Errno::ENOPROTOOPT
            | Errno::EOPNOTSUPP
            | Errno::EACCES
    )
}

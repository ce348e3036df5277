//! Datagrams by the batch, as a fast proxy needs them: received with all that the kernel can tell of each ([`Batch`]), sent with
//! all that it can be told ([`Outbox`]), and what the network reports of those that could not be delivered ([`take_failure`]).
//! Opening sockets, waiting for them, and whose the datagrams are is the callers' business.
//!
//! # Errors that come late
//! Once a socket is told to [report failures](report_failures), an ICMP error does not only lie in wait for
//! [`take_failure`]: the next call that sends or receives fails with it, too, though it concerns an earlier datagram, to another
//! destination perhaps. [`Batch::receive`] and [`Outbox::send`] therefore try again after such an error, and return it only if
//! it stays. None is lost by that: it is still in the queue of [`take_failure`], and the socket is ready with `EPOLLERR`.

mod address;
mod batch;
mod control;
mod failure;
mod options;
mod outbox;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

pub use self::batch::Batch;
pub use self::failure::{Failure, Quote, take_failure};
pub use self::options::{
    allow_fragments, enable_arrival_times, forbid_fragments, join_datagrams, lost, report_failures,
    report_failures_of_ipv4, set_receive_buffer, tell_destinations,
};
pub use self::outbox::Outbox;

/// No datagram of IPv4 or IPv6 has more bytes (jumbograms aside), nor have several that the kernel joins.
pub const LARGEST: usize = 64 * 1024;

/// Who sent a datagram, or where one goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name<'a> {
    /// An address and port. An IPv4 client of an IPv6 socket has a mapped address (`::ffff:192.0.2.1`).
    Inet(SocketAddr),
    /// The name of a Unix socket as the kernel tells it, 108 bytes at most: a path without the NUL at its end, or an abstract
    /// name, which begins with NUL. It is empty where the socket has no name: then there is no way to answer.
    Unix(&'a [u8]),
}

/// An address of our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Local {
    /// The address; a mapped one at an IPv6 socket that was reached by IPv4.
    pub address: IpAddr,
    /// The number of the network interface, only where an answer depends on it: at link-local and multicast addresses of IPv6.
    /// Otherwise 0.
    pub interface: u32,
}

/// What arrived.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Who sent it.
    pub source: Name<'a>,
    /// Which address of ours it was sent to, if the socket was told to [say so](tell_destinations). After a broadcast, or a
    /// multicast of IPv4, the address that answers are to leave from.
    pub local: Option<Local>,
    /// What is in it.
    pub bytes: &'a [u8],
    /// The kernel has joined several datagrams of so many bytes, the last of which may be shorter, because the socket was told
    /// [to allow it](join_datagrams). `None`: it is one. Otherwise between 1 and `bytes.len() - 1`.
    pub segment: Option<usize>,
    /// When it arrived, since 1970 by the system's clock, if the socket was told to [say so](enable_arrival_times).
    pub arrived: Option<Duration>,
    /// It was larger than [`LARGEST`], and the end is lost. Only Unix sockets have such datagrams.
    pub is_cut: bool,
}

/// What is to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// What is in it.
    pub bytes: &'a [u8],
    /// Where it goes. `None`: to the peer that the socket is connected to.
    pub to: Option<Name<'a>>,
    /// Which address of ours it leaves from. `None`: the socket's, or what the kernel finds best.
    pub from: Option<Local>,
    /// These are several datagrams of so many bytes each, the last of which may be shorter.
    pub segment: Option<usize>,
}

impl Outgoing<'_> {
    /// The size of each, if there is more than one.
    fn joined(&self) -> Option<usize> {
        self.segment.filter(|&size| size > 0 && size < self.bytes.len())
    }
}

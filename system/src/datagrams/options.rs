//! What sockets of datagrams can be told.
#![allow(unsafe_code)]

use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};

/// Lets the socket keep so many bytes until they are read, as far as the system allows it.
pub fn set_receive_buffer(socket: &impl AsFd, bytes: usize) -> io::Result<()> {
    // More than the system's limit only root may have.
    if setsockopt(&socket, sockopt::RcvBufForce, &bytes).is_err() {
        setsockopt(&socket, sockopt::RcvBuf, &bytes)?;
    }
    Ok(())
}

/// Has the kernel say of each datagram when it arrived.
pub fn enable_arrival_times(socket: &impl AsFd) -> io::Result<()> {
    Ok(setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?)
}

/// Has the kernel say of each datagram which address of ours it was sent to. The socket is one of IPv4 or IPv6; one that serves
/// both tells both.
pub fn tell_destinations(socket: &impl AsFd) -> io::Result<()> {
    let of_ipv6 = setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true);
    // A socket of both needs this for broadcasts: otherwise it tells their address, which no answer can leave from.
    let of_ipv4 = setsockopt(&socket, sockopt::Ipv4PacketInfo, &true);
    Ok(of_ipv6.or(of_ipv4)?)
}

/// Has the kernel keep what the network reports of failed datagrams, for [`take_failure`](super::take_failure). The socket is
/// one of IPv4 or IPv6; one that serves both reports both.
pub fn report_failures(socket: &impl AsFd) -> io::Result<()> {
    let of_ipv6 = setsockopt(&socket, sockopt::Ipv6RecvErr, &true);
    let of_ipv4 = report_failures_of_ipv4(socket);
    if of_ipv6.is_ok() { Ok(()) } else { of_ipv4 }
}

/// The same of a socket of IPv4, at half the cost.
pub fn report_failures_of_ipv4(socket: &impl AsFd) -> io::Result<()> {
    Ok(setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?)
}

/// Lets routers split datagrams of IPv4 that are too large for a link on their way. Otherwise each of them loses the first one
/// that is, and only says so. IPv6 knows no such thing. The socket is one of IPv4, or of both.
pub fn allow_fragments(socket: &impl AsFd) -> io::Result<()> {
    discover_path(socket, libc::IP_PMTUDISC_DONT)
}

/// Has nobody split datagrams of IPv4, neither routers nor this host: what is larger than the first link takes is refused
/// (`EMSGSIZE`). Those that are never split need no number of their own, of which the kernel has one counter for all processors.
/// The socket is one of IPv4, or of both.
pub fn forbid_fragments(socket: &impl AsFd) -> io::Result<()> {
    discover_path(socket, libc::IP_PMTUDISC_PROBE)
}

fn discover_path(socket: &impl AsFd, value: libc::c_int) -> io::Result<()> {
    let length = libc::socklen_t::try_from(mem::size_of_val(&value)).unwrap_or(0);
    // SAFETY: the descriptor is open while it is borrowed, and the option reads no more bytes than `length`.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_IP,
            libc::IP_MTU_DISCOVER,
            (&raw const value).cast(),
            length,
        )
    };
    Errno::result(result)?;
    Ok(())
}

/// Allows the kernel to join datagrams of one sender that come one after another and are of one size, as far as it is able to.
/// They arrive as one with a [`segment`](super::Datagram::segment).
pub fn join_datagrams(socket: &impl AsFd) -> io::Result<()> {
    Ok(setsockopt(&socket, sockopt::UdpGroSegment, &true)?)
}

/// How many datagrams the kernel has thrown away so far because the socket's buffer was full; the count wraps.
pub fn lost(socket: &impl AsFd) -> io::Result<u32> {
    /// The kernel's `SK_MEMINFO_DROPS`, and how many numbers there are.
    const DROPS: usize = 8;
    const VARIABLES: usize = 9;
    let mut numbers = [0_u32; VARIABLES];
    let mut length = libc::socklen_t::try_from(mem::size_of_val(&numbers)).unwrap_or(0);
    // SAFETY: the descriptor is open while it is borrowed, and the option writes no more bytes than `length`.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            numbers.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    Errno::result(result)?;
    Ok(numbers[DROPS])
}

/// Whether it is a Unix socket.
pub(super) fn is_unix(socket: &impl AsFd) -> bool {
    let mut domain: libc::c_int = 0;
    let mut length = libc::socklen_t::try_from(mem::size_of_val(&domain)).unwrap_or(0);
    // SAFETY: as above.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_DOMAIN,
            (&raw mut domain).cast(),
            &raw mut length,
        )
    };
    result == 0 && domain == libc::AF_UNIX
}

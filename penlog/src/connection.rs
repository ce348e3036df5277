//! A connected UDP socket, and what becomes of the datagrams that it is given.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::libc::{SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6, sock_extended_err, sockaddr_in6};
use nix::sys::socket::sockopt::{Ipv4RecvErr, Ipv6RecvErr};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, MultiHeaders, recvmsg, sendmmsg, setsockopt};
use socket2::{Domain, Socket, Type};

use crate::destination::Route;
use crate::losses::Losses;

/// As many datagrams go with one system call.
const BATCH: usize = 128;
/// How long a network that is busy is waited for.
const PATIENCE: Duration = Duration::from_millis(100);
/// Pieces of a line for a network that does not take the whole. penlogd knows them by this size, which those of 0.34.1 have.
const PIECE: usize = 1023;

/// A socket for one route. Never blocks for long, whatever happens on the way.
pub struct Connection {
    socket: UdpSocket,
    longest: usize,
    headers: MultiHeaders<()>,
    /// Whether waiting for the network was in vain, so that it is not waited for again until it takes something.
    is_stuck: bool,
}

impl Connection {
    /// Opens it. Whether anybody listens there is not known by that.
    pub fn open(route: &Route) -> io::Result<Connection> {
        let socket = Socket::new(Domain::for_address(route.server), Type::DGRAM, None)?;
        if let Some(source) = route.source {
            socket.bind(&SocketAddr::new(source, 0).into())?;
        }
        socket.connect(&route.server.into())?;
        socket.set_write_timeout(Some(PATIENCE))?;
        // What the network tells of lost datagrams is then kept, each by itself.
        if route.server.is_ipv4() {
            setsockopt(&socket, Ipv4RecvErr, &true)?;
        } else {
            setsockopt(&socket, Ipv6RecvErr, &true)?;
        }
        Ok(Connection {
            socket: socket.into(),
            longest: if route.server.is_ipv4() { 65_507 } else { 65_527 },
            headers: MultiHeaders::preallocate(BATCH, None),
            is_stuck: false,
        })
    }

    /// How many bytes a datagram may have.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// Sends them all, as far as that is possible, and counts what is lost.
    pub fn send(&mut self, mut datagrams: &[&[u8]], losses: &mut Losses) {
        while let Some((&first, others)) = datagrams.split_first() {
            match self.send_some(datagrams) {
                Ok(count) => {
                    self.is_stuck = false;
                    if count < datagrams.len().min(BATCH) {
                        // The next one met an error, maybe that of an earlier one.
                        self.heed_refusals(losses);
                    }
                    datagrams = &datagrams[count..];
                }
                Err(Errno::EINTR) => {}
                Err(_) if self.heed_refusals(losses) => {}
                Err(Errno::EMSGSIZE) if first.len() > PIECE => {
                    self.longest = PIECE;
                    let pieces: Vec<&[u8]> = first.chunks(PIECE).collect();
                    self.send(&pieces, losses);
                    datagrams = others;
                }
                Err(error) => {
                    self.is_stuck |= error == Errno::EAGAIN;
                    losses.add(1, &common::reason(&error.into()));
                    datagrams = others;
                }
            }
        }
    }

    /// Sends as many as one system call takes, at least one.
    fn send_some(&mut self, datagrams: &[&[u8]]) -> nix::Result<usize> {
        let mut slices = [[IoSlice::new(&[])]; BATCH];
        for (slice, datagram) in slices.iter_mut().zip(datagrams) {
            *slice = [IoSlice::new(datagram)];
        }
        let slices = &slices[..datagrams.len().min(BATCH)];
        let flags = if self.is_stuck { MsgFlags::MSG_DONTWAIT } else { MsgFlags::empty() };
        let to_its_peer = [None; BATCH];
        let sent = sendmmsg(self.socket.as_raw_fd(), &mut self.headers, slices, to_its_peer, [], flags)?;
        Ok(sent.count())
    }

    /// Counts the datagrams that the network has refused until now; tells whether there is any.
    pub fn heed_refusals(&self, losses: &mut Losses) -> bool {
        let mut any = false;
        while let Some(error) = self.refusal() {
            losses.add(1, &common::reason(&error.into()));
            any = true;
        }
        // An error that came without its message, when there were too many, would wake whoever polls for ever.
        _ = self.socket.take_error();
        any
    }

    /// The error of a datagram that was refused, if there is any left to be told.
    fn refusal(&self) -> Option<Errno> {
        let mut start = [0; 1];
        let mut start = [IoSliceMut::new(&mut start)];
        let mut space = cmsg_space!(sock_extended_err, sockaddr_in6);
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let message = recvmsg::<()>(self.socket.as_raw_fd(), &mut start, Some(&mut space), flags).ok()?;
        let error = message.cmsgs().ok()?.find_map(|message| match message {
            ControlMessageOwned::Ipv4RecvErr(error, _) | ControlMessageOwned::Ipv6RecvErr(error, _) => {
                Some(error)
            }
            _ => None,
        })?;
        let is_news = [SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6].contains(&error.ee_origin);
        is_news.then(|| Errno::from_raw(error.ee_errno.cast_signed()))
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_for_the_network_goes_in_pieces() {
        let sink = UdpSocket::bind("127.0.0.1:0").unwrap();
        let route = Route { server: sink.local_addr().unwrap(), source: None };
        let mut connection = Connection::open(&route).unwrap();
        let mut losses = Losses::new(String::new());
        // As when the way before was an IPv6 one.
        let mut line = vec![b'a'; 65_526];
        line.push(b'\n');
        connection.send(&[b"before\n", &line, b"after\n"], &mut losses);
        let mut buffer = vec![0; 70_000];
        let mut received = Vec::new();
        while !received.ends_with(b"after\n") {
            let length = sink.recv(&mut buffer).unwrap();
            received.extend_from_slice(&buffer[..length]);
        }
        assert_eq!(received, [b"before\n", &line[..], b"after\n"].concat());
        assert_eq!((losses.any(), connection.longest()), (false, PIECE));
    }
}

//! Clients by the thousand on one socket: each has an address of its own in the loopback network.

use std::io::{IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc::in_pktinfo;
use nix::sys::socket::sockopt::Ipv4PacketInfo;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, sendmsg, setsockopt,
};
use socket2::{Domain, Socket, Type};

use super::quiet_port::at_quiet_port;
use crate::address::Address;

/// Bytes that may wait, as far as the system allows it.
const QUEUE: usize = 4 << 20;

/// A socket that sends from whatever address of the loopback network it is asked to, and always from the same port.
#[derive(Debug)]
pub struct ManySources {
    socket: Socket,
    to: SockaddrIn,
}

impl ManySources {
    /// Clients of this address.
    #[track_caller]
    pub fn of(to: &Address) -> Self {
        let SocketAddr::V4(to) = to.ip() else { panic!("{to} is no address of IPv4") };
        let socket = at_quiet_port(|port| {
            let socket = Socket::new(Domain::IPV4, Type::DGRAM.cloexec(), None)?;
            socket.set_recv_buffer_size(QUEUE)?;
            socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port).into())?;
            Ok(socket)
        });
        setsockopt(&socket, Ipv4PacketInfo, &true).expect("the kernel tells destinations");
        Self { socket, to: to.into() }
    }

    /// The address of a client, below 4 millions: 127.64.0.0 and those that follow.
    pub fn address(number: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(Ipv4Addr::new(127, 64, 0, 0).to_bits() + number)
    }

    /// Sends a datagram as the client of this number.
    #[track_caller]
    pub fn send(&self, number: u32, bytes: &[u8]) {
        let source = Self::address(number).to_bits().to_be();
        let zero = nix::libc::in_addr { s_addr: 0 };
        let source = in_pktinfo {
            ipi_ifindex: 0,
            ipi_spec_dst: nix::libc::in_addr { s_addr: source },
            ipi_addr: zero,
        };
        let control = [ControlMessage::Ipv4PacketInfo(&source)];
        let bytes = [IoSlice::new(bytes)];
        let sent = sendmsg(self.socket.as_raw_fd(), &bytes, &control, MsgFlags::empty(), Some(&self.to));
        sent.expect("datagrams can be sent from any loopback address");
    }

    /// The next answer, if one comes within that time, and the client that it came to.
    pub fn receive(&self, limit: Duration) -> Option<(Ipv4Addr, Vec<u8>)> {
        self.socket.set_read_timeout(Some(limit)).expect("the time is not zero");
        self.receive_with(MsgFlags::empty())
    }

    /// Takes all answers that are there.
    pub fn receive_all(&self) -> Vec<(Ipv4Addr, Vec<u8>)> {
        std::iter::from_fn(|| self.receive_with(MsgFlags::MSG_DONTWAIT)).collect()
    }

    fn receive_with(&self, flags: MsgFlags) -> Option<(Ipv4Addr, Vec<u8>)> {
        let mut bytes = vec![0; super::LARGEST];
        let mut control = nix::cmsg_space!(in_pktinfo);
        let mut slices = [IoSliceMut::new(&mut bytes)];
        let received = loop {
            match recvmsg::<SockaddrIn>(self.socket.as_raw_fd(), &mut slices, Some(&mut control), flags) {
                Err(Errno::EINTR) => {}
                Err(_) => return None,
                Ok(received) => break received,
            }
        };
        let length = received.bytes;
        let to = received.cmsgs().expect("there is room for them").find_map(|message| match message {
            ControlMessageOwned::Ipv4PacketInfo(info) => {
                Some(Ipv4Addr::from_bits(u32::from_be(info.ipi_addr.s_addr)))
            }
            _ => None,
        });
        bytes.truncate(length);
        Some((to.expect("the kernel tells destinations"), bytes))
    }
}

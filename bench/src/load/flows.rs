//! Datagrams of very many clients on one socket: each has a source address of its own.
//!
//! With a socket for each, the kernel's search among thousands of them would be charged to the proxy that answers.

use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use nix::libc::{in_addr, in_pktinfo};
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrIn, sendmsg};
use socket2::{Domain, Socket, Type};

use super::{Endurance, GLANCE, Outcome, Target, Timing, source};
use crate::servers::REQUEST;
use crate::{Error, Result};

/// Without any answer for so long, all that are outstanding are lost.
const LOST_AFTER: Duration = Duration::from_millis(500);
/// Bytes of answers that may wait, as far as the system allows it.
const QUEUE: usize = 8 << 20;

/// Datagrams of `flows` clients in turn. A unit is a datagram with its answer.
#[derive(Clone, Copy, Debug)]
pub struct Flows {
    /// How many altogether.
    pub datagrams: u64,
    /// How many clients.
    pub flows: u32,
    /// How many datagrams are on their way at a time.
    pub at_once: u32,
}

impl Flows {
    /// Goes through all of them.
    pub fn run(self, target: &Target) -> Result<Outcome> {
        let failed = || Error::doing("clients");
        let socket = Clients::new(target).map_err(failed())?;
        let mut timing = Timing::new();
        let mut sent_at = vec![None; self.datagrams as usize];
        let (mut sent, mut done, mut outstanding) = (0_u64, 0_u64, 0_u32);
        let mut poll = Poll::new().map_err(failed())?;
        let mut events = Events::with_capacity(8);
        let mut readable = socket.socket;
        poll.registry().register(&mut readable, Token(0), Interest::READABLE).map_err(failed())?;
        let mut endurance = Endurance::new();
        let mut last = Instant::now();
        while done < self.datagrams {
            while sent < self.datagrams && outstanding < self.at_once {
                let client = source((sent % u64::from(self.flows)) as u32);
                send(&readable, socket.to, client, sent).map_err(failed())?;
                sent_at[sent as usize] = Some(Instant::now());
                sent += 1;
                outstanding += 1;
            }
            match poll.poll(&mut events, Some(GLANCE)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(failed()(error)),
                _ => {}
            }
            let mut buffer = [0; 2048];
            let before = done;
            while let Ok(length) = readable.recv(&mut buffer) {
                let number =
                    buffer[..length].first_chunk().map_or(u64::MAX, |number| u64::from_le_bytes(*number));
                // Each counts once, also if it should come twice.
                if let Some(at) = sent_at.get_mut(number as usize).and_then(Option::take) {
                    timing.record(at.elapsed());
                    done += 1;
                    outstanding = outstanding.saturating_sub(1);
                }
            }
            if done > before {
                last = Instant::now();
            } else if last.elapsed() > LOST_AFTER {
                if sent == self.datagrams {
                    break;
                }
                outstanding = 0;
                last = Instant::now();
            }
            if !endurance.lasts(done > before)? {
                break;
            }
        }
        Ok(Outcome { wanted: self.datagrams, done, timing })
    }
}

/// The socket of all clients.
struct Clients {
    socket: UdpSocket,
    to: SockaddrIn,
}

impl Clients {
    fn new(target: &Target) -> io::Result<Clients> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM.nonblocking().cloexec(), None)?;
        socket.set_recv_buffer_size(QUEUE)?;
        socket.bind(&SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)).into())?;
        Ok(Clients { socket: UdpSocket::from_std(socket.into()), to: target.address.into() })
    }
}

fn send(socket: &UdpSocket, to: SockaddrIn, client: Ipv4Addr, number: u64) -> io::Result<()> {
    let mut bytes = [b'q'; REQUEST];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    let from = in_pktinfo {
        ipi_ifindex: 0,
        ipi_spec_dst: in_addr { s_addr: client.to_bits().to_be() },
        ipi_addr: in_addr { s_addr: 0 },
    };
    let control = [ControlMessage::Ipv4PacketInfo(&from)];
    match sendmsg(socket.as_raw_fd(), &[IoSlice::new(&bytes)], &control, MsgFlags::empty(), Some(&to)) {
        // A queue that is full, or an error that an earlier datagram has met: this one will be missed.
        Ok(_) | Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::ECONNREFUSED) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

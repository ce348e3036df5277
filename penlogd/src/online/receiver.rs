//! The socket where datagrams come in.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use common::reason;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Socket, Type};
use system::datagrams::{self, Batch, Name};

use super::clock::Clock;
use super::options::Listen;
use crate::matching::Moment;

/// So many datagrams come with one system call, at most.
const BATCH: usize = 64;
/// So many bytes wait in the kernel while the disk is slow.
const WAITING: usize = 16 * 1024 * 1024;

/// The socket, and room for what comes.
#[derive(Debug)]
pub(super) struct Receiver {
    socket: mio::net::UdpSocket,
    batch: Batch,
    /// What the kernel had thrown away when it was asked last.
    lost: u32,
}

impl Receiver {
    /// Opens the socket. Errors name the address.
    pub(super) fn open(listen: &Listen) -> Result<Receiver, String> {
        let failed = |error: io::Error| format!("cannot receive at {listen}: {}", explanation(&error));
        let socket = bind(listen).map_err(failed)?;
        datagrams::set_receive_buffer(&socket, WAITING).map_err(failed)?;
        datagrams::enable_arrival_times(&socket).map_err(failed)?;
        let socket = mio::net::UdpSocket::from_std(socket.into());
        Ok(Receiver { socket, batch: Batch::new(BATCH), lost: 0 })
    }

    /// Where it is.
    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.socket, token, Interest::READABLE)
    }

    /// Hands what has come to `take`, with its sender and its moment. False: there is nothing more now.
    pub(super) fn receive(
        &mut self,
        clock: &mut Clock,
        mut take: impl FnMut(SocketAddr, &[u8], Moment),
    ) -> io::Result<bool> {
        self.batch.clear();
        match self.batch.receive(&self.socket, BATCH) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            received => received?,
        };
        clock.compare();
        let now = clock.now();
        for datagram in self.batch.datagrams() {
            let moment = clock.moment(datagram.arrived, now);
            if let Name::Inet(source) = datagram.source {
                take(source, datagram.bytes, moment);
            }
        }
        Ok(self.batch.is_full())
    }

    /// How many datagrams the kernel has thrown away since the last call.
    pub(super) fn newly_lost(&mut self) -> u64 {
        let Ok(lost) = datagrams::lost(&self.socket) else { return 0 };
        let newly = lost.wrapping_sub(self.lost);
        self.lost = lost;
        newly.into()
    }
}

fn bind(listen: &Listen) -> io::Result<Socket> {
    let Some(host) = &listen.host else {
        return match bind_to((Ipv6Addr::UNSPECIFIED, listen.port).into()) {
            // This machine has no IPv6.
            Err(error) if is_unsupported(&error) => bind_to((Ipv4Addr::UNSPECIFIED, listen.port).into()),
            bound => bound,
        };
    };
    if let Ok(address) = host.as_str().parse::<IpAddr>() {
        return bind_to((address, listen.port).into());
    }
    let mut addresses = (host.as_str(), listen.port).to_socket_addrs()?;
    bind_to(addresses.next().ok_or(io::ErrorKind::NotFound)?)
}

fn bind_to(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM.nonblocking(), None)?;
    if address.is_ipv6() {
        // All addresses: those of IPv4, too.
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

fn is_unsupported(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(nix::errno::Errno::from_raw);
    matches!(code, Some(nix::errno::Errno::EAFNOSUPPORT | nix::errno::Errno::EADDRNOTAVAIL))
}

fn explanation(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another program has that port".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine does not have that address".to_owned(),
        io::ErrorKind::PermissionDenied => "only root can open ports below 1024".to_owned(),
        _ => reason(error),
    }
}

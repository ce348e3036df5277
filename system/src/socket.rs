//! What the kernel can do with sockets and no library asks for.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd};

use crate::calls;

/// Receives once from a stream, at most as much as there is room for.
pub fn receive(stream: &impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    Ok(calls::receive_bytes(stream.as_fd().as_raw_fd(), buffer, 0)?)
}

/// Sends once on a stream; tells how many bytes it has taken. Where the peer has gone no signal is raised.
pub fn send(stream: &impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    Ok(calls::send_bytes(stream.as_fd().as_raw_fd(), bytes, libc::MSG_NOSIGNAL)?)
}

/// How many written bytes the peer's kernel has not acknowledged yet.
pub fn unsent_bytes(socket: &impl AsFd) -> io::Result<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the descriptor is open while it is borrowed, and TIOCOUTQ writes one int.
    let result = unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    nix::errno::Errno::result(result)?;
    Ok(usize::try_from(bytes).unwrap_or(0))
}

/// How many bytes a socket's send buffer would take now, as far as the kernel knows: it also counts what it needs itself.
pub fn room_to_send(socket: &impl AsFd) -> io::Result<usize> {
    // As in linux/sock_diag.h.
    const SEND_BUFFER: usize = 3;
    const QUEUED: usize = 5;
    let mut memory = [0_u32; 9];
    let mut size = libc::socklen_t::try_from(size_of_val(&memory)).unwrap_or(0);
    // SAFETY: the descriptor is open while it is borrowed, and no more than `size` bytes are written to `memory`.
    let result = unsafe {
        let fd = socket.as_fd().as_raw_fd();
        libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_MEMINFO, (&raw mut memory).cast(), &raw mut size)
    };
    nix::errno::Errno::result(result)?;
    Ok(memory[SEND_BUFFER].saturating_sub(memory[QUEUED]) as usize)
}

/// Closes the door of a listening TCP socket without closing the socket: new clients are refused as if nobody listened, while
/// those whose handshake has begun, or who wait in the queue, can still be accepted. There is no way back.
///
/// The socket is bound to a network device that does not exist, which needs no privilege and concerns new handshakes only.
pub fn refuse_new_peers(listener: &impl AsFd) -> io::Result<()> {
    let no_such_device = libc::c_int::MAX;
    bind_to_interface(listener, no_such_device)
}

/// Takes a UDP socket out of its `SO_REUSEPORT` group; it keeps its address.
///
/// The kernel does so whenever a socket is bound to a network device, also to none. (Newer kernels do it at a connect, too.)
pub fn leave_group(socket: &impl AsFd) -> io::Result<()> {
    bind_to_interface(socket, 0)
}

fn bind_to_interface(socket: &impl AsFd, interface: libc::c_int) -> io::Result<()> {
    const SIZE_OF_AN_INT: libc::socklen_t = 4;
    // SAFETY: the descriptor is open while it is borrowed, and the option reads one int of the given size.
    let result = unsafe {
        let fd = socket.as_fd().as_raw_fd();
        libc::setsockopt(
            fd,
            libc::SOL_SOCKET,
            libc::SO_BINDTOIFINDEX,
            (&raw const interface).cast(),
            SIZE_OF_AN_INT,
        )
    };
    nix::errno::Errno::result(result)?;
    Ok(())
}

/// Has a UDP socket give the port back that the system has given it. It gets another one when it next sends something, and until
/// then receives nothing; what it has received stays. An address that it was bound to stays, too.
pub fn give_up_port(socket: &impl AsFd) -> io::Result<()> {
    // SAFETY: all of it are plain numbers of C, for which all-zero is a valid value.
    let mut nobody: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    nobody.ss_family = libc::sa_family_t::try_from(libc::AF_UNSPEC).unwrap_or_default();
    let size = libc::socklen_t::try_from(size_of_val(&nobody)).unwrap_or(0);
    // SAFETY: the descriptor is open while it is borrowed, and the address has the size that is told.
    let result = unsafe { libc::connect(socket.as_fd().as_raw_fd(), (&raw const nobody).cast(), size) };
    nix::errno::Errno::result(result)?;
    Ok(())
}

/// Closes two descriptors, with one system call if their numbers are neighbours: as those of a connection's two sockets mostly are.
pub fn close_pair(one: OwnedFd, other: OwnedFd) {
    let (low, high) = (one.as_raw_fd().min(other.as_raw_fd()), one.as_raw_fd().max(other.as_raw_fd()));
    if high - low != 1 {
        return;
    }
    // SAFETY: the range holds exactly the two descriptors that we own, and that nobody uses after us.
    let result = unsafe { libc::syscall(libc::SYS_close_range, low, high, 0) };
    if result == 0 {
        // They are closed: nobody must close those numbers again.
        let _ = (one.into_raw_fd(), other.into_raw_fd());
    }
}

#[cfg(test)]
mod tests {
    use std::mem::MaybeUninit;
    use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
    use std::os::unix::net::UnixStream;

    use socket2::{Domain, Socket, Type};

    use std::time::Duration;

    use super::*;

    #[test]
    fn a_closed_door_lets_in_who_has_begun_and_nobody_else() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let _early = TcpStream::connect(address).unwrap();
        refuse_new_peers(&listener).unwrap();
        let late = TcpStream::connect(address).map_err(|error| error.kind());
        assert_eq!(late.unwrap_err(), io::ErrorKind::ConnectionRefused);
        listener.accept().unwrap();
    }

    #[test]
    fn who_has_left_its_group_shares_no_clients_with_it() {
        let open = |address: SocketAddr| {
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
            socket.set_reuse_port(true).unwrap();
            socket.set_nonblocking(true).unwrap();
            socket.bind(&address.into()).unwrap();
            UdpSocket::from(socket)
        };
        let one = open("127.0.0.1:0".parse().unwrap());
        let address = one.local_addr().unwrap();
        let group = [one, open(address)];
        let shares = || {
            for _ in 0..60 {
                UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"?", address).unwrap();
            }
            group.each_ref().map(|socket| std::iter::from_fn(|| socket.recv(&mut [0]).ok()).count())
        };
        assert!(shares().iter().all(|share| *share > 0));
        leave_group(&group[0]).unwrap();
        let mut shares = shares();
        shares.sort_unstable();
        assert_eq!(shares, [0, 60]);
        assert_eq!(group[0].local_addr().unwrap(), address);
    }

    #[test]
    fn bytes_count_as_unsent_until_the_peer_has_them() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert_eq!(unsent_bytes(&stream).unwrap(), 0);
        stream.set_nonblocking(true).unwrap();
        while io::Write::write(&mut stream, &[0; 4096]).is_ok() {}
        assert!(unsent_bytes(&stream).unwrap() > 0);
    }

    #[test]
    fn a_send_buffer_has_room_until_it_is_full() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let before = room_to_send(&stream).unwrap();
        stream.set_nonblocking(true).unwrap();
        while io::Write::write(&mut stream, &[0; 4096]).is_ok() {}
        assert!(before > 0 && room_to_send(&stream).unwrap() < before);
    }

    #[test]
    fn a_port_that_was_given_up_receives_nothing_and_the_next_one_is_another() {
        for host in ["127.0.0.1", "::1"] {
            let peer = UdpSocket::bind((host, 0)).unwrap();
            let own =
                Socket::new(Domain::for_address(peer.local_addr().unwrap()), Type::DGRAM, None).unwrap();
            own.bind(&SocketAddr::new(host.parse().unwrap(), 0).into()).unwrap();
            own.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
            let number = || own.local_addr().unwrap().as_socket().unwrap().port();
            let receive = || own.recv(&mut [MaybeUninit::uninit(); 8]);
            let mut numbers = Vec::new();
            for _ in 0..5 {
                own.send_to(b"ask", &peer.local_addr().unwrap().into()).unwrap();
                numbers.push(number());
                let (_, asked_from) = peer.recv_from(&mut [0; 8]).unwrap();
                assert_eq!(asked_from.ip().to_string(), host);
                peer.send_to(b"in time", asked_from).unwrap();
                give_up_port(&own).unwrap();
                assert_eq!(number(), 0);
                peer.send_to(b"late", asked_from).unwrap();
                assert_eq!(receive().unwrap(), 7);
                assert!(receive().is_err());
            }
            numbers.dedup();
            assert!(numbers.len() > 1);
        }
    }

    #[test]
    fn a_pair_is_closed_whatever_its_numbers() {
        for pair in 0..10 {
            let (one, other) = UnixStream::pair().unwrap();
            let (peer, other_peer) = UnixStream::pair().unwrap();
            let _keeps_numbers_apart = (pair % 2 == 0).then(|| UnixStream::pair().unwrap());
            close_pair(one.into(), other_peer.into());
            assert_eq!(io::Read::read(&mut &other, &mut [0]).unwrap(), 0);
            assert_eq!(io::Read::read(&mut &peer, &mut [0]).unwrap(), 0);
        }
    }
}

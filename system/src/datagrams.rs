//! Datagrams by the batch, each with the kernel's time of its arrival, and how many the kernel threw away.
#![allow(unsafe_code)]

use std::io;
use std::mem::{self, MaybeUninit};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};

/// No datagram of IPv4 or IPv6 has more bytes (jumbograms aside, which are cut).
pub const LARGEST: usize = 64 * 1024;

/// Room for a time stamp and what the kernel may tell besides.
const CONTROL: usize = 64;

/// The size of an address of any kind, a small number.
#[allow(clippy::cast_possible_truncation)]
const ADDRESS: libc::socklen_t = size_of::<libc::sockaddr_storage>() as libc::socklen_t;

/// What arrived.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Who sent it.
    pub source: SocketAddr,
    /// What is in it.
    pub bytes: &'a [u8],
    /// When it arrived, since 1970 by the system's clock, if the socket was told to say so.
    pub arrived: Option<Duration>,
}

/// Room for several datagrams, that is used again and again.
pub struct Batch {
    /// [`LARGEST`] bytes for each.
    buffers: Box<[u8]>,
    sources: Box<[libc::sockaddr_storage]>,
    controls: Box<[Control]>,
    vectors: Box<[libc::iovec]>,
    headers: Box<[libc::mmsghdr]>,
    received: usize,
}

#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; CONTROL]);

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

impl Batch {
    /// Room for `most` datagrams of any size.
    pub fn new(most: usize) -> Batch {
        // SAFETY: all of these are plain numbers and pointers of C, for which all-zero is a valid value.
        let (source, vector, header) = unsafe { (zeroed(), zeroed(), zeroed()) };
        Batch {
            buffers: vec![0; most * LARGEST].into(),
            sources: vec![source; most].into(),
            controls: vec![Control([0; CONTROL]); most].into(),
            vectors: vec![vector; most].into(),
            headers: vec![header; most].into(),
            received: 0,
        }
    }

    /// How many datagrams there is room for.
    pub fn room(&self) -> usize {
        self.headers.len()
    }

    /// Takes what has arrived, as far as there is room, and says how many datagrams that are. It does not wait: where nothing
    /// is, that is [`WouldBlock`](io::ErrorKind::WouldBlock).
    pub fn receive(&mut self, socket: &impl AsFd) -> io::Result<usize> {
        self.received = 0;
        self.prepare();
        let most = libc::c_uint::try_from(self.headers.len()).unwrap_or(libc::c_uint::MAX);
        // SAFETY: the headers, at most `most`, point to buffers of the sizes that they name, which live as long as this value,
        // and which nobody else uses during the call.
        let received = unsafe {
            libc::recvmmsg(
                socket.as_fd().as_raw_fd(),
                self.headers.as_mut_ptr(),
                most,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        self.received = usize::try_from(Errno::result(received)?).unwrap_or(0);
        Ok(self.received)
    }

    /// What the last call received. Those that came from no address of IPv4 or IPv6 are left out.
    pub fn datagrams(&self) -> impl Iterator<Item = Datagram<'_>> {
        (0..self.received).filter_map(|index| self.datagram(index))
    }

    /// The kernel has changed the sizes to what it used of them.
    fn prepare(&mut self) {
        let buffers = self.buffers.chunks_exact_mut(LARGEST);
        for (index, (header, buffer)) in self.headers.iter_mut().zip(buffers).enumerate() {
            let vector = &mut self.vectors[index];
            vector.iov_base = buffer.as_mut_ptr().cast();
            vector.iov_len = LARGEST;
            let message = &mut header.msg_hdr;
            message.msg_name = (&raw mut self.sources[index]).cast();
            message.msg_namelen = ADDRESS;
            message.msg_iov = vector;
            message.msg_iovlen = 1;
            message.msg_control = self.controls[index].0.as_mut_ptr().cast();
            message.msg_controllen = CONTROL;
            message.msg_flags = 0;
            header.msg_len = 0;
        }
    }

    fn datagram(&self, index: usize) -> Option<Datagram<'_>> {
        let header = &self.headers[index];
        let length = usize::try_from(header.msg_len).unwrap_or(LARGEST).min(LARGEST);
        Some(Datagram {
            source: address(&self.sources[index])?,
            bytes: &self.buffers[index * LARGEST..][..length],
            arrived: arrival(&header.msg_hdr),
        })
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch")
            .field("room", &self.room())
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}

/// # Safety
/// All-zero must be a valid value.
unsafe fn zeroed<T>() -> T {
    // SAFETY: the caller's promise.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

fn address(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match libc::c_int::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says which kind of address it is, and the storage is large and aligned enough for all.
            let inet = unsafe { &*(&raw const *storage).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from_bits(u32::from_be(inet.sin_addr.s_addr));
            Some(SocketAddrV4::new(ip, u16::from_be(inet.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let inet = unsafe { &*(&raw const *storage).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(inet.sin6_addr.s6_addr);
            let port = u16::from_be(inet.sin6_port);
            Some(SocketAddrV6::new(ip, port, inet.sin6_flowinfo, inet.sin6_scope_id).into())
        }
        _ => None,
    }
}

/// The time stamp among what the kernel tells of a message that it has just filled in.
fn arrival(message: &libc::msghdr) -> Option<Duration> {
    // SAFETY: the kernel has set the length of the control buffer to what it wrote there, and the buffer is aligned.
    let mut control = unsafe { libc::CMSG_FIRSTHDR(message) };
    while !control.is_null() {
        // SAFETY: not null, so it is a whole header within the control buffer.
        let header = unsafe { &*control };
        if header.cmsg_level == libc::SOL_SOCKET && header.cmsg_type == libc::SCM_TIMESTAMPNS {
            // SAFETY: data of this type is a timespec, which may be unaligned.
            let time = unsafe { libc::CMSG_DATA(control).cast::<libc::timespec>().read_unaligned() };
            let seconds = u64::try_from(time.tv_sec).ok()?;
            return Some(Duration::new(seconds, u32::try_from(time.tv_nsec).ok()?));
        }
        // SAFETY: both are of the same message.
        control = unsafe { libc::CMSG_NXTHDR(message, control) };
    }
    None
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::SystemTime;

    use super::*;

    fn now() -> Duration {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn datagrams_come_whole_in_order_and_with_their_senders_and_times() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let (to, from) = (UdpSocket::bind(host).unwrap(), UdpSocket::bind(host).unwrap());
            enable_arrival_times(&to).unwrap();
            set_receive_buffer(&to, 1 << 20).unwrap();
            let mut batch = Batch::new(2);
            assert_eq!(batch.receive(&to).unwrap_err().kind(), io::ErrorKind::WouldBlock);
            let before = now();
            let large = vec![b'x'; 65_000];
            for _ in 0..3 {
                for bytes in [b"first" as &[u8], b"", &large] {
                    from.send_to(bytes, to.local_addr().unwrap()).unwrap();
                }
                let mut received = Vec::new();
                for expected in [2, 1] {
                    assert_eq!(batch.receive(&to).unwrap(), expected);
                    for datagram in batch.datagrams() {
                        assert_eq!(datagram.source, from.local_addr().unwrap());
                        let arrived = datagram.arrived.unwrap();
                        // The kernel's clock for stamps may lag by a tick.
                        assert!(arrived + Duration::from_millis(20) > before && arrived <= now());
                        received.push(datagram.bytes.to_vec());
                    }
                }
                assert_eq!(received, [b"first".to_vec(), Vec::new(), large.clone()]);
            }
        }
    }

    #[test]
    fn what_the_kernel_throws_away_is_counted() {
        let (to, from) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        setsockopt(&to, sockopt::RcvBuf, &4096).unwrap();
        assert_eq!(lost(&to).unwrap(), 0);
        for _ in 0..100 {
            from.send_to(&[0; 1000], to.local_addr().unwrap()).unwrap();
        }
        let lost = lost(&to).unwrap();
        let mut batch = Batch::new(100);
        assert_eq!(batch.receive(&to).unwrap() + lost as usize, 100);
        assert!(lost > 0);
    }
}

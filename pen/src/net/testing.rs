//! What tests of sockets share: connected pairs, of which one end is pen's and the other is the test's.

pub mod tls;

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, SockRef, Socket, Type};

use super::stream::Stream;

/// Far more than any test needs, so that only a hang reaches it.
pub const LIMIT: Duration = Duration::from_mins(1);

/// The kinds of sockets that pen forwards between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// TCP on the loopback interface.
    Tcp,
    /// Unix stream sockets.
    Unix,
}

/// A connected pair: pen's end, and the blocking socket of its peer. `buffers`: the size of all the kernel's buffers.
pub fn pair(kind: Kind, buffers: Option<usize>) -> (Stream, Socket) {
    match kind {
        Kind::Tcp => tcp_pair(buffers),
        Kind::Unix => unix_pair(buffers),
    }
}

/// A connected TCP pair.
pub fn tcp_pair(buffers: Option<usize>) -> (Stream, Socket) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    limit(&SockRef::from(&listener), buffers);
    if buffers.is_some() {
        // With segments larger than the windows, the kernel would wait for its timers again and again.
        SockRef::from(&listener).set_tcp_mss(1000).unwrap();
    }
    let peer = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    limit(&SockRef::from(&peer), buffers);
    peer.set_tcp_nodelay(true).unwrap();
    peer.connect(&listener.local_addr().unwrap().into()).unwrap();
    let (ours, _) = listener.accept().unwrap();
    ours.set_nonblocking(true).unwrap();
    (Stream::Tcp(mio::net::TcpStream::from_std(ours)), peer)
}

fn unix_pair(buffers: Option<usize>) -> (Stream, Socket) {
    let (ours, peer) = Socket::pair(Domain::UNIX, Type::STREAM, None).unwrap();
    limit(&SockRef::from(&ours), buffers);
    limit(&SockRef::from(&peer), buffers);
    ours.set_nonblocking(true).unwrap();
    (Stream::Unix(mio::net::UnixStream::from_std(ours.into())), peer)
}

fn limit(socket: &SockRef<'_>, buffers: Option<usize>) {
    if let Some(size) = buffers {
        socket.set_send_buffer_size(size).unwrap();
        socket.set_recv_buffer_size(size).unwrap();
    }
}

/// Waits until the socket reports such an event, in a poll of its own: what pen's poll reports of it later is then complete.
pub fn await_event(stream: &Stream, wanted: impl Fn(&Event) -> bool) {
    let mut poll = Poll::new().unwrap();
    let everything = Interest::READABLE | Interest::WRITABLE | Interest::PRIORITY;
    poll.registry().register(&mut SourceFd(&stream.fd()), Token(0), everything).unwrap();
    let mut events = Events::with_capacity(8);
    while !events.iter().any(&wanted) {
        poll.poll(&mut events, Some(LIMIT)).unwrap();
        assert!(!events.is_empty(), "the event never came");
    }
}

/// Makes the socket's close a reset, and closes it.
pub fn reset(peer: Socket) {
    peer.set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
}

/// Bytes that differ from place to place, and from seed to seed.
pub fn content(seed: u32, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    };
    (0..length).map(|_| next()).collect()
}

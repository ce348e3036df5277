//! A relay between two peers whose sockets the test holds, and what the peers do.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;

use common::client_addr::ClientAddr;
use common::command::FastClose;
use mio::{Events, Poll, Token};
use rustls::SupportedProtocolVersion;
use socket2::Socket;

use crate::engine::http::{Origin, Rewriter};
use crate::net::end::{End, LARGEST_READ};
use crate::net::pipe::Pipe;
use crate::net::relay::{Observer, Progress, turn};
use crate::net::stream::Stream;
use crate::net::testing::tls::{Peer, session};
use crate::net::testing::{LIMIT, content, tcp_pair};
use crate::net::token::Side;

const DOWN: Token = Token(0);
const UP: Token = Token(1);
/// What records add to one read, and what else TLS may have to say.
const RECORDS: usize = 4 * 1024;

/// A relay between two peers whose sockets the test holds.
pub struct Rig {
    poll: Poll,
    events: Events,
    pub down: End,
    pub up: End,
    pub scratch: Vec<u8>,
    pub pipe: Option<Pipe>,
    pub fast_close: FastClose,
    pub http: Option<Rewriter>,
    pub tally: Tally,
}

/// What the relay told of the bytes that passed.
#[derive(Debug, Default)]
pub struct Tally {
    pub from_client: Vec<u8>,
    pub from_server: Vec<u8>,
    pub to_client: usize,
    pub to_server: usize,
    pub reads: usize,
    /// From either side, through the pipe.
    pub poured: usize,
}

impl Observer for Tally {
    fn read(&mut self, side: Side, data: &[u8]) {
        self.reads += 1;
        match side {
            Side::Down => self.from_client.extend_from_slice(data),
            Side::Up => self.from_server.extend_from_slice(data),
        }
    }

    fn poured(&mut self, _: Side, count: usize) {
        self.poured += count;
    }

    fn written(&mut self, side: Side, count: usize) {
        match side {
            Side::Down => self.to_client += count,
            Side::Up => self.to_server += count,
        }
    }
}

impl Rig {
    /// What has happened to the sockets before this, the first events report.
    pub fn new(down: Stream, up: Stream) -> Rig {
        let mut rig = Rig {
            poll: Poll::new().unwrap(),
            events: Events::with_capacity(8),
            down: End::accepted(down),
            up: End::connecting(up),
            scratch: vec![0; LARGEST_READ],
            pipe: None,
            fast_close: FastClose::Off,
            http: None,
            tally: Tally::default(),
        };
        rig.down.stream.register(rig.poll.registry(), DOWN).unwrap();
        rig.up.stream.register(rig.poll.registry(), UP).unwrap();
        rig
    }

    /// Between TCP peers.
    pub fn tcp(buffers: Option<usize>) -> (Rig, Socket, Socket) {
        let ((down, client), (up, server)) = (tcp_pair(buffers), tcp_pair(buffers));
        (Rig::new(down, up), client, server)
    }

    /// The same, where servers are told who asks.
    pub fn http() -> (Rig, Socket, Socket) {
        let (mut rig, client, server) = Rig::tcp(None);
        rig.tell_servers();
        (rig, client, server)
    }

    pub fn tell_servers(&mut self) {
        let client = ClientAddr::from(IpAddr::from(Ipv4Addr::LOCALHOST));
        self.http = Some(Rewriter::new(Origin { client, secure: false }));
    }

    /// Has the client speak TLS.
    pub fn secure(&mut self, client: Socket, version: Option<&'static SupportedProtocolVersion>) -> Peer {
        let Some(version) = version else { return Peer::Plain(client) };
        let (session, client_session) = session(version);
        self.down.secure(session);
        Peer::Tls(client, Box::new(Mutex::new(client_session)))
    }

    pub fn turn(&mut self) -> Progress {
        let Rig { down, up, scratch, pipe, http, tally, .. } = self;
        let progress = turn(down, up, scratch, pipe.as_mut(), self.fast_close, http.as_mut(), tally);
        // Heads grow.
        let most = if http.is_some() { 4 * LARGEST_READ } else { LARGEST_READ };
        assert!(down.pending() <= LARGEST_READ + RECORDS && up.pending() <= most);
        progress
    }

    /// Waits for the poll, once.
    pub fn wait(&mut self) {
        self.poll.poll(&mut self.events, Some(LIMIT)).unwrap();
        assert!(!self.events.is_empty(), "the relay is stuck");
        for event in &self.events {
            if event.token() == DOWN { self.down.note(event) } else { self.up.note(event) }
        }
    }

    /// Relays until that is reached; the connection must not end before.
    pub fn run_until(&mut self, reached: impl Fn(&Rig) -> bool) {
        loop {
            let progress = self.turn();
            if reached(self) {
                return;
            }
            match progress {
                Progress::Unfinished => {}
                Progress::Waiting | Progress::Failing => self.wait(),
                Progress::Reset(_) | Progress::Finished | Progress::CutShort | Progress::Refused(_) => {
                    panic!("{progress:?} too early: {:?}", self.tally)
                }
            }
        }
    }

    /// Relays until the connection is over.
    pub fn run(&mut self) -> Progress {
        loop {
            match self.turn() {
                Progress::Unfinished => {}
                Progress::Waiting | Progress::Failing => self.wait(),
                over => return over,
            }
        }
    }

    /// Closes both ends as the connection does when it is over in that way.
    pub fn close(self, progress: &Progress) -> Tally {
        if matches!(progress, Progress::Reset(_)) {
            self.down.stream.reset();
            self.up.stream.reset();
        }
        self.tally
    }
}

pub fn read_to_end(mut peer: &Socket) -> Vec<u8> {
    let mut all = Vec::new();
    peer.read_to_end(&mut all).unwrap();
    all
}

/// Everything that can be read, and the error that came then.
pub fn read_until_error(mut peer: &Socket) -> (Vec<u8>, ErrorKind) {
    let mut all = Vec::new();
    let error = peer.read_to_end(&mut all).unwrap_err();
    (all, error.kind())
}

pub fn read_exactly(mut peer: &Socket, length: usize) -> Vec<u8> {
    let mut all = vec![0; length];
    peer.read_exact(&mut all).unwrap();
    all
}

/// Writes as much as the relay and the kernel take, until the relay has to keep something for the other side.
pub fn stall(rig: &mut Rig, mut from: &Socket, is_stalled: impl Fn(&Rig) -> bool) -> Vec<u8> {
    let data = content(3, 16 * 1024);
    let mut sent = Vec::new();
    from.set_nonblocking(true).unwrap();
    while !is_stalled(rig) {
        if let Ok(length) = from.write(&data) {
            sent.extend_from_slice(&data[..length]);
        }
        if rig.turn() == Progress::Waiting && !is_stalled(rig) {
            rig.wait();
        }
    }
    from.set_nonblocking(false).unwrap();
    sent
}

//! The clients: many, each at an address of its own that it tells the server. They ask when it is time to, whether
//! earlier answers have come or not (an open loop), in the manner of a [`Mode`].

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::IpBindAddressNoPort;
use slab::Slab;
use socket2::{Domain, Socket, Type};

use super::traffic::Traffic;

/// How clients use their connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A connection for each request.
    Single,
    /// Several requests on a connection, each when the one before is answered.
    KeepAlive,
    /// Several requests at once on a connection, and more while answers are due.
    Pipelined,
    /// All of that.
    Mixed,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Mode; 4] = [Mode::Single, Mode::KeepAlive, Mode::Pipelined, Mode::Mixed];
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Mode::Single => "single",
            Mode::KeepAlive => "keep-alive",
            Mode::Pipelined => "pipelined",
            Mode::Mixed => "mixed",
        })
    }
}

/// What is to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// How connections are used.
    pub mode: Mode,
    /// Requests a second.
    pub rate: f64,
    /// For so long.
    pub duration: Duration,
    /// Whether each request is for a page of its own.
    pub distinct: bool,
    /// Makes it another one.
    pub seed: u64,
}

/// What was sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent {
    /// Requests.
    pub requests: usize,
    /// Answers to them.
    pub answers: usize,
    /// Connections.
    pub connections: usize,
    /// Connections that ended with answers due.
    pub failed: usize,
    /// Requests a second while there were new ones.
    pub rate: f64,
}

/// Sends a load through the pen at this address, and waits for the answers.
pub fn send(load: &Load, pen: SocketAddr) -> Sent {
    Crowd {
        poll: Poll::new().expect("a poll can be had"),
        traffic: Traffic::new(load.seed, PAGES),
        connections: Slab::new(),
        sent: Sent::default(),
        distinct: load.distinct,
        pen,
    }
    .send(load)
}

const PAGES: u32 = 200;
const CLIENTS: usize = 500;
/// The share of requests after which their connection ends.
const LAST: f64 = 1.0 / 8.0;
const MOST_AT_ONCE: usize = 6;
const MEAN_AT_ONCE: f64 = 3.5;
const PATIENCE: Duration = Duration::from_secs(20);
const END_OF_ANSWER: &[u8] = b"\r\n\r\nok";

struct Crowd {
    poll: Poll,
    traffic: Traffic,
    connections: Slab<Connection>,
    sent: Sent,
    distinct: bool,
    pen: SocketAddr,
}

struct Connection {
    stream: TcpStream,
    /// Its own address and port.
    name: SocketAddr,
    output: Vec<u8>,
    /// How much of an answer's end has come.
    matched: usize,
    /// Answers due.
    due: usize,
    /// What happens after the last answer.
    end: End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    NotYet,
    ByServer,
    ByClient,
}

impl Crowd {
    fn send(mut self, load: &Load) -> Sent {
        let begin = Instant::now();
        let mut next = begin;
        let mean_of = |mode| if mode == Mode::Pipelined { MEAN_AT_ONCE } else { 1.0 };
        loop {
            let mode = match load.mode {
                Mode::Mixed => [Mode::Single, Mode::KeepAlive, Mode::Pipelined][self.traffic.below(3)],
                mode => mode,
            };
            if next > begin + load.duration {
                break;
            }
            self.work_until(next);
            self.ask(mode);
            // So that each mode gets its share of time, and all together have the rate.
            next += self.traffic.exponential(Duration::from_secs_f64(mean_of(mode) / load.rate));
        }
        self.sent.rate = self.sent.requests as f64 / begin.elapsed().max(load.duration).as_secs_f64();
        let limit = Instant::now() + PATIENCE;
        while self.connections.iter().any(|(_, connection)| connection.due > 0) && Instant::now() < limit {
            self.work_until(Instant::now() + Duration::from_millis(5));
        }
        self.sent.failed += self.connections.iter().filter(|(_, connection)| connection.due > 0).count();
        self.sent
    }

    /// Takes answers until it is time.
    fn work_until(&mut self, time: Instant) {
        let mut events = Events::with_capacity(1024);
        loop {
            let left = time.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            match self.poll.poll(&mut events, Some(left)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => panic!("no poll: {error}"),
                _ => {}
            }
            for event in &events {
                self.attend(event.token().0);
            }
        }
    }

    fn ask(&mut self, mode: Mode) {
        match mode {
            Mode::Single => {
                if let Some(slot) = self.connect() {
                    self.request(slot, 1, End::ByServer);
                }
            }
            Mode::KeepAlive => {
                let end = self.end();
                if let Some(slot) = self.open_one(|connection| connection.due == 0) {
                    self.request(slot, 1, end);
                }
            }
            Mode::Pipelined | Mode::Mixed => {
                let (count, end) = (1 + self.traffic.below(MOST_AT_ONCE), self.end());
                if let Some(slot) = self.open_one(|connection| connection.due < MOST_AT_ONCE) {
                    self.request(slot, count, end);
                }
            }
        }
    }

    fn end(&mut self) -> End {
        match self.traffic.happens(LAST) {
            false => End::NotYet,
            true if self.traffic.happens(0.5) => End::ByServer,
            true => End::ByClient,
        }
    }

    /// A connection that is good for another request: one of a few that are looked at, or a new one.
    fn open_one(&mut self, fits: impl Fn(&Connection) -> bool) -> Option<usize> {
        const LOOKS: usize = 4;
        if !self.connections.is_empty() {
            for _ in 0..LOOKS {
                let slot = self.traffic.below(self.connections.capacity());
                let fits = |connection: &Connection| connection.end == End::NotYet && fits(connection);
                if self.connections.get(slot).is_some_and(fits) {
                    return Some(slot);
                }
            }
        }
        self.connect()
    }

    fn connect(&mut self) -> Option<usize> {
        let client = self.traffic.below(CLIENTS) as u16;
        let [high, low] = (client + 1).to_be_bytes();
        match connection(Ipv4Addr::new(127, 1, high, low), self.pen) {
            Ok((mut stream, name)) => {
                self.sent.connections += 1;
                let entry = self.connections.vacant_entry();
                let interest = Interest::READABLE | Interest::WRITABLE;
                let registered = self.poll.registry().register(&mut stream, Token(entry.key()), interest);
                registered.expect("a stream can be polled");
                let slot = entry.key();
                let (output, matched, due, end) = (Vec::new(), 0, 0, End::NotYet);
                entry.insert(Connection { stream, name, output, matched, due, end });
                Some(slot)
            }
            Err(error) => {
                eprintln!("no connection from client {client}: {error}");
                self.sent.failed += 1;
                None
            }
        }
    }

    fn request(&mut self, slot: usize, count: usize, end: End) {
        let connection = &mut self.connections[slot];
        for number in 1..=count {
            let close = if number == count && end == End::ByServer { "Connection: close\r\n" } else { "" };
            let page = if self.distinct { self.sent.requests + number } else { self.traffic.page() };
            let name = connection.name;
            let written = write!(
                connection.output,
                "GET /page/{page}.html HTTP/1.1\r\nHost: www\r\nUser-Agent: true={name}\r\n{close}\r\n"
            );
            written.expect("memory takes everything");
        }
        self.sent.requests += count;
        connection.due += count;
        connection.end = end;
        self.attend(slot);
    }

    /// Does what can be done with a connection now.
    fn attend(&mut self, slot: usize) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        let due = connection.due;
        let outcome = connection.write().and_then(|()| connection.read());
        self.sent.answers += due - connection.due;
        let done = connection.due == 0 && connection.end == End::ByClient;
        if outcome.is_err() || done {
            self.sent.failed += usize::from(connection.due > 0);
            self.connections.remove(slot);
        }
    }
}

impl Connection {
    fn write(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(count) => drop(self.output.drain(..count)),
                // The second is what a connection says that is not there yet.
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected) =>
                {
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Counts answers; an error is the end, also the one in order.
    fn read(&mut self) -> io::Result<()> {
        let mut part = [0; 4096];
        loop {
            match self.stream.read(&mut part) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => part[..count].iter().for_each(|byte| self.take(*byte)),
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected) =>
                {
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn take(&mut self, byte: u8) {
        self.matched = match () {
            () if byte == END_OF_ANSWER[self.matched] => self.matched + 1,
            () => usize::from(byte == END_OF_ANSWER[0]),
        };
        if self.matched == END_OF_ANSWER.len() {
            self.matched = 0;
            self.due = self.due.saturating_sub(1);
        }
    }
}

/// A connection from this address, perhaps not there yet, and its own end.
fn connection(client: Ipv4Addr, pen: SocketAddr) -> io::Result<(TcpStream, SocketAddr)> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    // The port is chosen at the connect, so that only the whole pair of addresses has to be unique.
    setsockopt(&socket, IpBindAddressNoPort, &true)?;
    socket.bind(&SocketAddr::from((client, 0)).into())?;
    match socket.connect(&pen.into()) {
        Err(error) if error.raw_os_error() != Some(nix::libc::EINPROGRESS) => return Err(error),
        _ => {}
    }
    socket.set_tcp_nodelay(true)?;
    let stream = std::net::TcpStream::from(socket);
    let name = stream.local_addr()?;
    Ok((TcpStream::from_std(stream), name))
}

//! The farm's web servers: http/1.1 with connections kept, each request served in its own time, and logged when its
//! answer is sent, as Apache and nginx do.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chrono::DateTime;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;
use socket2::SockRef;

use super::format::{Entry, Format, Formats};
use super::traffic::Traffic;

/// How the servers of a farm are.
#[derive(Clone, Debug)]
pub struct Manner {
    /// How they write their lines.
    pub formats: Formats,
    /// The mean of the exponential time that a request takes besides `least`.
    pub service: Duration,
    /// What every request takes.
    pub least: Duration,
    /// The share of requests that they never log.
    pub unlogged: f64,
    /// Where their lines go.
    pub log: LogTo,
}

/// Where the servers' lines go.
#[derive(Clone, Debug)]
pub enum LogTo {
    /// A datagram each, from the server's own address.
    Penlogd(SocketAddr),
    /// Into a penlog for each server, this program, which sends them from the server's own address.
    Penlog(PathBuf, SocketAddr),
    /// A file for each server, in this directory.
    Files(PathBuf),
}

/// The servers, which run until they are told to stop.
pub struct Servers {
    addresses: Vec<SocketAddr>,
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    /// A bit for each server that is to die.
    doomed: AtomicUsize,
    logged: AtomicUsize,
}

/// There are so many, at 127.0.1.1 and upwards.
pub const COUNT: u8 = 4;

impl Servers {
    /// Starts them.
    pub fn start(manner: Manner, seed: u64) -> Self {
        let hosts = (1..=COUNT).map(|host| Ipv4Addr::new(127, 0, 1, host));
        let listeners = hosts.map(|host| TcpListener::bind(SocketAddr::from((host, 0))));
        let listeners: Vec<_> = listeners.map(|listener| listener.expect("a port is free")).collect();
        let address = |listener: &TcpListener| listener.local_addr().expect("it is bound");
        let addresses = listeners.iter().map(address).collect();
        let shared = Arc::new(Shared::default());
        let farm = Farm::new(listeners, manner, seed, Arc::clone(&shared));
        let thread = thread::spawn(|| farm.run());
        Self { addresses, shared, thread }
    }

    /// Where they listen.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The name of a server's file, of [`LogTo::Files`].
    pub fn file(server: usize) -> String {
        format!("server.{server}")
    }

    /// How many lines they have logged so far.
    pub fn logged(&self) -> usize {
        self.shared.logged.load(Ordering::Acquire)
    }

    /// Has a server die: nobody listens there any more, and its connections are reset.
    pub fn kill(&self, server: usize) {
        self.shared.doomed.fetch_or(1 << server, Ordering::Relaxed);
    }

    /// Stops them: how many lines they have logged.
    pub fn stop(self) -> usize {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the servers do not panic");
        self.shared.logged.load(Ordering::Acquire)
    }
}

struct Farm {
    poll: Poll,
    /// None is a server that has died.
    listeners: Vec<Option<TcpListener>>,
    logs: Vec<Log>,
    connections: Slab<Connection>,
    /// Distinguishes connections that have had the same slot.
    opened: u64,
    due: BinaryHeap<Reverse<(Instant, usize, u64)>>,
    manner: Manner,
    traffic: Traffic,
    clock: Clock,
    shared: Arc<Shared>,
}

struct Connection {
    number: u64,
    stream: TcpStream,
    peer: SocketAddr,
    server: usize,
    input: Vec<u8>,
    /// The first of them is being served.
    requests: VecDeque<Request>,
    finished: bool,
}

struct Request {
    line: String,
    agent: String,
    last: bool,
}

impl Farm {
    fn new(mut listeners: Vec<TcpListener>, manner: Manner, seed: u64, shared: Arc<Shared>) -> Self {
        let poll = Poll::new().expect("a poll can be had");
        for (server, listener) in listeners.iter_mut().enumerate() {
            let registered = poll.registry().register(listener, Token(server), Interest::READABLE);
            registered.expect("a listener can be polled");
        }
        let addresses = listeners.iter().map(|listener| listener.local_addr().expect("it is bound"));
        let logs =
            addresses.enumerate().map(|(server, address)| Log::open(server, address, &manner)).collect();
        Self {
            poll,
            listeners: listeners.into_iter().map(Some).collect(),
            logs,
            connections: Slab::new(),
            opened: 0,
            due: BinaryHeap::new(),
            manner,
            traffic: Traffic::new(seed, 1),
            clock: Clock::default(),
            shared,
        }
    }

    fn run(mut self) {
        let mut events = Events::with_capacity(1024);
        while !self.shared.stop.load(Ordering::Relaxed) {
            let now = Instant::now();
            let next = self.due.peek().map(|Reverse((at, ..))| at.saturating_duration_since(now));
            let patience = next.unwrap_or(LOOKS_UP_EVERY).min(LOOKS_UP_EVERY);
            match self.poll.poll(&mut events, Some(patience)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => panic!("no poll: {error}"),
                _ => {}
            }
            for event in &events {
                match event.token().0.checked_sub(self.listeners.len()) {
                    None => self.accept(event.token().0),
                    Some(slot) => self.read(slot),
                }
            }
            self.answer_what_is_due();
            self.bury();
        }
        self.logs.into_iter().for_each(Log::close);
    }

    fn accept(&mut self, server: usize) {
        while let Some(Ok((stream, peer))) = self.listeners[server].as_ref().map(TcpListener::accept) {
            // Without it the second of two answers waits for the acknowledgement of the first.
            let _ = stream.set_nodelay(true);
            self.opened += 1;
            let slot = self.connections.insert(Connection {
                number: self.opened,
                stream,
                peer,
                server,
                input: Vec::new(),
                requests: VecDeque::new(),
                finished: false,
            });
            let token = Token(self.listeners.len() + slot);
            let stream = &mut self.connections[slot].stream;
            self.poll.registry().register(stream, token, Interest::READABLE).expect("a stream can be polled");
        }
    }

    fn read(&mut self, slot: usize) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        let idle = connection.requests.is_empty();
        match connection.read() {
            Ok(()) if connection.finished && connection.requests.is_empty() => {
                self.connections.remove(slot);
            }
            Ok(()) if idle => self.serve_next(slot),
            Ok(()) => {}
            Err(_) => {
                self.connections.remove(slot);
            }
        }
    }

    /// Begins with the first of a connection's requests.
    fn serve_next(&mut self, slot: usize) {
        let connection = &self.connections[slot];
        if !connection.requests.is_empty() {
            let at = Instant::now() + self.manner.least + self.traffic.exponential(self.manner.service);
            self.due.push(Reverse((at, slot, connection.number)));
        }
    }

    fn answer_what_is_due(&mut self) {
        let now = Instant::now();
        while let Some(&Reverse((at, slot, number))) = self.due.peek()
            && at <= now
        {
            self.due.pop();
            if self.connections.get(slot).is_some_and(|connection| connection.number == number) {
                self.answer(slot);
            }
        }
    }

    fn answer(&mut self, slot: usize) {
        let connection = &mut self.connections[slot];
        let Some(request) = connection.requests.pop_front() else { return };
        let sent = connection.stream.write_all(if request.last { LAST_ANSWER } else { ANSWER });
        if !self.traffic.happens(self.manner.unlogged) {
            let format = self.manner.formats.of(connection.server);
            let time = self.clock.now();
            self.logs[connection.server].write(format, connection.peer, &request, time);
            self.shared.logged.fetch_add(1, Ordering::Release);
        }
        if sent.is_err() || request.last || (connection.finished && connection.requests.is_empty()) {
            self.connections.remove(slot);
        } else {
            self.serve_next(slot);
        }
    }

    /// Ends the servers that are to die.
    fn bury(&mut self) {
        let doomed = self.shared.doomed.swap(0, Ordering::Relaxed);
        for server in (0..self.listeners.len()).filter(|server| doomed & (1 << server) != 0) {
            self.listeners[server] = None;
            self.connections.retain(|_, connection| {
                if connection.server == server {
                    // Its close is a reset, then.
                    let _ = SockRef::from(&connection.stream).set_linger(Some(Duration::ZERO));
                }
                connection.server != server
            });
        }
    }
}

const LOOKS_UP_EVERY: Duration = Duration::from_millis(50);
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const LAST_ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

impl Connection {
    /// Reads all that there is; an error is a connection that has failed.
    fn read(&mut self) -> io::Result<()> {
        let mut part = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut part) {
                Ok(0) => {
                    self.finished = true;
                    break;
                }
                Ok(count) => self.input.extend_from_slice(&part[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        while let Some(end) = find(&self.input, b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&self.input[..end]).into_owned();
            self.input.drain(..end + 4);
            self.requests.push_back(Request::parse(&head));
        }
        Ok(())
    }
}

impl Request {
    fn parse(head: &str) -> Self {
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        Request {
            line: head.lines().next().unwrap_or_default().to_owned(),
            agent: field("User-Agent: ").to_owned(),
            last: field("Connection: ") == "close",
        }
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// A server's log, whose lines are numbered.
struct Log {
    server: usize,
    written: usize,
    target: Target,
}

enum Target {
    Datagrams(UdpSocket),
    Penlog(Child, ChildStdin),
    File(BufWriter<File>),
}

impl Log {
    fn open(server: usize, address: SocketAddr, manner: &Manner) -> Self {
        let target = match &manner.log {
            LogTo::Penlogd(penlogd) => {
                let socket = UdpSocket::bind((address.ip(), 0)).expect("a port is free");
                socket.connect(penlogd).expect("penlogd is on the same host");
                Target::Datagrams(socket)
            }
            LogTo::Penlog(program, penlogd) => {
                let (host, port) = (penlogd.ip().to_string(), penlogd.port().to_string());
                let mut command = Command::new(program);
                command.args([host, port, address.ip().to_string()]).stdin(Stdio::piped());
                let mut penlog = command.spawn().expect("penlog can be run");
                let stdin = penlog.stdin.take().expect("stdin is piped");
                Target::Penlog(penlog, stdin)
            }
            LogTo::Files(directory) => {
                let file = File::create(directory.join(Servers::file(server)));
                Target::File(BufWriter::new(file.expect("the directory is ours")))
            }
        };
        Self { server, written: 0, target }
    }

    fn write(&mut self, format: Format, peer: SocketAddr, request: &Request, time: &str) {
        self.written += 1;
        let agent = format!("{} seq={}.{}", request.agent, self.server, self.written);
        let line = format.line(&Entry { peer, request: &request.line, agent: &agent, time });
        match &mut self.target {
            // The error is of an earlier line, which nobody took; this one has not been sent then.
            Target::Datagrams(socket) => {
                let _ = socket.send(line.as_bytes()).or_else(|_| socket.send(line.as_bytes()));
            }
            Target::Penlog(_, stdin) => stdin.write_all(line.as_bytes()).expect("penlog reads"),
            Target::File(file) => file.write_all(line.as_bytes()).expect("the disk has room"),
        }
    }

    fn close(self) {
        match self.target {
            Target::Datagrams(_) => {}
            Target::Penlog(mut penlog, stdin) => {
                drop(stdin);
                let ended = penlog.wait().expect("it is our child");
                assert!(ended.success(), "penlog: {ended}");
            }
            Target::File(mut file) => file.flush().expect("the disk has room"),
        }
    }
}

/// The time as log lines have it.
#[derive(Default)]
struct Clock {
    second: u64,
    text: String,
}

impl Clock {
    fn now(&mut self) -> &str {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970").as_secs();
        if now != self.second {
            self.second = now;
            let time = DateTime::from_timestamp(now.cast_signed(), 0).expect("it is earlier than 262143");
            self.text = time.format("%d/%b/%Y:%H:%M:%S +0000").to_string();
        }
        &self.text
    }
}

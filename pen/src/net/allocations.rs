//! What a worker allocates for a client, once it has served some: nothing.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mio::{Poll, Waker};
use system::allocations;

use super::pipe::Pipe;
use super::testing::LIMIT;
use super::token::Token;
use super::worker::{Message, Worker};
use crate::publish::Publisher;
use crate::settings::draft::{Draft, Stage};
use crate::settings::testing::{environment, initial_settings, run};
use crate::settings::{DEFAULT_SERVICE, Place};
use crate::shared::{Clock, Shared};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
/// What is allocated once is allocated by then.
const WARM_UP: usize = 2000;
const MEASURED: usize = 200;

/// A pen with one worker.
struct Rig {
    shared: Arc<Shared>,
    address: SocketAddr,
    allocated: &'static AtomicU64,
    worker: Option<thread::JoinHandle<()>>,
}

impl Rig {
    fn new(lines: &[&str]) -> Rig {
        let poll = Poll::new().unwrap();
        let waker = Waker::new(poll.registry(), Token::Mailbox.into()).unwrap();
        let shared = Arc::new(Shared::new(Arc::new(initial_settings()), Clock::start(), vec![waker]));
        shared.allow_descriptors(1000);
        let mut publisher = Publisher::new(Arc::clone(&shared));
        publisher.open_logs().unwrap();
        let settings = shared.settings.load().as_ref().clone();
        let mut draft = Draft::new(settings, Stage::Start, environment(false));
        run(&mut draft, lines);
        publisher.publish(draft).unwrap();
        let Place::Inet(address) = shared.settings.load().service(DEFAULT_SERVICE).listen[0].bound else {
            panic!("it listens on a port");
        };
        let allocated: &AtomicU64 = Box::leak(Box::default());
        let worker = Worker::new(0, poll, Pipe::new().ok(), Arc::clone(&shared));
        let worker = thread::spawn(move || {
            allocations::count_in(allocated);
            worker.run();
        });
        Rig { shared, address, allocated, worker: Some(worker) }
    }

    /// What the worker allocates when this has been done many times before.
    fn allocated_by(&self, act: impl Fn(usize)) -> u64 {
        (0..WARM_UP).for_each(&act);
        self.wait_until_idle();
        let before = self.allocated.load(Ordering::Relaxed);
        (WARM_UP..WARM_UP + MEASURED).for_each(&act);
        self.wait_until_idle();
        self.allocated.load(Ordering::Relaxed) - before
    }

    fn wait_until_idle(&self) {
        let deadline = Instant::now() + LIMIT;
        while self.shared.open_connections() > 0 {
            assert!(Instant::now() < deadline, "connections do not end");
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.shared.mailboxes[0].send(Message::Stop);
        self.worker.take().map(thread::JoinHandle::join);
    }
}

/// A server that answers each request, one connection after the other. It ends with the test.
fn server() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut buffer = [0; 1024];
            while client.read(&mut buffer).is_ok_and(|length| length > 0) && client.write_all(ANSWER).is_ok()
            {
            }
        }
    });
    address
}

fn exchange(client: &mut (impl Read + Write)) {
    client.write_all(REQUEST).unwrap();
    client.read_exact(&mut [0; ANSWER.len()]).unwrap();
}

fn settings(options: &[&'static str], server: SocketAddr) -> Rig {
    let server = format!("server 0 address 127.0.0.1 port {}", server.port());
    let lines: Vec<&str> = options.iter().copied().chain(["listen 127.0.0.1:0", &server]).collect();
    Rig::new(&lines)
}

/// Short connections, each from another address than the three before.
fn for_short_connections(options: &[&'static str]) -> u64 {
    let rig = settings(options, server());
    rig.allocated_by(|number| {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        let from = Ipv4Addr::new(127, 0, 3, u8::try_from(number % 4).unwrap());
        socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
        socket.connect(&rig.address.into()).unwrap();
        exchange(&mut TcpStream::from(socket));
    })
}

/// Requests on one connection.
fn for_requests(options: &[&'static str]) -> u64 {
    let rig = settings(options, server());
    let client = TcpStream::connect(rig.address).unwrap();
    (0..WARM_UP).for_each(|_| exchange(&mut &client));
    let before = rig.allocated.load(Ordering::Relaxed);
    (0..MEASURED).for_each(|_| exchange(&mut &client));
    rig.allocated.load(Ordering::Relaxed) - before
}

#[test]
fn a_connection_allocates_nothing_whatever_selects_its_server() {
    let options: [&[&str]; 9] = [
        &[],
        &["roundrobin"],
        &["hash"],
        &["hash_only"],
        &["weight"],
        &["prio"],
        // Every client takes the place of another one.
        &["clients_max 2"],
        &["idle_timeout 100"],
        &["server 700 address 127.0.0.1 port 1", "server 700 blacklist 1000"],
    ];
    for options in options {
        assert_eq!(for_short_connections(options), 0, "{options:?}");
    }
}

#[test]
fn a_request_on_a_kept_connection_allocates_nothing() {
    for options in [&[][..], &["idle_timeout 100"]] {
        assert_eq!(for_requests(options), 0, "{options:?}");
    }
}

#[test]
fn a_request_that_is_rewritten_allocates_twice() {
    // Its head, and the list of pieces that the head is one of.
    assert_eq!(for_requests(&["http"]), 2 * MEASURED as u64);
}

#[test]
fn a_flow_of_datagrams_allocates_nothing_but_where_a_table_grows() {
    let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = server.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 1024];
        while let Ok((length, from)) = server.recv_from(&mut buffer) {
            server.send_to(&buffer[..length], from).unwrap();
        }
    });
    let rig = settings(&["udp", "udp_responses 1"], address);
    let allocated = rig.allocated_by(|_| {
        let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        client.set_read_timeout(Some(LIMIT)).unwrap();
        client.send_to(REQUEST, rig.address).unwrap();
        client.recv(&mut [0; 1024]).unwrap();
    });
    assert!(allocated < MEASURED as u64 / 20, "{allocated}");
}

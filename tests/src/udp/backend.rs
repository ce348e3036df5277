//! Servers of datagrams: each a socket with a thread, and a record of what came.

use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tempfile::TempDir;

use super::socket::DatagramSocket;
use crate::address::{Address, Family, private_address};
use crate::wait::wait_until;

/// How long the thread of a server waits for a datagram before it looks whether it is to end.
const ATTENTION: Duration = Duration::from_millis(10);

/// A server that runs until it is dropped. It can go away and come back.
pub struct UdpBackend {
    address: Address,
    running: Mutex<Option<Running>>,
    shared: Arc<Shared>,
    _directory: Option<TempDir>,
}

struct Running {
    socket: Arc<DatagramSocket>,
    thread: JoinHandle<()>,
    ends: Arc<AtomicBool>,
}

struct Shared {
    service: Box<Service>,
    received: Mutex<Vec<(Vec<u8>, Address)>>,
}

type Service = dyn Fn(&[u8]) -> Vec<Vec<u8>> + Send + Sync;

impl UdpBackend {
    /// Answers each datagram with its name.
    pub fn named(name: &str) -> Self {
        let name = name.as_bytes().to_vec();
        Self::serve(move |_| vec![name.clone()])
    }

    /// Answers each datagram with the same bytes.
    pub fn echo() -> Self {
        Self::echo_on(Family::Tcp4)
    }

    /// [`UdpBackend::echo`] on a socket of this family: IPv4, IPv6 or Unix.
    pub fn echo_on(family: Family) -> Self {
        Self::serve_on(family, |bytes| vec![bytes.to_vec()])
    }

    /// Never answers.
    pub fn silent() -> Self {
        Self::serve(|_| Vec::new())
    }

    /// Answers each datagram with those that `service` makes of it.
    pub fn serve(service: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + Sync + 'static) -> Self {
        Self::serve_on(Family::Tcp4, service)
    }

    /// [`UdpBackend::serve`] on a socket of this family: IPv4, IPv6 or Unix.
    pub fn serve_on(family: Family, service: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + Sync + 'static) -> Self {
        let directory = (family == Family::Unix).then(|| TempDir::new().expect("a directory can be made"));
        let address = match &directory {
            Some(directory) => Address::Unix(directory.path().join("server")),
            None if family == Family::Tcp6 => SocketAddr::from((Ipv6Addr::LOCALHOST, 0)).into(),
            // A port that stays free while the server is away.
            None => private_address().into(),
        };
        Self::open(&address, directory, Box::new(service))
    }

    /// [`UdpBackend::serve`] at this address.
    pub fn serve_at(
        address: &Address,
        service: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        Self::open(address, None, Box::new(service))
    }

    #[track_caller]
    fn open(address: &Address, directory: Option<TempDir>, service: Box<Service>) -> Self {
        let shared = Arc::new(Shared { service, received: Mutex::default() });
        let running = Running::start(address, &shared);
        let address = running.socket.address();
        Self { address, running: Mutex::new(Some(running)), shared, _directory: directory }
    }

    /// Where it is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// How many datagrams have come.
    pub fn count(&self) -> usize {
        self.received().len()
    }

    /// What has come so far, in its order.
    pub fn datagrams(&self) -> Vec<Vec<u8>> {
        self.received().iter().map(|(bytes, _)| bytes.clone()).collect()
    }

    /// Who sent what has come so far, in its order.
    pub fn sources(&self) -> Vec<Address> {
        self.received().iter().map(|(_, source)| source.clone()).collect()
    }

    /// Forgets what has come so far.
    pub fn forget(&self) {
        self.received().clear();
    }

    /// Waits until so many datagrams have come.
    #[track_caller]
    pub fn wait_for(&self, count: usize) {
        wait_until("the datagrams have come", || self.count() >= count);
    }

    /// Sends a datagram without being asked.
    #[track_caller]
    pub fn send(&self, bytes: impl AsRef<[u8]>, to: &Address) {
        let running = lock(&self.running);
        let running = running.as_ref().expect("the server is not away");
        running.socket.send(bytes.as_ref(), to).expect("datagrams can be sent");
    }

    /// Closes the socket: whoever sends something now hears that nobody has the port.
    pub fn leave(&self) {
        if let Some(running) = lock(&self.running).take() {
            running.stop();
        }
        if let Address::Unix(path) = &self.address {
            let _ = std::fs::remove_file(path);
        }
    }

    /// Opens the socket again.
    #[track_caller]
    pub fn come_back(&self) {
        *lock(&self.running) = Some(Running::start(&self.address, &self.shared));
    }

    fn received(&self) -> MutexGuard<'_, Vec<(Vec<u8>, Address)>> {
        lock(&self.shared.received)
    }
}

impl Running {
    #[track_caller]
    fn start(address: &Address, shared: &Arc<Shared>) -> Self {
        let socket = Arc::new(DatagramSocket::bind(address).expect("the address is free"));
        let ends = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let (socket, ends, shared) = (Arc::clone(&socket), Arc::clone(&ends), Arc::clone(shared));
            move || {
                while !ends.load(Ordering::Relaxed) {
                    if let Some((bytes, from)) = socket.receive(ATTENTION) {
                        shared.answer(bytes, &from, &socket);
                    }
                }
            }
        });
        Self { socket, thread, ends }
    }

    fn stop(self) {
        self.ends.store(true, Ordering::Relaxed);
        let _ = self.thread.join();
        self.socket.deafen();
    }
}

impl Shared {
    fn answer(&self, bytes: Vec<u8>, from: &Address, socket: &DatagramSocket) {
        let answers = (self.service)(&bytes);
        lock(&self.received).push((bytes, from.clone()));
        for answer in answers {
            // Who asked may have gone.
            let _ = socket.send(&answer, from);
        }
    }
}

impl Drop for UdpBackend {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Display for UdpBackend {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(out)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

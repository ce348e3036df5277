//! Servers of the tests: each a listener with a thread per connection, and counters.

use std::fmt;
use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};

use socket2::{Domain, Socket, Type};
use tempfile::TempDir;

use crate::address::{Address, Family};
use crate::process::raise_descriptor_limit;
use crate::stream::Stream;

/// A server that runs until it is dropped.
pub struct Backend {
    address: Address,
    listener: Mutex<Arc<Socket>>,
    acceptor: Mutex<Option<JoinHandle<()>>>,
    shared: Arc<Shared>,
    _directory: Option<TempDir>,
}

type Service = dyn Fn(&Stream) + Send + Sync;

struct Shared {
    service: Box<Service>,
    current: AtomicUsize,
    peak: AtomicUsize,
    total: AtomicUsize,
    open: Mutex<Vec<Weak<Stream>>>,
}

impl Backend {
    /// Says its name to every client and finishes; reads and forgets what the client sends.
    pub fn named(name: &str) -> Self {
        Self::named_on(name, Family::Tcp4)
    }

    /// [`Backend::named`] on a socket of this family.
    pub fn named_on(name: &str, family: Family) -> Self {
        let name = name.to_owned();
        Self::serve_on(family, move |client| {
            // The client may be gone already, which is its right.
            let _ = { client }.write_all(name.as_bytes());
            client.finish();
            client.drain();
        })
    }

    /// Says its name and a newline, and holds the connection until the client closes it.
    pub fn holding(name: &str) -> Self {
        let name = format!("{name}\n");
        Self::serve(move |client| {
            let _ = { client }.write_all(name.as_bytes());
            client.drain();
        })
    }

    /// Sends back what it gets, and finishes when the client has.
    pub fn echo() -> Self {
        Self::echo_on(Family::Tcp4)
    }

    /// [`Backend::echo`] on a socket of this family.
    pub fn echo_on(family: Family) -> Self {
        Self::serve_on(family, |client| {
            client.drain_with(|part| {
                let _ = { client }.write_all(part);
            });
            client.finish();
        })
    }

    /// Accepts, reads, and never says anything.
    pub fn silent() -> Self {
        Self::silent_on(Family::Tcp4)
    }

    /// [`Backend::silent`] on a socket of this family.
    pub fn silent_on(family: Family) -> Self {
        Self::serve_on(family, |client| {
            client.drain();
        })
    }

    /// Handles every TCP connection with `service`, in its own thread.
    pub fn serve(service: impl Fn(&Stream) + Send + Sync + 'static) -> Self {
        Self::serve_on(Family::Tcp4, service)
    }

    /// Handles every connection with `service`, on a socket of this family.
    pub fn serve_on(family: Family, service: impl Fn(&Stream) + Send + Sync + 'static) -> Self {
        let directory = (family == Family::Unix).then(|| TempDir::new().expect("a directory can be made"));
        let address = match &directory {
            Some(directory) => Address::Unix(directory.path().join("server")),
            None if family == Family::Tcp6 => SocketAddr::from((Ipv6Addr::LOCALHOST, 0)).into(),
            None => SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into(),
        };
        Self::open(&address, directory, Box::new(service)).expect("a loopback port is free")
    }

    /// Handles every connection to `address` with `service`.
    pub fn serve_at(address: &Address, service: impl Fn(&Stream) + Send + Sync + 'static) -> Self {
        Self::open(address, None, Box::new(service)).expect("the address is free")
    }

    fn open(address: &Address, directory: Option<TempDir>, service: Box<Service>) -> io::Result<Self> {
        raise_descriptor_limit();
        let (listener, address) = bind_for_good(address)?;
        let shared = Shared {
            service,
            current: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
            total: AtomicUsize::new(0),
            open: Mutex::default(),
        };
        let backend = Self {
            address,
            listener: Mutex::new(Arc::new(listener)),
            acceptor: Mutex::default(),
            shared: Arc::new(shared),
            _directory: directory,
        };
        backend.listen();
        Ok(backend)
    }

    /// Where it listens.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Connections that are open now.
    pub fn current(&self) -> usize {
        self.shared.current.load(Ordering::SeqCst)
    }

    /// The most connections that were open at once.
    pub fn peak(&self) -> usize {
        self.shared.peak.load(Ordering::SeqCst)
    }

    /// Connections accepted since the start.
    pub fn total(&self) -> usize {
        self.shared.total.load(Ordering::SeqCst)
    }

    /// Refuses new connections from now on; open ones go on.
    pub fn refuse(&self) {
        let Some(acceptor) = lock(&self.acceptor).take() else { return };
        // Ends the listening and wakes the acceptor, but keeps the port ours.
        let _ = lock(&self.listener).shutdown(std::net::Shutdown::Both);
        acceptor.join().expect("the acceptor does not panic");
    }

    /// Dies: refuses new connections and drops the open ones.
    pub fn kill(&self) {
        self.refuse();
        for stream in lock(&self.shared.open).drain(..).filter_map(|stream| stream.upgrade()) {
            stream.reset_on_close();
            stream.abandon();
        }
    }

    /// Accepts again, at the same address.
    pub fn revive(&self) {
        assert!(lock(&self.acceptor).is_none(), "only a server that refuses can be revived");
        if let Address::Unix(path) = &self.address {
            // A Unix socket that was shut down can't listen again.
            std::fs::remove_file(path).expect("the socket file is there");
            *lock(&self.listener) = Arc::new(bind(&self.address).expect("the path is free"));
        }
        self.listen();
    }

    fn listen(&self) {
        let listener = Arc::clone(&lock(&self.listener));
        listener.listen(4096).expect("a bound socket can listen");
        let shared = Arc::clone(&self.shared);
        *lock(&self.acceptor) = Some(thread::spawn(move || accept(&listener, &shared)));
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(out)
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Binds to `address`, whose port may be 0; the port found stays bound through every shutdown and new listen.
fn bind_for_good(address: &Address) -> io::Result<(Socket, Address)> {
    let finder = bind(address)?;
    let Some(found) = finder.local_addr()?.as_socket() else { return Ok((finder, address.clone())) };
    // The kernel takes a port that it chose back at a shutdown, and leaves one that was asked for.
    let found = Address::Ip(found);
    Ok((bind(&found)?, found))
}

fn bind(address: &Address) -> io::Result<Socket> {
    let listener = Socket::new(address.domain(), Type::STREAM, None)?;
    if address.domain() != Domain::UNIX {
        listener.set_reuse_address(true)?;
    }
    listener.bind(&address.to_sockaddr()?)?;
    Ok(listener)
}

fn accept(listener: &Socket, shared: &Arc<Shared>) {
    while let Ok((socket, _)) = listener.accept() {
        let Ok(stream) = Stream::new(socket) else { continue };
        let stream = Arc::new(stream);
        register(&mut lock(&shared.open), &stream);
        shared.total.fetch_add(1, Ordering::SeqCst);
        let current = shared.current.fetch_add(1, Ordering::SeqCst) + 1;
        shared.peak.fetch_max(current, Ordering::SeqCst);
        let shared = Arc::clone(shared);
        let body = move || {
            (shared.service)(&stream);
            // Counted as gone before pen can know it, so that a limit which is exact never looks exceeded.
            shared.current.fetch_sub(1, Ordering::SeqCst);
            drop(stream);
        };
        thread::Builder::new().stack_size(128 * 1024).spawn(body).expect("a thread can be started");
    }
}

fn register(open: &mut Vec<Weak<Stream>>, stream: &Arc<Stream>) {
    if open.len() == open.capacity() {
        open.retain(|stream| stream.strong_count() > 0);
    }
    open.push(Arc::downgrade(stream));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

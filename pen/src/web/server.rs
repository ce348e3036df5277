//! The http listener: opened before anything else changes, served by a thread once there are threads, closed when the settings
//! want it elsewhere or nowhere.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use common::client_addr::ClientAddr;
use common::reason;
use socket2::{Domain, SockRef, Socket, Type};

use super::peers::Peers;
use super::session::Session;
use crate::net::listener::AcceptTrouble;
use crate::net::registry::ListenError;
use crate::settings::{ListenOn, Place};
use crate::shared::Shared;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 128;
/// How soon to accept again after a failure.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// A session's thread needs little.
const STACK: usize = 256 * 1024;

/// The listener, if there is one.
#[derive(Debug)]
pub struct Web {
    context: Arc<Context>,
    server: Option<Server>,
    /// Whether threads may be started.
    serves: bool,
}

/// What sessions need.
#[derive(Debug)]
pub struct Context {
    /// Whose status it is.
    pub shared: Arc<Shared>,
    /// pen takes no new clients any more.
    pub stopping: AtomicBool,
}

/// What is to be done. Dropped, it undoes what was opened for it.
#[derive(Debug)]
pub enum Plan {
    /// All stays as it is.
    Keep,
    /// Nothing is wanted any more.
    Close,
    /// This instead.
    Open(Server),
}

/// An open listener, closed when dropped.
#[derive(Debug)]
pub struct Server {
    on: ListenOn,
    listener: Arc<TcpListener>,
    peers: Arc<Peers>,
    acceptor: Option<JoinHandle<()>>,
}

impl Web {
    /// Nothing is open, and nobody is served before [`Web::serve`].
    pub fn new(shared: Arc<Shared>) -> Web {
        let context = Context { shared, stopping: AtomicBool::new(false) };
        Web { context: Arc::new(context), server: None, serves: false }
    }

    /// Opens what is wanted, unless it is there already. The error is one line, and then nothing has changed.
    pub fn plan(&self, wanted: Option<&ListenOn>) -> Result<Plan, String> {
        let Some(wanted) = wanted else { return Ok(Plan::Close) };
        if self.server.as_ref().is_some_and(|server| server.satisfies(wanted)) {
            return Ok(Plan::Keep);
        }
        let mut server = Server::open(wanted).map_err(|error| self.explain(wanted, error))?;
        if self.serves {
            server.serve(&self.context).map_err(|error| format!("web: {}", reason(&error)))?;
        }
        Ok(Plan::Open(server))
    }

    /// Where the pages are, or will be when the plan is carried out.
    pub fn bound<'a>(&'a self, plan: &'a Plan) -> Option<&'a Place> {
        match plan {
            Plan::Keep => self.server.as_ref().map(|server| &server.on.bound),
            Plan::Close => None,
            Plan::Open(server) => Some(&server.on.bound),
        }
    }

    /// Does what was planned.
    pub fn carry_out(&mut self, plan: Plan) {
        match plan {
            Plan::Keep => {}
            Plan::Close => self.server = None,
            Plan::Open(server) => self.server = Some(server),
        }
    }

    /// Begins to serve. Not before pen's rights are final, which threads must not exist before.
    pub fn serve(&mut self) -> io::Result<()> {
        self.serves = true;
        self.server.as_mut().map_or(Ok(()), |server| server.serve(&self.context))
    }

    /// Says that pen takes no new clients any more: whoever checks its health is told so.
    pub fn pen_is_stopping(&self) {
        self.context.stopping.store(true, Ordering::Relaxed);
    }

    /// Closes the listener.
    pub fn close(&mut self) {
        self.server = None;
    }

    fn explain(&self, wanted: &ListenOn, error: io::Error) -> String {
        if let Some(server) = &self.server
            && error.kind() == io::ErrorKind::AddrInUse
            && server.port() == port(&wanted.asked)
        {
            return format!(
                "web: cannot listen on {} beside {}: 'no web' closes that first",
                wanted.asked, server.on.bound
            );
        }
        format!("web: {}", ListenError::new(wanted.asked.clone(), error))
    }
}

impl Server {
    fn open(wanted: &ListenOn) -> io::Result<Server> {
        let Place::Inet(address) = wanted.asked else {
            return Err(io::Error::other("it is no TCP address"));
        };
        let listener = listen(address)?;
        let mut on = wanted.clone();
        on.bind_to(&Place::Inet(listener.local_addr()?));
        Ok(Server { on, listener: Arc::new(listener), peers: Arc::default(), acceptor: None })
    }

    fn serve(&mut self, context: &Arc<Context>) -> io::Result<()> {
        let (listener, peers) = (Arc::clone(&self.listener), Arc::clone(&self.peers));
        let context = Arc::clone(context);
        let thread = thread::Builder::new().name("web".to_owned());
        self.acceptor = Some(thread.spawn(move || accept_all(&listener, &peers, &context))?);
        Ok(())
    }

    fn satisfies(&self, wanted: &ListenOn) -> bool {
        self.on.asked == wanted.asked || self.on.bound == wanted.asked
    }

    fn port(&self) -> Option<u16> {
        port(&self.on.bound)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.peers.end();
        // New peers are refused from here on, and the thread wakes up.
        let closed = SockRef::from(&*self.listener).shutdown(Shutdown::Both);
        // Should the system refuse that, the thread would wait for one more peer, and nobody may wait for that.
        if let (Ok(()), Some(acceptor)) = (closed, self.acceptor.take()) {
            // Its panic, if it had one, has ended the process.
            let _ = acceptor.join();
        }
    }
}

fn port(place: &Place) -> Option<u16> {
    match place {
        Place::Inet(address) => Some(address.port()),
        Place::Unix(_) => None,
    }
}

/// A blocking listener. What it accepts inherits `TCP_NODELAY`.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.cloexec(), None)?;
    socket.set_reuse_address(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// The listener's thread.
fn accept_all(listener: &TcpListener, peers: &Arc<Peers>, context: &Arc<Context>) {
    while !peers.ending() {
        match listener.accept() {
            Ok((stream, peer)) => admit(stream, peer, peers, context),
            Err(_) if peers.ending() => {}
            Err(error) if AcceptTrouble::from(&error) == AcceptTrouble::PeerIsGone => {}
            Err(error) => {
                log::warn!("cannot accept on the web port, trying again soon: {}", reason(&error));
                thread::sleep(ACCEPT_PAUSE);
            }
        }
    }
}

fn admit(stream: TcpStream, peer: SocketAddr, peers: &Arc<Peers>, context: &Arc<Context>) {
    let (stream, peer) = (Arc::new(stream), ClientAddr::from(peer.ip()));
    let Some(place) = peers.enter(Arc::clone(&stream), context.permits(peer)) else { return };
    let session = Session::new(stream, peer, place, Arc::clone(context));
    let thread = thread::Builder::new().name("web session".to_owned()).stack_size(STACK);
    if let Err(error) = thread.spawn(move || session.run()) {
        log::warn!("cannot start a thread for a web session: {}", reason(&error));
    }
}

impl Context {
    /// Whether `web_acl` lets this peer ask.
    pub fn permits(&self, peer: ClientAddr) -> bool {
        let settings = self.shared.settings.load();
        settings.acls[usize::from(settings.process.web_acl)].permits(peer)
    }
}

#[cfg(test)]
mod tests;

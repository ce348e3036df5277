//! All listening sockets of the process: what a service listens on goes through here, at start, at HUP and by `listen`.
//!
//! Changes are planned first, which opens what is new, and then carried out as a whole or not at all. What stays is never
//! reopened. What goes refuses new clients, and is closed a moment later, when those that had begun to connect are in.

mod files;
mod opening;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Weak};
use std::time::Duration;

use common::reason;

use super::listener::{ListenSocket, ListenerId, TcpOptions};
use super::worker::Message;
use crate::engine::time::Tick;
use crate::settings::{Place, ServiceIndex, Transport};
use crate::shared::Shared;
use system::privileges::User;

use self::files::FormerFile;
pub use self::files::SocketFile;
pub use self::opening::Plan;

/// How long a listener that goes waits for handshakes that are under way: a round trip and some more.
const FAREWELL: Duration = Duration::from_secs(1);

/// What a service wants to listen on.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The service.
    pub service: ServiceIndex,
    /// The place.
    pub place: Place,
    /// For connections or for datagrams.
    pub transport: Transport,
    /// How to open it, if it is TCP.
    pub options: TcpOptions,
}

/// Why a listener could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {place}: {}", explain(.place, .error))]
pub struct ListenError {
    place: Place,
    error: io::Error,
}

impl ListenError {
    /// For a listener at `place`.
    pub fn new(place: Place, error: io::Error) -> ListenError {
        ListenError { place, error }
    }

    /// Two services want the place.
    pub fn taken(place: Place) -> ListenError {
        ListenError::new(place, taken())
    }
}

/// The listeners of the process.
#[derive(Debug)]
pub struct Registry {
    shared: Arc<Shared>,
    entries: Vec<Entry>,
    /// Sockets that the workers were told to let go of, and may still be emptying.
    gone: Vec<Gone>,
    next_id: u32,
}

#[derive(Debug)]
struct Entry {
    id: ListenerId,
    service: ServiceIndex,
    /// As it was asked for, perhaps with port 0.
    asked: Place,
    /// With the port that it got.
    bound: Place,
    transport: Transport,
    options: TcpOptions,
    sockets: Vec<Arc<ListenSocket>>,
    state: State,
    /// The file of a Unix socket, taken away with the entry.
    file: Option<SocketFile>,
    /// The file that was there before; comes back if the entry goes before it is in force.
    former: Option<FormerFile>,
}

/// A socket of an entry that is closed.
#[derive(Debug)]
struct Gone {
    service: ServiceIndex,
    bound: Place,
    transport: Transport,
    socket: Weak<ListenSocket>,
}

impl Gone {
    /// Whether somebody may still come out of its queue.
    fn is_open(&self) -> bool {
        self.socket.strong_count() > 0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// New clients are refused; closed then.
    Leaving(Tick),
}

impl Registry {
    /// No listeners yet; `shared` tells how many workers there are.
    pub fn new(shared: Arc<Shared>) -> Registry {
        Registry { shared, entries: Vec::new(), gone: Vec::new(), next_id: 0 }
    }

    /// Does what was planned and has begun: the new ones accept, those that are not wanted any more say farewell.
    pub fn carry_out(&mut self, plan: Plan) {
        for entry in &mut self.entries {
            match plan.kept.iter().find(|(id, _)| *id == entry.id) {
                Some((_, options)) => entry.stay(*options),
                None => entry.leave(self.shared.now().plus(FAREWELL)),
            }
        }
        for mut entry in plan.opened {
            entry.former.take().into_iter().for_each(FormerFile::discard);
            for (index, mailbox) in self.shared.mailboxes.iter().enumerate() {
                if index > 0 && entry.is_for_one_worker() {
                    break;
                }
                // TCP, UDP: one socket a worker. Unix: one for all.
                let socket = &entry.sockets[index % entry.sockets.len()];
                mailbox.send(Message::Listen(entry.id, entry.service, Arc::clone(socket)));
            }
            self.entries.push(entry);
        }
    }

    /// Makes the listeners the user's, who may then open more sockets beside those that leave.
    pub fn give_to(&self, user: &User) -> io::Result<()> {
        self.entries.iter().flat_map(|entry| &entry.sockets).try_for_each(|socket| socket.give_to(user))
    }

    /// Where a listener that was asked for as `asked` really listens.
    pub fn bound(&self, service: ServiceIndex, asked: &Place) -> Option<&Place> {
        self.entries
            .iter()
            .find(|entry| entry.service == service && entry.state == State::Open && entry.asked == *asked)
            .map(|entry| &entry.bound)
    }

    /// Closes the listeners whose farewell is over. Tells when to come again.
    pub fn close_left(&mut self) -> Option<Tick> {
        let now = self.shared.now();
        for entry in
            self.entries.extract_if(.., |entry| matches!(entry.state, State::Leaving(until) if until <= now))
        {
            let sockets = entry.sockets.iter().map(Arc::downgrade);
            let gone = |socket| Gone {
                service: entry.service,
                bound: entry.bound.clone(),
                transport: entry.transport,
                socket,
            };
            self.gone.extend(sockets.map(gone));
            for mailbox in &self.shared.mailboxes {
                mailbox.send(Message::Unlisten(entry.id));
            }
        }
        self.gone.retain(Gone::is_open);
        self.entries
            .iter()
            .filter_map(|entry| if let State::Leaving(until) = entry.state { Some(until) } else { None })
            .min()
    }

    /// Refuses all new clients and closes the listeners after `farewell` at the latest.
    pub fn leave_all(&mut self, farewell: Duration) {
        let until = self.shared.now().plus(farewell.min(FAREWELL));
        for entry in &mut self.entries {
            entry.leave(until);
        }
        self.close_left();
    }

    /// Whether somebody may still come out of a listener's queue.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && !self.gone.iter().any(Gone::is_open)
    }

    /// The same of one service's listeners.
    pub fn is_done_with(&self, service: ServiceIndex) -> bool {
        let mut gone = self.gone.iter().filter(|gone| gone.service == service);
        self.entries.iter().all(|entry| entry.service != service) && !gone.any(Gone::is_open)
    }
}

impl Entry {
    fn satisfies(&self, wanted: &Wanted) -> bool {
        self.state == State::Open
            && self.service == wanted.service
            && self.transport == wanted.transport
            && self.options.only_v6 == wanted.options.only_v6
            && (self.asked == wanted.place || self.bound == wanted.place)
    }

    /// Whether only one socket can be at the place: the same one for connections or for datagrams, or a file.
    fn is_in_the_way_of(&self, wanted: &Wanted) -> bool {
        let same_kind = self.transport == wanted.transport || matches!(self.bound, Place::Unix(_));
        same_kind && self.bound == wanted.place
    }

    /// Whether the first worker alone reads from it: the flows of a client are known to one worker only, and where workers share
    /// a socket, any of them might get its datagram.
    fn is_for_one_worker(&self) -> bool {
        self.transport == Transport::Datagram && matches!(self.bound, Place::Unix(_))
    }

    fn leave(&mut self, until: Tick) {
        match self.state {
            State::Open => {
                self.state = State::Leaving(until);
                self.each_socket(ListenSocket::turn_away);
                drop(self.file.take());
            }
            State::Leaving(earlier) => self.state = State::Leaving(earlier.min(until)),
        }
    }

    fn stay(&mut self, options: TcpOptions) {
        if self.options != options {
            self.options = options;
            self.each_socket(|socket| socket.set_options(options));
        }
    }

    fn each_socket(&self, action: impl Fn(&ListenSocket) -> io::Result<()>) {
        for socket in &self.sockets {
            if let Err(error) = action(socket) {
                log::warn!("cannot change the listener on {socket}: {}", reason(&error));
            }
        }
    }
}

fn taken() -> io::Error {
    io::Error::other("another service listens there")
}

/// The reason in words that help.
fn explain(place: &Place, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another process listens there".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine does not have that address".to_owned(),
        io::ErrorKind::PermissionDenied if matches!(place, Place::Inet(_)) => {
            "pen's user is not permitted to (ports below 1024 need root)".to_owned()
        }
        _ => reason(error),
    }
}

/// Whether two wildcard listeners share a port, so that the IPv6 one must leave IPv4 alone.
pub fn needs_only_v6(place: &Place, all: &[Place]) -> bool {
    let Place::Inet(SocketAddr::V6(v6)) = place else { return false };
    v6.ip().is_unspecified()
        && all.contains(&Place::Inet(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), v6.port())))
}

#[cfg(test)]
mod tests;

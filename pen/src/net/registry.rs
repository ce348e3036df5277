//! All listening sockets of the process: what a service listens on goes through here, at start, at HUP and by `listen`.
//!
//! Changes are planned first, which opens what is new, and then carried out as a whole or not at all. What stays is never
//! reopened. What goes refuses new clients, and is closed a moment later, when those that had begun to connect are in.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use common::reason;

use super::listener::{ListenSocket, ListenerId, TcpOptions};
use super::worker::Message;
use crate::engine::time::Tick;
use crate::settings::{Place, ServiceIndex, Transport};
use crate::shared::Shared;
use system::privileges::User;

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

/// What is to be done. Dropped, it undoes what was opened for it.
#[derive(Debug)]
pub struct Plan {
    opened: Vec<Entry>,
    kept: Vec<(ListenerId, TcpOptions)>,
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

/// The file of a Unix socket that we made, taken away when dropped.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Device and inode: another process may have put its own socket there meanwhile.
    identity: Option<(u64, u64)>,
}

impl SocketFile {
    /// The file that was just made at `path`.
    pub fn new(path: &Path) -> SocketFile {
        SocketFile { path: path.to_owned(), identity: identity(path) }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let file = std::fs::symlink_metadata(path).ok()?;
    file.file_type().is_socket().then(|| (file.dev(), file.ino()))
}

impl Registry {
    /// No listeners yet; `shared` tells how many workers there are.
    pub fn new(shared: Arc<Shared>) -> Registry {
        Registry { shared, entries: Vec::new(), gone: Vec::new(), next_id: 0 }
    }

    /// Opens what is wanted and not yet there. Nothing changes for the listeners that are, nor for their clients before the plan
    /// begins.
    pub fn plan(&mut self, wanted: &[Wanted]) -> Result<Plan, ListenError> {
        let mut plan = Plan { opened: Vec::new(), kept: Vec::new() };
        let mut missing = Vec::new();
        for one in wanted {
            match self.entries.iter().find(|entry| entry.satisfies(one)) {
                Some(entry) => plan.kept.push((entry.id, one.options)),
                None => missing.push(one),
            }
        }
        for one in missing {
            if !plan.opened.iter().any(|entry| entry.satisfies(one)) {
                let entry =
                    self.open(one, &plan).map_err(|error| ListenError::new(one.place.clone(), error))?;
                plan.opened.push(entry);
            }
        }
        Ok(plan)
    }

    /// Does what was planned and has begun: the new ones accept, those that are not wanted any more say farewell.
    pub fn carry_out(&mut self, plan: Plan) {
        for entry in &mut self.entries {
            match plan.kept.iter().find(|(id, _)| *id == entry.id) {
                Some((_, options)) => entry.stay(*options),
                None => entry.leave(self.shared.now().plus(FAREWELL)),
            }
        }
        for entry in plan.opened {
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

    fn open(&mut self, wanted: &Wanted, plan: &Plan) -> io::Result<Entry> {
        let kept = self.entries.iter().filter(|entry| plan.kept.iter().any(|(id, _)| *id == entry.id));
        if kept
            .chain(&plan.opened)
            .any(|entry| entry.service != wanted.service && entry.is_in_the_way_of(wanted))
        {
            return Err(taken());
        }
        let (sockets, bound, file) = match &wanted.place {
            Place::Inet(address) => {
                let sockets = self.open_group(*address, wanted, &plan.opened)?;
                let bound = sockets[0].local_address().map_or(wanted.place.clone(), Place::Inet);
                (sockets, bound, None)
            }
            Place::Unix(path) => {
                // A file stands for one socket only.
                if self.entries.iter().any(|entry| entry.state == State::Open && entry.bound == wanted.place)
                {
                    return Err(io::Error::other(
                        "a service of this pen listens there until it listens elsewhere",
                    ));
                }
                let socket = match wanted.transport {
                    Transport::Stream => ListenSocket::unix(path, wanted.options.backlog)?,
                    Transport::Datagram => ListenSocket::unix_datagram(path)?,
                };
                (vec![socket], wanted.place.clone(), Some(SocketFile::new(path)))
            }
        };
        self.next_id += 1;
        Ok(Entry {
            id: ListenerId(self.next_id),
            service: wanted.service,
            asked: wanted.place.clone(),
            bound,
            transport: wanted.transport,
            options: wanted.options,
            sockets: sockets.into_iter().map(Arc::new).collect(),
            state: State::Open,
            file,
        })
    }

    /// One socket a worker. A `SO_REUSEPORT` group lets in any process of the same user, another pen for instance; so an
    /// ordinary bind looks first whether the address is free (unless it overlaps one of our own).
    fn open_group(
        &self,
        mut address: SocketAddr,
        wanted: &Wanted,
        beside: &[Entry],
    ) -> io::Result<Vec<ListenSocket>> {
        let Wanted { transport, options, .. } = *wanted;
        let ours = self.entries.iter().chain(beside).map(|entry| (entry.transport, &entry.bound));
        let emptied =
            self.gone.iter().filter(|gone| gone.is_open()).map(|gone| (gone.transport, &gone.bound));
        if !ours.chain(emptied).any(|(other, bound)| other == transport && overlap(bound, address)) {
            address = match transport {
                Transport::Stream => ListenSocket::probe(address, options)?,
                Transport::Datagram => ListenSocket::probe_udp(address, options.only_v6)?,
            };
        }
        let open = |_| match transport {
            Transport::Stream => ListenSocket::tcp(address, options),
            Transport::Datagram => ListenSocket::udp(address, options.only_v6),
        };
        self.shared.mailboxes.iter().map(open).collect()
    }
}

impl Plan {
    /// Lets clients come to what was opened: the last step that can fail. Not before all others have succeeded, because an address
    /// may be shared with a listener in force, whose clients would be lost with a plan that is dropped.
    pub fn begin(&self) -> Result<(), ListenError> {
        for entry in &self.opened {
            let begun = entry.sockets.iter().try_for_each(|socket| socket.set_options(entry.options));
            begun.map_err(|error| ListenError::new(entry.bound.clone(), error))?;
        }
        Ok(())
    }

    /// Where a listener that was asked for as `asked` is going to listen, if it was opened by this plan.
    pub fn bound(&self, service: ServiceIndex, asked: &Place) -> Option<&Place> {
        self.opened
            .iter()
            .find(|entry| entry.service == service && entry.asked == *asked)
            .map(|entry| &entry.bound)
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

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.identity.is_some() && identity(&self.path) == self.identity {
            // After a chroot or a change of user it may be out of our reach; the next pen there replaces it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Whether a socket of ours is in the way of another one at this address.
fn overlap(ours: &Place, address: SocketAddr) -> bool {
    let Place::Inet(ours) = ours else { return false };
    let same_port = ours.port() == address.port();
    same_port && (ours.ip() == address.ip() || ours.ip().is_unspecified() || address.ip().is_unspecified())
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

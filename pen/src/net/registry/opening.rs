//! Opening the listeners that are wanted and not yet there, without any harm to those in force: at once what has an address of
//! its own, and as the last step that can fail what takes clients from one in force.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use super::files::{FormerFile, SocketFile};
use super::{Entry, Gone, ListenError, Registry, State, Wanted, taken};
use crate::net::listener::{ListenSocket, ListenerId, TcpOptions};
use crate::settings::{Place, ServiceIndex, Transport};

/// What is to be done. Dropped, it undoes what was opened for it.
#[derive(Debug)]
pub struct Plan {
    pub(super) opened: Vec<Entry>,
    pub(super) kept: Vec<(ListenerId, TcpOptions)>,
    /// How many sockets a group has.
    workers: usize,
}

/// An entry's sockets, where it listens, and its file.
type Opened = (Vec<ListenSocket>, Place, Option<SocketFile>);

impl Registry {
    /// Opens what is wanted and not yet there. Nothing changes for the listeners that are, nor for their clients before the plan
    /// begins.
    pub fn plan(&mut self, wanted: &[Wanted]) -> Result<Plan, ListenError> {
        let workers = self.shared.mailboxes.len();
        let mut plan = Plan { opened: Vec::new(), kept: Vec::new(), workers };
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

    fn open(&mut self, wanted: &Wanted, plan: &Plan) -> io::Result<Entry> {
        let kept = self.entries.iter().filter(|entry| plan.kept.iter().any(|(id, _)| *id == entry.id));
        if kept
            .chain(&plan.opened)
            .any(|entry| entry.service != wanted.service && entry.is_in_the_way_of(wanted))
        {
            return Err(taken());
        }
        let (sockets, bound, file) = match &wanted.place {
            Place::Inet(address) => self.open_group(*address, wanted, plan)?,
            Place::Unix(path) => self.open_unix(path, wanted)?,
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
            former: None,
        })
    }

    /// One socket a worker. A `SO_REUSEPORT` group lets in any process of the same user, another pen for instance; so an
    /// ordinary bind looks first whether the address is free (unless it overlaps one of our own).
    ///
    /// To a UDP socket datagrams come as soon as it has its address. So one that overlaps another of ours has none before the plan
    /// begins: a plan that fails would lose them.
    fn open_group(&self, address: SocketAddr, wanted: &Wanted, plan: &Plan) -> io::Result<Opened> {
        let Wanted { transport, options, .. } = *wanted;
        let beside = self.is_beside_ours(address, transport, &plan.opened);
        let address = match transport {
            _ if beside => address,
            Transport::Stream => ListenSocket::probe(address, options)?,
            Transport::Datagram => ListenSocket::probe_udp(address, options.only_v6)?,
        };
        let sockets = match transport {
            Transport::Datagram if beside => Vec::new(),
            _ => group(address, transport, options, beside, plan.workers)?,
        };
        let bound = sockets.first().and_then(ListenSocket::local_address).unwrap_or(address);
        Ok((sockets, Place::Inet(bound), None))
    }

    /// Whether it overlaps the address of a socket of ours that may be open.
    fn is_beside_ours(&self, address: SocketAddr, transport: Transport, opened: &[Entry]) -> bool {
        let ours = self.entries.iter().chain(opened).map(|entry| (entry.transport, &entry.bound));
        let emptied = self.gone.iter().filter(|gone| Gone::is_open(gone));
        ours.chain(emptied.map(|gone| (gone.transport, &gone.bound)))
            .any(|(other, bound)| other == transport && overlap(bound, address))
    }

    /// A file stands for one socket only. That of the same service, of the other kind, gives way when the plan begins.
    fn open_unix(&self, path: &Path, wanted: &Wanted) -> io::Result<Opened> {
        let mut there =
            self.entries.iter().filter(|entry| entry.state == State::Open && entry.bound == wanted.place);
        if there.any(|entry| entry.service != wanted.service) {
            return Err(io::Error::other("a service of this pen listens there until it listens elsewhere"));
        }
        if self.is_ours(path) {
            return Ok((Vec::new(), wanted.place.clone(), None));
        }
        let socket = bind_file(path, wanted.transport, wanted.options)?;
        Ok((vec![socket], wanted.place.clone(), Some(SocketFile::new(path))))
    }

    /// Whether a listener in force has this file.
    fn is_ours(&self, path: &Path) -> bool {
        let place = Place::Unix(path.into());
        self.entries.iter().any(|entry| entry.state == State::Open && entry.bound == place)
    }
}

impl Plan {
    /// Lets clients come to what was opened: the last step that can fail. Not before all others have succeeded, because an address
    /// may be shared with a listener in force, whose clients would be lost with a plan that is dropped.
    pub fn begin(&mut self) -> Result<(), ListenError> {
        let workers = self.workers;
        for entry in self.opened.iter_mut().filter(|entry| entry.sockets.is_empty()) {
            let begun = entry.open_beside_ours(workers);
            begun.map_err(|error| ListenError::new(entry.bound.clone(), error))?;
        }
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
    /// Opens what shares its place with a listener of ours that may be in force.
    fn open_beside_ours(&mut self, workers: usize) -> io::Result<()> {
        let sockets = match &self.bound {
            Place::Inet(address) => group(*address, self.transport, self.options, true, workers)?,
            Place::Unix(path) => {
                self.former = FormerFile::put_aside(path)?;
                let socket = bind_file(path, self.transport, self.options)?;
                self.file = Some(SocketFile::new(path));
                vec![socket]
            }
        };
        self.sockets = sockets.into_iter().map(Arc::new).collect();
        Ok(())
    }
}

fn group(
    address: SocketAddr,
    transport: Transport,
    options: TcpOptions,
    beside: bool,
    workers: usize,
) -> io::Result<Vec<ListenSocket>> {
    let open = |_| match transport {
        Transport::Stream => ListenSocket::tcp(address, options),
        Transport::Datagram => ListenSocket::udp(address, options.only_v6, beside),
    };
    (0..workers).map(open).collect()
}

fn bind_file(path: &Path, transport: Transport, options: TcpOptions) -> io::Result<ListenSocket> {
    match transport {
        Transport::Stream => ListenSocket::unix(path, options.backlog),
        Transport::Datagram => ListenSocket::unix_datagram(path),
    }
}

/// Whether a socket of ours is in the way of another one at this address.
fn overlap(ours: &Place, address: SocketAddr) -> bool {
    let Place::Inet(ours) = ours else { return false };
    let same_port = ours.port() == address.port();
    same_port && (ours.ip() == address.ip() || ours.ip().is_unspecified() || address.ip().is_unspecified())
}

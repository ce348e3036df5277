//! The names that servers were looked up from, and what becomes of their servers when they are looked up again. When that is, the
//! control plane decides.

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Display, Formatter};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::thread;

use common::addr::Host;
use common::command::Fallback;
use parking_lot::Mutex;

use super::draft::Draft;
use super::resolve::Resolver;
use super::servers::settle;
use super::{Service, ServiceIndex, Settings, log};
use crate::engine::servers::{Server, ServerAddr};

/// How many names are looked up at the same time.
const AT_ONCE: usize = 8;

/// What the look-up of each name came to: addresses (with port 0), the best first, or one line that says what was wrong.
pub type Answers = HashMap<Host, Result<Vec<SocketAddr>, String>>;

/// The names of all servers that can get connections, and of all request logs' hosts.
pub fn names(settings: &Settings) -> HashSet<Host> {
    let services = settings.services.values().filter(|service| !service.draining);
    let servers = services.flat_map(|service| places(service));
    servers.filter_map(|(_, server)| server.host.clone()).chain(log::names(settings)).collect()
}

/// Looks the names up, some at a time: it takes as long as the name servers do.
pub fn look_up(names: HashSet<Host>, resolver: &dyn Resolver) -> Answers {
    let helpers = names.len().min(AT_ONCE).saturating_sub(1);
    let (names, answers) = (Mutex::new(names.into_iter()), Mutex::new(Answers::new()));
    let next = || names.lock().next();
    let work = || {
        while let Some(name) = next() {
            let answer = resolver.resolve_all(&name, 0);
            answers.lock().insert(name, answer);
        }
    };
    thread::scope(|scope| {
        for _ in 0..helpers {
            // Without this helper it only takes longer.
            let _ = thread::Builder::new().name("names".to_owned()).spawn_scoped(scope, work);
        }
        work();
    });
    answers.into_inner()
}

/// Moves the servers whose names have lost their address. Who keeps it, and who has no answer, stays.
pub fn take_in(draft: &mut Draft, answers: &Answers) -> Vec<Move> {
    let services = draft.settings().services.iter().filter(|(_, service)| !service.draining);
    let moves: Vec<Move> = services.flat_map(|(index, service)| moves(index, service, answers)).collect();
    for step in &moves {
        let server = settle(draft, &step.server, ServerAddr::Inet(step.to));
        if let Some(service) = draft.service_at_mut(step.index) {
            *step.place.of(service) = Some(Arc::new(server));
        }
    }
    moves
}

/// A server that goes to another address, with everything that it has.
#[derive(Debug)]
pub struct Move {
    index: ServiceIndex,
    service: Arc<str>,
    place: Place,
    server: Arc<Server>,
    to: SocketAddr,
}

/// Where a service keeps a server.
#[derive(Clone, Copy, Debug)]
enum Place {
    Slot(usize),
    Fallback(Fallback),
}

impl Place {
    fn of(self, service: &mut Service) -> &mut Option<Arc<Server>> {
        match self {
            Place::Slot(slot) => &mut service.servers[slot],
            Place::Fallback(Fallback::Abuse) => &mut service.abuse,
            Place::Fallback(Fallback::Emergency) => &mut service.emergency,
        }
    }
}

fn places(service: &Service) -> impl Iterator<Item = (Place, &Arc<Server>)> {
    let slots = (0..).map(Place::Slot).zip(service.servers.iter());
    let fallbacks = [
        (Place::Fallback(Fallback::Emergency), &service.emergency),
        (Place::Fallback(Fallback::Abuse), &service.abuse),
    ];
    slots.chain(fallbacks).filter_map(|(place, server)| Some((place, server.as_ref()?)))
}

/// Of a name's addresses, servers that move share those that the fewest of its servers in the service have.
fn moves(index: ServiceIndex, service: &Arc<Service>, answers: &Answers) -> Vec<Move> {
    let mut users: HashMap<(&Host, IpAddr), usize> = HashMap::new();
    let mut homeless = Vec::new();
    for (place, server) in places(service) {
        let (Some(host), ServerAddr::Inet(address)) = (&server.host, server.address()) else { continue };
        let Some(Ok(found)) = answers.get(host) else { continue };
        if found.iter().any(|found| with_port(*found, address.port()) == *address) {
            *users.entry((host, address.ip())).or_default() += 1;
        } else {
            homeless.push((place, server, host, address.port(), found));
        }
    }
    let mut moves = Vec::new();
    for (place, server, host, port, found) in homeless {
        let least_used =
            found.iter().min_by_key(|found| users.get(&(host, found.ip())).copied().unwrap_or_default());
        let Some(to) = least_used else { continue };
        *users.entry((host, to.ip())).or_default() += 1;
        moves.push(Move {
            index,
            service: Arc::clone(&service.name),
            place,
            server: Arc::clone(server),
            to: with_port(*to, port),
        });
    }
    moves
}

fn with_port(mut address: SocketAddr, port: u16) -> SocketAddr {
    address.set_port(port);
    address
}

impl Display for Move {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Slot(slot) => write!(f, "server {slot}")?,
            Place::Fallback(Fallback::Abuse) => f.write_str("the abuse server")?,
            Place::Fallback(Fallback::Emergency) => f.write_str("the emergency server")?,
        }
        write!(f, " of {}: ", self.service)?;
        if let Some(host) = &self.server.host {
            write!(f, "{host} ")?;
        }
        write!(f, "is now at {}", self.to.ip())
    }
}

#[cfg(test)]
mod tests;

//! The idle connections of one service: dials what is missing, throws away what servers say, notices who has gone.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;

use common::reason;
use mio::event::Event;
use mio::{Registry, Token};

use super::line::{Line, NoLine};
use crate::engine::idlers::{Place, Posts};
use crate::engine::servers::{Server, Standing};
use crate::engine::time::Tick;
use crate::settings::{Service, ServiceState};
use crate::shared::Shared;

/// The idle connections of a service.
pub struct Kept {
    state: Arc<ServiceState>,
    posts: Posts,
    /// By number, in the order in which they were dialled.
    idlers: BTreeMap<usize, Idler>,
    latest_number: usize,
    /// So many are to be dialled.
    missing: usize,
}

/// An idle connection, and the place that it takes.
struct Idler {
    place: Place,
    line: Line,
}

/// How an idle connection ends.
enum Ending {
    /// It did not come about.
    Failed(std::io::Error),
    /// The server has ended it.
    ByServer,
    /// It is not wanted any more.
    Dismissed,
}

impl Kept {
    /// None yet.
    pub fn new(service: &Service) -> Kept {
        Kept {
            state: Arc::clone(&service.state),
            posts: Posts::default(),
            idlers: BTreeMap::new(),
            latest_number: 0,
            missing: 0,
        }
    }

    /// Whether this is the service that they are kept for.
    pub fn is_of(&self, service: &Service) -> bool {
        Arc::ptr_eq(&self.state, &service.state)
    }

    /// Closes what has no server any more, gives up what takes too long, and looks how many are missing or too many.
    pub fn begin_round(&mut self, service: &Service, now: Tick, scratch: &mut [u8]) {
        let numbers: Vec<usize> = self.idlers.keys().copied().collect();
        for number in numbers {
            if let Some(ending) = self.look_at(number, service, now, scratch) {
                self.close(number, &ending, now);
            }
        }
        let wanted = service.limits.idlers as usize;
        self.missing = wanted.saturating_sub(self.idlers.len());
        // Those dialled last go, so that the others are still spread over the servers.
        while self.idlers.len() > wanted
            && let Some(number) = self.idlers.keys().next_back().copied()
        {
            self.close(number, &Ending::Dismissed, now);
        }
    }

    /// Why this one is to be closed; `None`: it stays.
    fn look_at(&mut self, number: usize, service: &Service, now: Tick, scratch: &mut [u8]) -> Option<Ending> {
        let Idler { place, line } = self.idlers.get_mut(&number)?;
        self.posts.look_at(place, now);
        let server = service.servers.get(place.slot()).and_then(Option::as_deref);
        if server.is_none_or(|server| !line.goes_to(server, service) || is_left_alone(server, now)) {
            Some(Ending::Dismissed)
        } else if place.is_connecting() {
            line.is_late(now).then(|| Ending::Failed(ErrorKind::TimedOut.into()))
        } else {
            line.hear_more(scratch).is_err().then_some(Ending::ByServer)
        }
    }

    /// Dials as many of the missing ones as can be dialled now.
    pub fn dial_missing(
        &mut self,
        service: &Service,
        shared: &Arc<Shared>,
        registry: &Registry,
        token: impl Fn(usize) -> Token,
        now: Tick,
    ) {
        let server = |slot: usize| service.servers[slot].as_ref();
        let usable = |slot| server(slot).is_some_and(|server| takes_clients(server, now));
        while self.missing > 0
            && let Some(place) = self.posts.take(service.servers.len(), now, usable)
            && let Some(server) = server(place.slot())
        {
            let number = self.latest_number + 1;
            match Line::dial(server, service, shared, registry, token(number), now) {
                Ok(line) => {
                    self.missing -= 1;
                    self.latest_number = number;
                    self.idlers.insert(number, Idler { place, line });
                }
                // Another server gets it.
                Err(NoLine::Failed(error)) => {
                    tell(server, &error);
                    self.posts.failed(place, now);
                }
                Err(NoLine::Shortage) => {
                    // Clients need it more. In the next round there may be enough.
                    self.posts.dismissed(place);
                    self.missing = 0;
                }
            }
        }
    }

    /// A connection has news.
    pub fn progress(&mut self, number: usize, event: &Event, now: Tick, scratch: &mut [u8]) {
        let Some(Idler { place, line }) = self.idlers.get_mut(&number) else { return };
        if place.is_connecting() {
            match line.outcome(event).map(|outcome| outcome.and_then(|()| line.introduce())) {
                None => return,
                Some(Ok(())) => {
                    self.posts.opened(place, now);
                    line.count(&self.state);
                }
                Some(Err(error)) => {
                    self.close(number, &Ending::Failed(error), now);
                    return;
                }
            }
        }
        if line.hear(scratch).is_err() {
            self.close(number, &Ending::ByServer, now);
        }
    }

    fn close(&mut self, number: usize, ending: &Ending, now: Tick) {
        let Some(Idler { place, line }) = self.idlers.remove(&number) else { return };
        match ending {
            Ending::Failed(error) => {
                tell(line.server(), error);
                self.posts.failed(place, now);
            }
            Ending::ByServer => self.posts.ended(place, now),
            Ending::Dismissed => return self.posts.dismissed(place),
        }
        self.missing += 1;
    }
}

/// Whether the server is up, and has room for a client that is new to it.
fn takes_clients(server: &Server, now: Tick) -> bool {
    !is_left_alone(server, now) && server.has_room(Standing::New)
}

fn is_left_alone(server: &Server, now: Tick) -> bool {
    server.state.blacklisted(now).is_some() || server.state.fitness.is_down() || !server.admits(Standing::New)
}

fn tell(server: &Server, error: &std::io::Error) {
    let (slot, address) = (server.id().slot, server.address());
    log::debug!("an idle connection to server {slot} ({address}) failed: {}", reason(error));
}

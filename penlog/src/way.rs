//! The way to penlogd: names are looked up, one of its addresses is chosen, and both again when nobody is there.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use crate::connection::Connection;
use crate::destination::{Destination, Route};
use crate::look_up::{Answer, LookUp};
use crate::losses::Losses;

/// How long lines wait for names at the start. The pipe they come from holds them meanwhile.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long after a failure to open a socket the next attempt is made.
const PAUSE: Duration = Duration::from_secs(1);
/// How old a name's address must be before it is looked up again because nobody listens there.
const AGE: Duration = Duration::from_secs(30);

/// A datagram of at most so many bytes fits any connection.
const LONGEST: usize = 65_507;

/// The way, if there is one.
pub struct Way {
    destination: Destination,
    look_up: Option<LookUp>,
    looked_up: Instant,
    /// Not empty once the names are known. The first one is in use.
    routes: Vec<Route>,
    connection: Option<Connection>,
    /// Why there is no connection.
    obstacle: String,
    not_before: Instant,
}

impl Way {
    /// Begins to look for it.
    pub fn new(destination: Destination) -> Way {
        let now = Instant::now();
        let mut way = Way {
            destination,
            look_up: None,
            looked_up: now,
            routes: Vec::new(),
            connection: None,
            obstacle: String::new(),
            not_before: now,
        };
        if way.destination.is_plain() {
            let answer = way.destination.resolve().map_or_else(Answer::Failed, Answer::Found);
            way.heed(answer);
        } else {
            way.obstacle = format!("no answer yet to who '{}' is", way.destination.server.host);
        }
        if way.routes.is_empty() {
            way.start_look_up(now);
            way.heed_look_up(PATIENCE);
        }
        way
    }

    /// How many bytes a datagram may have.
    pub fn longest(&self) -> usize {
        self.connection.as_ref().map_or(LONGEST, Connection::longest)
    }

    /// What becomes readable when a datagram was refused.
    pub fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.connection.as_ref().map(AsFd::as_fd)
    }

    /// Sends them all, as far as that is possible, and counts what is lost.
    pub fn send(&mut self, mut datagrams: &[&[u8]], losses: &mut Losses, now: Instant) {
        self.heed_look_up(Duration::ZERO);
        while self.connection.is_none() && self.not_before <= now {
            let Some((&first, others)) = datagrams.split_first() else { return };
            if self.connect(first, losses, now) {
                datagrams = others;
            }
        }
        match &mut self.connection {
            Some(connection) => connection.send(datagrams, losses),
            None => losses.add(datagrams.len() as u64, &self.obstacle),
        }
    }

    /// Counts what was refused. Somebody may listen at another address then.
    pub fn heed_refusals(&mut self, losses: &mut Losses, now: Instant) {
        let Some(connection) = &self.connection else { return };
        if !connection.heed_refusals(losses) {
            return;
        }
        if self.routes.len() > 1 {
            self.routes.rotate_left(1);
            self.connection = None;
        }
        let is_old = now.duration_since(self.looked_up) >= AGE;
        if is_old && self.look_up.is_none() && !self.destination.is_plain() {
            self.start_look_up(now);
        }
    }

    /// Opens a connection to the first address where a datagram is not refused at once. Tells whether the datagram has
    /// been dealt with.
    fn connect(&mut self, datagram: &[u8], losses: &mut Losses, now: Instant) -> bool {
        for left in (0..self.routes.len()).rev() {
            match Connection::open(&self.routes[0]) {
                Ok(connection) if self.routes.len() == 1 => {
                    self.connection = Some(connection);
                    return false;
                }
                Ok(mut connection) => {
                    let mut refused = Losses::new(String::new());
                    connection.send(&[datagram], &mut refused);
                    connection.heed_refusals(&mut refused);
                    if left == 0 || !refused.any() {
                        losses.join(&refused);
                        self.connection = Some(connection);
                        return true;
                    }
                }
                Err(error) => self.obstacle = common::reason(&error),
            }
            self.routes.rotate_left(1);
        }
        self.not_before = now + PAUSE;
        false
    }

    fn start_look_up(&mut self, now: Instant) {
        self.looked_up = now;
        match LookUp::start(self.destination.clone()) {
            Ok(look_up) => self.look_up = Some(look_up),
            Err(error) => self.obstacle = format!("cannot look a name up: {}", common::reason(&error)),
        }
    }

    fn heed_look_up(&mut self, patience: Duration) {
        if let Some(look_up) = &self.look_up {
            let answer = look_up.wait(patience);
            self.heed(answer);
        }
    }

    fn heed(&mut self, answer: Answer) {
        match answer {
            Answer::Pending => {}
            Answer::Failed(reason) => self.obstacle = reason,
            Answer::Found(routes) => {
                self.look_up = None;
                let is_known = routes.len() == self.routes.len()
                    && routes.iter().all(|route| self.routes.contains(route));
                if !is_known {
                    self.routes = routes;
                    self.connection = None;
                    self.not_before = Instant::now();
                }
            }
        }
    }
}

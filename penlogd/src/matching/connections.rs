//! Records of connections: whose connection a port of pen was, and when.
//!
//! A port is used again, by and by for other connections to the same server, and at the same time for those to other ports of the
//! same address. So a server's port names several connections, and their times, which come from pen, are brought to the
//! clock of whoever asks: a record tells of something that has just been. An end tells all that an opening does, so either may be
//! missing, come twice, or come late.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;

use common::client_addr::ClientAddr;
use common::log_record::Connection;

use super::{Client, Moment, Question};

/// The connections.
#[derive(Debug)]
pub(super) struct Connections {
    most: usize,
    servers: HashMap<IpAddr, OfServer>,
    /// How many there are from an address of pen to a server.
    pens: HashMap<(IpAddr, IpAddr), usize>,
    /// How many there are.
    count: usize,
    /// Those that are open, by their numbers.
    open: BTreeMap<u64, Id>,
    /// Those that are closed and when they were, the oldest first.
    closed: VecDeque<(Moment, Id)>,
    /// How many there have been.
    numbers: u64,
}

/// What is known of a server's connections.
#[derive(Debug)]
struct OfServer {
    /// By pen's port, in the order of the times that pen tells.
    ports: HashMap<u16, VecDeque<Span>>,
    count: usize,
    /// The asking clock minus pen's, in microseconds, as of the last record.
    skew: i64,
    /// How often lately a number that might have been a port was one, from 0 to 1.
    shown: f32,
    /// Whether a line that shows pen's address came over one: then nothing between pen and server changes addresses.
    shows_pen: bool,
}

impl Default for OfServer {
    /// Until lines show otherwise, whoever has pen tell of connections has the servers log ports.
    fn default() -> OfServer {
        OfServer { ports: HashMap::new(), count: 0, skew: 0, shown: 1.0, shows_pen: false }
    }
}

/// Where a connection is found again, as long as it is there.
#[derive(Clone, Copy, Debug)]
struct Id {
    server: IpAddr,
    pen_port: u16,
    begin: u64,
    number: u64,
}

/// A connection.
#[derive(Clone, Copy, Debug)]
struct Span {
    client: IpAddr,
    client_port: u16,
    pen: IpAddr,
    server_port: u16,
    /// When it opened on pen's clock, in milliseconds.
    begin: u64,
    opened: Moment,
    /// The end of time, if it is open.
    closed: Moment,
    number: u64,
}

/// A connection that a line may have come over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    /// Whose it is.
    pub(super) client: Client,
    /// How long before or after it the line came, in microseconds.
    pub(super) distance: i64,
    /// When it opened.
    pub(super) opened: Moment,
    /// When it closed, if it did.
    closed: Moment,
}

/// So many connections of a port are looked at that opened before a time, and as many that opened afterwards; of open ones, and
/// of closed ones.
const NEAR: usize = 6;

/// So many are looked at to find them.
const FAR: usize = 32;

/// A port has no more than this part of all, or than `OF_PORT`: it would take time to keep forged ones in order.
const PART_OF_PORT: usize = 64;
const OF_PORT: usize = 1024;

/// Records of one moment come within such a time, in microseconds.
const LATE: i64 = 50_000;

/// A line belongs to no connection that ended so long before, in microseconds, or begins so long afterwards.
const FARTHEST: i64 = 60_000_000;

const NEVER: Moment = Moment(i64::MAX);

impl Connections {
    pub(super) fn new(most: usize) -> Connections {
        Connections {
            most: most.max(1),
            servers: HashMap::new(),
            pens: HashMap::new(),
            count: 0,
            open: BTreeMap::new(),
            closed: VecDeque::new(),
            numbers: 0,
        }
    }

    /// Takes in what a record tells, which was so at the moment `at`.
    pub(super) fn add(&mut self, record: &Connection, at: Moment) {
        // A client of a Unix socket has no address that could be put into a line.
        let ClientAddr::Ip(client) = record.client else { return };
        let of_server = self.servers.entry(record.server).or_default();
        let spans = of_server.ports.entry(record.pen_port).or_default();
        let place = spans.partition_point(|span| span.begin < record.opened.0);
        let begin_then = spans.range_mut(place..).take_while(|span| span.begin == record.opened.0);
        let mut known = begin_then.filter(|span| span.has_ends_of(record));
        let known = known.next();
        if known.as_ref().is_some_and(|span| !span.is_open()) {
            return;
        }
        let last = record.closed.unwrap_or(record.opened);
        of_server.skew = at.0.saturating_sub(micros(last.0));
        let (server, pen_port, begin) = (record.server, record.pen_port, record.opened.0);
        let id = |number| Id { server, pen_port, begin, number };
        match (known, record.closed) {
            (Some(_), None) => {}
            (Some(span), Some(_)) => {
                self.open.remove(&span.number);
                span.close(at, id(span.number), &mut self.closed);
            }
            (None, closed) => {
                let number = self.numbers;
                let mut new = Span {
                    client,
                    client_port: record.client_port,
                    pen: record.pen,
                    server_port: record.server_port,
                    begin,
                    opened: Moment(at.0.saturating_sub(micros(last.0.saturating_sub(begin)))),
                    closed: NEVER,
                    number,
                };
                if closed.is_some() {
                    new.close(at, id(number), &mut self.closed);
                } else {
                    // The one between the same ends that was there before is over, although its end has not been told.
                    let mut earlier = spans.range_mut(..place).rev().take(FAR);
                    if let Some(earlier) = earlier.find(|span| span.is_open() && span.has_ends_of(record)) {
                        self.open.remove(&earlier.number);
                        let id = Id { begin: earlier.begin, ..id(earlier.number) };
                        earlier.close(at, id, &mut self.closed);
                    }
                    self.open.insert(number, id(number));
                }
                spans.insert(place, new);
                let is_full = spans.len() > OF_PORT.max(self.most / PART_OF_PORT);
                let oldest =
                    spans.front().filter(|_| is_full).map(|span| Id { begin: span.begin, ..id(span.number) });
                of_server.count += 1;
                *self.pens.entry((server, record.pen)).or_default() += 1;
                self.count += 1;
                self.numbers += 1;
                if let Some(oldest) = oldest {
                    self.open.remove(&oldest.number);
                    self.remove(&oldest);
                }
            }
        }
        while self.count > self.most || self.closed.len() > self.most {
            self.forget_one();
        }
    }

    /// Forgets those that were closed before.
    pub(super) fn forget_before(&mut self, moment: Moment) {
        while let Some((closed, id)) = self.closed.front().copied()
            && closed < moment
        {
            self.closed.pop_front();
            self.remove(&id);
        }
    }

    /// How many connections or traces of them are kept.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let spans = |of_server: &OfServer| of_server.ports.values().map(VecDeque::len).sum::<usize>();
        let all: usize = self.servers.values().map(spans).sum();
        assert_eq!((all, self.pens.values().sum()), (self.count, self.count));
        all.max(self.closed.len()).max(self.open.len())
    }

    /// Whether a line shows the port of its connection, and pen tells of its connections to this server.
    pub(super) fn is_shown_by(&self, question: &Question<'_>) -> bool {
        let Question { server, ports, .. } = question;
        if ports.are_certain() {
            self.servers.contains_key(server)
        } else {
            ports.iter().next().is_some() && self.are_shown_by(*server)
        }
    }

    /// Whether a line is of a connection that is none of pen's. Pens that do not tell of theirs are not known, and behind
    /// something that changes addresses no line shows one of pen's.
    pub(super) fn is_direct(&self, question: &Question<'_>) -> bool {
        let Some(peer) = question.peer else { return false };
        self.servers.get(&question.server).is_some_and(|of_server| of_server.shows_pen)
            && self.is_shown_by(question)
            && !self.pens.contains_key(&(question.server, peer))
    }

    /// Whether lines of this server use to show the port, as far as that is to be guessed.
    pub(super) fn are_shown_by(&self, server: IpAddr) -> bool {
        self.servers.get(&server).is_some_and(|of_server| of_server.shown > 0.5)
    }

    /// Learns whether a line's port named a connection.
    pub(super) fn learn(&mut self, question: &Question<'_>, has_matched: bool) {
        let Some(of_server) = self.servers.get_mut(&question.server) else { return };
        of_server.shows_pen |= has_matched && question.peer.is_some();
        if !question.ports.are_certain() {
            of_server.shown += 0.1 * (f32::from(u8::from(has_matched)) - of_server.shown);
        }
    }

    /// Gives `see` the connections from this port of pen to the server that asks that were there about then.
    pub(super) fn each(
        &self,
        question: &Question<'_>,
        port: u16,
        lasting: i64,
        mut see: impl FnMut(Candidate),
    ) {
        let Some(of_server) = self.servers.get(&question.server) else { return };
        let Some(spans) = of_server.ports.get(&port) else { return };
        let at = question.at.0.saturating_add(lasting).saturating_sub(of_server.skew) / 1000;
        let then = u64::try_from(at).unwrap_or(0);
        let place = spans.partition_point(|span| span.begin <= then);
        near(spans.range(..place).rev())
            .chain(near(spans.range(place..)))
            .filter(|span| question.peer.is_none_or(|peer| peer == span.pen))
            .for_each(|span| {
                let distance = span.distance(question.at, lasting);
                if distance <= FARTHEST {
                    let client = Client { address: span.client, port: Some(span.client_port) };
                    see(Candidate { client, distance, opened: span.opened, closed: span.closed });
                }
            });
    }

    /// Makes room: those that are closed go first, the longest closed one before others.
    fn forget_one(&mut self) {
        let closed = self.closed.pop_front().map(|(_, id)| id);
        if let Some(id) = closed.or_else(|| self.open.pop_first().map(|(_, id)| id)) {
            self.remove(&id);
        }
    }

    /// Removes a connection that is neither among the open nor among the closed ones any more.
    fn remove(&mut self, id: &Id) {
        let Some(of_server) = self.servers.get_mut(&id.server) else { return };
        let Some(spans) = of_server.ports.get_mut(&id.pen_port) else { return };
        let Some(span) = id.place_in(spans).and_then(|place| spans.remove(place)) else { return };
        if let Entry::Occupied(mut left) = self.pens.entry((id.server, span.pen)) {
            *left.get_mut() -= 1;
            if *left.get() == 0 {
                left.remove();
            }
        }
        if spans.is_empty() {
            of_server.ports.remove(&id.pen_port);
        }
        of_server.count -= 1;
        if of_server.count == 0 {
            self.servers.remove(&id.server);
        }
        self.count -= 1;
    }
}

/// The nearest open ones and the nearest closed ones of these.
fn near<'a>(spans: impl Iterator<Item = &'a Span>) -> impl Iterator<Item = &'a Span> {
    let mut left = [NEAR; 2];
    spans.take(FAR).filter(move |span| {
        let left = &mut left[usize::from(span.is_open())];
        let is_near = *left > 0;
        *left = left.saturating_sub(1);
        is_near
    })
}

impl Candidate {
    /// Its requests came no earlier.
    pub(super) fn earliest_request(&self) -> Moment {
        Moment(self.opened.0.saturating_sub(LATE))
    }

    /// Whether it can be its client that asked for something then, at a time that lasts.
    pub(super) fn has_asked(&self, client: IpAddr, at: Moment, lasting: i64) -> bool {
        client == self.client.address
            && at.0.saturating_add(lasting + LATE) >= self.opened.0
            && at.0.saturating_sub(LATE) <= self.closed.0
    }
}

impl Id {
    fn place_in(&self, spans: &VecDeque<Span>) -> Option<usize> {
        let first = spans.partition_point(|span| span.begin < self.begin);
        let mut begin_then = spans.range(first..).take_while(|span| span.begin == self.begin);
        begin_then.position(|span| span.number == self.number).map(|at| first + at)
    }
}

impl Span {
    fn is_open(&self) -> bool {
        self.closed == NEVER
    }

    fn has_ends_of(&self, record: &Connection) -> bool {
        (self.pen, self.server_port) == (record.pen, record.server_port)
    }

    fn close(&mut self, at: Moment, id: Id, closed: &mut VecDeque<(Moment, Id)>) {
        self.closed = at.max(self.opened).min(Moment(NEVER.0 - 1));
        closed.push_back((self.closed, id));
    }

    /// How far it is from a time that lasts.
    fn distance(&self, at: Moment, lasting: i64) -> i64 {
        let until = at.0.saturating_add(lasting);
        let before = self.opened.0.saturating_sub(until);
        let after = at.0.saturating_sub(self.closed.0);
        before.max(after).max(0)
    }
}

fn micros(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX).saturating_mul(1000)
}

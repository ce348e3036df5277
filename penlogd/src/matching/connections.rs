//! Records of connections: whose connection a port of pen was, and when.
//!
//! A port is used again, by and by for other connections to the same server, and at the same time for those to other ports of the
//! same address. So a server's port names several connections, and their times, which come from pen, are brought to the
//! clock of whoever asks: a record tells of something that has just been. An end tells all that an opening does, so either may be
//! missing, come twice, or come late.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::ops::{Bound, RangeInclusive};

use common::client_addr::ClientAddr;
use common::log_record::Connection;

use super::{Client, Moment, Question};

/// The connections.
#[derive(Debug)]
pub(super) struct Connections {
    most: usize,
    open: Group,
    closed: Group,
    servers: HashMap<IpAddr, OfServer>,
}

/// What is known of a server's connections together.
#[derive(Debug)]
struct OfServer {
    count: usize,
    /// The asking clock minus pen's, in microseconds, as of the last record.
    skew: i64,
    /// How often lately a number that might have been a port was one, from 0 to 1.
    shown: f32,
}

impl Default for OfServer {
    /// Until lines show otherwise, whoever has pen tell of connections has the servers log ports.
    fn default() -> OfServer {
        OfServer { count: 0, skew: 0, shown: 1.0 }
    }
}

/// Open ones, or closed ones.
#[derive(Debug, Default)]
struct Group {
    by_port: BTreeMap<Key, Span>,
    /// By the time that they opened, if they are open, or closed, if they are closed.
    by_age: BTreeSet<(Moment, Key)>,
}

/// What tells a connection from all others. Those of one port of a server stand side by side, by the times that pen tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    server: IpAddr,
    pen_port: u16,
    opened: u64,
    pen: IpAddr,
    server_port: u16,
}

/// A connection's client and time.
#[derive(Clone, Copy, Debug)]
struct Span {
    client: IpAddr,
    client_port: u16,
    opened: Moment,
    closed: Option<Moment>,
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

/// Records of one moment come within such a time, in microseconds.
const LATE: i64 = 50_000;

/// A line belongs to no connection that ended so long before, in microseconds, or begins so long afterwards.
const FARTHEST: i64 = 60_000_000;

impl Connections {
    pub(super) fn new(most: usize) -> Connections {
        Connections {
            most: most.max(1),
            open: Group::default(),
            closed: Group::default(),
            servers: HashMap::new(),
        }
    }

    /// Takes in what a record tells, which was so at the moment `at`.
    pub(super) fn add(&mut self, record: &Connection, at: Moment) {
        // A client of a Unix socket has no address that could be put into a line.
        let ClientAddr::Ip(client) = record.client else { return };
        let key = Key {
            server: record.server,
            pen_port: record.pen_port,
            opened: record.opened.0,
            pen: record.pen,
            server_port: record.server_port,
        };
        if self.closed.by_port.contains_key(&key) {
            return;
        }
        let known = self.open.remove(&key, |span| span.opened);
        let of_server = self.servers.entry(key.server).or_default();
        of_server.count += usize::from(known.is_none());
        of_server.skew = at.0.saturating_sub(micros(record.closed.unwrap_or(record.opened).0));
        let age = record.closed.map_or(0, |closed| closed.0.saturating_sub(record.opened.0));
        let opened = known.map_or(Moment(at.0.saturating_sub(micros(age))), |known| known.opened);
        let span = Span { client, client_port: record.client_port, opened, closed: None };
        if record.closed.is_some() {
            self.close(key, span, at.max(opened));
        } else {
            self.end_earlier(&key, at);
            self.open.insert(key, span, span.opened);
        }
        if self.open.by_port.len() + self.closed.by_port.len() > self.most {
            self.forget_one();
        }
    }

    /// Forgets those that were closed before.
    pub(super) fn forget_before(&mut self, moment: Moment) {
        while let Some((closed, key)) = self.closed.by_age.first().copied()
            && closed < moment
        {
            self.closed.remove(&key, Span::end);
            self.count_down(key.server);
        }
    }

    /// Whether pen tells of its connections to this server.
    pub(super) fn are_told_of(&self, server: IpAddr) -> bool {
        self.servers.contains_key(&server)
    }

    /// Whether lines of this server use to show the port, as far as that is to be guessed.
    pub(super) fn are_shown_by(&self, server: IpAddr) -> bool {
        self.servers.get(&server).is_some_and(|of_server| of_server.shown > 0.5)
    }

    /// Learns whether a number in a line of this server was the port.
    pub(super) fn learn(&mut self, server: IpAddr, was_port: bool) {
        if let Some(of_server) = self.servers.get_mut(&server) {
            of_server.shown += 0.1 * (f32::from(u8::from(was_port)) - of_server.shown);
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
        let at = question.at.0.saturating_add(lasting).saturating_sub(of_server.skew) / 1000;
        let all = of_port(question.server, port);
        let then = Key { opened: u64::try_from(at).unwrap_or(0), ..*all.end() };
        for group in [&self.open, &self.closed] {
            let earlier = group.by_port.range(*all.start()..=then).rev().take(NEAR);
            let later = group.by_port.range((Bound::Excluded(then), Bound::Included(*all.end()))).take(NEAR);
            for (key, span) in earlier.chain(later) {
                let distance = span.distance(question.at, lasting);
                if distance <= FARTHEST && question.peer.is_none_or(|peer| peer == key.pen) {
                    let client = Client { address: span.client, port: Some(span.client_port) };
                    see(Candidate { client, distance, opened: span.opened, closed: span.end() });
                }
            }
        }
    }

    /// The connection between the same ends that was there before is over, although its end has not been told.
    fn end_earlier(&mut self, key: &Key, at: Moment) {
        let before = self.open.by_port.range(*of_port(key.server, key.pen_port).start()..*key).rev();
        let same = |other: &Key| other.pen == key.pen && other.server_port == key.server_port;
        let earlier = before.take(NEAR).map(|(other, _)| *other).find(same);
        if let Some(earlier) = earlier
            && let Some(span) = self.open.remove(&earlier, |span| span.opened)
        {
            self.close(earlier, span, at.max(span.opened));
        }
    }

    fn close(&mut self, key: Key, span: Span, at: Moment) {
        self.closed.insert(key, Span { closed: Some(at), ..span }, at);
    }

    /// Makes room: those that are closed go first, the longest closed one before others.
    fn forget_one(&mut self) {
        let closed = self.closed.by_age.first().map(|(_, key)| *key);
        let removed = match closed {
            Some(key) => self.closed.remove(&key, Span::end).map(|_| key),
            None => self.open.by_age.first().map(|(_, key)| *key).inspect(|key| {
                self.open.remove(key, |span| span.opened);
            }),
        };
        if let Some(key) = removed {
            self.count_down(key.server);
        }
    }

    fn count_down(&mut self, server: IpAddr) {
        if let Some(of_server) = self.servers.get_mut(&server) {
            of_server.count -= 1;
            if of_server.count == 0 {
                self.servers.remove(&server);
            }
        }
    }
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

impl Group {
    fn insert(&mut self, key: Key, span: Span, age: Moment) {
        self.by_port.insert(key, span);
        self.by_age.insert((age, key));
    }

    fn remove(&mut self, key: &Key, age: impl Fn(&Span) -> Moment) -> Option<Span> {
        let span = self.by_port.remove(key)?;
        self.by_age.remove(&(age(&span), *key));
        Some(span)
    }
}

impl Span {
    /// When it closed, if it did.
    fn end(&self) -> Moment {
        self.closed.unwrap_or(Moment(i64::MAX))
    }

    /// How far it is from a time that lasts.
    fn distance(&self, at: Moment, lasting: i64) -> i64 {
        let until = at.0.saturating_add(lasting);
        let before = self.opened.0.saturating_sub(until);
        let after = at.0.saturating_sub(self.end().0);
        before.max(after).max(0)
    }
}

fn micros(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX).saturating_mul(1000)
}

/// All keys of a server's port.
fn of_port(server: IpAddr, pen_port: u16) -> RangeInclusive<Key> {
    let least = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
    let most = IpAddr::V6(Ipv6Addr::from_bits(u128::MAX));
    let first = Key { server, pen_port, opened: 0, pen: least, server_port: 0 };
    let last = Key { opened: u64::MAX, pen: most, server_port: u16::MAX, ..first };
    first..=last
}

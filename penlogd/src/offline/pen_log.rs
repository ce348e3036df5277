//! pen's request log, read along with the web servers' logs: the aligner learns as much of it as lies in the window.

use std::io;
use std::net::IpAddr;

use common::log_record::{Connection, Millis, Record, RecordError, RequestLine, parse_line};

use super::input::{Input, Place};
use super::lines::{Lines, Piece};
use crate::matching::{Aligner, Moment};

/// pen's log.
pub struct PenLog {
    /// Where it is.
    pub place: Place,
    /// How many records have been read.
    pub records: u64,
    /// Lines that are no records.
    pub bad: Bad,
    lines: Lines<Input>,
    servers: Servers,
    /// pen's clock minus UTC, in microseconds.
    skew: i64,
    /// The time of the record that comes next, if it is known.
    next_at: Option<i64>,
    /// The latest time of a record that was told of.
    latest: i64,
    /// Records far ahead of those before them, with their times. What follows shows whether they are out of place.
    ahead: Vec<(i64, Vec<u8>)>,
    line_number: u64,
}

/// A record that is so many microseconds later than the one before may be out of place,
const FAR_AHEAD: i64 = 60_000_000;
/// if no more than so many are.
const AHEAD: usize = 16;

/// Records are forgotten after so many.
const MANY: u64 = 4096;

/// Lines that are no records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bad {
    /// How many.
    pub count: u64,
    /// The number of the first one, and what is wrong with it.
    pub first: Option<(u64, BadLine)>,
}

/// Why a line is no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLine {
    /// It has another form.
    #[error(transparent)]
    Form(#[from] RecordError),
    /// Beyond all calendars.
    #[error("its time is too great")]
    Time,
    /// No record is so long.
    #[error("it is too long")]
    Long,
}

/// The servers whose logs are merged: an address of each server, and the one that stands for all of that server's.
#[derive(Clone, Debug, Default)]
pub struct Servers(Vec<(IpAddr, IpAddr)>);

impl Servers {
    /// Adds a server, whose first address stands for the others.
    pub fn add(&mut self, addresses: &[IpAddr]) {
        for address in addresses {
            if let (Err(at), Some(first)) = (self.find(*address), addresses.first()) {
                self.0.insert(at, (*address, *first));
            }
        }
    }

    /// The address that stands for this one, if it is of any interest.
    pub fn representative(&self, address: IpAddr) -> Option<IpAddr> {
        self.find(address).ok().map(|at| self.0[at].1)
    }

    fn find(&self, address: IpAddr) -> Result<usize, usize> {
        self.0.binary_search_by_key(&address, |(address, _)| *address)
    }
}

impl PenLog {
    /// A log that has been opened.
    pub fn new(place: Place, input: Input, servers: Servers, skew: i64) -> PenLog {
        PenLog {
            place,
            records: 0,
            bad: Bad::default(),
            lines: Lines::of(input),
            servers,
            skew,
            next_at: Some(i64::MIN),
            latest: i64::MIN,
            ahead: Vec::new(),
            line_number: 0,
        }
    }

    /// Tells `aligner` all up to the first record that is later than this, in microseconds of UTC. Records are in order but
    /// for a little, since pen's threads write one log: one that is late for that is told of as soon as it is met. A few that
    /// a wrong clock has put far ahead do not keep those behind them from being told of.
    ///
    /// Those from before `begin` need not be remembered: after a long pause they would be many.
    pub fn tell_until(&mut self, limit: i64, begin: Moment, aligner: &mut Aligner) {
        for (_, text) in self.ahead.extract_if(.., |(at, _)| *at <= limit) {
            if let Ok(Some((record, at))) = read(&text, self.skew) {
                self.records += 1;
                self.latest = self.latest.max(at);
                tell(record, Moment(at), &self.servers, aligner);
            }
        }
        while self.next_at.is_some_and(|at| at <= limit) {
            self.next_at = self.tell_next(limit, aligner);
            if self.records.is_multiple_of(MANY) {
                aligner.forget_before(begin);
            }
        }
    }

    /// What kept the rest from being read.
    pub fn failure(&self) -> Option<&io::Error> {
        self.lines.failure()
    }

    /// Tells of the next record, unless it is later than `limit`, and answers the time of what comes next, as far as it
    /// is known; none at the end.
    fn tell_next(&mut self, limit: i64, aligner: &mut Aligner) -> Option<i64> {
        let text = match self.lines.next()? {
            Piece::Line(text) => text.strip_suffix(b"\r").unwrap_or(text),
            Piece::OfLong { is_last, .. } => {
                if is_last {
                    self.line_number += 1;
                    self.bad.add(self.line_number, BadLine::Long);
                }
                return Some(i64::MIN);
            }
        };
        self.line_number += 1;
        match read(text, self.skew) {
            Ok(Some((_, at))) if at > limit => {
                if at > self.latest.saturating_add(FAR_AHEAD) && self.ahead.len() < AHEAD {
                    self.ahead.push((at, text.to_vec()));
                    return Some(i64::MIN);
                }
                self.line_number -= 1;
                self.lines.step_back();
                return Some(at);
            }
            Ok(Some((record, at))) => {
                self.records += 1;
                self.latest = self.latest.max(at);
                self.ahead.retain(|(ahead, _)| *ahead <= at.saturating_add(FAR_AHEAD));
                tell(record, Moment(at), &self.servers, aligner);
            }
            Ok(None) => {}
            Err(error) => self.bad.add(self.line_number, error),
        }
        Some(i64::MIN)
    }
}

/// The record and its time in UTC; nothing, if the line is nothing to merge with.
fn read(text: &[u8], skew: i64) -> Result<Option<(Record<'_>, i64)>, BadLine> {
    if text.is_empty() {
        return Ok(None);
    }
    let record = match parse_line(text) {
        Err(_) if names_unix_socket(text) => return Ok(None),
        record => record?,
    };
    let at = match &record {
        Record::Request { time, .. } => micros(time.unwrap_or_default(), 1_000_000, skew),
        Record::Connection(connection) => {
            let Millis(time) = connection.closed.unwrap_or(connection.opened);
            micros(time, 1000, skew)
        }
    };
    at.map(|at| Some((record, at))).ok_or(BadLine::Time)
}

/// Whether a record has a Unix socket for its client or its server: it is no error, but has nothing to put into a line.
fn names_unix_socket(text: &[u8]) -> bool {
    const UNIX: &[u8] = b"unix";
    let mut words = text.split(|byte| *byte == b' ');
    match words.next() {
        Some(b"=") => words.next() == Some(UNIX) || words.nth(3) == Some(UNIX),
        client => client == Some(UNIX) || words.nth(1) == Some(UNIX),
    }
}

fn micros(time: u64, unit: i64, skew: i64) -> Option<i64> {
    i64::try_from(time).ok()?.checked_mul(unit)?.checked_sub(skew)
}

fn tell(record: Record<'_>, at: Moment, servers: &Servers, aligner: &mut Aligner) {
    match record {
        Record::Request { client, server, request, cut, .. } => {
            if let Some(server) = servers.representative(server.to_canonical()) {
                aligner.request(client, server, &RequestLine::plain(request), cut, at);
            }
        }
        Record::Connection(connection) => {
            if let Some(server) = servers.representative(connection.server) {
                aligner.connection(&Connection { server, ..connection }, at);
            }
        }
    }
}

impl Bad {
    fn add(&mut self, line: u64, error: BadLine) {
        self.count += 1;
        self.first.get_or_insert((line, error));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::line::Ports;
    use crate::matching::{Answer, Limits, Question};

    const SERVER: &str = "10.0.0.1";

    fn pen_log(text: &str) -> PenLog {
        let mut servers = Servers::default();
        servers.add(&[SERVER.parse().unwrap()]);
        PenLog::new(Place::File("pen.log".into()), Box::new(Cursor::new(text.to_owned())), servers, 0)
    }

    /// What it has told up to these seconds, in turn: the last number of each client.
    fn told(log: &mut PenLog, limits: &[i64]) -> Vec<Vec<u8>> {
        let told = |limit: &i64| {
            let mut aligner = Aligner::new(Limits { requests: 100, connections: 100 });
            log.tell_until(limit * 1_000_000, Moment(i64::MIN), &mut aligner);
            let (server, at) = (SERVER.parse().unwrap(), Moment(*limit));
            let clients = (0..=u8::MAX).filter(|client| {
                let request = format!("GET /{client}").into_bytes();
                let (peer, ports, request) = (None, Ports::default(), Some(&request[..]));
                aligner.line(0, &Question { server, peer, ports, request, at });
                aligner.last_answer() != Some(Answer::Unknown)
            });
            clients.collect()
        };
        limits.iter().map(told).collect()
    }

    /// A record at this second.
    fn record(client: u8, second: i64) -> String {
        format!("192.0.2.{client} {second} {SERVER} GET /{client}\n")
    }

    #[test]
    fn records_are_told_of_when_it_is_their_time() {
        let text: String = (0..5).map(|number| record(number, 1000 * i64::from(number))).collect();
        let mut log = pen_log(&text);
        assert_eq!(told(&mut log, &[999, 2500, 3000, 9999]), [vec![0], vec![1, 2], vec![3], vec![4]]);
        assert_eq!((log.records, log.bad.count), (5, 0));
    }

    #[test]
    fn one_that_is_far_ahead_keeps_none_behind_it_back() {
        let text = [record(1, 1000), record(2, 9_000_000), record(3, 1001), record(4, 1500)].concat();
        let mut log = pen_log(&text);
        assert_eq!(told(&mut log, &[1010, 1600, 10_000_000]), [vec![1, 3], vec![4], vec![]]);
    }

    #[test]
    fn many_that_are_far_ahead_are_a_gap_and_come_in_their_time() {
        let text: String = (0..100)
            .map(|number| record(number, i64::from(number) + if number > 9 { 5000 } else { 0 }))
            .collect();
        let mut log = pen_log(&text);
        let in_turn = [(0..=9).collect(), vec![], (10..=29).collect(), (30..100).collect::<Vec<u8>>()];
        assert_eq!(told(&mut log, &[100, 5000, 5029, 9999]), in_turn);
    }

    #[test]
    fn what_a_pause_leaves_behind_is_not_kept() {
        let text: String = (0..20_000).map(|second| record(1, second)).collect();
        let mut aligner = Aligner::new(Limits { requests: usize::MAX, connections: usize::MAX });
        let mut log = pen_log(&text);
        log.tell_until(i64::MAX, Moment(i64::MAX), &mut aligner);
        assert_eq!(log.records, 20_000);
        assert!(aligner.records() <= 4096, "{}", aligner.records());
    }

    #[test]
    fn clients_and_servers_of_unix_sockets_are_no_errors() {
        let mut log = pen_log(
            "unix 5 10.0.0.1 GET /1\n192.0.2.1 5 unix GET /1\n= unix 0 10.0.0.9 1 10.0.0.1 80 1.0\n\
             = 192.0.2.1 1 unix 0 unix 0 1.0\n192.0.2.1 5 10.0.0.1 GET /1\nunix-like 5 10.0.0.1 GET /1\n",
        );
        assert_eq!(told(&mut log, &[10]), [[1]]);
        assert_eq!((log.records, log.bad.count), (1, 1));
    }
}

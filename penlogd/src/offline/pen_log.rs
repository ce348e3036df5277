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
    line_number: u64,
}

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
            line_number: 0,
        }
    }

    /// Tells `aligner` all up to the first record that is later than this, in microseconds of UTC. Records are in order but
    /// for a little, since pen's threads write one log: one that is late for that is told of as soon as it is met.
    pub fn tell_until(&mut self, limit: i64, aligner: &mut Aligner) {
        while self.next_at.is_some_and(|at| at <= limit) {
            self.next_at = self.tell_next(limit, aligner);
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
                self.line_number -= 1;
                self.lines.step_back();
                return Some(at);
            }
            Ok(Some((record, at))) => {
                self.records += 1;
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
    let record = parse_line(text)?;
    let at = match &record {
        Record::Request { time, .. } => micros(time.unwrap_or_default(), 1_000_000, skew),
        Record::Connection(connection) => {
            let Millis(time) = connection.closed.unwrap_or(connection.opened);
            micros(time, 1000, skew)
        }
    };
    at.map(|at| Some((record, at))).ok_or(BadLine::Time)
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

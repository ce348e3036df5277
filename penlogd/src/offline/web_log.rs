//! A web server's log on its way into the merged one.

use std::io;
use std::net::IpAddr;

use super::input::{Input, Place};
use super::lines::{Lines, Piece};
use crate::line::{Format, Line, Stamp};

/// One of the logs that are merged.
pub struct WebLog {
    /// Where it is.
    pub place: Place,
    /// Whose it is.
    pub server: IpAddr,
    /// What became of its lines.
    pub counts: Counts,
    lines: Lines<Input>,
    /// The latest time so far, in microseconds.
    latest: i64,
    is_within_reject: bool,
}

/// Lines by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The connection named the client.
    pub exact: u64,
    /// The request named the client.
    pub likely: u64,
    /// The client is not known.
    pub unknown: u64,
    /// They have no time.
    pub rejected: u64,
}

/// What a log has next.
pub enum Next<'a> {
    /// A line with a time.
    Line {
        /// All of it, without its newline.
        text: &'a [u8],
        /// What it says.
        line: Line<'a>,
        /// Its place in the merged log: the latest time, in microseconds, that the log has shown so far. So lines of a log
        /// keep their order, though servers write a line at the end of a request with the time of its beginning.
        place: i64,
    },
    /// A line without a time, or a part of it.
    Reject {
        /// What it says.
        text: &'a [u8],
        /// Whether the line ends with it.
        ends_line: bool,
    },
    /// Nothing more.
    End,
}

impl WebLog {
    /// A log that has been opened.
    pub fn new(place: Place, server: IpAddr, input: Input) -> WebLog {
        WebLog {
            place,
            server,
            counts: Counts::default(),
            lines: Lines::of(input),
            latest: i64::MIN,
            is_within_reject: false,
        }
    }

    /// Reads on.
    pub fn next(&mut self, format: &Format) -> Next<'_> {
        let (text, ends_line) = match self.lines.next() {
            // The file ends within a long line.
            None if self.is_within_reject => (&b""[..], true),
            None => return Next::End,
            Some(Piece::Line(text)) => {
                let line = format.read(text);
                if let Some(Stamp { micros, .. }) = line.time {
                    self.latest = self.latest.max(micros);
                    return Next::Line { text, line, place: self.latest };
                }
                (text, true)
            }
            Some(Piece::OfLong { text, is_last }) => (text, is_last),
        };
        self.is_within_reject = !ends_line;
        self.counts.rejected += u64::from(ends_line);
        Next::Reject { text, ends_line }
    }

    /// Has [`WebLog::next`] give the last line once more.
    pub fn step_back(&mut self) {
        self.lines.step_back();
    }

    /// What kept the rest from being read.
    pub fn failure(&self) -> Option<&io::Error> {
        self.lines.failure()
    }
}

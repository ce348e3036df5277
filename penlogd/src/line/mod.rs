//! What a line of a server's log says about who asked for what, and the line with the client put in its place.

use std::borrow::Cow;
use std::net::IpAddr;
use std::ops::Range;

use crate::matching::Client;

/// Lines of more bytes are cut in pieces of this size before anybody looks at them.
pub const LONGEST: usize = 64 * 1024;

/// How lines are to be read.
#[derive(Clone, Debug, Default)]
pub struct Format {
    /// `-e`
    #[allow(dead_code, reason = "read soon")]
    pattern: Option<regex::bytes::Regex>,
    #[allow(dead_code, reason = "read soon")]
    yearless: Option<Yearless>,
}

/// What completes times of day such as syslog's `Nov 21 14:31:53`, which say neither year nor zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Yearless {
    /// In microseconds since 1970: a time is taken for the latest one that is at most a day after this.
    pub now: i64,
    /// The zone's seconds east of UTC.
    pub offset: i32,
}

/// A pattern that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It is no regular expression.
    #[error("bad regular expression: {0}")]
    Syntax(String),
    /// It does not say where the peer stands.
    #[error("the regular expression has no group (?<addr>...)")]
    NoAddress,
    /// A group that means nothing here.
    #[error("unknown group (?<{0}>...): addr, port, request and time are known")]
    UnknownGroup(String),
}

/// A line, read.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// What is written: all of it, without its newline, and without the header of syslog before a web server's line.
    pub text: &'a [u8],
    /// Where the address of the server's peer stands, which the client's is to replace.
    #[allow(dead_code, reason = "read soon")]
    address: Option<Range<usize>>,
    /// Where the peer's port stands, which the client's is to replace.
    #[allow(dead_code, reason = "read soon")]
    port: Option<Range<usize>>,
    /// The server's peer, pen, if the line has it as an address. `None`: there is none, or it is shown as a name, or it is
    /// `2001:db8::1:4123`, whose end may be a port (then that is among `ports`).
    pub peer: Option<IpAddr>,
    /// What may be the peer's port, most likely first.
    pub ports: Ports,
    /// What was asked, as pen's records have it: what the server escaped is as it was, and bytes that do not print are `.`.
    pub request: Option<Cow<'a, [u8]>>,
    /// When, as far as the line says so.
    pub time: Option<Stamp>,
}

/// Candidates for the peer's port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    length: u8,
    certain: bool,
    ports: [u16; Ports::MOST],
}

impl Ports {
    /// More are not looked at.
    pub const MOST: usize = 4;

    /// Adds one, unless there are enough.
    pub fn push(&mut self, port: u16) {
        if let Some(slot) = self.ports.get_mut(usize::from(self.length)) {
            *slot = port;
            self.length += 1;
        }
    }

    /// Whether the line says that it is the peer's port, so that it is the only one: `10.0.0.9:41234`, `rport=41234`. Else any
    /// number of the line may be meant.
    pub fn are_certain(&self) -> bool {
        self.certain
    }

    /// They, most likely first.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        self.ports.iter().take(self.length.into()).copied()
    }
}

/// The time that a line shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Microseconds since 1970.
    pub micros: i64,
    /// Whether it says more than whole seconds.
    pub fine: bool,
    /// Where it stands, if it is one of Common Log Format, `14/Nov/2023:22:13:20 +0000` without its brackets.
    pub common: Option<Range<usize>>,
}

impl Format {
    /// Web servers' lines: Common Log Format and what begins like it, or JSON.
    pub fn web() -> Format {
        Format::default()
    }

    /// Lines of any kind, in which `pattern` finds `addr`, and perhaps `port`, `request` and `time`.
    pub fn pattern(pattern: &str) -> Result<Format, PatternError> {
        let pattern =
            regex::bytes::Regex::new(pattern).map_err(|error| PatternError::Syntax(error.to_string()))?;
        Ok(Format { pattern: Some(pattern), ..Format::default() })
    }

    /// Has times without a year and a zone understood, which else are none. Only lines that a pattern reads have such times.
    #[must_use]
    pub fn with_yearless_times(self, yearless: Yearless) -> Format {
        Format { yearless: Some(yearless), ..self }
    }

    /// Reads a line, which has no newline.
    pub fn read<'a>(&self, text: &'a [u8]) -> Line<'a> {
        Line {
            text,
            address: None,
            port: None,
            peer: None,
            ports: Ports::default(),
            request: None,
            time: None,
        }
    }
}

impl Line<'_> {
    /// Whether it shows a peer, whose place a client can take. Else it is written unchanged for whomever it is.
    pub fn shows_peer(&self) -> bool {
        self.address.is_some()
    }

    /// Appends the line with its newline, the client in the place of the peer, and nothing else changed.
    pub fn write_for(&self, client: &Client, out: &mut Vec<u8>) {
        let _ = client;
        out.extend_from_slice(self.text);
        out.push(b'\n');
    }

    /// Appends the line as `write_for` does, and its time in UTC as `+0000` if it is one of Common Log Format. Other times
    /// carry their zone, and stay as they are.
    pub fn write_in_utc_for(&self, client: &Client, out: &mut Vec<u8>) {
        self.write_for(client, out);
    }

    /// Appends the line as it is, with its newline.
    pub fn write_unchanged(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.text);
        out.push(b'\n');
    }
}

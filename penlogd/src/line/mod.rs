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
    /// All of it, without its newline.
    pub text: &'a [u8],
    /// Where the address of the server's peer stands, which the client's is to replace.
    #[allow(dead_code, reason = "read soon")]
    address: Option<Range<usize>>,
    /// Where the peer's port stands, which the client's is to replace.
    #[allow(dead_code, reason = "read soon")]
    port: Option<Range<usize>>,
    /// The server's peer, pen, if the line has it as an address.
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
        Ok(Format { pattern: Some(pattern) })
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
    /// Appends the line with its newline, the client in the place of the peer, and nothing else changed.
    pub fn write_for(&self, client: &Client, out: &mut Vec<u8>) {
        let _ = client;
        out.extend_from_slice(self.text);
        out.push(b'\n');
    }

    /// Appends the line as it is, with its newline.
    pub fn write_unchanged(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.text);
        out.push(b'\n');
    }
}

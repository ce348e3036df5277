//! What a line of a server's log says about who asked for what, and the line with the client put in its place.
//!
//! The forms are each in a module: `web` reads Common Log Format and what begins like it, `json` lines of JSON, `pattern`
//! whatever a regular expression describes; `syslog` takes the header away that web servers' lines get on their way.
//! Whose a line is, `matching` says.

mod escape;
mod json;
mod pattern;
mod peer;
mod place;
mod ports;
mod syslog;
#[cfg(test)]
mod tests;
mod time;
mod web;

use std::borrow::Cow;
use std::net::IpAddr;
use std::ops::Range;

pub use pattern::PatternError;
pub use ports::Ports;

use crate::matching::Client;
use pattern::Pattern;
use peer::Peer;
use place::Places;
pub(crate) use place::What;

/// Lines of more bytes are cut in pieces of this size before anybody looks at them.
pub const LONGEST: usize = 64 * 1024;

/// How lines are to be read.
#[derive(Clone, Debug, Default)]
pub struct Format {
    /// `-e`
    pattern: Option<Pattern>,
    yearless: Option<Yearless>,
}

/// What completes times of day such as syslog's `Nov 21 14:31:53`, which say neither year nor zone.
#[derive(Clone, Copy, Debug)]
pub struct Yearless {
    /// In microseconds since 1970: a time is taken for the latest one that is at most a day after this.
    pub now: i64,
    /// How many seconds the zone is east of UTC at a moment, which is given in seconds since 1970: in summer other than in
    /// winter.
    pub east: fn(i64) -> i32,
}

/// A line, read.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// What is written: all of it, without its newline, and without the header of syslog before a web server's line.
    pub text: &'a [u8],
    /// The server's peer, pen, if the line has it as an address. `None`: there is none, or it is shown as a name, or it is
    /// `2001:db8::1:4123`, whose end may be a port (then that is among `ports`).
    pub peer: Option<IpAddr>,
    /// What may be the peer's port, most likely first.
    pub ports: Ports,
    /// What was asked, as pen's records have it: what the server escaped is as it was, and bytes that do not print are `.`.
    pub request: Option<Cow<'a, [u8]>>,
    /// When, as far as the line says so.
    pub time: Option<Stamp>,
    places: Places,
}

/// The time that a line shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Microseconds since 1970.
    pub micros: i64,
    /// Whether it says more than whole seconds.
    pub fine: bool,
}

impl Format {
    /// Web servers' lines: Common Log Format and what begins like it, or JSON; each perhaps with a header of syslog.
    pub fn web() -> Format {
        Format::default()
    }

    /// Lines of any kind, in which `pattern` finds `addr`, and perhaps `port`, `request` and `time`.
    pub fn pattern(pattern: &str) -> Result<Format, PatternError> {
        Ok(Format { pattern: Some(Pattern::new(pattern)?), yearless: None })
    }

    /// Whether it looks for the times of lines: a pattern need not.
    pub fn finds_time(&self) -> bool {
        self.pattern.as_ref().is_none_or(Pattern::finds_time)
    }

    /// Has times without a year and a zone understood, which else are none. Only lines that a pattern reads, and JSON, have
    /// such times.
    #[must_use]
    pub fn with_yearless_times(self, yearless: Yearless) -> Format {
        Format { yearless: Some(yearless), ..self }
    }

    /// Reads a line, which has no newline.
    pub fn read<'a>(&self, text: &'a [u8]) -> Line<'a> {
        if let Some(pattern) = &self.pattern {
            return pattern.read(text, self.yearless);
        }
        let read = |text: &'a [u8]| match text.trim_ascii_start() {
            [b'{', ..] => json::read(text, self.yearless),
            _ => web::read(text),
        };
        match syslog::message(text) {
            Some(message) => {
                Some(read(message)).filter(Line::is_a_web_servers).unwrap_or_else(|| Line::unread(text))
            }
            None => read(text),
        }
    }
}

impl<'a> Line<'a> {
    /// A line that says nothing.
    fn unread(text: &'a [u8]) -> Line<'a> {
        Line {
            text,
            peer: None,
            ports: Ports::default(),
            request: None,
            time: None,
            places: Places::default(),
        }
    }

    /// Whether it shows a peer, whose place a client can take. Else it is written unchanged for whomever it is.
    pub fn shows_peer(&self) -> bool {
        self.places.have_peer()
    }

    /// Appends the line with its newline, the client in the place of the peer, and nothing else changed.
    pub fn write_for(&self, client: &Client, out: &mut Vec<u8>) {
        self.write(out, |what, text, out| place::write_client(client, what, text, out));
    }

    /// Appends the line as `write_for` does, and its time in UTC as `+0000` if it is one of Common Log Format. Other times
    /// carry their zone, and stay as they are.
    pub fn write_in_utc_for(&self, client: &Client, out: &mut Vec<u8>) {
        self.write(out, |what, text, out| match (what, self.time) {
            (What::Time, Some(time)) => time::write_common(time, text, out),
            _ => place::write_client(client, what, text, out),
        });
    }

    /// Appends the line as it is, with its newline.
    pub fn write_unchanged(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.text);
        out.push(b'\n');
    }

    fn write(&self, out: &mut Vec<u8>, fill: impl Fn(What, &[u8], &mut Vec<u8>)) {
        let mut written = 0;
        for (what, Range { start, end }) in self.places.iter() {
            out.extend_from_slice(&self.text[written..start]);
            fill(what, &self.text[start..end], out);
            written = end;
        }
        out.extend_from_slice(&self.text[written..]);
        out.push(b'\n');
    }

    /// What a web server writes about a request, rather than anything else that came by syslog.
    fn is_a_web_servers(&self) -> bool {
        self.shows_peer() && self.request.is_some() && (self.peer.is_some() || self.time.is_some())
    }

    /// Takes what was read at the place of the peer, the port if it says nothing else so far.
    fn take_peer(&mut self, peer: Peer) {
        self.peer = peer.address;
        match (peer.certain_port(), peer.port) {
            (Some(port), _) => self.ports = Ports::certain(port),
            (None, Some(port)) => self.ports.guess(port),
            (None, None) => {}
        }
    }
}

#[cfg(any(test, feature = "fuzzing"))]
impl Line<'_> {
    /// The places that a client or another time may take, from the left to the right.
    pub(crate) fn changing(&self) -> impl Iterator<Item = (What, Range<usize>)> {
        self.places.iter()
    }
}

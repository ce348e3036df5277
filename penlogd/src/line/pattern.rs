//! Lines of any kind, in which a regular expression finds what matters: `-e`.

use regex::bytes::{Captures, Regex, RegexBuilder};

use super::place::What;
use super::{Line, Ports, Yearless, escape, peer, time};

/// A regular expression that says where the peer stands.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    regex: Regex,
    // Their numbers: by name they are found more slowly.
    addr: usize,
    port: Option<usize>,
    request: Option<usize>,
    time: Option<usize>,
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

impl Pattern {
    /// Reads the syntax of the crate `regex`. Logs are bytes of no certain encoding, so `.` is any of them, and `\w` and the
    /// like are ASCII.
    pub fn new(pattern: &str) -> Result<Pattern, PatternError> {
        let regex = RegexBuilder::new(pattern).unicode(false).build();
        let regex = regex.map_err(|error| PatternError::Syntax(reason(pattern, &error)))?;
        let (mut addr, mut port, mut request, mut time) = (None, None, None, None);
        for (number, name) in regex.capture_names().enumerate() {
            match name {
                Some("addr") => addr = Some(number),
                Some("port") => port = Some(number),
                Some("request") => request = Some(number),
                Some("time") => time = Some(number),
                Some(other) => return Err(PatternError::UnknownGroup(other.to_owned())),
                None => {}
            }
        }
        Ok(Pattern { addr: addr.ok_or(PatternError::NoAddress)?, regex, port, request, time })
    }

    /// Whether it looks for a line's time.
    pub fn finds_time(&self) -> bool {
        self.time.is_some()
    }

    /// Reads a line. One that it does not match shows no peer.
    pub fn read<'a>(&self, text: &'a [u8], yearless: Option<Yearless>) -> Line<'a> {
        let mut line = Line::unread(text);
        if let Some(captures) = self.regex.captures(text) {
            self.take(&captures, yearless, &mut line);
        }
        line
    }

    fn take<'a>(&self, captures: &Captures<'a>, yearless: Option<Yearless>, line: &mut Line<'a>) {
        let group = |number: Option<usize>| captures.get(number?);
        if let Some(addr) = group(Some(self.addr)) {
            let peer = peer::read(addr.as_bytes());
            line.take_peer(peer);
            line.places.add(peer.what(), peer.place(addr.as_bytes(), addr.range()));
        }
        if let Some(group) = group(self.port).filter(|_| line.shows_peer())
            && let Some(port) = peer::port(group.as_bytes())
        {
            line.ports = Ports::certain(port);
            line.places.add(What::Port, group.range());
        }
        line.request = group(self.request).map(|request| escape::request(request.as_bytes()));
        if let Some(group) = group(self.time) {
            line.time = time::read(group.as_bytes(), yearless);
            if time::common(group.as_bytes()).is_some() {
                line.places.add(What::Time, group.range());
            }
        }
    }
}

/// What is wrong with a pattern, in one line. The library draws the pattern, with a mark under the place.
fn reason(pattern: &str, error: &regex::Error) -> String {
    let regex::Error::Syntax(drawing) = error else { return error.to_string() };
    let reason =
        drawing.lines().rev().find_map(|line| line.strip_prefix("error: ")).unwrap_or("it cannot be read");
    // Of two places, the last is the wrong one.
    let marks = drawing.lines().find(|line| line.contains('^') && line.trim_matches(['^', ' ']).is_empty());
    let mark = marks.and_then(|line| line.trim_end_matches('^').len().checked_sub("    ".len()));
    match mark {
        Some(place) if !pattern.contains('\n') => format!("{reason}, at its character {}", place + 1),
        _ => reason.to_owned(),
    }
}

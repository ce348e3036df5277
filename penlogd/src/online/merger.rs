//! What becomes of datagrams: records are remembered, lines get their clients and come out in order. Pure: no socket, file
//! or clock.

use std::net::{IpAddr, SocketAddr};

use common::acl::Network;
use common::log_record::{Record, RecordError, parse_datagram};

use super::counters::Counters;
use super::parts::{CUT, Parts};
use crate::line::{Format, LONGEST, Line};
use crate::matching::{Answer, Matcher, Moment, Question};

/// All that is known between two datagrams.
#[derive(Debug)]
pub(super) struct Merger {
    format: Format,
    matcher: Matcher,
    /// Whose datagrams count; everybody's if empty.
    allow: Vec<Network>,
    parts: Parts,
    pub(super) counters: Counters,
    /// Why the last bad record was none.
    pub(super) last_bad: Option<(SocketAddr, RecordError)>,
}

impl Merger {
    pub(super) fn new(format: Format, matcher: Matcher, allow: Vec<Network>) -> Merger {
        let (parts, counters) = (Parts::default(), Counters::default());
        Merger { format, matcher, allow, parts, counters, last_bad: None }
    }

    /// Takes a datagram in; lines that are ready are appended to `out`.
    pub(super) fn take(&mut self, source: SocketAddr, datagram: &[u8], at: Moment, out: &mut Vec<u8>) {
        if !self.allow.is_empty() && !self.allow.iter().any(|network| network.contains(source.ip())) {
            self.counters.strangers += 1;
            return;
        }
        if !self.parts.is_empty()
            && let Some(part) = self.parts.take(&source)
        {
            if part.was_cut || !self.begins_anew(datagram) {
                let mut text = part.text;
                text.extend_from_slice(datagram);
                return self.lines(source, &text, datagram.len(), at, out);
            }
            self.line(source.ip().to_canonical(), &part.text, at, out);
        }
        match datagram {
            [b'+' | b'=', b' ', ..] => self.record(source, datagram, at),
            _ => self.lines(source, datagram, datagram.len(), at, out),
        }
    }

    /// Does what is due by now.
    pub(super) fn tick(&mut self, now: Moment, out: &mut Vec<u8>) {
        while let Some((sender, text)) = self.parts.overdue(now) {
            self.line(sender.ip().to_canonical(), &text, now, out);
        }
    }

    /// When the next [`tick`](Merger::tick) is due.
    pub(super) fn due(&mut self) -> Option<Moment> {
        self.parts.due()
    }

    /// Nothing more comes: all lines that wait are written.
    pub(super) fn finish(&mut self, now: Moment, out: &mut Vec<u8>) {
        while let Some((sender, text)) = self.parts.pop() {
            self.line(sender.ip().to_canonical(), &text, now, out);
        }
    }

    fn record(&mut self, source: SocketAddr, datagram: &[u8], at: Moment) {
        match parse_datagram(datagram) {
            Ok(Record::Request { client, server, request, cut, .. }) => {
                self.counters.requests += 1;
                self.matcher.request(client.to_canonical(), server.to_canonical(), request, cut, at);
            }
            Ok(Record::Connection(connection)) => {
                self.counters.connections += 1;
                self.matcher.connection(&connection, at);
            }
            Err(error) => {
                self.counters.bad_records += 1;
                self.last_bad = Some((source, error));
            }
        }
    }

    /// Takes the lines of a text whose last `piece` bytes have just come.
    fn lines(&mut self, source: SocketAddr, text: &[u8], piece: usize, at: Moment, out: &mut Vec<u8>) {
        let server = source.ip().to_canonical();
        let mut rest = text;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.line(server, &rest[..end], at, out);
            rest = &rest[end + 1..];
        }
        if rest.is_empty() {
            return;
        }
        if may_go_on(rest, piece) && rest.len() < LONGEST {
            self.parts.keep(source, rest.to_vec(), piece, at);
        } else {
            self.line(server, rest, at, out);
        }
    }

    /// Whether a datagram cannot be the rest of a line, by its look.
    fn begins_anew(&self, datagram: &[u8]) -> bool {
        let line = datagram.split(|byte| *byte == b'\n').next().unwrap_or_default();
        matches!(line, [b'+' | b'=', b' ', ..] | [b'{', ..])
            || is_syslog(line)
            || self.format.read(line).peer.is_some()
    }

    /// Takes a line, which has no newline.
    fn line(&mut self, server: IpAddr, text: &[u8], at: Moment, out: &mut Vec<u8>) {
        if text.is_empty() {
            self.counters.lines += 1;
            out.push(b'\n');
        }
        for text in text.chunks(LONGEST) {
            self.counters.lines += 1;
            let line = self.format.read(text);
            let Some(question) = question(server, &line, at) else {
                self.counters.plain += 1;
                line.write_unchanged(out);
                continue;
            };
            match self.matcher.client(&question) {
                Answer::Exact(client) => {
                    self.counters.exact += 1;
                    line.write_for(&client, out);
                }
                Answer::Likely(client) => {
                    self.counters.likely += 1;
                    line.write_for(&client, out);
                }
                Answer::Spent(client) => {
                    self.counters.spent += 1;
                    line.write_for(&client, out);
                }
                Answer::Unknown => {
                    self.counters.unknown += 1;
                    line.write_unchanged(out);
                }
            }
        }
    }
}

/// What is to be asked about a line, if anything.
fn question<'a>(server: IpAddr, line: &'a Line<'_>, at: Moment) -> Option<Question<'a>> {
    let request = line.request.as_deref();
    let is_asked = line.shows_peer() && (request.is_some() || line.ports.iter().next().is_some());
    is_asked.then_some(Question { server, peer: line.peer, ports: line.ports, request, at })
}

/// Whether the end of a line, which has no newline, may be still to come.
fn may_go_on(line: &[u8], piece: usize) -> bool {
    let is_object = matches!(line, [b'{', .., b'}']) && piece != CUT;
    !is_syslog(line) && !is_object
}

/// `<134>Nov 21 ...`, which is a datagram by itself.
fn is_syslog(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"<") else { return false };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (1..=3).contains(&digits) && rest.get(digits) == Some(&b'>')
}

//! What becomes of datagrams: records are remembered, lines get their clients and come out in order. Pure: no socket, file
//! or clock.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use common::acl::Network;
use common::log_record::{Record, RecordError, RequestLine, parse_datagram};
use memchr::memchr;

use super::counters::Counters;
use super::holding::{self, Holding, Id, Key};
use super::parts::{CUT, Parts};
use crate::line::{Format, LONGEST, Line};
use crate::matching::{Answer, Client, Matcher, Moment, Question};

/// So many lines may wait, or have to go behind others that do.
const LINES: usize = 100_000;
/// And so many bytes of them.
const BYTES: usize = 32 * 1024 * 1024;
/// Records are remembered no longer than that, in microseconds: an hour.
const MEMORY: i64 = 3_600_000_000;
/// How often old ones are forgotten.
const FORGETTING: i64 = 60_000_000;

/// All that is known between two datagrams.
#[derive(Debug)]
pub(super) struct Merger {
    format: Format,
    matcher: Matcher,
    /// Whose datagrams count; everybody's if empty.
    allow: Vec<Network>,
    parts: Parts,
    holding: Holding,
    patience: Patience,
    /// When old records were forgotten.
    forgot: Moment,
    pub(super) counters: Counters,
    /// Why the last bad record was none.
    pub(super) last_bad: Option<(SocketAddr, RecordError)>,
}

impl Merger {
    /// `wait`: how long a line waits for its record, in microseconds.
    pub(super) fn new(format: Format, matcher: Matcher, allow: Vec<Network>, wait: i64) -> Merger {
        Merger {
            format,
            matcher,
            allow,
            parts: Parts::default(),
            holding: Holding::new(holding::Limits { wait, lines: LINES, bytes: BYTES }),
            patience: if wait > 0 { Patience::Waits } else { Patience::None },
            forgot: Moment::default(),
            counters: Counters::default(),
            last_bad: None,
        }
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
                self.lines(source, part.text, datagram, at, out);
                return self.make_room(at, out);
            }
            self.line(source.ip().to_canonical(), &part.text, at, out);
        }
        match datagram {
            [b'+' | b'=', b' ', ..] => self.record(source, datagram, at, out),
            _ => self.lines(source, Vec::new(), datagram, at, out),
        }
        self.make_room(at, out);
    }

    /// Does what is due by now.
    pub(super) fn tick(&mut self, now: Moment, out: &mut Vec<u8>) {
        while let Some((sender, text)) = self.parts.overdue(now) {
            self.line(sender.ip().to_canonical(), &text, now, out);
        }
        while let Some(id) = self.holding.overdue(now) {
            self.ask_again(id, Patience::None, out);
        }
        if now.0 - self.forgot.0 >= FORGETTING {
            self.forgot = now;
            self.matcher.forget_before(Moment(now.0 - MEMORY));
        }
    }

    /// Writes what there is no room for. That is looked at with each datagram, because it may have thousands of lines.
    fn make_room(&mut self, at: Moment, out: &mut Vec<u8>) {
        while let Some((sender, text)) = self.parts.squeezed_out() {
            self.line(sender.ip().to_canonical(), &text, at, out);
        }
        while let Some(id) = self.holding.squeezed_out() {
            self.ask_again(id, Patience::None, out);
        }
    }

    /// When the next [`tick`](Merger::tick) is due.
    pub(super) fn due(&mut self) -> Option<Moment> {
        let held = self.holding.oldest().map(|(due, _)| due);
        self.parts.due().into_iter().chain(held).min()
    }

    /// Nothing more comes: all lines that wait are written.
    pub(super) fn finish(&mut self, now: Moment, out: &mut Vec<u8>) {
        while let Some((sender, text)) = self.parts.pop() {
            self.line(sender.ip().to_canonical(), &text, now, out);
        }
        while let Some((_, id)) = self.holding.oldest() {
            self.ask_again(id, Patience::None, out);
        }
    }

    fn record(&mut self, source: SocketAddr, datagram: &[u8], at: Moment, out: &mut Vec<u8>) {
        match parse_datagram(datagram) {
            Ok(Record::Request { client, server, request, cut, .. }) => {
                self.counters.requests += 1;
                let (server, request) = (server.to_canonical(), RequestLine::plain(request));
                self.matcher.request(client.to_canonical(), server, &request, cut, at);
                if self.holding.holds(server) {
                    self.satisfy(self.holding.request_key(server, &request), out);
                }
            }
            Ok(Record::Connection(connection)) => {
                self.counters.connections += 1;
                self.matcher.connection(&connection, at);
                if self.holding.holds(connection.server) {
                    // Several lines may have come over it.
                    let key = Key::Port(connection.server, connection.pen_port);
                    while self.satisfy(key, out) {}
                }
            }
            Err(error) => {
                self.counters.bad_records += 1;
                self.last_bad = Some((source, error));
            }
        }
    }

    /// Takes the lines of a datagram, the first of which may have `begun` in earlier ones.
    fn lines(
        &mut self,
        source: SocketAddr,
        mut begun: Vec<u8>,
        datagram: &[u8],
        at: Moment,
        out: &mut Vec<u8>,
    ) {
        let server = source.ip().to_canonical();
        let mut rest = datagram;
        while let Some(end) = memchr(b'\n', rest) {
            self.line(server, &joined(&mut begun, &rest[..end]), at, out);
            rest = &rest[end + 1..];
        }
        let last = joined(&mut begun, rest);
        if last.is_empty() {
            return;
        }
        if !may_go_on(&last, datagram.len()) {
            return self.line(server, &last, at, out);
        }
        let mut last = last.into_owned();
        while last.len() >= LONGEST {
            let rest = last.split_off(LONGEST);
            self.line(server, &last, at, out);
            last = rest;
        }
        if !last.is_empty() {
            self.parts.keep(source, last, datagram.len(), at);
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
            return self.piece(server, text, at, out);
        }
        for piece in text.chunks(LONGEST) {
            self.piece(server, piece, at, out);
        }
    }

    fn piece(&mut self, server: IpAddr, text: &[u8], at: Moment, out: &mut Vec<u8>) {
        self.counters.lines += 1;
        let line = self.format.read(text);
        let Some(question) = question(server, &line, at) else {
            self.counters.plain += 1;
            return emit(&mut self.holding, server, &line, None, out);
        };
        let answer = ask(&mut self.matcher, &question, self.patience);
        if is_final(&answer) || self.patience == Patience::None {
            self.counters.count(&answer);
            emit(&mut self.holding, server, &line, client(&answer), out);
        } else {
            let (request, ports) = (question.request, question.ports);
            self.counters.waited += 1;
            self.holding.wait(server, text.to_vec(), at, request, ports);
        }
    }

    /// A record has come for which a line may wait. Tells whether one need not wait any longer.
    fn satisfy(&mut self, key: Key, out: &mut Vec<u8>) -> bool {
        self.holding.awaiting(key).is_some_and(|id| self.ask_again(id, Patience::Waits, out))
    }

    /// Asks whose a line is that waits, and ends its wait if that is known now, or if it has no more patience. Tells whether
    /// the wait is over.
    fn ask_again(&mut self, id: Id, patience: Patience, out: &mut Vec<u8>) -> bool {
        let Some((text, at)) = self.holding.line(id) else { return false };
        let line = self.format.read(text);
        let answer = match question(id.server, &line, at) {
            Some(question) => ask(&mut self.matcher, &question, patience),
            None => Answer::Unknown,
        };
        if patience == Patience::Waits && !is_final(&answer) {
            return false;
        }
        self.counters.count(&answer);
        let mut written = Vec::new();
        write(&line, client(&answer), &mut written);
        self.holding.end(id, written, out);
        true
    }
}

/// What has begun, which is taken, and what follows it.
fn joined<'a>(begun: &mut Vec<u8>, rest: &'a [u8]) -> Cow<'a, [u8]> {
    if begun.is_empty() {
        return Cow::Borrowed(rest);
    }
    begun.extend_from_slice(rest);
    Cow::Owned(std::mem::take(begun))
}

/// Whether lines wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    Waits,
    None,
}

fn ask(matcher: &mut Matcher, question: &Question<'_>, patience: Patience) -> Answer {
    match patience {
        Patience::Waits => matcher.client(question),
        Patience::None => matcher.client_at_last(question),
    }
}

/// Writes a line when it is its turn.
fn emit(holding: &mut Holding, server: IpAddr, line: &Line<'_>, client: Option<&Client>, out: &mut Vec<u8>) {
    if holding.holds(server) {
        let mut written = Vec::new();
        write(line, client, &mut written);
        holding.queue(server, written);
    } else {
        write(line, client, out);
    }
}

fn write(line: &Line<'_>, client: Option<&Client>, out: &mut Vec<u8>) {
    match client {
        Some(client) => line.write_for(client, out),
        None => line.write_unchanged(out),
    }
}

/// Whether no record that may come can make it better.
fn is_final(answer: &Answer) -> bool {
    matches!(answer, Answer::Exact(_) | Answer::Likely(_) | Answer::Direct)
}

fn client(answer: &Answer) -> Option<&Client> {
    match answer {
        Answer::Exact(client) | Answer::Likely(client) | Answer::Untold(client) | Answer::Spent(client) => {
            Some(client)
        }
        Answer::Unknown | Answer::Direct => None,
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

#[cfg(test)]
mod tests;

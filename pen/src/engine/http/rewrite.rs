//! Tells servers of their clients: X-Forwarded-Proto and X-Forwarded-For in the head of each request, by the rules of
//! `docs/http.md`. What a server could read in another way than this does is refused rather than passed on.
//!
//! `first_line` says whether it is http at all, `assembly` puts heads together, `head` judges them and `edit` writes them anew;
//! `exchanges` follows the answers. Sockets, and how long a head may take, are the relay's.

use std::borrow::Cow;

use common::client_addr::ClientAddr;
use memchr::memchr;

use super::chunks::Chunks;
use super::fields::Body;
use edit::Sender;
use exchanges::Exchanges;
use first_line::{Line, Sight, Watch};

pub(in crate::engine) use assembly::Assembly;
pub(super) use head::{FIELDS_MOST, tokens};
pub use stand::{Refusal, Stand};

mod assembly;
mod edit;
mod exchanges;
mod first_line;
mod head;
#[cfg(any(test, feature = "fuzzing"))]
pub mod reference;
mod stand;

/// What is to be sent, piece by piece: heads are edited copies, everything else is what was read.
pub type Pieces<'a> = Vec<Cow<'a, [u8]>>;

/// What servers are told of a client.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// Who it is.
    pub client: ClientAddr,
    /// Whether it spoke TLS.
    pub secure: bool,
}

/// Rewrites the requests of one connection.
#[derive(Debug)]
pub struct Rewriter {
    sender: Sender,
    place: Place,
    /// A head, or trailers, that are not complete.
    assembly: Assembly,
    /// The first line of `assembly` is complete and is a request's.
    line_is_good: bool,
    /// What was read and may not be passed on yet.
    held: Held,
    exchanges: Exchanges,
    /// Heads, and trailers, that were complete.
    heads: u64,
    /// The first line of the connection was a request's.
    is_http: bool,
    /// Bytes of the empty lines before it.
    first_gap: usize,
}

/// Where the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before a request, or in its head.
    Head,
    Length {
        left: u64,
    },
    Chunks(Chunks),
    /// Behind the last chunk.
    Trailers,
    /// In the first line of another protocol, as it seems.
    Binary(Watch),
    /// In another protocol, or in a tunnel.
    Through,
    /// In what is not passed on.
    Refused {
        refusal: Refusal,
        /// The beginning of the same request was passed on.
        within_request: bool,
    },
}

/// Bytes in the order in which they were read.
#[derive(Debug, Default)]
struct Held {
    bytes: Vec<u8>,
    /// So many of them are passed on.
    taken: usize,
}

impl Rewriter {
    /// Before the first byte.
    pub fn new(origin: Origin) -> Rewriter {
        Rewriter {
            sender: origin.into(),
            place: Place::Head,
            assembly: Assembly::default(),
            line_is_good: false,
            held: Held::default(),
            exchanges: Exchanges::new(),
            heads: 0,
            is_http: false,
            first_gap: 0,
        }
    }

    /// Takes what the client sent, and appends what the server is to get.
    pub fn client_spoke<'a>(&mut self, data: &'a [u8], pieces: &mut Pieces<'a>) {
        let taken = if self.held.is_empty() { self.pass_on(data, pieces) } else { 0 };
        self.held.bytes.extend_from_slice(&data[taken..]);
    }

    /// Watches what the server sends, which is passed on in any case.
    pub fn server_spoke(&mut self, data: &[u8]) {
        if self.place != Place::Through {
            self.exchanges.take(data);
            self.switch();
        }
    }

    /// Appends what was held back and need not be any more: because the server has answered, or because the client has sent
    /// all (`finished`), and it is no request.
    pub fn go_on(&mut self, finished: bool, pieces: &mut Pieces<'_>) {
        if !self.held.is_empty() && !self.must_wait() {
            let mut held = std::mem::take(&mut self.held);
            let mut ready = Pieces::new();
            held.taken += self.pass_on(&held.bytes[held.taken..], &mut ready);
            pieces.extend(ready.into_iter().map(|piece| Cow::Owned(piece.into_owned())));
            if !held.is_empty() {
                self.held = held;
            }
        }
        if finished && self.held.is_empty() {
            self.finish(pieces);
        }
    }

    /// Whether `go_on` would append something, or come to another stand. `finished` is as there.
    pub fn holds(&self, finished: bool) -> bool {
        if self.held.is_empty() { finished && self.awaits_head() } else { !self.must_wait() }
    }

    /// Whether an end of file must wait, because something is held back that may go out before it.
    pub fn delays_end(&self) -> bool {
        !self.held.is_empty() || self.awaits_head()
    }

    /// What it is ready for.
    pub fn stand(&self) -> Stand {
        match self.place {
            Place::Refused { refusal, within_request } => self.stand_refusing(refusal, within_request),
            _ if self.must_wait() => Stand::Waiting,
            _ => Stand::Listening,
        }
    }

    /// Whether a head has begun that is not complete, or trailers, which are not passed on in parts either.
    pub fn awaits_head(&self) -> bool {
        match self.place {
            Place::Head => !self.assembly.kept().is_empty(),
            Place::Trailers => true,
            _ => false,
        }
    }

    /// How many heads, and trailers, were complete so far: of two that are awaited it tells whether they are the same.
    pub fn heads(&self) -> u64 {
        self.heads
    }

    /// Gives the head that is awaited up.
    pub fn give_up(&mut self) {
        if self.awaits_head() {
            self.refuse(if self.is_http { Refusal::TooSlow } else { Refusal::Silent });
        }
    }

    /// A refusal is no answer to an earlier request, and nothing to say in the middle of one.
    fn stand_refusing(&self, refusal: Refusal, within_request: bool) -> Stand {
        if self.exchanges.is_lost() || self.exchanges.has_switched() {
            return Stand::Refusing(Refusal::Silent);
        }
        match (self.exchanges.outstanding(), within_request) {
            (0, false) => Stand::Refusing(refusal),
            (1, true) if self.exchanges.is_between() => Stand::Refusing(refusal),
            // The server has answered what it saw of the request, or has begun to, and may wait for the rest before it goes on.
            (0 | 1, true) => Stand::Refusing(Refusal::Silent),
            _ => Stand::Waiting,
        }
    }

    /// Whether no further request can be taken before the server has answered one.
    fn must_wait(&self) -> bool {
        self.place == Place::Head && self.exchanges.must_be_waited_for()
    }

    /// Passes on what may be, and tells how much of `data` is dealt with.
    fn pass_on<'a>(&mut self, data: &'a [u8], pieces: &mut Pieces<'a>) -> usize {
        let mut rest = data;
        while !rest.is_empty() && !self.must_wait() {
            let taken = match self.place {
                Place::Head => self.head(rest, pieces),
                Place::Length { left } => self.length(rest, left, pieces),
                Place::Chunks(chunks) => self.chunks(rest, chunks, pieces),
                Place::Trailers => self.trailers(rest, pieces),
                Place::Binary(watch) => self.binary(Cow::Borrowed(rest), watch, pieces),
                Place::Through => {
                    pieces.push(Cow::Borrowed(rest));
                    rest.len()
                }
                Place::Refused { .. } => rest.len(),
            };
            rest = &rest[taken..];
        }
        data.len() - rest.len()
    }

    fn head<'a>(&mut self, data: &'a [u8], pieces: &mut Pieces<'a>) -> usize {
        if let Some(gap) = self.gap(data, pieces) {
            return gap;
        }
        let (head, taken) = match self.assembly.take(data) {
            Ok((head, taken)) => (Some(head), taken),
            Err(taken) => (None, taken),
        };
        let beginning = head.as_deref().unwrap_or(self.assembly.kept());
        match (self.line(beginning, &data[..taken]), head) {
            (Line::Refused(refusal), _) => self.refuse(refusal),
            (Line::Foreign, head) => {
                self.place = Place::Through;
                pieces.push(head.unwrap_or_else(|| Cow::Owned(self.assembly.release())));
            }
            (Line::Binary, head) => {
                let beginning = head.unwrap_or_else(|| Cow::Owned(self.assembly.release()));
                self.binary(beginning, Watch::default(), pieces);
            }
            (Line::Unfinished | Line::Request, None) if self.assembly.is_full() => {
                self.refuse(Refusal::TooLarge);
            }
            (line, None) => {
                self.line_is_good = line == Line::Request;
                self.is_http |= self.line_is_good;
            }
            (_, Some(head)) => self.begin_request(&head, pieces),
        }
        taken
    }

    /// Takes empty lines before a request; `None`: there are none.
    fn gap<'a>(&mut self, data: &'a [u8], pieces: &mut Pieces<'a>) -> Option<usize> {
        match (self.assembly.kept(), data) {
            (b"\r", [b'\n', ..]) => {
                self.note_gap(2);
                pieces.push(Cow::Owned([&self.assembly.release(), &data[..1]].concat()));
                Some(1)
            }
            (b"\r", _) | (b"", [b'\r', ..=9 | 11.., ..]) => {
                self.refuse(Refusal::Malformed);
                Some(data.len())
            }
            (b"", [b'\n', ..] | [b'\r', b'\n', ..]) => {
                let mut rest = data;
                while let [b'\n', after @ ..] | [b'\r', b'\n', after @ ..] = rest {
                    rest = after;
                }
                let gap = data.len() - rest.len();
                self.note_gap(gap);
                pieces.push(Cow::Borrowed(&data[..gap]));
                Some(gap)
            }
            _ => None,
        }
    }

    fn note_gap(&mut self, length: usize) {
        if !self.is_http {
            self.first_gap += length;
        }
    }

    /// Passes on the first line of another protocol, and whatever stands behind it, if it is one.
    fn binary<'a>(&mut self, data: Cow<'a, [u8]>, mut watch: Watch, pieces: &mut Pieces<'a>) -> usize {
        let length = data.len();
        match watch.take(&data) {
            Sight::Open => self.place = Place::Binary(watch),
            Sight::Foreign => self.place = Place::Through,
            Sight::Http => {
                self.refuse(Refusal::Malformed);
                return length;
            }
        }
        pieces.push(data);
        length
    }

    /// Judges the first line of what a head begins with; only the `latest` bytes of it are new.
    fn line(&self, beginning: &[u8], latest: &[u8]) -> Line {
        if self.line_is_good {
            return Line::Request;
        }
        if !self.is_http && first_line::is_proxy_header(self.first_gap, beginning) {
            return Line::Refused(Refusal::Malformed);
        }
        if !self.is_http && first_line::is_binary(beginning) {
            return Line::Binary;
        }
        if memchr(b'\n', latest).is_none() {
            return Line::Unfinished;
        }
        let end = memchr(b'\n', beginning).unwrap_or(beginning.len());
        self.judge(&beginning[..end])
    }

    /// Judges a first line. Only the connection's first can be another protocol's.
    fn judge(&self, line: &[u8]) -> Line {
        match first_line::judge(line) {
            Line::Foreign if self.is_http => Line::Refused(Refusal::Malformed),
            line => line,
        }
    }

    fn begin_request(&mut self, head: &[u8], pieces: &mut Pieces<'_>) {
        self.heads += 1;
        self.line_is_good = false;
        self.is_http = true;
        let mut edited = match pieces.pop() {
            Some(Cow::Owned(earlier)) => earlier,
            Some(read) => {
                pieces.push(read);
                Vec::new()
            }
            None => Vec::new(),
        };
        let passed = head::pass_on(head, &self.sender, &mut edited);
        if !edited.is_empty() {
            pieces.push(Cow::Owned(edited));
        }
        match passed {
            Ok((body, asked)) => {
                self.exchanges.ask(asked);
                self.place = match body {
                    Body::Length(0) => Place::Head,
                    Body::Length(left) => Place::Length { left },
                    Body::Chunked => Place::Chunks(Chunks::START),
                };
            }
            Err(refusal) => self.refuse(refusal),
        }
    }

    fn length<'a>(&mut self, data: &'a [u8], left: u64, pieces: &mut Pieces<'a>) -> usize {
        let taken = data.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        pieces.push(Cow::Borrowed(&data[..taken]));
        match left - taken as u64 {
            0 => self.end_request(),
            left => self.place = Place::Length { left },
        }
        taken
    }

    fn chunks<'a>(&mut self, data: &'a [u8], mut chunks: Chunks, pieces: &mut Pieces<'a>) -> usize {
        let taken = chunks.take_strictly(data);
        if taken > 0 {
            pieces.push(Cow::Borrowed(&data[..taken]));
        }
        match chunks {
            Chunks::Line => self.place = Place::Trailers,
            Chunks::Malformed => self.refuse(Refusal::Malformed),
            chunks => self.place = Place::Chunks(chunks),
        }
        taken
    }

    fn trailers<'a>(&mut self, data: &'a [u8], pieces: &mut Pieces<'a>) -> usize {
        const EMPTY: &[u8] = b"\r\n";
        if self.assembly.kept().is_empty() {
            if data.starts_with(EMPTY) {
                self.heads += 1;
                pieces.push(Cow::Borrowed(&data[..EMPTY.len()]));
                self.end_request();
                return EMPTY.len();
            }
            // They have the form of a head if the line end before them is counted.
            let _ = self.assembly.take(LINE_END);
        }
        let (section, taken) = match self.assembly.take(data) {
            Ok(section) => section,
            Err(taken) => {
                if self.assembly.is_full() {
                    self.refuse(Refusal::TooLarge);
                }
                return taken;
            }
        };
        match head::check_trailers(&section[LINE_END.len()..]) {
            Ok(()) => {
                self.heads += 1;
                pieces.push(Cow::Owned(section[LINE_END.len()..].to_vec()));
                self.end_request();
            }
            Err(refusal) => self.refuse(refusal),
        }
        taken
    }

    fn end_request(&mut self) {
        self.place = Place::Head;
        self.switch();
    }

    /// If the server has switched to another protocol, so does the client behind its request.
    fn switch(&mut self) {
        if self.place == Place::Head && self.exchanges.has_switched() {
            self.place = Place::Through;
        }
    }

    /// The client has sent all.
    fn finish(&mut self, pieces: &mut Pieces<'_>) {
        if !self.awaits_head() {
            return;
        }
        match self.judge(self.assembly.kept()) {
            Line::Foreign if self.place == Place::Head => {
                self.place = Place::Through;
                pieces.push(Cow::Owned(self.assembly.release()));
            }
            Line::Refused(refusal) => self.refuse(refusal),
            _ => self.refuse(Refusal::Malformed),
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        let before_request =
            matches!(self.place, Place::Head | Place::Binary(_) | Place::Through | Place::Refused { .. });
        let within_request = !before_request;
        self.place = Place::Refused { refusal, within_request };
        self.assembly = Assembly::default();
        self.held = Held::default();
    }
}

/// How the line of the last chunk ends.
const LINE_END: &[u8] = b"\n";

impl Held {
    fn is_empty(&self) -> bool {
        self.taken == self.bytes.len()
    }
}

#[cfg(test)]
mod tests;

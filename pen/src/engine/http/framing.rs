//! A connection's bytes from the client, taken apart into requests: by the rules of HTTP/1.1 (RFC 9112), however the reads fall.
//!
//! Nothing is kept but what the rules need. Where readers may disagree (two lengths, a length that is no number, folded
//! fields), nothing is guessed: from there on the bytes are [`Part::Unframed`].

use super::chunks::Chunks;
use super::fields::{Body, Fields, Head};
use super::start_line::{Request, StartLine};

/// Takes the bytes of one connection apart.
#[derive(Debug)]
pub struct Framer {
    place: Place,
    fields: Fields,
    upgrade: bool,
}

/// What bytes are a part of. Between two requests there are always bytes that are no [`Part::Line`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Empty lines before a request.
    Gap,
    /// The first line of a request, without its end. As soon as it cannot be one, the rest is [`Part::Unframed`].
    Line,
    /// That line's end, the header fields, and the empty line behind them.
    Fields,
    /// The body, with the sizes of chunks and the trailers.
    Body,
    /// Something else than HTTP/1: another protocol, a tunnel, or requests that break the rules. Nothing else follows.
    Unframed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before a request; in the middle of an empty line, if a CR was read.
    Gap {
        cr: bool,
    },
    Line(StartLine),
    Fields(Request),
    Length {
        left: u64,
    },
    Chunks(Chunks),
    Unframed,
}

impl Default for Framer {
    /// Before the first byte.
    fn default() -> Framer {
        Framer { place: Place::Gap { cr: false }, fields: Fields::new(), upgrade: false }
    }
}

impl Framer {
    /// Takes bytes from the beginning of `data` that are a part of one thing, as many as there are; `None`: there are none.
    pub fn next<'a>(&mut self, data: &mut &'a [u8]) -> Option<(Part, &'a [u8])> {
        if data.is_empty() {
            return None;
        }
        let (part, length) = match self.place {
            Place::Gap { cr } => self.gap(data, cr),
            Place::Line(line) => self.line(data, line),
            Place::Fields(request) => self.fields(data, request),
            Place::Length { left } => self.length(data, left),
            Place::Chunks(chunks) => self.chunks(data, chunks),
            Place::Unframed => (Part::Unframed, data.len()),
        };
        if length == 0 {
            // The next byte belongs to something else.
            return self.next(data);
        }
        let (bytes, rest) = data.split_at(length);
        *data = rest;
        Some((part, bytes))
    }

    /// Takes no further byte for HTTP.
    pub fn give_up(&mut self) {
        self.place = Place::Unframed;
    }

    /// Whether a request's head has ended since this was last asked that wishes for another protocol.
    pub fn upgrade_wished(&mut self) -> bool {
        std::mem::take(&mut self.upgrade)
    }

    fn gap(&mut self, data: &[u8], mut cr: bool) -> (Part, usize) {
        for (at, &byte) in data.iter().enumerate() {
            match (cr, byte) {
                (_, b'\n') => cr = false,
                (false, b'\r') => cr = true,
                (true, _) => {
                    self.give_up();
                    return (Part::Gap, at);
                }
                (false, _) => {
                    self.place = Place::Line(StartLine::new());
                    return (Part::Gap, at);
                }
            }
        }
        self.place = Place::Gap { cr };
        (Part::Gap, data.len())
    }

    fn line(&mut self, data: &[u8], mut line: StartLine) -> (Part, usize) {
        for (at, &byte) in data.iter().enumerate() {
            if matches!(byte, b'\r' | b'\n') {
                match line.end() {
                    Ok(request) => self.place = Place::Fields(request),
                    Err(_) => self.give_up(),
                }
                return (Part::Line, at);
            }
            if line.take(byte).is_err() {
                self.give_up();
                return (Part::Line, at);
            }
        }
        self.place = Place::Line(line);
        (Part::Line, data.len())
    }

    fn fields(&mut self, data: &[u8], request: Request) -> (Part, usize) {
        for (at, &byte) in data.iter().enumerate() {
            match self.fields.take(byte) {
                Ok(None) => {}
                Ok(Some(head)) => {
                    self.begin_body(head, request);
                    return (Part::Fields, at + 1);
                }
                Err(_) => {
                    self.give_up();
                    return (Part::Fields, at);
                }
            }
        }
        (Part::Fields, data.len())
    }

    fn begin_body(&mut self, Head { body, upgrade }: Head, request: Request) {
        self.upgrade |= upgrade;
        self.place = match body {
            // Whatever its answer: what follows is for whoever is behind the server, or will not be understood.
            _ if request.is_connect => Place::Unframed,
            Body::Chunked if request.is_1_0 => Place::Unframed,
            Body::Chunked => Place::Chunks(Chunks::START),
            Body::Length(0) => Place::Gap { cr: false },
            Body::Length(left) => Place::Length { left },
        };
    }

    fn length(&mut self, data: &[u8], left: u64) -> (Part, usize) {
        let taken = data.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.place = match left - taken as u64 {
            0 => Place::Gap { cr: false },
            left => Place::Length { left },
        };
        (Part::Body, taken)
    }

    fn chunks(&mut self, data: &[u8], mut chunks: Chunks) -> (Part, usize) {
        let taken = chunks.take(data);
        self.place = match chunks {
            Chunks::Over => Place::Gap { cr: false },
            Chunks::Malformed => Place::Unframed,
            chunks => Place::Chunks(chunks),
        };
        (Part::Body, taken)
    }
}

#[cfg(test)]
mod tests;

//! An answer by http, taken apart as it comes: its status, and its body as it was before it was cut into chunks. Interim answers
//! are skipped.

use super::super::http::{AnswerHead, Assembly, Body, Chunks};
use super::reason::{QUOTED_MOST, quoted};

/// What every head begins with.
const BEGINNING: &[u8] = b"HTTP/1.";

/// Reads one answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    place: Place,
    assembly: Assembly,
}

#[derive(Debug, Default)]
enum Place {
    /// In the head, or before it.
    #[default]
    Head,
    /// In the body, of which so much is missing.
    Length {
        left: u64,
    },
    Chunks(Chunks),
    /// In a body that ends with the connection.
    UntilClose,
    /// Behind the body.
    Over,
}

/// A part of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// That of the answer that is not an interim one.
    Status(u16),
    /// A part of the body.
    Body(&'a [u8]),
    /// The body is over.
    End,
}

impl Answer {
    /// Takes the next piece away from what has come; `None`: nothing is left. Fails if it is no answer by http.
    pub(super) fn next<'a>(&mut self, data: &mut &'a [u8]) -> Result<Option<Piece<'a>>, String> {
        match &mut self.place {
            Place::Over => Ok(Some(Piece::End)),
            _ if data.is_empty() => Ok(None),
            Place::Head => Ok(self.head(data)?.map(Piece::Status)),
            Place::Length { left } => {
                let length = data.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= length as u64;
                if *left == 0 {
                    self.place = Place::Over;
                }
                Ok(Some(Piece::Body(part(data, length))))
            }
            Place::Chunks(chunks) => {
                let piece = chunk(chunks, data)?;
                if piece == Some(Piece::End) {
                    self.place = Place::Over;
                }
                Ok(piece)
            }
            Place::UntilClose => Ok(Some(Piece::Body(part(data, data.len())))),
        }
    }

    /// Why there is no answer, if the connection ends before it is complete.
    pub(super) fn end(&self) -> Option<String> {
        Some(match (&self.place, self.assembly.kept()) {
            (Place::UntilClose | Place::Over, _) => return None,
            (Place::Length { .. } | Place::Chunks(_), _) => "the body is cut short".to_owned(),
            (Place::Head, []) => "the server closed the connection without an answer".to_owned(),
            (Place::Head, head) if may_be_http(head) => "no http answer: the head is cut short".to_owned(),
            (Place::Head, other) => foreign(other),
        })
    }

    /// Why there is no answer, if nothing more comes in the head or before.
    pub(super) fn overdue(&self) -> Option<String> {
        matches!(self.place, Place::Head).then(|| match self.assembly.kept() {
            head if may_be_http(head) => "no answer in time".to_owned(),
            other => foreign(other),
        })
    }

    /// Reads as far as the head of the answer, and tells its status.
    fn head(&mut self, data: &mut &[u8]) -> Result<Option<u16>, String> {
        while !data.is_empty() {
            let (head, taken) = match self.assembly.take(data) {
                Ok(found) => found,
                Err(taken) => {
                    *data = &data[taken..];
                    return self.judge_beginning().map(|()| None);
                }
            };
            *data = &data[taken..];
            if !may_be_http(&head) {
                return Err(foreign(&head));
            }
            let malformed = || format!("no http answer: malformed head {}", quoted(first_line(&head)));
            let read = AnswerHead::read(&head).map_err(|_| malformed())?;
            if read.status != 101 && (100..=199).contains(&read.status) {
                continue;
            }
            self.place = match read.body() {
                Ok(Some(Body::Length(0))) => Place::Over,
                Ok(Some(Body::Length(left))) => Place::Length { left },
                Ok(Some(Body::Chunked)) => Place::Chunks(Chunks::START),
                Ok(None) => Place::UntilClose,
                Err(_) => return Err("no http answer: malformed Content-Length".to_owned()),
            };
            return Ok(Some(read.status));
        }
        Ok(None)
    }

    /// Tells early if what came is no head, as soon as there is enough of it to be told.
    fn judge_beginning(&self) -> Result<(), String> {
        let kept = self.assembly.kept();
        if !may_be_http(kept) && (kept.len() >= QUOTED_MOST || first_line(kept).len() < kept.len()) {
            return Err(foreign(kept));
        }
        if self.assembly.is_full() {
            return Err("no http answer: the head is longer than 64 KiB".to_owned());
        }
        Ok(())
    }
}

fn may_be_http(bytes: &[u8]) -> bool {
    bytes.iter().zip(BEGINNING).all(|(byte, expected)| byte == expected)
}

/// The beginning, as far as a line or a quotation goes.
fn first_line(bytes: &[u8]) -> &[u8] {
    let beginning = bytes.get(..QUOTED_MOST).unwrap_or(bytes);
    beginning.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default()
}

fn foreign(bytes: &[u8]) -> String {
    format!("no http answer: {} came", quoted(first_line(bytes)))
}

fn part<'a>(data: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (part, rest) = data.split_at(length);
    *data = rest;
    part
}

/// The next piece of a body in chunks. Trailers are not waited for.
fn chunk<'a>(chunks: &mut Chunks, data: &mut &'a [u8]) -> Result<Option<Piece<'a>>, String> {
    while !data.is_empty() {
        if let Chunks::Data { left } = *chunks {
            let length = data.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let data = part(data, length);
            chunks.take(data);
            return Ok(Some(Piece::Body(data)));
        }
        chunks.take(part(data, 1));
        match chunks {
            Chunks::Line => return Ok(Some(Piece::End)),
            Chunks::Malformed => return Err("no http answer: malformed chunks".to_owned()),
            _ => {}
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The status, the body and whether its end came.
    fn parts(bytes: &[u8]) -> Result<(Option<u16>, String, bool), String> {
        let mut answer = Answer::default();
        let (mut status, mut body, mut is_over) = (None, Vec::new(), false);
        let mut data = bytes;
        while !is_over {
            match answer.next(&mut data)? {
                None => break,
                Some(Piece::Status(found)) => status = Some(found),
                Some(Piece::Body(part)) => body.extend_from_slice(part),
                Some(Piece::End) => is_over = true,
            }
        }
        Ok((status, String::from_utf8_lossy(&body).into_owned(), is_over))
    }

    fn expect(bytes: &str, status: u16, body: &str, is_over: bool) {
        assert_eq!(parts(bytes.as_bytes()), Ok((Some(status), body.to_owned(), is_over)), "{bytes:?}");
    }

    #[test]
    fn a_body_ends_where_its_fields_say() {
        expect("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokay", 200, "ok", true);
        expect("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", 200, "ok", false);
        expect("HTTP/1.0 200 OK\r\n\r\nok", 200, "ok", false);
        expect("HTTP/1.1 200\nContent-Length: 0\n\nok", 200, "", true);
        expect("HTTP/1.1 204 No Content\r\n\r\nok", 204, "", true);
        expect("HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nok", 304, "", true);
        expect(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1;a=b\r\no\r\n1\r\nk\r\n0\r\n",
            200,
            "ok",
            true,
        );
    }

    #[test]
    fn interim_answers_are_skipped() {
        let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
        expect(&format!("{interim}HTTP/1.1 500 No\r\nContent-Length: 1\r\n\r\nx"), 500, "x", true);
        expect("HTTP/1.1 101 Switching Protocols\r\n\r\n", 101, "", false);
        assert_eq!(parts(interim.as_bytes()), Ok((None, String::new(), false)));
    }

    #[test]
    fn what_is_no_answer_is_told_as_soon_as_there_is_a_line() {
        for (bytes, came) in [
            ("SSH-2.0-OpenSSH_9.2p1\r\n", "\"SSH-2.0-OpenSSH_9.2p1\""),
            ("\r\nHTTP/1.1 200 OK\r\n\r\n", "\"\""),
            ("HTTP/2 200\r\n\r\n", "\"HTTP/2 200\""),
            ("220 a\n\n", "\"220 a\""),
            (&"x".repeat(40), "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""),
        ] {
            assert_eq!(parts(bytes.as_bytes()), Err(format!("no http answer: {came} came")), "{bytes:?}");
        }
        assert_eq!(parts(b"SSH-2.0"), Ok((None, String::new(), false)));
    }

    #[test]
    fn what_is_malformed_is_told() {
        for (bytes, reason) in [
            ("HTTP/1.1 abc\r\n\r\n", "malformed head \"HTTP/1.1 abc\""),
            ("HTTP/1.9 200 OK\r\n\r\n", "malformed head \"HTTP/1.9 200 OK\""),
            ("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "malformed Content-Length"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "malformed Content-Length"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz", "malformed chunks"),
            (&format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(65536)), "the head is longer than 64 KiB"),
            (
                &format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(257)),
                "malformed head \"HTTP/1.1 200 OK\"",
            ),
        ] {
            assert_eq!(parts(bytes.as_bytes()), Err(format!("no http answer: {reason}")), "{reason}");
        }
    }

    #[test]
    fn a_body_that_ends_too_early_is_told() {
        for (rest, flaw) in [
            ("Content-Length: 3\r\n\r\n10", Some("the body is cut short")),
            ("Transfer-Encoding: chunked\r\n\r\n2\r\n10\r\n", Some("the body is cut short")),
            ("\r\n10", None),
        ] {
            let bytes = format!("HTTP/1.1 200 OK\r\n{rest}");
            let (mut answer, mut data) = (Answer::default(), bytes.as_bytes());
            while answer.next(&mut data).unwrap().is_some() {}
            assert_eq!(answer.end().as_deref(), flaw, "{rest:?}");
        }
    }

    #[test]
    fn an_end_too_early_is_told() {
        let ended = |bytes: &[u8]| {
            let mut answer = Answer::default();
            assert_eq!(answer.next(&mut &*bytes), Ok(None));
            (answer.end().unwrap_or_default(), answer.overdue().unwrap_or_default())
        };
        let no_answer = "no answer in time".to_owned();
        assert_eq!(
            ended(b""),
            ("the server closed the connection without an answer".to_owned(), no_answer.clone())
        );
        assert_eq!(ended(b"HTTP/1.1 200"), ("no http answer: the head is cut short".to_owned(), no_answer));
        let foreign = "no http answer: \"\\x15\\x03\\x01\" came".to_owned();
        assert_eq!(ended(b"\x15\x03\x01"), (foreign.clone(), foreign));
    }
}

//! The head of a request behind its first line, byte by byte. Of its fields only those are kept that say how long the body is.
//! Lines that say nothing about that are skipped if all readers agree where they end, as many servers do: a client must not
//! hide what it sends ahead behind them.

/// The longest name that matters.
const NAME_MOST: usize = TRANSFER_ENCODING.len();
const TRANSFER_ENCODING: &[u8] = b"transfer-encoding";
const CONTENT_LENGTH: &[u8] = b"content-length";
const UPGRADE: &[u8] = b"upgrade";

/// More of a value that matters no client needs.
const VALUE_MOST: usize = 128;

/// Reads the fields of one request after the other.
#[derive(Debug)]
pub(super) struct Fields {
    place: Place,
    field: Field,
    /// In lower case.
    name: [u8; NAME_MOST],
    /// May be more than there is room for.
    name_length: usize,
    /// Of a field that matters, without the blanks around it.
    value: Vec<u8>,
    length: Option<u64>,
    /// There is a transfer coding; whether the last one is `chunked`.
    chunked: Option<bool>,
    upgrade: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// At the end of the request's first line.
    StartLineEnd,
    /// The same, after a CR.
    StartLineLf,
    /// At the beginning of a line.
    Line,
    Name,
    Value,
    /// A CR was read, so the line ends with the next byte.
    ValueEnd,
    /// The same of the empty line that ends the head.
    HeadEnd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    ContentLength,
    TransferEncoding,
    Other,
}

/// How a request goes on after its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) body: Body,
    /// The client would like to speak another protocol.
    pub(super) upgrade: bool,
}

/// How long a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Body {
    /// There is none if it is 0.
    Length(u64),
    Chunked,
}

/// The fields break the rules, or leave it open how long the body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Malformed;

impl Fields {
    pub(super) fn new() -> Fields {
        Fields {
            place: Place::StartLineEnd,
            field: Field::Other,
            name: [0; NAME_MOST],
            name_length: 0,
            value: Vec::new(),
            length: None,
            chunked: None,
            upgrade: false,
        }
    }

    /// Takes the next byte. With the last one of the head it is known how the request goes on, and the next head may come.
    pub(super) fn take(&mut self, byte: u8) -> Result<Option<Head>, Malformed> {
        self.place = match (self.place, byte) {
            (Place::StartLineEnd, b'\r') => Place::StartLineLf,
            // A line without a colon is no field.
            (Place::StartLineEnd | Place::StartLineLf | Place::Name, b'\n') => Place::Line,
            (Place::Line, b'\r') => Place::HeadEnd,
            (Place::Line | Place::HeadEnd, b'\n') => return self.end().map(Some),
            // A line that goes on with blanks is a thing of the past, and of those who hide fields in it.
            (Place::Line, _) if may_be_in_name(byte) => {
                self.name_length = 0;
                self.keep_name(byte);
                Place::Name
            }
            (Place::Name, b':') => {
                self.begin_value();
                Place::Value
            }
            (Place::Name, _) if may_be_in_name(byte) => {
                self.keep_name(byte);
                Place::Name
            }
            (Place::Name, b'\r') => {
                self.field = Field::Other;
                Place::ValueEnd
            }
            (Place::Value, b'\r') => Place::ValueEnd,
            (Place::Value | Place::ValueEnd, b'\n') => {
                self.end_value()?;
                Place::Line
            }
            (Place::Value, 1..) => {
                self.keep_value(byte)?;
                Place::Value
            }
            _ => return Err(Malformed),
        };
        Ok(None)
    }

    fn keep_name(&mut self, byte: u8) {
        if let Some(place) = self.name.get_mut(self.name_length) {
            *place = byte.to_ascii_lowercase();
        }
        self.name_length = (self.name_length + 1).min(NAME_MOST + 1);
    }

    fn begin_value(&mut self) {
        let name = self.name.get(..self.name_length).unwrap_or_default();
        self.upgrade |= name == UPGRADE;
        self.field = match name {
            CONTENT_LENGTH => Field::ContentLength,
            TRANSFER_ENCODING => Field::TransferEncoding,
            _ => Field::Other,
        };
        self.value.clear();
    }

    fn keep_value(&mut self, byte: u8) -> Result<(), Malformed> {
        let leads = self.value.is_empty() && matches!(byte, b' ' | b'\t');
        if self.field == Field::Other || leads {
            return Ok(());
        }
        if self.value.len() == VALUE_MOST {
            return Err(Malformed);
        }
        self.value.push(byte);
        Ok(())
    }

    fn end_value(&mut self) -> Result<(), Malformed> {
        match self.field {
            Field::Other => {}
            Field::ContentLength => {
                for part in self.value.split(|byte| *byte == b',') {
                    let length = number(part.trim_ascii())?;
                    if self.length.replace(length).is_some_and(|other| other != length) {
                        return Err(Malformed);
                    }
                }
            }
            Field::TransferEncoding => {
                for coding in self.value.split(|byte| *byte == b',') {
                    // Nothing may follow `chunked`, not even itself.
                    if self.chunked == Some(true) {
                        return Err(Malformed);
                    }
                    self.chunked = Some(coding.trim_ascii().eq_ignore_ascii_case(b"chunked"));
                }
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<Head, Malformed> {
        self.place = Place::StartLineEnd;
        let upgrade = std::mem::take(&mut self.upgrade);
        let body = match (self.chunked.take(), self.length.take()) {
            (None, length) => Body::Length(length.unwrap_or(0)),
            (Some(true), None) => Body::Chunked,
            // Whose end only the sender knows, or where two readers may see two ends.
            (Some(_), _) => return Err(Malformed),
        };
        Ok(Head { body, upgrade })
    }
}

/// What may not is a matter of servers, but blanks and control characters are where they disagree.
fn may_be_in_name(byte: u8) -> bool {
    byte > b' ' && byte != b':' && byte != 0x7f
}

/// A number of digits alone.
pub(super) fn number(digits: &[u8]) -> Result<u64, Malformed> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Malformed);
    }
    std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).ok_or(Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &str) -> Result<Head, Malformed> {
        let mut reader = Fields::new();
        let text = format!("\r\n{fields}");
        let mut bytes = text.bytes();
        loop {
            let byte = bytes.next().expect("the head ends before the text");
            if let Some(head) = reader.take(byte)? {
                assert_eq!(bytes.len(), 0, "{fields}");
                return Ok(head);
            }
        }
    }

    fn body(fields: &str) -> Result<Body, Malformed> {
        read(&format!("Host: www\r\n{fields}\r\nAccept: */*\r\n\r\n")).map(|head| head.body)
    }

    #[test]
    fn a_head_without_a_length_has_no_body() {
        assert_eq!(read("\r\n"), Ok(Head { body: Body::Length(0), upgrade: false }));
        assert_eq!(read("\n"), Ok(Head { body: Body::Length(0), upgrade: false }));
        assert_eq!(body("X-Content-Length: 5"), Ok(Body::Length(0)));
        assert_eq!(body("Content-Lengthy: 5"), Ok(Body::Length(0)));
        assert_eq!(body("Transfer-Encoding-: chunked"), Ok(Body::Length(0)));
        assert_eq!(body("Empty:"), Ok(Body::Length(0)));
        for skipped in ["A(b): c", "\u{e4}: c", "@", "Content-Length", "Transfer-Encoding\r\nX: y", "Upgrade"]
        {
            assert_eq!(body(skipped), Ok(Body::Length(0)), "{skipped}");
            assert_eq!(body(&skipped.replace('\r', "")), Ok(Body::Length(0)), "{skipped}");
            let then_length = format!("{skipped}\r\nContent-Length: 5");
            assert_eq!(body(&then_length), Ok(Body::Length(5)), "{skipped}");
        }
    }

    #[test]
    fn a_length_is_a_number_and_always_the_same() {
        for (fields, length) in [
            ("Content-Length: 5", 5),
            ("content-LENGTH:5", 5),
            ("Content-Length: \t 005 \t", 5),
            ("Content-Length: 5, 5", 5),
            ("Content-Length: 5\r\nContent-Length: 5", 5),
            ("Content-Length: 18446744073709551615", u64::MAX),
        ] {
            assert_eq!(body(fields), Ok(Body::Length(length)), "{fields}");
        }
        for fields in [
            "Content-Length:",
            "Content-Length: +5",
            "Content-Length: -5",
            "Content-Length: 5 5",
            "Content-Length: 0x5",
            "Content-Length: 5,",
            "Content-Length: 5, 6",
            "Content-Length: 5\r\nContent-Length: 6",
            "Content-Length: 18446744073709551616",
        ] {
            assert_eq!(body(fields), Err(Malformed), "{fields}");
        }
        assert_eq!(body(&format!("Content-Length: {}", "0".repeat(200))), Err(Malformed));
    }

    #[test]
    fn chunks_are_the_last_coding_and_the_only_measure() {
        for fields in [
            "Transfer-Encoding: chunked",
            "TRANSFER-ENCODING:Chunked ",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
        ] {
            assert_eq!(body(fields), Ok(Body::Chunked), "{fields}");
        }
        for fields in [
            "Transfer-Encoding:",
            "Transfer-Encoding: gzip",
            "Transfer-Encoding: identity",
            "Transfer-Encoding: chunked, gzip",
            "Transfer-Encoding: chunked, chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
            "Transfer-Encoding: chunked;q=1",
            "Transfer-Encoding: xchunked",
            "Transfer-Encoding: \u{b}chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 5",
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
        ] {
            assert_eq!(body(fields), Err(Malformed), "{fields}");
        }
    }

    #[test]
    fn lines_that_are_no_fields_are_malformed() {
        for fields in [
            "no colon",
            ": no name",
            "no\tblank: x",
            "no\u{7f}: x",
            "Content-Length\r: 5",
            "Content-Length : 5",
            " Content-Length: 5",
            "X: y\r\n folded",
            "X\0: y",
            "X: y\0",
            "X: y\rz",
            "X: y\r\r",
            "X\rY",
        ] {
            assert_eq!(body(fields), Err(Malformed), "{fields:?}");
        }
        assert_eq!(read("X: y\r\n\rz"), Err(Malformed));
    }

    #[test]
    fn the_first_line_ends_as_any_line_does() {
        let first = |bytes: &[u8]| {
            let mut fields = Fields::new();
            bytes.iter().try_for_each(|byte| fields.take(*byte).map(drop))
        };
        assert_eq!((first(b"\r\n"), first(b"\n"), first(b"\n\r")), (Ok(()), Ok(()), Ok(())));
        assert_eq!(
            (first(b"\r\r"), first(b"\rX"), first(b"X")),
            (Err(Malformed), Err(Malformed), Err(Malformed))
        );
    }

    #[test]
    fn a_wish_for_another_protocol_is_told_of_its_own_request_alone() {
        let mut fields = Fields::new();
        let mut heads = Vec::new();
        for byte in *b"\r\nUpgrade: websocket\r\n\r\n\r\nX-Upgrade: no\r\n\r\n" {
            heads.extend(fields.take(byte).unwrap());
        }
        let upgrades: Vec<bool> = heads.iter().map(|head| head.upgrade).collect();
        assert_eq!(upgrades, [true, false]);
    }
}

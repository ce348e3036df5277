//! The first line that a client sends: whether it is a request, or another protocol altogether. What a server might read as http
//! in spite of its looks is neither. nginx and Apache are strict about this line; others split it at any blank, or take any
//! word for a method.

use super::Refusal;
use super::assembly::LARGEST_HEAD;

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// That of a request, as it seems; the parser knows.
    Request,
    /// Another protocol's.
    Foreign,
    /// The same, if no version of http stands in it.
    Binary,
    /// Neither.
    Refused(Refusal),
    /// Nobody knows before it is complete.
    Unfinished,
}

/// How HTTP/2 begins, which only this line has.
const HTTP_2: &[u8] = b"PRI * HTTP/2.0";
/// How AMQP begins. Whoever sends it waits for an answer, and never ends the line.
const AMQP: &[u8] = b"AMQP\0";

/// How a PROXY header begins that is text.
const PROXY_TEXT: &[u8] = b"PROXY ";
/// How one begins that is binary: with two empty lines and this.
const PROXY_BINARY: (usize, &[u8]) = ("\r\n\r\n".len(), b"\0");

/// Whether it begins like a binary PROXY header, behind that many bytes of empty lines. A server that understands it would
/// believe what the client says of itself, and read what follows as http.
pub(super) fn is_proxy_header(gap: usize, beginning: &[u8]) -> bool {
    gap == PROXY_BINARY.0 && beginning.starts_with(PROXY_BINARY.1)
}

/// Whether what begins so is another protocol's, as far as that can be seen before the line ends.
pub(super) fn is_binary(beginning: &[u8]) -> bool {
    // A printable byte may begin what some server takes for a method.
    let no_text = |byte: u8| !is_blank(byte) && byte != b'\n' && !(b'!'..=b'~').contains(&byte);
    beginning.first().is_some_and(|byte| no_text(*byte)) || beginning.starts_with(AMQP)
}

/// Judges a connection's first line, without the LF.
pub(super) fn judge(line: &[u8]) -> Line {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.ends_with(b" HTTP/1.1") || line.ends_with(b" HTTP/1.0") {
        return Line::Request;
    }
    if line == HTTP_2 {
        return Line::Refused(Refusal::Silent);
    }
    if line.starts_with(PROXY_TEXT) {
        return Line::Refused(Refusal::Malformed);
    }
    let names_http = line.windows(5).any(|part| part.eq_ignore_ascii_case(b"HTTP/"));
    if names_http || is_http_0_9(line) { Line::Refused(Refusal::Malformed) } else { Line::Foreign }
}

/// Looks for a version of http in a line that begins like another protocol's. There are servers to which any bytes before it
/// are a method. No other protocol has a blank before what looks like a version, TLS with its ALPN neither.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Watch {
    /// Bytes of the line.
    seen: usize,
    /// So many of them, the last ones, are the beginning of a version with a blank before it.
    matching: usize,
}

/// What a watch has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// No version so far.
    Open,
    /// The line is over, or longer than any server takes.
    Foreign,
    /// A version.
    Http,
}

/// What follows the blank, before a digit.
const VERSION: &[u8] = b"HTTP/";

impl Watch {
    /// Takes the next bytes of the line.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Sight {
        for &byte in bytes {
            self.seen += 1;
            if byte == b'\n' || self.seen > LARGEST_HEAD {
                return Sight::Foreign;
            }
            if self.matching > VERSION.len() && byte.is_ascii_digit() {
                return Sight::Http;
            }
            let expected = self.matching.checked_sub(1).and_then(|matching| VERSION.get(matching));
            self.matching = match expected {
                _ if is_blank(byte) => 1,
                Some(expected) if byte.eq_ignore_ascii_case(expected) => self.matching + 1,
                _ => 0,
            };
        }
        Sight::Open
    }
}

/// Whether some server might take it for a request of HTTP/0.9, which had no version.
fn is_http_0_9(line: &[u8]) -> bool {
    let mut words = line.split(|byte| is_blank(*byte)).filter(|word| !word.is_empty());
    let begins = |word: &[u8], text: &[u8]| {
        word.get(..text.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(text))
    };
    words.next() == Some(b"GET")
        || words.next().is_some_and(|target| {
            begins(target, b"/") || begins(target, b"http:") || begins(target, b"https:")
        })
}

/// Whether some server takes it for a blank: besides ASCII's those of Unicode, read as Latin-1.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b'\t' | 0x0b..=b'\r' | 0x1c..=b' ' | 0x85 | 0xa0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_http_or_not_or_neither() {
        for line in ["GET / HTTP/1.1", "GET / HTTP/1.0", "\u{1}x y HTTP/1.1"] {
            assert_eq!(judge(line.as_bytes()), Line::Request, "{line}");
            assert_eq!(judge(format!("{line}\r").as_bytes()), Line::Request, "{line}");
        }
        for line in [
            "GET / HTTP/1.1 ",
            "GET / HTTP/1.2",
            "get / http/1.1",
            "HTTP/1.1",
            "HTTP/1.1 200 OK",
            "PRI * HTTP/2.0 ",
            "GET",
            "GET /",
            "GET x",
            "GET\t/",
            "\u{b}GET /",
            "get /",
            "POST /",
            "POST / HTTP",
            "get http://www/",
            "GET\r/",
            "PROXY TCP4 192.0.2.1 192.0.2.2 1 2",
            "PROXY UNKNOWN",
        ] {
            assert_eq!(judge(line.as_bytes()), Line::Refused(Refusal::Malformed), "{line}");
        }
        assert_eq!(judge(b"PRI * HTTP/2.0\r"), Line::Refused(Refusal::Silent));
        for line in [
            "",
            "EHLO me",
            "HELO x y",
            "SSH-2.0-OpenSSH_9.6",
            "get key",
            "*1",
            "OPTIONS rtsp://www/ RTSP/1.0",
            "REGISTER sip:www SIP/2.0",
            "CONNECT",
            "/W user",
            "a1 LOGIN me secret",
            "<?xml version='1.0'?>",
            "{\"method\": \"x\"}",
        ] {
            assert_eq!(judge(line.as_bytes()), Line::Foreign, "{line}");
        }
    }

    #[test]
    fn a_version_in_a_binary_line_is_seen_however_it_comes() {
        for (line, expected) in [
            ("\0GET / HTTP/1.1\r\n", Sight::Http),
            ("\0 \tHTTP/hTTp/  http/2\n", Sight::Http),
            ("\0\u{8}http/1.1HTTP/1.1", Sight::Open),
            ("\0 HTTP/", Sight::Open),
            ("\0 HTTP/x HTTP /1", Sight::Open),
            ("\0\n HTTP/1.1", Sight::Foreign),
        ] {
            assert_eq!(Watch::default().take(line.as_bytes()), expected, "{line:?}");
            let mut watch = Watch::default();
            let mut sights = line.bytes().map(|byte| watch.take(&[byte]));
            let sight = sights.find(|sight| *sight != Sight::Open).unwrap_or(Sight::Open);
            assert_eq!(sight, expected, "{line:?}");
        }
        let long = ["\0".repeat(LARGEST_HEAD).as_bytes(), b" HTTP/1"].concat();
        assert_eq!(Watch::default().take(&long), Sight::Foreign);
    }

    #[test]
    fn what_cannot_be_text_is_binary_at_once() {
        for beginning in
            [&b"\x16\x03\x01"[..], b"\0\0\0\x08", b"\x80", b"\xff\xfb", b"\x7f", b"AMQP\0\0\x09\x01"]
        {
            assert!(is_binary(beginning), "{beginning:?}");
        }
        for beginning in ["", "G", " ", "\t", "\u{b}", "\u{1f}", "\r", "\n", "<", "AMQP", "SSH"] {
            assert!(!is_binary(beginning.as_bytes()), "{beginning:?}");
        }
        assert!(!is_binary(b"\x85") && !is_binary(b"\xa0"));
    }
}

//! The first line that a client sends: whether it is a request, or another protocol altogether. What a server might read as http
//! in spite of its looks is neither. nginx and Apache are strict about this line; others split it at any blank, or take any
//! word for a method.

use super::Refusal;

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// That of a request, as it seems; the parser knows.
    Request,
    /// Another protocol's.
    Foreign,
    /// Neither.
    Refused(Refusal),
    /// Nobody knows before it is complete.
    Unfinished,
}

/// How HTTP/2 begins, which only this line has.
const HTTP_2: &[u8] = b"PRI * HTTP/2.0";
/// How AMQP begins. Whoever sends it waits for an answer, and never ends the line.
const AMQP: &[u8] = b"AMQP\0";

/// Whether what begins so is another protocol, whatever follows.
pub(super) fn is_foreign(beginning: &[u8]) -> bool {
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
    let names_http = line.windows(5).any(|part| part.eq_ignore_ascii_case(b"HTTP/"));
    if names_http || is_http_0_9(line) { Line::Refused(Refusal::Malformed) } else { Line::Foreign }
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
    fn what_cannot_be_text_is_foreign_at_once() {
        for beginning in
            [&b"\x16\x03\x01"[..], b"\0\0\0\x08", b"\x80", b"\xff\xfb", b"\x7f", b"AMQP\0\0\x09\x01"]
        {
            assert!(is_foreign(beginning), "{beginning:?}");
        }
        for beginning in ["", "G", " ", "\t", "\u{b}", "\u{1f}", "\r", "\n", "<", "AMQP", "SSH"] {
            assert!(!is_foreign(beginning.as_bytes()), "{beginning:?}");
        }
        assert!(!is_foreign(b"\x85") && !is_foreign(b"\xa0"));
    }
}

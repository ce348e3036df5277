//! The control protocol's framing: the client sends one line, pen answers with text and closes.
//!
//! No sockets here: bytes go in, a request comes out.

use std::time::Duration;

/// Most bytes of a line, without its `\n` or `\r\n`.
pub const MAX_LINE: usize = 4095;

/// Most sessions at once; one more, and the oldest idle one goes.
pub const SESSION_LIMIT: usize = 64;

/// How long a session may take to send its line, and to take the answer.
pub const SESSION_TIMEOUT: Duration = Duration::from_secs(10);

/// Collects the first line of a session. What comes after that line is never looked at.
#[derive(Debug, Default)]
pub struct LineReader {
    line: Vec<u8>,
}

/// What a session has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A line, without `\n` or `\r\n`.
    Line(String),
    /// More than [`MAX_LINE`] bytes without an end.
    TooLong,
    /// A line that is not UTF-8.
    NotText,
    /// An http request: a browser was made to speak to us. To be closed without an answer.
    Http,
}

impl LineReader {
    /// Takes bytes as they arrive; `None` as long as the line has not ended. Not to be called again after `Some`.
    pub fn feed(&mut self, bytes: &[u8]) -> Option<Request> {
        let end = bytes.iter().position(|&byte| byte == b'\n');
        // One byte more than needed shows that a line is too long, and that one may be the `\r`.
        let room = MAX_LINE + 2 - self.line.len().min(MAX_LINE + 2);
        let part = &bytes[..end.unwrap_or(bytes.len())];
        self.line.extend_from_slice(&part[..part.len().min(room)]);
        if begins_like_http(&self.line) {
            return Some(Request::Http);
        }
        match end {
            Some(_) => Some(self.finish()),
            None if self.line.len() > MAX_LINE + 1 => Some(Request::TooLong),
            None => None,
        }
    }

    /// The peer sends no more: what is there is the line.
    pub fn finish(&mut self) -> Request {
        let line = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
        if begins_like_http(line) || ends_like_http(line) {
            return Request::Http;
        }
        if line.len() > MAX_LINE {
            return Request::TooLong;
        }
        match std::str::from_utf8(line) {
            Ok(line) => Request::Line(line.to_owned()),
            Err(_) => Request::NotText,
        }
    }
}

/// `METHOD /…`: pen's own commands are in lower case.
fn begins_like_http(line: &[u8]) -> bool {
    let method = line.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    method > 0 && line[method..].starts_with(b" /")
}

/// `… HTTP/1.1`: a page can make its browser send a method of any name, but not without this at the end.
fn ends_like_http(line: &[u8]) -> bool {
    line.rsplit(|&byte| byte == b' ').next().is_some_and(|word| word.starts_with(b"HTTP/"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(parts: &[&[u8]]) -> Option<Request> {
        let mut reader = LineReader::default();
        parts.iter().find_map(|part| reader.feed(part))
    }

    fn line(text: &str) -> Request {
        Request::Line(text.to_owned())
    }

    #[test]
    fn a_line_ends_with_either_newline() {
        assert_eq!(read(&[b"mode\n"]), Some(line("mode")));
        assert_eq!(read(&[b"mode\r\n"]), Some(line("mode")));
        assert_eq!(read(&[b"\n"]), Some(line("")));
        assert_eq!(read(&[b"a\rb\r\r\n"]), Some(line("a\rb\r")));
    }

    #[test]
    fn a_line_may_come_in_pieces() {
        assert_eq!(read(&[b"mo", b"", b"de"]), None);
        assert_eq!(read(&[b"mo", b"de\r", b"\n"]), Some(line("mode")));
        assert_eq!(read(&["r\u{e9}".as_bytes().split_at(2).0, &[0xa9], b"\n"]), Some(line("r\u{e9}")));
    }

    #[test]
    fn what_follows_the_line_is_not_looked_at() {
        assert_eq!(read(&[b"mode\nPOST / HTTP/1.1\n\xff"]), Some(line("mode")));
    }

    #[test]
    fn a_peer_that_closes_has_ended_its_line() {
        let mut reader = LineReader::default();
        assert_eq!(reader.feed(b"mode\r"), None);
        assert_eq!(reader.finish(), Request::Line("mode".to_owned()));
        assert_eq!(LineReader::default().finish(), Request::Line(String::new()));
    }

    #[test]
    fn a_line_has_at_most_4095_bytes() {
        let longest = "x".repeat(MAX_LINE);
        for end in ["\n", "\r\n"] {
            assert_eq!(read(&[longest.as_bytes(), end.as_bytes()]), Some(line(&longest)));
            assert_eq!(read(&[longest.as_bytes(), b"x", end.as_bytes()]), Some(Request::TooLong));
        }
        assert_eq!(read(&[&[b'x'; MAX_LINE + 1]]), None, "the last byte might have been a carriage return");
        assert_eq!(read(&[&[b'x'; MAX_LINE + 2]]), Some(Request::TooLong));
        assert_eq!(read(&[&vec![b'x'; 1_000_000]]), Some(Request::TooLong));
    }

    #[test]
    fn what_is_not_utf_8_is_not_text() {
        assert_eq!(read(&[b"mode\xff\n"]), Some(Request::NotText));
        assert_eq!(read(&[b"\xc3\n"]), Some(Request::NotText));
    }

    #[test]
    fn http_requests_are_recognized() {
        for request in [
            "GET / HTTP/1.1\r\n",
            "POST /exit\n",
            "GET /",
            "OPTIONS /x",
            "log /x HTTP/1.1\n",
            "exit HTTP/1.0\r\n",
            "PRI * HTTP/2.0\r\n",
            "CONNECT pen:80 HTTP/1.1\n",
            "GET http://pen/ HTTP/1.1\n",
        ] {
            assert_eq!(read(&[request.as_bytes()]), Some(Request::Http), "{request}");
        }
        let long = format!("GET /{}", "x".repeat(5000));
        assert_eq!(read(&[long.as_bytes()]), Some(Request::Http));
        assert_eq!(read(&[b"GE", b"T", b" ", b"/"]), Some(Request::Http));
        let mut reader = LineReader::default();
        assert_eq!(reader.feed(b"exit HTTP/1.1"), None);
        assert_eq!(reader.finish(), Request::Http);
    }

    #[test]
    fn commands_are_not_taken_for_http() {
        for command in ["include /x", "log /HTTP/x", "server 0 address /x", "GET", " /x", "web_stats /a HTTP"]
        {
            assert_eq!(read(&[command.as_bytes(), b"\n"]), Some(line(command)));
        }
    }

    proptest! {
        #[test]
        fn how_the_bytes_are_split_does_not_matter(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'x'), any::<u8>()], 0..60),
            cuts in proptest::collection::vec(0usize..60, 0..6),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let parts: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(read(&parts), read(&[&bytes]));
        }
    }
}

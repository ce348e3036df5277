//! One request of a client.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use super::MAX_DATAGRAM;
use crate::client_addr::ClientAddr;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who asked.
    pub client: ClientAddr,
    /// When, in Unix seconds.
    pub time: u64,
    /// The server that was asked; `Unix` for a server behind a Unix socket.
    pub server: ClientAddr,
    /// What was asked.
    pub request: RequestLine,
}

impl Request {
    /// Appends the record as a line `CLIENT UNIXTIME SERVER REQUEST` of a file, with its newline.
    pub fn write_line(&self, out: &mut String) {
        let request = self.request.first(RequestLine::IN_FILE);
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{} {} {} {request}", self.client, self.time, self.server);
    }

    /// Appends the record as a datagram `+ CLIENT SERVER REQUEST`, with its newline.
    pub fn write_datagram(&self, out: &mut String) {
        let start = out.len();
        // Writing to a string cannot fail.
        let _ = write!(out, "+ {} {} ", self.client, self.server);
        let room = MAX_DATAGRAM - 1 - (out.len() - start);
        out.push_str(self.request.first(room));
        out.push('\n');
    }
}

/// The first line of a request, as logs show it: printable ASCII only.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestLine(Box<str>);

impl RequestLine {
    /// More bytes of a request than that are shown nowhere.
    pub const MAX: usize = MAX_DATAGRAM;

    /// A file shows no more than that.
    pub const IN_FILE: usize = 100;

    /// Takes the request line from the beginning of what a client sent: up to CR or LF, other bytes than printable
    /// ASCII as `.`.
    pub fn of(request: &[u8]) -> RequestLine {
        let line = request.iter().take(RequestLine::MAX).take_while(|byte| !matches!(byte, b'\r' | b'\n'));
        RequestLine(line.map(|byte| char::from(shown(*byte))).collect())
    }

    /// A request that was read, as it is when pen writes it: records of 0.34.1 have bytes in them that do not print.
    pub fn plain(read: &[u8]) -> Cow<'_, [u8]> {
        if read.iter().all(|byte| shown(*byte) == *byte) {
            Cow::Borrowed(read)
        } else {
            Cow::Owned(read.iter().map(|byte| shown(*byte)).collect())
        }
    }

    /// The line, without a newline.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn first(&self, bytes: usize) -> &str {
        // It is ASCII, so every byte is a character.
        self.0.get(..bytes).unwrap_or(&self.0)
    }
}

fn shown(byte: u8) -> u8 {
    if matches!(byte, b' '..=b'~') { byte } else { b'.' }
}

impl fmt::Debug for RequestLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::*;

    fn addr(text: &str) -> ClientAddr {
        ClientAddr::from(text.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn a_line_names_client_time_server_and_request() {
        let mut record = Request {
            client: addr("192.0.2.7"),
            time: 1_479_638_525,
            server: addr("2001:db8::1"),
            request: RequestLine::of(b"GET / HTTP/1.1\r\nHost: www\r\n\r\n"),
        };
        let mut out = String::from("before\n");
        record.write_line(&mut out);
        record = Request {
            client: ClientAddr::Unix,
            server: ClientAddr::Unix,
            request: RequestLine::of(b""),
            ..record
        };
        record.write_line(&mut out);
        let expected = "before\n192.0.2.7 1479638525 2001:db8::1 GET / HTTP/1.1\nunix 1479638525 unix \n";
        assert_eq!(out, expected);
    }

    #[test]
    fn a_request_is_its_first_line() {
        assert_eq!(RequestLine::of(b"a\nb").as_str(), "a");
        assert_eq!(RequestLine::of(b"a\rb").as_str(), "a");
        assert_eq!(RequestLine::of(b"\n").as_str(), "");
    }

    #[test]
    fn a_file_shows_a_hundred_bytes_of_it_and_a_datagram_what_fits() {
        for length in [99, 100, 101, 2000] {
            let request = "x".repeat(length);
            let record = Request {
                client: addr("192.0.2.7"),
                time: 5,
                server: addr("10.0.0.1"),
                request: RequestLine::of(request.as_bytes()),
            };
            let (mut line, mut datagram) = (String::new(), String::new());
            record.write_line(&mut line);
            record.write_datagram(&mut datagram);
            assert_eq!(line, format!("192.0.2.7 5 10.0.0.1 {}\n", "x".repeat(length.min(100))));
            assert_eq!(datagram, format!("+ 192.0.2.7 10.0.0.1 {}\n", "x".repeat(length.min(1001))));
            assert!(datagram.len() <= MAX_DATAGRAM);
        }
    }

    #[test]
    fn bytes_that_do_not_print_are_dots() {
        assert_eq!(RequestLine::of(b"\0\t\x1f ~\x7f\x80\xff").as_str(), "... ~...");
    }

    fn naive(request: &[u8]) -> String {
        let end = request.iter().position(|byte| b"\r\n".contains(byte)).unwrap_or(request.len());
        let shown = |&byte: &u8| if (0x20..0x7f).contains(&byte) { char::from(byte) } else { '.' };
        request[..end.min(1023)].iter().map(shown).collect()
    }

    proptest! {
        #[test]
        fn any_request_becomes_one_printable_line(request in proptest::collection::vec(any::<u8>(), 0..1500)) {
            let line = RequestLine::of(&request);
            prop_assert_eq!(line.as_str(), naive(&request));
            let end = line.as_str().len();
            prop_assert_eq!(&*RequestLine::plain(&request[..end]), line.as_str().as_bytes());
        }
    }
}

//! A record of the request log: who asked which server for what, and the line in which a file tells it. Sending
//! records is `pen`'s business; the datagram form comes with `penlogd`.

use std::fmt::Write as _;

use crate::client_addr::ClientAddr;

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Who asked.
    pub client: ClientAddr,
    /// When, in Unix seconds.
    pub time: u64,
    /// The server that was asked; `Unix` for a server behind a Unix socket.
    pub server: ClientAddr,
    /// What was asked.
    pub request: RequestLine,
}

impl Record {
    /// Appends the record as a line `CLIENT UNIXTIME SERVER REQUEST` with its newline.
    pub fn write_line(&self, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{} {} {} {}", self.client, self.time, self.server, self.request.as_str());
    }
}

/// The first line of a request, as a log shows it: printable ASCII only, at most [`MAX`](RequestLine::MAX) bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestLine {
    length: u8,
    bytes: [u8; RequestLine::MAX],
}

impl RequestLine {
    /// More bytes of a request than that are not shown.
    pub const MAX: usize = 100;

    /// Takes the request line from the beginning of what a client sent: up to CR or LF, other bytes than printable
    /// ASCII as `.`.
    pub fn of(request: &[u8]) -> RequestLine {
        let mut line = RequestLine { length: 0, bytes: [b'.'; RequestLine::MAX] };
        let shown = request.iter().take(RequestLine::MAX).take_while(|byte| !matches!(byte, b'\r' | b'\n'));
        for (slot, &byte) in line.bytes.iter_mut().zip(shown) {
            if matches!(byte, b' '..=b'~') {
                *slot = byte;
            }
            line.length += 1;
        }
        line
    }

    /// The line, without a newline.
    pub fn as_str(&self) -> &str {
        // Only ASCII was put in.
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl std::fmt::Debug for RequestLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
        let mut record = Record {
            client: addr("192.0.2.7"),
            time: 1_479_638_525,
            server: addr("2001:db8::1"),
            request: RequestLine::of(b"GET / HTTP/1.1\r\nHost: www\r\n\r\n"),
        };
        let mut out = String::from("before\n");
        record.write_line(&mut out);
        record = Record {
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
    fn a_request_is_cut_after_a_hundred_bytes_or_its_first_line() {
        assert_eq!(RequestLine::of(&[b'x'; 100]).as_str(), "x".repeat(100));
        assert_eq!(RequestLine::of(&[b'x'; 101]).as_str(), "x".repeat(100));
        assert_eq!(RequestLine::of(b"a\nb").as_str(), "a");
        assert_eq!(RequestLine::of(b"a\rb").as_str(), "a");
        assert_eq!(RequestLine::of(b"\n").as_str(), "");
    }

    #[test]
    fn bytes_that_do_not_print_are_dots() {
        assert_eq!(RequestLine::of(b"\0\t\x1f ~\x7f\x80\xff").as_str(), "... ~...");
    }

    #[test]
    fn a_record_is_small_enough_to_be_queued_by_the_thousand() {
        assert!(size_of::<Record>() <= 144, "{}", size_of::<Record>());
    }

    fn naive(request: &[u8]) -> String {
        let end = request.iter().position(|byte| b"\r\n".contains(byte)).unwrap_or(request.len());
        let shown = |&byte: &u8| if (0x20..0x7f).contains(&byte) { char::from(byte) } else { '.' };
        request[..end.min(100)].iter().map(shown).collect()
    }

    proptest! {
        #[test]
        fn any_request_becomes_one_printable_line(request in proptest::collection::vec(any::<u8>(), 0..250)) {
            let line = RequestLine::of(&request);
            prop_assert_eq!(line.as_str(), naive(&request));
        }
    }
}

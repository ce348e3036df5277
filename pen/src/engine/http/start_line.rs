//! The first line of a request, `METHOD TARGET HTTP/1.x`, byte by byte and however long. Servers are lenient about spaces and
//! about digits of the version (RFC 9112, 3), so this is, too: a client must not hide what it sends ahead behind such a line.

/// How far the line has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StartLine {
    place: Place,
    /// How many bytes of the method are those of `CONNECT`; one that differs ends the count.
    like_connect: u8,
    is_connect: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Method {
        length: u32,
    },
    Target {
        length: u32,
    },
    /// In the spaces before the version, or behind so many bytes of `HTTP/1.`.
    Version {
        matched: u8,
    },
    Minor,
    /// In the digits of the minor version, of which there is one at least.
    Digits {
        is_1_0: bool,
    },
    /// In the spaces behind the version.
    Blank {
        is_1_0: bool,
    },
}

const CONNECT: &[u8] = b"CONNECT";
const VERSION: &[u8] = b"HTTP/1.";

/// A complete line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) is_connect: bool,
    /// It is one of HTTP/1.0, which knows no chunks.
    pub(super) is_1_0: bool,
}

/// It is no such line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotHttp;

impl StartLine {
    pub(super) const fn new() -> StartLine {
        StartLine { place: Place::Method { length: 0 }, like_connect: 0, is_connect: false }
    }

    /// Takes the next byte; not that of the line's end.
    pub(super) fn take(&mut self, byte: u8) -> Result<(), NotHttp> {
        self.place = match self.place {
            Place::Method { length } if is_token(byte) => {
                let expected = CONNECT.get(length as usize);
                self.like_connect += u8::from(expected == Some(&byte));
                self.is_connect =
                    length as usize + 1 == CONNECT.len() && usize::from(self.like_connect) == CONNECT.len();
                Place::Method { length: length.saturating_add(1) }
            }
            Place::Method { length: 1.. } | Place::Target { length: 0 } if byte == b' ' => {
                Place::Target { length: 0 }
            }
            Place::Target { length } if byte > b' ' && byte != 0x7f => {
                Place::Target { length: length.saturating_add(1) }
            }
            Place::Target { length: 1.. } | Place::Version { matched: 0 } if byte == b' ' => {
                Place::Version { matched: 0 }
            }
            Place::Version { matched } if byte == VERSION[usize::from(matched)] => {
                if usize::from(matched) + 1 == VERSION.len() {
                    Place::Minor
                } else {
                    Place::Version { matched: matched + 1 }
                }
            }
            Place::Minor if byte.is_ascii_digit() => Place::Digits { is_1_0: byte == b'0' },
            Place::Digits { is_1_0 } if byte.is_ascii_digit() => {
                Place::Digits { is_1_0: is_1_0 && byte == b'0' }
            }
            Place::Digits { is_1_0 } | Place::Blank { is_1_0 } if byte == b' ' => Place::Blank { is_1_0 },
            _ => return Err(NotHttp),
        };
        Ok(())
    }

    /// The line ends here.
    pub(super) fn end(self) -> Result<Request, NotHttp> {
        match self.place {
            Place::Digits { is_1_0 } | Place::Blank { is_1_0 } => {
                Ok(Request { is_connect: self.is_connect, is_1_0 })
            }
            _ => Err(NotHttp),
        }
    }
}

/// Whether a method may contain this byte.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Request, NotHttp> {
        let mut read = StartLine::new();
        line.bytes().try_for_each(|byte| read.take(byte))?;
        read.end()
    }

    #[test]
    fn any_method_may_ask_for_any_target() {
        for line in [
            "GET / HTTP/1.1",
            "OPTIONS * HTTP/1.1",
            "GET http://www.example.com/a?b HTTP/1.1",
            "M-SEARCH * HTTP/1.1",
            "x!#$%&'*+-.^_`|~ /\u{fc} HTTP/1.9",
            "GET   /  HTTP/1.1  ",
            "GET / HTTP/1.01",
            "GET / HTTP/1.10",
            "CONNECTED / HTTP/1.1",
            "CONNEC / HTTP/1.1",
            "connect / HTTP/1.1",
        ] {
            assert_eq!(read(line), Ok(Request { is_connect: false, is_1_0: false }), "{line}");
        }
        let long = format!("{} /{} HTTP/1.0", "M".repeat(100_000), "x".repeat(100_000));
        assert_eq!(read(&long), Ok(Request { is_connect: false, is_1_0: true }));
    }

    #[test]
    fn a_tunnel_is_told() {
        assert_eq!(read("CONNECT www:443 HTTP/1.1"), Ok(Request { is_connect: true, is_1_0: false }));
    }

    #[test]
    fn what_is_another_protocol_is_told() {
        for line in [
            "",
            "GET",
            "GET /",
            "GET / ",
            " GET / HTTP/1.1",
            "GET /a b HTTP/1.1",
            "GET /\t HTTP/1.1",
            "GET / HTTP/1.",
            "GET / HTTP/1.1 x",
            "GET / HTTP /1.1",
            "GET / HTTP/1. 1",
            "GET / HTTP/1.x",
            "GET / http/1.1",
            "PRI * HTTP/2.0",
            "G:T / HTTP/1.1",
            "GET /\u{7f} HTTP/1.1",
            "HELO me",
            "\u{16}\u{3}\u{1}",
        ] {
            assert_eq!(read(line), Err(NotHttp), "{line}");
        }
    }
}

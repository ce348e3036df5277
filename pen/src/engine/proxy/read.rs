//! Reads a PROXY header from the first bytes of a connection. What is not one to the letter is refused, as early as it shows:
//! whoever sends something else does not mean to send a header.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use thiserror::Error;

use super::{Header, Route, crc32c};

/// The longest header that is taken, in bytes. Proxies send some hundred at most, with a client's certificate name in it.
pub const LONGEST: usize = 4096;

/// The longest header of version 1, by the specification.
const LONGEST_LINE: usize = 107;
const LINE_MARK: &[u8] = b"PROXY ";
const BLOCK_MARK: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The mark, then version and command, family and transport, and the length of what follows.
const BLOCK_FRONT: usize = BLOCK_MARK.len() + 4;

const CHECKSUM: u8 = 0x03;
const TLS: u8 = 0x20;
const CLIENT_SPOKE_TLS: u8 = 1;

/// What the bytes so far come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The beginning of a header.
    Incomplete,
    /// A header of so many bytes; what follows them is the client's.
    Complete(Header, usize),
}

/// Why the bytes are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "their texts say it")]
pub enum Flaw {
    #[error("it does not begin with a PROXY header")]
    Absent,
    #[error("its PROXY line does not end within {LONGEST_LINE} bytes")]
    EndlessLine,
    #[error("its PROXY line is neither of TCP4 nor TCP6 nor UNKNOWN")]
    LineFamily,
    #[error("its PROXY line does not hold two addresses and two ports")]
    LineAddresses,
    #[error("its PROXY header is of another version than 1 and 2")]
    Version,
    #[error("its PROXY header has a command other than LOCAL and PROXY")]
    Command,
    #[error("its PROXY header has an unknown address family or transport")]
    Family,
    #[error("its PROXY header is longer than {LONGEST} bytes")]
    TooLong,
    #[error("its PROXY header is too short for its addresses")]
    TooShort,
    #[error("its PROXY header has an extension that is cut off")]
    Extension,
    #[error("the checksum of its PROXY header is wrong")]
    Checksum,
}

/// Reads a header from all that has come so far, from the first byte on.
///
/// # Errors
/// Whatever follows, these bytes are no header.
pub fn read(bytes: &[u8]) -> Result<Reading, Flaw> {
    if agree(bytes, LINE_MARK) {
        line(bytes)
    } else if agree(bytes, BLOCK_MARK) {
        block(bytes)
    } else {
        Err(Flaw::Absent)
    }
}

/// Whether one is the beginning of the other.
fn agree(bytes: &[u8], mark: &[u8]) -> bool {
    bytes.iter().zip(mark).all(|(byte, expected)| byte == expected)
}

/// Version 1: a line of text.
fn line(bytes: &[u8]) -> Result<Reading, Flaw> {
    let longest = &bytes[..bytes.len().min(LONGEST_LINE)];
    let end = longest.windows(2).position(|pair| pair == b"\r\n");
    let text = longest.get(LINE_MARK.len()..end.unwrap_or(longest.len())).unwrap_or_default();
    // A CR may be half of the line's end.
    look_ahead(text.strip_suffix(b"\r").filter(|_| end.is_none()).unwrap_or(text))?;
    let Some(end) = end else {
        return if longest.len() < LONGEST_LINE { Ok(Reading::Incomplete) } else { Err(Flaw::EndlessLine) };
    };
    let mut words = text.split(|byte| *byte == b' ');
    let route = match words.next() {
        Some(b"TCP4") => Some(addresses::<Ipv4Addr>(words).ok_or(Flaw::LineAddresses)?),
        Some(b"TCP6") => Some(addresses::<Ipv6Addr>(words).ok_or(Flaw::LineAddresses)?),
        // What else is there means nothing.
        Some(b"UNKNOWN") => None,
        _ => return Err(Flaw::LineFamily),
    };
    Ok(Reading::Complete(Header { route, secure: false }, end + 2))
}

/// Whether the text of a line, which may not be complete, has nothing in it that makes it wrong whatever follows. A sender
/// that ends its line with a bare LF would else not hear of it before its time is over.
fn look_ahead(text: &[u8]) -> Result<(), Flaw> {
    if agree(text, b"UNKNOWN") {
        return Ok(());
    }
    if !agree(text, b"TCP4") && !agree(text, b"TCP6") {
        return Err(Flaw::LineFamily);
    }
    let is_expected = |byte: &u8| byte.is_ascii_hexdigit() || b" .:".contains(byte);
    if text.iter().skip(4).all(is_expected) { Ok(()) } else { Err(Flaw::LineAddresses) }
}

fn addresses<'a, A: FromStr + Into<IpAddr>>(words: impl Iterator<Item = &'a [u8]>) -> Option<Route> {
    let words: Vec<&str> = words.map(str::from_utf8).collect::<Result<_, _>>().ok()?;
    let [source, destination, source_port, destination_port] = words[..] else { return None };
    let address = |text: &str| text.parse::<A>().ok().map(Into::into);
    Some(Route {
        source: SocketAddr::new(address(source)?, port(source_port)?),
        destination: SocketAddr::new(address(destination)?, port(destination_port)?),
    })
}

/// A port without sign or leading zeros.
fn port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port: &u16| port.to_string() == text)
}

/// Version 2: a block of bytes.
fn block(bytes: &[u8]) -> Result<Reading, Flaw> {
    let after_mark = bytes.get(BLOCK_MARK.len()..).unwrap_or_default();
    let is_local = match after_mark.first() {
        None => return Ok(Reading::Incomplete),
        Some(0x20) => true,
        Some(0x21) => false,
        Some(0x22..=0x2f) => return Err(Flaw::Command),
        Some(_) => return Err(Flaw::Version),
    };
    let Some(&kind) = after_mark.get(1) else { return Ok(Reading::Incomplete) };
    let addresses = if is_local { Addresses::Unknown } else { Addresses::of(kind)? };
    let Some(&[high, low]) = after_mark.get(2..4) else { return Ok(Reading::Incomplete) };
    let length = BLOCK_FRONT + usize::from(u16::from_be_bytes([high, low]));
    if length > LONGEST {
        return Err(Flaw::TooLong);
    }
    if length < BLOCK_FRONT + addresses.size() {
        return Err(Flaw::TooShort);
    }
    let Some(block) = bytes.get(..length) else { return Ok(Reading::Incomplete) };
    let secure = addresses != Addresses::Unknown && extensions(block, BLOCK_FRONT + addresses.size())?;
    let route = addresses.route(&block[BLOCK_FRONT..]);
    Ok(Reading::Complete(Header { route, secure }, length))
}

/// How the addresses of a block are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Addresses {
    V4,
    V6,
    /// Paths of Unix sockets.
    Unix,
    /// In a way that nobody knows, so that the whole block means nothing.
    Unknown,
}

impl Addresses {
    /// By the byte for family and transport. Datagrams may have become a stream on their way: QUIC does.
    fn of(kind: u8) -> Result<Addresses, Flaw> {
        match (kind >> 4, kind & 0xf) {
            (0, 0..=2) | (1..=3, 0) => Ok(Addresses::Unknown),
            (1, 1 | 2) => Ok(Addresses::V4),
            (2, 1 | 2) => Ok(Addresses::V6),
            (3, 1 | 2) => Ok(Addresses::Unix),
            _ => Err(Flaw::Family),
        }
    }

    /// Both, with their ports.
    fn size(self) -> usize {
        match self {
            Addresses::V4 => 2 * (4 + 2),
            Addresses::V6 => 2 * (16 + 2),
            Addresses::Unix => 2 * 108,
            Addresses::Unknown => 0,
        }
    }

    fn route(self, bytes: &[u8]) -> Option<Route> {
        match self {
            Addresses::V4 => route::<4>(bytes),
            Addresses::V6 => route::<16>(bytes),
            Addresses::Unix | Addresses::Unknown => None,
        }
    }
}

fn route<const SIZE: usize>(bytes: &[u8]) -> Option<Route>
where
    IpAddr: From<[u8; SIZE]>,
{
    let (source, rest) = bytes.split_first_chunk::<SIZE>()?;
    let (destination, rest) = rest.split_first_chunk::<SIZE>()?;
    let (source_port, rest) = rest.split_first_chunk::<2>()?;
    let destination_port = rest.first_chunk::<2>()?;
    Some(Route {
        source: SocketAddr::new(IpAddr::from(*source), u16::from_be_bytes(*source_port)),
        destination: SocketAddr::new(IpAddr::from(*destination), u16::from_be_bytes(*destination_port)),
    })
}

/// Reads the extensions that begin at `start`, and tells whether the client spoke TLS.
fn extensions(block: &[u8], start: usize) -> Result<bool, Flaw> {
    let mut secure = false;
    let mut place = start;
    while place < block.len() {
        let (kind, value) = extension(&block[place..])?;
        let end = place + 3 + value.len();
        match kind {
            CHECKSUM => check(block, end - value.len(), value)?,
            TLS => secure |= speaks_of_tls(value)?,
            _ => {}
        }
        place = end;
    }
    Ok(secure)
}

/// The first extension: its kind and its value.
fn extension(bytes: &[u8]) -> Result<(u8, &[u8]), Flaw> {
    let (&[kind, high, low], rest) = bytes.split_first_chunk().ok_or(Flaw::Extension)?;
    let value = rest.get(..usize::from(u16::from_be_bytes([high, low]))).ok_or(Flaw::Extension)?;
    Ok((kind, value))
}

/// Checks the checksum of a block, which stands at `place` and was made while zeros stood there.
fn check(block: &[u8], place: usize, value: &[u8]) -> Result<(), Flaw> {
    let expected: &[u8; 4] = value.try_into().map_err(|_| Flaw::Extension)?;
    let sum = crc32c::checksum(block[..place].iter().chain(&[0; 4]).chain(&block[place + 4..]));
    if sum == u32::from_be_bytes(*expected) { Ok(()) } else { Err(Flaw::Checksum) }
}

/// Whether the client spoke TLS; what more is said of that has extensions of its own.
fn speaks_of_tls(value: &[u8]) -> Result<bool, Flaw> {
    let (&[client, ..], mut rest) = value.split_first_chunk::<5>().ok_or(Flaw::Extension)?;
    while !rest.is_empty() {
        let (_, value) = extension(rest)?;
        rest = &rest[3 + value.len()..];
    }
    Ok(client & CLIENT_SPOKE_TLS != 0)
}

#[cfg(test)]
mod tests;

//! The connection request of RDP: a TPKT header, an X.224 Connection Request, and in it a line that says where the client wants to
//! go, or who it is. What does not keep to that is no request, and says nothing.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::Sight;

/// The longest request, in bytes: its length indicator is one byte, of which 255 is reserved.
pub const LONGEST: usize = TPKT_HEADER + 1 + 254;

const TPKT_VERSION: u8 = 3;
const TPKT_HEADER: usize = 4;
const CONNECTION_REQUEST: u8 = 0xe0;
/// In front of the lines: the TPKT header, the length indicator, the kind, two references of two bytes, the class.
const FRONT: usize = TPKT_HEADER + 7;

/// Lines of this kind are for the broker of a farm: they name a collection of servers, not one.
const FOR_THE_BROKER: &[u8] = b"tsv://";
const COOKIE: &[u8] = b"Cookie:";
const USER: &[u8] = b"mstshash=";
const SERVER: &[u8] = b"msts=";

/// What a request says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// A routing token: the server that has the session.
    Token(SocketAddrV4),
    /// A user's name as it was sent. It is not UTF-8, and may be empty.
    User(&'a [u8]),
}

/// Reads a request from all that has come so far, from the first byte on. What is once seen stays, whatever follows.
pub fn read(bytes: &[u8]) -> Sight<Request<'_>> {
    match length(bytes) {
        Length::Unknown => Sight::Incomplete,
        Length::Wrong => Sight::Seen(None),
        Length::Right(length) => {
            let come = &bytes[..bytes.len().min(length)];
            lines(come.get(FRONT..).unwrap_or_default(), come.len() == length)
        }
    }
}

/// How long the request is, by its front.
enum Length {
    Unknown,
    Right(usize),
    Wrong,
}

fn length(bytes: &[u8]) -> Length {
    let is_wrong = |at: usize, expected: u8| bytes.get(at).is_some_and(|byte| *byte != expected);
    if is_wrong(0, TPKT_VERSION) || is_wrong(5, CONNECTION_REQUEST) {
        return Length::Wrong;
    }
    let [_, _, high, low, ..] = *bytes else { return Length::Unknown };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if !(FRONT..=LONGEST).contains(&length) {
        return Length::Wrong;
    }
    // It counts what stands behind it.
    match bytes.get(TPKT_HEADER) {
        None => Length::Unknown,
        Some(indicator) if TPKT_HEADER + 1 + usize::from(*indicator) == length => Length::Right(length),
        Some(_) => Length::Wrong,
    }
}

/// The lines that a request may begin with, of which the first that is for us counts. `is_all`: no more of them will come.
fn lines(mut text: &[u8], is_all: bool) -> Sight<Request<'_>> {
    loop {
        let Some(end) = text.windows(2).position(|pair| pair == b"\r\n") else {
            let may_be_one = is_begun(text, FOR_THE_BROKER) || is_begun(text, COOKIE);
            return if may_be_one && !is_all { Sight::Incomplete } else { Sight::Seen(None) };
        };
        if begins(&text[..end], FOR_THE_BROKER).is_none() {
            return Sight::Seen(cookie(&text[..end]));
        }
        text = &text[end + 2..];
    }
}

fn cookie(line: &[u8]) -> Option<Request<'_>> {
    let cookie = begins(line, COOKIE)?.trim_ascii_start();
    match begins(cookie, USER) {
        Some(name) => Some(Request::User(name)),
        None => token(begins(cookie, SERVER)?).map(Request::Token),
    }
}

/// `ADDRESS.PORT.RESERVED`: both numbers are what the bytes on the wire come to on a little-endian machine.
fn token(value: &[u8]) -> Option<SocketAddrV4> {
    let mut parts = value.splitn(3, |byte| *byte == b'.');
    let mut number = || u32::try_from(decimal(parts.next()?)?).ok();
    let (address, port) = (number()?, u16::try_from(number()?).ok()?);
    // What is reserved may be missing, but not the point before it.
    parts.next()?;
    Some(SocketAddrV4::new(Ipv4Addr::from(address.to_le_bytes()), port.swap_bytes()))
}

fn decimal(digits: &[u8]) -> Option<u64> {
    // No number of ours has more digits, and this many fit.
    let is_number = (1..=10).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

/// What follows the mark, in whichever case that is written.
fn begins<'a>(text: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    let (front, rest) = text.split_at_checked(mark.len())?;
    front.eq_ignore_ascii_case(mark).then_some(rest)
}

/// Whether the text begins with the mark, as far as it has come.
fn is_begun(text: &[u8], mark: &[u8]) -> bool {
    let length = text.len().min(mark.len());
    text[..length].eq_ignore_ascii_case(&mark[..length])
}

#[cfg(test)]
mod tests;

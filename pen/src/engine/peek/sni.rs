//! The server name in the first message of a TLS handshake, which nobody needs to decrypt. What is not such a message, to the
//! letter, says nothing; whether the rest of the handshake is any good is the server's matter.

use super::Sight;

/// So many bytes may come before the message is complete.
pub const LONGEST: usize = 16 * 1024;

const RECORD_HEADER: usize = 5;
/// Records have no more, before they are encrypted.
const LONGEST_RECORD: usize = 16 * 1024;
const HANDSHAKE: u8 = 22;
const MAJOR_VERSION: u8 = 3;
const MESSAGE_HEADER: usize = 4;
const CLIENT_HELLO: u8 = 1;
const RANDOM: usize = 32;
const SERVER_NAME: u16 = 0;
const HOST_NAME: u8 = 0;
const LONGEST_NAME: usize = 253;

/// A handshake as far as it has come. It is put together a byte at most twice, however it is split.
#[derive(Debug, Default)]
pub struct Hello {
    /// Bytes that have come.
    come: usize,
    /// The header of the record that comes now.
    header: Vec<u8>,
    /// How much of that record is still to come.
    left: usize,
    message: Vec<u8>,
}

impl Hello {
    /// Takes what has come next. The name is in lower case, without a point at its end. Once that has been seen, nothing more may
    /// be taken.
    pub fn take(&mut self, bytes: &[u8]) -> Sight<String> {
        let mut bytes = &bytes[..bytes.len().min(LONGEST - self.come)];
        self.come += bytes.len();
        while !bytes.is_empty() {
            if self.left == 0 && !self.take_header(&mut bytes) {
                return Sight::Seen(None);
            }
            let (fragment, rest) = bytes.split_at(bytes.len().min(self.left));
            self.left -= fragment.len();
            self.message.extend_from_slice(fragment);
            bytes = rest;
            if let Sight::Seen(message) = self.message() {
                return Sight::Seen(message.and_then(server_name));
            }
        }
        if self.come < LONGEST { Sight::Incomplete } else { Sight::Seen(None) }
    }

    /// Takes what has come of a record's header; false: it is not that of a handshake.
    fn take_header(&mut self, bytes: &mut &[u8]) -> bool {
        let (part, rest) = bytes.split_at(bytes.len().min(RECORD_HEADER - self.header.len()));
        *bytes = rest;
        self.header.extend_from_slice(part);
        let front = [HANDSHAKE, MAJOR_VERSION];
        if self.header.iter().zip(front).any(|(byte, expected)| *byte != expected) {
            return false;
        }
        let [_, _, _, high, low] = self.header[..] else { return true };
        self.left = usize::from(u16::from_be_bytes([high, low]));
        self.header.clear();
        (1..=LONGEST_RECORD).contains(&self.left)
    }

    /// The body of the client's first message; `None`: it is another one, or too long.
    fn message(&self) -> Sight<&[u8]> {
        if self.message.first().is_some_and(|kind| *kind != CLIENT_HELLO) {
            return Sight::Seen(None);
        }
        let Some((header, body)) = self.message.split_at_checked(MESSAGE_HEADER) else {
            return Sight::Incomplete;
        };
        let length = number(&header[1..]);
        match body.get(..length) {
            None if length <= LONGEST => Sight::Incomplete,
            body => Sight::Seen(body),
        }
    }
}

fn server_name(body: &[u8]) -> Option<String> {
    let mut message = Part(body);
    message.take(2 + RANDOM)?;
    let _session = message.sized(1)?;
    let _ciphers = message.sized(2)?;
    let _compressions = message.sized(1)?;
    let mut extensions = message.sized(2)?;
    while !extensions.is_empty() {
        let kind = extensions.number(2)?;
        let extension = extensions.sized(2)?;
        if kind == usize::from(SERVER_NAME) {
            return host_name(extension);
        }
    }
    None
}

fn host_name(mut extension: Part<'_>) -> Option<String> {
    let mut names = extension.sized(2)?;
    while !names.is_empty() {
        let kind = names.number(1)?;
        let name = names.sized(2)?;
        if kind == usize::from(HOST_NAME) {
            return valid(name.0);
        }
    }
    None
}

fn valid(name: &[u8]) -> Option<String> {
    let name = name.strip_suffix(b".").unwrap_or(name);
    let is_part = |label: &[u8]| {
        !label.is_empty() && label.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
    };
    if name.len() > LONGEST_NAME || !name.split(|byte| *byte == b'.').all(is_part) {
        return None;
    }
    Some(str::from_utf8(name).ok()?.to_ascii_lowercase())
}

/// What is left of a part of the message.
#[derive(Clone, Copy)]
struct Part<'a>(&'a [u8]);

impl<'a> Part<'a> {
    fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number of so many bytes.
    fn number(&mut self, length: usize) -> Option<usize> {
        self.take(length).map(number)
    }

    /// What has its length in front, in so many bytes.
    fn sized(&mut self, length: usize) -> Option<Part<'a>> {
        let length = self.number(length)?;
        self.take(length).map(Part)
    }
}

/// Three bytes at most.
fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

#[cfg(test)]
mod tests;

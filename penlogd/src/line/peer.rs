//! A server's peer as lines show it: its address, perhaps with its port.

use std::net::{IpAddr, Ipv6Addr};
use std::ops::Range;

use super::place::What;

/// What a text says of the peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Peer {
    /// The address, if it is one, and it can be told.
    pub address: Option<IpAddr>,
    /// The port; a guess, where the address is none.
    pub port: Option<u16>,
    /// The text may as well be an address alone: `2001:db8::1:4123`.
    pub ambiguous: bool,
}

impl Peer {
    /// What stands there.
    pub fn what(self) -> What {
        if self.certain_port().is_some() { What::Endpoint } else { What::Address }
    }

    /// The port, if it can be nothing else: `www.example.com:80` may be whom the peer asked for.
    pub fn certain_port(self) -> Option<u16> {
        self.address.and(self.port)
    }

    /// The place of `text`, without the brackets of an address alone.
    pub fn place(self, text: &[u8], Range { start, end }: Range<usize>) -> Range<usize> {
        match text {
            [b'[', .., b']'] if self.port.is_none() => start + 1..end - 1,
            _ => start..end,
        }
    }
}

/// Reads `10.0.0.9`, `10.0.0.9:41234`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:41234`, nginx's
/// `2001:db8::1:41234`, or a name in an address's place.
///
/// Where the last may be an address as well as an address and a port, it is taken for neither: the address is not told, and
/// the port is a guess. A number below 1024 is never pen's port, and then it is an address.
pub(super) fn read(text: &[u8]) -> Peer {
    let Ok(text) = std::str::from_utf8(text) else { return Peer::default() };
    if let Some(bracketed) = text.strip_prefix('[') {
        let Some((address, rest)) = bracketed.split_once(']') else { return Peer::default() };
        let port = rest.strip_prefix(':').and_then(|port| self::port(port.as_bytes()));
        if rest.is_empty() || port.is_some() {
            return Peer { address: address.parse::<Ipv6Addr>().ok().map(canonical), port, ambiguous: false };
        }
        return Peer::default();
    }
    // Most are one of IPv4.
    let Some((before, last)) = text.rsplit_once(':') else {
        return Peer { address: address(text), ..Peer::default() };
    };
    let port = port(last.as_bytes());
    let Ok(whole) = text.parse::<Ipv6Addr>() else {
        return Peer { address: address(before), port, ambiguous: false };
    };
    if port.is_some_and(|port| port >= 1024) && before.parse::<Ipv6Addr>().is_ok() {
        return Peer { address: None, port, ambiguous: true };
    }
    Peer { address: Some(canonical(whole)), ..Peer::default() }
}

/// A port: a number from 1 to 65535.
pub(super) fn port(text: &[u8]) -> Option<u16> {
    if text.len() > 5 || text.first().is_none_or(|first| !matches!(first, b'1'..=b'9')) {
        return None;
    }
    let number = text
        .iter()
        .try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0')));
    u16::try_from(number?).ok()
}

fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok().map(|address: IpAddr| address.to_canonical())
}

fn canonical(address: Ipv6Addr) -> IpAddr {
    IpAddr::V6(address).to_canonical()
}

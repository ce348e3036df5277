//! Where in a line the peer and the time stand, and the line with others there.

use std::io::Write as _;
use std::net::IpAddr;
use std::ops::Range;

use crate::matching::Client;

/// What stands in a place, and what takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// The peer's address: the client's.
    Address,
    /// The peer's port: the client's, where it is known.
    Port,
    /// Both, with a colon between them: both of the client, or the address alone.
    Endpoint,
    /// A time of Common Log Format: the same in UTC, if that is asked for.
    Time,
}

/// Places of a line in their order, which have no byte in common.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Places {
    length: u8,
    places: [Option<Place>; Places::MOST],
}

/// A place.
#[derive(Clone, Copy, Debug)]
struct Place {
    what: What,
    start: u32,
    end: u32,
}

impl Places {
    /// More are left as they are.
    pub const MOST: usize = 5;

    /// Adds one that is not empty, unless there are enough or another is there.
    pub fn add(&mut self, what: What, Range { start, end }: Range<usize>) {
        // No line is that long.
        let (Ok(start), Ok(end)) = (u32::try_from(start), u32::try_from(end)) else { return };
        let length = usize::from(self.length);
        let there = self.places.iter().flatten();
        let index = there.clone().take_while(|place| place.start < start).count();
        let free = there.clone().all(|place| place.end <= start || end <= place.start);
        if start < end && free && length < Places::MOST {
            self.places.copy_within(index..length, index + 1);
            self.places[index] = Some(Place { what, start, end });
            self.length += 1;
        }
    }

    /// They, from the left to the right.
    pub fn iter(&self) -> impl Iterator<Item = (What, Range<usize>)> {
        self.places.iter().flatten().map(|place| (place.what, place.start as usize..place.end as usize))
    }

    /// Whether an address is among them.
    pub fn have_peer(&self) -> bool {
        self.iter().any(|(what, _)| matches!(what, What::Address | What::Endpoint))
    }
}

/// Appends what takes the place of `text`, the peer's address, port or both.
pub(super) fn write_client(client: &Client, what: What, text: &[u8], out: &mut Vec<u8>) {
    match (what, client.port) {
        (What::Address, _) | (What::Endpoint, None) => write_address(client.address, out),
        (What::Port, Some(port)) => write_number(port, out),
        (What::Endpoint, Some(port)) => {
            let bracketed = client.address.is_ipv6();
            out.extend(bracketed.then_some(b'['));
            write_address(client.address, out);
            out.extend(bracketed.then_some(b']'));
            out.push(b':');
            write_number(port, out);
        }
        (What::Port, None) | (What::Time, _) => out.extend_from_slice(text),
    }
}

fn write_address(address: IpAddr, out: &mut Vec<u8>) {
    match address {
        // What formats any number takes most of the time that a line takes.
        IpAddr::V4(address) => {
            let [first, rest @ ..] = address.octets();
            write_number(first.into(), out);
            for octet in rest {
                out.push(b'.');
                write_number(octet.into(), out);
            }
        }
        IpAddr::V6(address) => {
            // Writing to memory cannot fail.
            let _ = write!(out, "{address}");
        }
    }
}

fn write_number(number: u16, out: &mut Vec<u8>) {
    let digits = [10_000, 1000, 100, 10, 1].map(|unit| b'0' + u8::try_from(number / unit % 10).unwrap_or(0));
    let zeros = digits[..4].iter().take_while(|digit| **digit == b'0').count();
    out.extend_from_slice(&digits[zeros..]);
}

//! What an event of a worker's poll is about, packed into the poll's 64-bit token and back.
//!
//! A connection's token carries its slot and the slot's generation, so that an event for a connection that
//! has ended, and whose slot was given to the next, is recognised and dropped.
#![expect(
    clippy::cast_possible_truncation,
    reason = "packing cuts at known bits, and pen runs on 64-bit Linux only"
)]

use crate::settings::ServiceIndex;

/// The two sides of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The client's side.
    Down,
    /// The server's side.
    Up,
}

impl Side {
    /// The opposite side.
    pub fn other(self) -> Side {
        match self {
            Side::Down => Side::Up,
            Side::Up => Side::Down,
        }
    }
}

/// The source of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// The mailbox has something.
    Mailbox,
    /// A listening socket, by its number in the listener registry.
    Listener(u32),
    /// One side of the connection in `slot`, if that still is of this `generation` (of which 29 bits count).
    Connection { slot: u32, generation: u32, side: Side },
    /// A socket towards servers, by its place among those of the service.
    Port { service: ServiceIndex, place: u32 },
}

const KIND_SHIFT: u32 = 62;
const SIDE_SHIFT: u32 = 61;
const GENERATION_SHIFT: u32 = 32;
const SERVICE_SHIFT: u32 = 32;

/// The bits of a generation that fit into a token.
pub const GENERATION_MASK: u32 = (1 << (SIDE_SHIFT - GENERATION_SHIFT)) - 1;

impl From<Token> for mio::Token {
    fn from(token: Token) -> mio::Token {
        let bits: u64 = match token {
            Token::Mailbox => 0,
            Token::Listener(number) => 1 << KIND_SHIFT | u64::from(number),
            Token::Connection { slot, generation, side } => {
                2 << KIND_SHIFT
                    | u64::from(side == Side::Up) << SIDE_SHIFT
                    | u64::from(generation & GENERATION_MASK) << GENERATION_SHIFT
                    | u64::from(slot)
            }
            Token::Port { service, place } => {
                3 << KIND_SHIFT | u64::from(service.0) << SERVICE_SHIFT | u64::from(place)
            }
        };
        mio::Token(bits as usize)
    }
}

impl From<mio::Token> for Token {
    fn from(token: mio::Token) -> Token {
        let bits = token.0 as u64;
        let low = bits as u32;
        match bits >> KIND_SHIFT {
            0 => Token::Mailbox,
            1 => Token::Listener(low),
            3 => Token::Port { service: ServiceIndex((bits >> SERVICE_SHIFT) as u16), place: low },
            _ => Token::Connection {
                slot: low,
                generation: (bits >> GENERATION_SHIFT) as u32 & GENERATION_MASK,
                side: if bits >> SIDE_SHIFT & 1 == 1 { Side::Up } else { Side::Down },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_survives_the_round_trip() {
        let tokens = [
            Token::Mailbox,
            Token::Listener(0),
            Token::Listener(u32::MAX),
            Token::Connection { slot: 0, generation: 0, side: Side::Down },
            Token::Connection { slot: u32::MAX, generation: GENERATION_MASK, side: Side::Up },
            Token::Connection { slot: 7, generation: 1, side: Side::Up },
            Token::Port { service: ServiceIndex(0), place: 0 },
            Token::Port { service: ServiceIndex(u16::MAX), place: u32::MAX },
        ];
        for token in tokens {
            assert_eq!(Token::from(mio::Token::from(token)), token);
        }
    }
}

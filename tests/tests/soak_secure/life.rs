//! What a connection does, made from its number.

use std::net::Ipv4Addr;

use fastrand::Rng;
use pen_tests::Content;
use pen_tests::soak::random_length;

const SEED: u64 = 20_170_806;

/// How a client behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Makes its requests, and ends in order.
    Orderly,
    /// Resets in the middle of its first request.
    Resets,
    /// Says nothing more in the middle of its first request, but stays.
    Vanishes,
    /// Asks for much, and resets without having read it.
    DoesNotRead,
    /// Says nothing more within its handshake, but stays.
    StallsHandshake,
    /// Ends in the middle of its first message.
    CutsHandshake,
    /// Sends bytes that are no TLS.
    Garbage,
    /// Sends a record that nobody has encrypted.
    BrokenRecord,
    /// Begins its TLS without a PROXY header.
    WithoutProxyHeader,
    /// Sends a PROXY header that is none.
    LyingProxyHeader,
    /// Sends a request that two servers could read in two ways.
    TwoMeanings,
}

/// How an orderly client ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Has read everything, and says `close_notify`.
    Goodbye,
    /// Says `close_notify` before it reads.
    HalfClose,
    /// Asks the server to close.
    ConnectionClose,
    /// The server resets after so many bytes of its last answer's body.
    ServerResets(u64),
}

/// How a server can tell the end of a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    Length,
    Chunks,
}

/// A connection's life.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    pub number: u64,
    pub behaviour: Behaviour,
    pub ending: Ending,
    pub requests: u64,
    /// All requests are sent before an answer is read.
    pub ahead: bool,
    pub framing: Framing,
    /// The client claims to be somebody else.
    pub forged: bool,
    /// TLS 1.2 rather than 1.3.
    pub old: bool,
    /// Bytes of each request's body, and of each answer's.
    pub up: u64,
    pub down: u64,
}

impl Life {
    pub fn of(number: u64) -> Self {
        let mut random = Rng::with_seed(SEED ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let behaviour = behaviour(&mut random);
        let ahead = random.u8(..) < 64;
        // What is sent ahead must fit into the buffers on the way.
        let most = if ahead { 2_048 } else { u64::MAX };
        let (up, down) = (random_length(&mut random).min(most), random_length(&mut random).min(most));
        Self {
            number,
            behaviour,
            ending: match random.u8(..) {
                0..=99 => Ending::Goodbye,
                100..=169 => Ending::HalfClose,
                170..=229 => Ending::ConnectionClose,
                230..=255 => Ending::ServerResets(random.u64(0..=down)),
            },
            requests: random.u64(1..=4),
            ahead,
            framing: if random.bool() { Framing::Chunks } else { Framing::Length },
            forged: random.bool(),
            old: random.bool(),
            up,
            down,
        }
    }

    /// Who the PROXY header says that it is.
    pub fn client(&self) -> Ipv4Addr {
        let [.., high, middle, low] = self.number.to_be_bytes();
        Ipv4Addr::new(10, high, middle, low)
    }

    pub fn upward(&self, request: u64) -> Content {
        Content::new(self.number * 16 + request * 2)
    }

    pub fn downward(&self, request: u64) -> Content {
        Content::new(self.number * 16 + request * 2 + 1)
    }

    pub fn is_last(&self, request: u64) -> bool {
        request + 1 == self.requests
    }
}

fn behaviour(random: &mut Rng) -> Behaviour {
    match random.u16(..1_000) {
        0..=699 => Behaviour::Orderly,
        700..=759 => Behaviour::Resets,
        760..=764 => Behaviour::Vanishes,
        765..=784 => Behaviour::DoesNotRead,
        785..=789 => Behaviour::StallsHandshake,
        790..=829 => Behaviour::CutsHandshake,
        830..=869 => Behaviour::Garbage,
        870..=909 => Behaviour::BrokenRecord,
        910..=939 => Behaviour::WithoutProxyHeader,
        940..=969 => Behaviour::LyingProxyHeader,
        _ => Behaviour::TwoMeanings,
    }
}

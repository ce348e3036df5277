//! The servers that flows go to, as small numbers, and how far each has come through the ports.

use std::net::SocketAddr;

use hashbrown::HashTable;

use super::ports::PortKind;
use crate::engine::servers::ServerAddr;

/// How many servers without a flow are kept, lest they lose their place among the ports.
const MOST_IDLE: usize = 1024;

/// Servers by number and by address.
#[derive(Debug, Default)]
pub(super) struct Servers {
    pub(super) places: Vec<Option<Known>>,
    pub(super) free: Vec<u32>,
    pub(super) by_address: HashTable<u32>,
    /// Those without a flow.
    pub(super) idle: usize,
    /// No forgotten server of the kind has used a port from this one on.
    forgotten: [u64; PortKind::COUNT],
}

#[derive(Debug)]
pub(super) struct Known {
    pub(super) address: ServerAddr,
    /// Ways that lead to it.
    pub(super) ways: u32,
    /// It has never used a port from this one on; of those before, it may have used any.
    pub(super) turn: u64,
}

impl Servers {
    /// The number of a server, if it has one.
    pub(super) fn find(&self, address: &ServerAddr) -> Option<u32> {
        self.by_address.find(hash(address), |&server| self.is(server, address)).copied()
    }

    /// Whether that is the server's address.
    pub(super) fn is(&self, server: u32, address: &ServerAddr) -> bool {
        self.address(server) == Some(address)
    }

    pub(super) fn address(&self, server: u32) -> Option<&ServerAddr> {
        Some(&self.places.get(server as usize)?.as_ref()?.address)
    }

    /// The first port, by the order of opening, that the server may get.
    pub(super) fn turn(&self, address: &ServerAddr) -> u64 {
        let known = self.find(address).and_then(|server| self.places[server as usize].as_ref());
        known.map_or(self.forgotten[PortKind::of(address) as usize], |known| known.turn)
    }

    /// Notes a way to the server through the port that was opened as `sequence`-th, and returns the server's number.
    pub(super) fn add_way(&mut self, address: &ServerAddr, sequence: u64) -> u32 {
        let server = self.find(address).unwrap_or_else(|| self.add(address));
        if let Some(known) = &mut self.places[server as usize] {
            if known.ways == 0 {
                self.idle -= 1;
            }
            known.ways += 1;
            known.turn = known.turn.max(sequence + 1);
        }
        server
    }

    /// Notes the end of a way.
    pub(super) fn remove_way(&mut self, server: u32) {
        let Some(known) = &mut self.places[server as usize] else { return };
        known.ways -= 1;
        if known.ways > 0 {
            return;
        }
        self.idle += 1;
        if self.idle > MOST_IDLE {
            self.forget_idle();
        }
    }

    fn add(&mut self, address: &ServerAddr) -> u32 {
        let turn = self.forgotten[PortKind::of(address) as usize];
        let known = Some(Known { address: address.clone(), ways: 0, turn });
        let server = if let Some(server) = self.free.pop() {
            self.places[server as usize] = known;
            server
        } else {
            self.places.push(known);
            u32::try_from(self.places.len() - 1).expect("there are fewer servers than numbers")
        };
        let hash_again = |&server: &u32| hash_of_place(&self.places, server);
        self.by_address.insert_unique(hash(address), server, hash_again);
        self.idle += 1;
        server
    }

    fn forget_idle(&mut self) {
        for server in 0..self.places.len() {
            let place = &mut self.places[server];
            let Some(Known { address, turn, .. }) = place.take_if(|known| known.ways == 0) else { continue };
            let forgotten = &mut self.forgotten[PortKind::of(&address) as usize];
            *forgotten = turn.max(*forgotten);
            let server = u32::try_from(server).expect("a server's number is a u32");
            if let Ok(entry) = self.by_address.find_entry(hash(&address), |&other| other == server) {
                entry.remove();
            }
            self.free.push(server);
        }
        self.idle = 0;
    }
}

fn hash_of_place(places: &[Option<Known>], server: u32) -> u64 {
    places[server as usize].as_ref().map_or(0, |known| hash(&known.address))
}

/// Servers are named by the user, not by an attacker, so the hash need not be keyed.
fn hash(address: &ServerAddr) -> u64 {
    match address {
        ServerAddr::Inet(SocketAddr::V4(address)) => {
            mix(address.ip().to_bits().into(), address.port().into())
        }
        ServerAddr::Inet(SocketAddr::V6(address)) => {
            let (high, low) = (address.ip().to_bits() >> 64, address.ip().to_bits());
            #[allow(clippy::cast_possible_truncation, reason = "the halves of the address")]
            let halves = mix(high as u64, low as u64);
            mix(halves, address.port().into())
        }
        ServerAddr::Unix(path) => {
            path.as_os_str().as_encoded_bytes().iter().fold(0, |hash, &byte| mix(hash, byte.into()))
        }
    }
}

/// Two numbers as one, of which every bit depends on every bit of both.
pub(super) fn mix(a: u64, b: u64) -> u64 {
    let product =
        u128::from(a ^ 0x9e37_79b9_7f4a_7c15) * u128::from(b.rotate_left(32) ^ 0xd1b5_4a32_d192_ed03);
    #[allow(clippy::cast_possible_truncation, reason = "the halves of the product")]
    let folded = (product >> 64) as u64 ^ product as u64;
    folded.wrapping_mul(0xff51_afd7_ed55_8ccd) ^ folded >> 32
}

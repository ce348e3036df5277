//! Selection by hash: each client has its own ranking of the servers, the same in every pen that has the same
//! servers.
//!
//! Rendezvous hashing: the server whose identity (its address, never its slot) mixes with the client's into the
//! highest number is first. So removing a server moves that server's clients alone, and it does not matter which
//! slots servers stand in. The numbers are a promise: pens of any version, on any machine, make the same choice.

use std::net::IpAddr;
use std::os::unix::ffi::OsStrExt;

use common::client_addr::ClientAddr;

use super::super::servers::ServerAddr;
use super::{Field, Member, SlotSet};

/// The slot that ranks highest among the untried ones that can take the client.
///
/// A stubborn service asks the client's own server or none: whoever ranks highest, available or not.
pub(super) fn choose(field: &Field<'_>, tried: &SlotSet) -> Option<u32> {
    let port = if field.modes.roundrobin && !field.modes.hash_only { field.port } else { 0 };
    let client = client_key(field.client, port);
    let mut best: Option<(u64, &Member)> = None;
    // The best of those that are to leave this client to others, if there are any.
    let mut passed_over: Option<(u64, &Member)> = None;
    let stubborn = field.modes.stubborn;
    let roster = field.roster;
    let mut highest = 0;
    for (member, seed) in roster.hash_seeds.iter().enumerate() {
        let rank = rank(client, *seed);
        // Nearly all end here, without a look at anything but their seeds.
        if rank < highest {
            continue;
        }
        let member = &roster.members[member];
        let is_above = |best: Option<(u64, &Member)>| best.is_none_or(|(highest, _)| rank > highest);
        let counts =
            || if stubborn { field.is_in_question(member) } else { field.is_available(member, tried) };
        if !is_above(best) || !counts() {
            continue;
        }
        if stubborn || field.keeps(member, || rank) {
            best = Some((rank, member));
            highest = rank;
        } else if is_above(passed_over) {
            passed_over = Some((rank, member));
        }
    }
    let (_, best) = best.or(passed_over)?;
    (!stubborn || field.is_available(best, tried)).then_some(best.slot)
}

/// A number that says whether the server in this slot leaves this turn to others.
pub(super) fn draw(number: u32, slot: u32) -> u64 {
    finish(u64::from(number) << u32::BITS | u64::from(slot))
}

/// The part of the ranking that depends on the server alone.
pub fn server_seed(address: &ServerAddr) -> u64 {
    match address {
        ServerAddr::Inet(address) => address_hash(address.ip(), address.port()),
        ServerAddr::Unix(path) => finish(fnv(fnv(FNV_BASIS, b"u"), path.as_os_str().as_bytes())),
    }
}

/// The part of the ranking that depends on the client alone.
pub(super) fn client_key(client: ClientAddr, port: u16) -> u64 {
    match client {
        ClientAddr::Ip(address) => address_hash(address, port),
        ClientAddr::Unix => finish(fnv(FNV_BASIS, b"u")),
    }
}

fn address_hash(address: IpAddr, port: u16) -> u64 {
    let hash = match address.to_canonical() {
        IpAddr::V4(address) => fnv(fnv(FNV_BASIS, b"4"), &address.octets()),
        IpAddr::V6(address) => fnv(fnv(FNV_BASIS, b"6"), &address.octets()),
    };
    finish(fnv(hash, &port.to_be_bytes()))
}

/// How high the server stands in the client's ranking.
pub(super) fn rank(client: u64, server: u64) -> u64 {
    finish(client ^ server)
}

const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// FNV-1a: simple and the same everywhere, but its high bits are poor.
fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME))
}

/// The finaliser of splitmix64: a bijection in which each bit of the input moves half of the output's.
fn finish(hash: u64) -> u64 {
    let hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ hash >> 31
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn inet(address: &str) -> ServerAddr {
        ServerAddr::Inet(address.parse().unwrap())
    }

    fn client(address: &str) -> ClientAddr {
        address.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn the_numbers_never_change() {
        let unix = ServerAddr::Unix(Path::new("/run/web.sock").into());
        assert_eq!(server_seed(&inet("192.0.2.1:80")), 0x55d7_03d6_8c32_a889);
        assert_eq!(server_seed(&inet("[2001:db8::1]:443")), 0x0289_e9eb_bbac_529d);
        assert_eq!(server_seed(&unix), 0x96e0_0c7d_d38b_1d9b);
        assert_eq!(client_key(client("198.51.100.7"), 0), 0xd44a_a39b_18ed_1653);
        assert_eq!(client_key(client("198.51.100.7"), 50_000), 0xf714_8312_3124_9cd1);
        assert_eq!(client_key(client("2001:db8::7"), 0), 0x5c27_2e1f_3976_ab2f);
        assert_eq!(client_key(ClientAddr::Unix, 0), 0xc43c_d772_8426_a6c0);
        assert_eq!(rank(1, 2), 0x1e53_5eed_e314_28f0);
    }

    #[test]
    fn mapped_addresses_are_the_ipv4_server() {
        assert_eq!(server_seed(&inet("[::ffff:192.0.2.1]:80")), server_seed(&inet("192.0.2.1:80")));
    }

    #[test]
    fn neighbouring_clients_spread_evenly_over_neighbouring_servers() {
        let seeds: Vec<u64> = (1..=8).map(|host| server_seed(&inet(&format!("10.0.0.{host}:80")))).collect();
        let mut clients = [0u32; 8];
        for number in 0..8000u32 {
            let key = client_key(ClientAddr::Ip(IpAddr::V4((0x0a01_0000 + number).into())), 0);
            let best = (0..8).max_by_key(|&server| rank(key, seeds[server])).unwrap();
            clients[best] += 1;
        }
        // Six standard deviations (30 each) around the mean.
        assert!(clients.iter().all(|count| (820..1180).contains(count)), "{clients:?}");
    }
}

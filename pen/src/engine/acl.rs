//! Access lists: which clients a list lets in. Which list is asked when is the matter of `select` and the shells;
//! how entries are written is in `common::acl`.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use common::acl::{Action, Entry, Network};
use common::client_addr::ClientAddr;

/// An access list, made once and then only asked: logarithmic in the entries, linear in those whose masks have
/// holes.
#[derive(Clone, Debug, Default)]
pub struct Acl {
    entries: Vec<Entry>,
    v4: Ranges<u32>,
    v6: Ranges<u128>,
    /// The entries that are no range of addresses, because their masks have holes.
    scattered: Vec<Scattered>,
}

/// An entry whose mask has holes.
#[derive(Clone, Copy, Debug)]
struct Scattered {
    entry: u32,
    bits: u32,
    mask: u32,
}

impl Acl {
    /// Makes the list and its index.
    pub fn new(entries: Vec<Entry>) -> Acl {
        let mut v4 = Vec::new();
        let mut v6 = Vec::new();
        let mut scattered = Vec::new();
        for (entry, index) in entries.iter().zip(0..) {
            match entry.network {
                Network::V4 { addr, mask } => {
                    let (addr, mask) = (addr.to_bits(), mask.to_bits());
                    if mask.leading_ones() == mask.count_ones() {
                        v4.push(Range { first: addr & mask, last: addr | !mask, entry: index });
                    } else {
                        scattered.push(Scattered { entry: index, bits: addr & mask, mask });
                    }
                }
                Network::V6 { addr, len } => {
                    let host = u128::MAX.checked_shr(len.into()).unwrap_or(0);
                    let addr = addr.to_bits();
                    v6.push(Range { first: addr & !host, last: addr | host, entry: index });
                }
            }
        }
        let v4 = Ranges::new(&v4, |last| last.checked_add(1));
        let v6 = Ranges::new(&v6, |last| last.checked_add(1));
        Acl { entries, v4, v6, scattered }
    }

    /// The entries as given.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether it has no entries, and so permits everyone.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether the client is let in: the first entry that matches decides, else the opposite of the last one. Clients of Unix
    /// sockets have no address to be refused by: the file's rights say who they are, and every list lets them in.
    pub fn permits(&self, client: ClientAddr) -> bool {
        let (ClientAddr::Ip(address), Some(last)) = (client, self.entries.last()) else { return true };
        match self.first_match(address).and_then(|index| self.entries.get(index as usize)) {
            Some(entry) => entry.action == Action::Permit,
            None => last.action == Action::Deny,
        }
    }

    fn first_match(&self, address: IpAddr) -> Option<u32> {
        match address {
            IpAddr::V4(addr) => self.first_match_v4(addr),
            IpAddr::V6(addr) => self.v6.entry(addr.to_bits()),
        }
    }

    fn first_match_v4(&self, addr: Ipv4Addr) -> Option<u32> {
        let addr = addr.to_bits();
        let in_range = self.v4.entry(addr);
        self.scattered
            .iter()
            .take_while(|scattered| in_range.is_none_or(|entry| scattered.entry < entry))
            .find(|scattered| addr & scattered.mask == scattered.bits)
            .map(|scattered| scattered.entry)
            .or(in_range)
    }
}

/// The addresses of one entry.
#[derive(Clone, Copy, Debug)]
struct Range<A> {
    first: A,
    last: A,
    entry: u32,
}

/// Overlapping ranges cut into disjoint ones, each with the first of the entries that cover it.
#[derive(Clone, Debug, Default)]
struct Ranges<A> {
    /// Where each piece begins; it ends where the next one begins.
    starts: Vec<A>,
    /// The entry of each piece, if one covers it.
    entries: Vec<Option<u32>>,
}

impl<A: Copy + Ord> Ranges<A> {
    /// `successor` is the address after the given one, if there is one.
    fn new(ranges: &[Range<A>], successor: impl Fn(A) -> Option<A>) -> Ranges<A> {
        let mut edges: Vec<(A, u32)> = Vec::with_capacity(2 * ranges.len());
        for range in ranges {
            edges.push((range.first, range.entry));
            edges.extend(successor(range.last).map(|after| (after, range.entry)));
        }
        edges.sort_unstable();

        let (mut starts, mut entries) = (Vec::new(), Vec::new());
        let mut open = BTreeSet::new();
        for same_place in edges.chunk_by(|a, b| a.0 == b.0) {
            for &(_, entry) in same_place {
                // An entry's first edge opens it, its second one closes it.
                if !open.remove(&entry) {
                    open.insert(entry);
                }
            }
            let winner = open.first().copied();
            if entries.last() != Some(&winner) {
                starts.extend(same_place.first().map(|edge| edge.0));
                entries.push(winner);
            }
        }
        Ranges { starts, entries }
    }

    /// The first entry that covers the address.
    fn entry(&self, addr: A) -> Option<u32> {
        let pieces = self.starts.partition_point(|&start| start <= addr);
        *self.entries.get(pieces.checked_sub(1)?)?
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn acl(lines: &[&str]) -> Acl {
        Acl::new(lines.iter().map(|line| entry(line)).collect())
    }

    fn entry(line: &str) -> Entry {
        let words: Vec<&str> = line.split(' ').collect();
        let action = if words[0] == "permit" { Action::Permit } else { Action::Deny };
        Entry { action, network: Network::parse(&words[1..]).unwrap() }
    }

    fn client(text: &str) -> ClientAddr {
        text.parse::<IpAddr>().unwrap().into()
    }

    fn naive_permits(entries: &[Entry], client: ClientAddr) -> bool {
        let matches = |entry: &&Entry| match (client, entry.network) {
            (ClientAddr::Ip(IpAddr::V4(ip)), Network::V4 { addr, mask }) => ip & mask == addr & mask,
            (ClientAddr::Ip(IpAddr::V6(ip)), Network::V6 { addr, len }) => {
                (0..len).all(|bit| (ip.to_bits() ^ addr.to_bits()) >> (127 - bit) & 1 == 0)
            }
            _ => false,
        };
        match (entries.iter().find(matches), entries.last()) {
            (Some(entry), _) => entry.action == Action::Permit,
            (None, Some(last)) => last.action == Action::Deny,
            (None, None) => true,
        }
    }

    #[test]
    fn an_empty_list_permits_all() {
        assert!(acl(&[]).is_empty());
        for who in [client("192.0.2.1"), client("::1"), ClientAddr::Unix] {
            assert!(acl(&[]).permits(who));
        }
    }

    #[test]
    fn the_first_match_decides() {
        let acl = acl(&["deny 10.1.0.0/16", "permit 10.0.0.0/8", "deny 10.2.0.0/16", "deny 0.0.0.0/0"]);
        assert!(!acl.permits(client("10.1.2.3")));
        assert!(acl.permits(client("10.2.2.3")));
        assert!(!acl.permits(client("11.0.0.0")));
        assert_eq!(acl.entries().len(), 4);
    }

    #[test]
    fn without_a_match_the_answer_is_the_opposite_of_the_last_entry() {
        assert!(!acl(&["deny 10.0.0.0/8", "permit 192.0.2.1"]).permits(client("203.0.113.1")));
        assert!(acl(&["permit 10.0.0.0/8", "deny 192.0.2.1"]).permits(client("203.0.113.1")));
        assert!(acl(&["permit 10.0.0.0/8", "deny 192.0.2.1"]).permits(client("2001:db8::1")));
    }

    #[test]
    fn the_ends_of_the_address_space_are_covered() {
        let list = acl(&["permit 255.255.255.255", "permit 0.0.0.0", "permit ::", "permit ffff::/16"]);
        for address in ["255.255.255.255", "0.0.0.0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"] {
            assert!(list.permits(client(address)), "{address}");
        }
        for address in ["255.255.255.254", "0.0.0.1", "::1", "fffe::"] {
            assert!(!list.permits(client(address)), "{address}");
        }
        assert!(!acl(&["deny 0.0.0.0/0", "deny ::/0"]).permits(client("255.255.255.255")));
    }

    #[test]
    fn ipv6_networks_never_match_ipv4_clients() {
        assert!(!acl(&["permit ::/0"]).permits(client("192.0.2.1")));
        assert!(!acl(&["permit ::/0"]).permits(client("::ffff:192.0.2.1")));
        assert!(acl(&["permit 192.0.2.1"]).permits(client("::ffff:192.0.2.1")));
    }

    #[test]
    fn a_mask_with_holes_takes_its_place_in_the_order() {
        let scattered = "deny 10.0.0.7 255.0.0.255";
        assert!(!acl(&[scattered, "permit 10.0.0.0/8"]).permits(client("10.9.9.7")));
        assert!(acl(&["permit 10.0.0.0/8", scattered]).permits(client("10.9.9.7")));
        assert!(acl(&[scattered, "permit 10.0.0.0/8"]).permits(client("10.9.9.8")));
    }

    #[test]
    fn every_list_lets_unix_clients_in() {
        assert!(acl(&["permit 192.0.2.1", "deny 0.0.0.0/0"]).permits(ClientAddr::Unix));
        assert!(acl(&["deny 192.0.2.1", "permit 0.0.0.0/0"]).permits(ClientAddr::Unix));
    }

    #[test]
    fn the_same_network_may_be_listed_again() {
        let list = acl(&["permit 10.0.0.0/8", "deny 10.0.0.0/8", "permit 10.0.0.0/8"]);
        assert!(list.permits(client("10.0.0.1")));
        assert!(!list.permits(client("11.0.0.1")));
    }

    fn bits() -> impl Strategy<Value = u32> {
        // Few distinct bits, so that networks nest, meet and repeat.
        prop_oneof![(0u32..16).prop_map(|low| low * 0x1000_0001), Just(u32::MAX), any::<u32>()]
    }

    fn any_entry() -> impl Strategy<Value = Entry> {
        let v4 = (bits(), prop_oneof![4 => (0u32..=32).prop_map(prefix_mask), 1 => bits()])
            .prop_map(|(addr, mask)| Network::V4 { addr: addr.into(), mask: mask.into() });
        let v6 = (bits(), 0u8..=128)
            .prop_map(|(addr, len)| Network::V6 { addr: (u128::from(addr) * 0x1_0000_0001).into(), len });
        (any::<bool>(), prop_oneof![3 => v4, 1 => v6]).prop_map(|(permit, network)| Entry {
            action: if permit { Action::Permit } else { Action::Deny },
            network,
        })
    }

    fn prefix_mask(len: u32) -> u32 {
        u32::MAX.checked_shl(32 - len).unwrap_or(0)
    }

    /// Addresses at, before and after the edges of the entries, where mistakes would be.
    fn probes(entries: &[Entry]) -> Vec<ClientAddr> {
        let mut probes = Vec::new();
        for entry in entries {
            match entry.network {
                Network::V4 { addr, mask } => {
                    let (first, last) = (addr & mask, addr | !mask);
                    for bits in [first.to_bits(), last.to_bits()] {
                        for bits in [bits.wrapping_sub(1), bits, bits.wrapping_add(1)] {
                            probes.push(IpAddr::V4(bits.into()).into());
                        }
                    }
                }
                Network::V6 { addr, len } => {
                    let host = u128::MAX.checked_shr(len.into()).unwrap_or(0);
                    for bits in [addr.to_bits() & !host, addr.to_bits() | host] {
                        for bits in [bits.wrapping_sub(1), bits, bits.wrapping_add(1)] {
                            probes.push(IpAddr::V6(bits.into()).into());
                        }
                    }
                }
            }
        }
        probes
    }

    fn check_against_naive(entries: &[Entry], random: &[u32]) -> Result<(), TestCaseError> {
        let acl = Acl::new(entries.to_vec());
        let random = random.iter().map(|&bits| IpAddr::V4(bits.into()).into());
        for client in probes(entries).into_iter().take(600).chain(random) {
            prop_assert_eq!(acl.permits(client), naive_permits(entries, client), "{}", client);
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn the_index_answers_as_reading_the_list_does(
            entries in prop::collection::vec(any_entry(), 0..40),
            random in prop::collection::vec(bits(), 20),
        ) {
            check_against_naive(&entries, &random)?;
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(6))]
        #[test]
        fn long_lists_answer_the_same_too(
            entries in prop::collection::vec(any_entry(), 2000..4000),
            random in prop::collection::vec(any::<u32>(), 50),
        ) {
            check_against_naive(&entries, &random)?;
        }
    }
}

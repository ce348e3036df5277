//! The entries of access lists as the `acl` command writes them: parsing and printing. Matching is the daemon's.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;

/// One line of an access list: what to do with the clients of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What to do with a client that matches.
    pub action: Action,
    /// The clients that match.
    pub network: Network,
}

/// The answer of an access list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Let the client in.
    Permit,
    /// Refuse it.
    Deny,
}

/// A set of addresses, kept as it was written: bits of the address that the mask leaves out are ignored in matching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// IPv4 addresses that agree with `addr` in the bits set in `mask`, which need not be contiguous.
    V4 {
        /// The address.
        addr: Ipv4Addr,
        /// The bits that count.
        mask: Ipv4Addr,
    },
    /// IPv6 addresses that agree with `addr` in the first `len` bits.
    V6 {
        /// The address.
        addr: Ipv6Addr,
        /// How many leading bits count, 0 to 128.
        len: u8,
    },
}

/// Why words are not a network: one line that names the word at fault.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct BadNetwork(String);

impl Network {
    /// Parses `ADDR [MASK]`, `ADDR/LENGTH` or `V6[/LENGTH]`; without a mask or a length, the one address.
    ///
    /// An IPv4-mapped IPv6 network becomes the IPv4 network that it means.
    pub fn parse(words: &[&str]) -> Result<Network, BadNetwork> {
        match *words {
            [] => Err(BadNetwork(
                "missing network: ADDRESS, ADDRESS MASK or ADDRESS/LENGTH is expected".to_owned(),
            )),
            [word] => Network::parse_word(word),
            [word, mask] => Network::parse_with_mask(word, mask),
            [_, _, extra, ..] => Err(BadNetwork(format!(
                "superfluous word '{extra}': at most an address and a mask are expected"
            ))),
        }
    }

    /// Whether the network has this address. IPv4-mapped IPv6 addresses are IPv4 ones.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (*self, address.to_canonical()) {
            (Network::V4 { addr, mask }, IpAddr::V4(address)) => {
                (addr.to_bits() ^ address.to_bits()) & mask.to_bits() == 0
            }
            (Network::V6 { addr, len }, IpAddr::V6(address)) => {
                let host = u128::MAX.checked_shr(len.into()).unwrap_or(0);
                (addr.to_bits() ^ address.to_bits()) & !host == 0
            }
            _ => false,
        }
    }

    fn parse_word(word: &str) -> Result<Network, BadNetwork> {
        let Some((address, len)) = word.split_once('/') else {
            return Ok(match parse_address(word, word)?.to_canonical() {
                IpAddr::V4(addr) => Network::V4 { addr, mask: Ipv4Addr::BROADCAST },
                IpAddr::V6(addr) => Network::V6 { addr, len: 128 },
            });
        };
        match parse_address(address, word)? {
            IpAddr::V4(addr) => Ok(Network::V4 { addr, mask: mask(parse_length(len, 32, word)?) }),
            IpAddr::V6(addr) => {
                let len = parse_length(len, 128, word)?;
                Ok(match addr.to_ipv4_mapped() {
                    Some(addr) if len >= 96 => Network::V4 { addr, mask: mask(len - 96) },
                    _ => Network::V6 { addr, len },
                })
            }
        }
    }

    fn parse_with_mask(word: &str, mask: &str) -> Result<Network, BadNetwork> {
        if word.contains('/') {
            return Err(BadNetwork(format!("superfluous mask '{mask}': '{word}' says its length already")));
        }
        let IpAddr::V4(addr) = parse_address(word, word)? else {
            return Err(BadNetwork(format!("superfluous mask '{mask}': IPv6 is written '{word}/LENGTH'")));
        };
        let mask = mask.parse().map_err(|_| {
            BadNetwork(format!("bad mask '{mask}': a dotted mask like 255.255.255.0 is expected"))
        })?;
        Ok(Network::V4 { addr, mask })
    }
}

fn parse_address(address: &str, word: &str) -> Result<IpAddr, BadNetwork> {
    address.parse().map_err(|_| {
        let place = if address == word { String::new() } else { format!(" in '{word}'") };
        BadNetwork(format!("bad address '{address}'{place}: an IPv4 or IPv6 address is expected"))
    })
}

fn parse_length(len: &str, most: u8, word: &str) -> Result<u8, BadNetwork> {
    let digits = !len.is_empty() && len.bytes().all(|byte| byte.is_ascii_digit());
    match u8::from_str(len) {
        Ok(len) if digits && len <= most => Ok(len),
        _ => {
            Err(BadNetwork(format!("bad length '{len}' in '{word}': a number from 0 to {most} is expected")))
        }
    }
}

fn mask(len: u8) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::MAX.checked_shl(32 - u32::from(len)).unwrap_or(0))
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.action, self.network)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Action::Permit => "permit",
            Action::Deny => "deny",
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Network::V4 { addr, mask } => write!(f, "{addr} {mask}"),
            Network::V6 { addr, len } => write!(f, "{addr}/{len}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Network, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        Network::parse(&words).map_err(|error| error.to_string())
    }

    #[test]
    fn every_form_of_a_network_is_understood() {
        for (written, printed) in [
            ("10.0.0.1", "10.0.0.1 255.255.255.255"),
            ("10.0.0.0 255.0.0.0", "10.0.0.0 255.0.0.0"),
            ("10.0.0.5 255.0.0.255", "10.0.0.5 255.0.0.255"),
            ("10.0.0.0/8", "10.0.0.0 255.0.0.0"),
            ("0.0.0.0/0", "0.0.0.0 0.0.0.0"),
            ("192.0.2.1/32", "192.0.2.1 255.255.255.255"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("2001:DB8::1", "2001:db8::1/128"),
            ("::/0", "::/0"),
            ("::ffff:10.0.0.0/104", "10.0.0.0 255.0.0.0"),
            ("::ffff:10.0.0.1", "10.0.0.1 255.255.255.255"),
        ] {
            assert_eq!(
                parse(written).map(|network| network.to_string()),
                Ok(printed.to_owned()),
                "{written}"
            );
        }
    }

    #[test]
    fn a_network_has_the_addresses_that_agree_in_the_bits_that_count() {
        let has = |network: &str, address: &str| {
            let words: Vec<&str> = network.split(' ').collect();
            Network::parse(&words).unwrap().contains(address.parse().unwrap())
        };
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("10.0.0.1", "::ffff:10.0.0.1", "10.0.0.2"),
            ("10.0.0.5 255.0.0.255", "10.9.9.5", "10.9.9.6"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"),
            ("::1", "::1", "::2"),
            ("::/0", "2001:db8::1", "127.0.0.1"),
        ] {
            assert!(has(network, inside) && !has(network, outside), "{network}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_network_is_said() {
        for (written, error) in [
            ("", "missing network: ADDRESS, ADDRESS MASK or ADDRESS/LENGTH is expected"),
            ("web1", "bad address 'web1': an IPv4 or IPv6 address is expected"),
            ("10.0.0/8", "bad address '10.0.0' in '10.0.0/8': an IPv4 or IPv6 address is expected"),
            ("10.0.0.0/33", "bad length '33' in '10.0.0.0/33': a number from 0 to 32 is expected"),
            ("10.0.0.0/", "bad length '' in '10.0.0.0/': a number from 0 to 32 is expected"),
            ("10.0.0.0/+8", "bad length '+8' in '10.0.0.0/+8': a number from 0 to 32 is expected"),
            ("::/129", "bad length '129' in '::/129': a number from 0 to 128 is expected"),
            ("10.0.0.0 24", "bad mask '24': a dotted mask like 255.255.255.0 is expected"),
            ("10.0.0.0/8 255.0.0.0", "superfluous mask '255.0.0.0': '10.0.0.0/8' says its length already"),
            ("2001:db8:: 255.0.0.0", "superfluous mask '255.0.0.0': IPv6 is written '2001:db8::/LENGTH'"),
            ("10.0.0.0 255.0.0.0 x", "superfluous word 'x': at most an address and a mask are expected"),
        ] {
            assert_eq!(parse(written), Err(error.to_owned()), "{written}");
        }
    }

    #[test]
    fn an_entry_is_written_as_the_acl_command_takes_it() {
        let entry =
            |action, text: &str| Entry { action, network: Network::parse(&[text]).unwrap() }.to_string();
        assert_eq!(entry(Action::Permit, "10.0.0.0/8"), "permit 10.0.0.0 255.0.0.0");
        assert_eq!(entry(Action::Deny, "2001:db8::/32"), "deny 2001:db8::/32");
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(addr: u32, mask: u32, wide: u128, len in 0u8..=128) {
            let v4 = Network::V4 { addr: addr.into(), mask: mask.into() };
            prop_assert_eq!(parse(&v4.to_string()), Ok(v4));
            let addr = Ipv6Addr::from(wide);
            prop_assume!(addr.to_ipv4_mapped().is_none());
            let v6 = Network::V6 { addr, len };
            prop_assert_eq!(parse(&v6.to_string()), Ok(v6));
        }

        #[test]
        fn no_input_panics(words: Vec<String>) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let _ = Network::parse(&words);
        }
    }
}

//! Addresses and access lists, as people write them: what displays must read the same.

use std::fmt::{Debug, Display};
use std::net::IpAddr;
use std::str::FromStr;

use common::acl::{Action, Entry, Network};
use common::addr::{Host, HostPort, ListenAddr, Port, ServerAddr, ServerSpec};
use common::client_addr::ClientAddr;

use super::expect_one_plain_line;
use crate::engine::acl::Acl;

/// Any text as an address of each kind.
pub fn address(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    expect_same_again::<ListenAddr>(text);
    expect_same_again::<ServerAddr>(text);
    expect_same_again::<ServerSpec>(text);
    expect_same_again::<HostPort>(text);
    expect_same_again::<Host>(text);
    expect_same_again::<Port>(text);
}

fn expect_same_again<T>(text: &str)
where
    T: FromStr<Err: Display + Debug> + Display + PartialEq + Debug,
{
    match text.parse::<T>() {
        Ok(value) => {
            let shown = value.to_string();
            expect_one_plain_line(&shown);
            assert_eq!(shown.parse::<T>().ok(), Some(value), "{text:?} is shown as {shown:?}");
        }
        // The text is one word of a command, which has no control characters.
        Err(error) if !text.contains(char::is_control) => expect_one_plain_line(&error.to_string()),
        Err(_) => {}
    }
}

/// Any words `ADDR [MASK]`, separated by semicolons, as an access list that permits and denies by turns.
pub fn access_list(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let networks = text.split(';').filter_map(network);
    let actions = [Action::Permit, Action::Deny].into_iter().cycle();
    let entries: Vec<_> = networks.zip(actions).map(|(network, action)| Entry { action, network }).collect();
    for entry in &entries {
        let shown = entry.network.to_string();
        assert_eq!(network(&shown), Some(entry.network), "shown as {shown:?}");
    }
    expect_first_match(entries);
}

fn network(text: &str) -> Option<Network> {
    let words: Vec<&str> = text.split(' ').collect();
    let read = Network::parse(&words);
    if let Err(error) = &read
        && !text.contains(char::is_control)
    {
        expect_one_plain_line(&error.to_string());
    }
    read.ok()
}

/// The list must say of every address in it what the first entry says that has the address.
fn expect_first_match(entries: Vec<Entry>) {
    let list = Acl::new(entries);
    let Some(last) = list.entries().last() else { return };
    for entry in list.entries() {
        let client = match entry.network {
            Network::V4 { addr, .. } => ClientAddr::from(IpAddr::from(addr)),
            Network::V6 { addr, .. } => ClientAddr::from(IpAddr::from(addr)),
        };
        let first = list.entries().iter().find(|entry| has(entry.network, client));
        let permits = first.map_or(last.action == Action::Deny, |entry| entry.action == Action::Permit);
        assert_eq!(list.permits(client), permits, "{client} in {:?}", list.entries());
    }
}

fn has(network: Network, client: ClientAddr) -> bool {
    match (network, client) {
        (Network::V4 { addr, mask }, ClientAddr::Ip(IpAddr::V4(client))) => {
            addr.to_bits() & mask.to_bits() == client.to_bits() & mask.to_bits()
        }
        (Network::V6 { addr, len }, ClientAddr::Ip(IpAddr::V6(client))) => {
            let prefix = |bits: u128| bits.checked_shr(128 - u32::from(len)).unwrap_or(0);
            prefix(addr.to_bits()) == prefix(client.to_bits())
        }
        _ => false,
    }
}

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};

use proptest::prelude::*;

use super::super::address::{self, Address};
use super::super::control::{Control, messages, notes};
use super::*;

/// A control message as the kernel writes it.
fn message(level: i32, kind: i32, data: &[u8]) -> Vec<u8> {
    let length = size_of::<libc::cmsghdr>() + data.len();
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(level.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(data);
    bytes.resize(length.next_multiple_of(size_of::<usize>()), 0);
    bytes
}

fn pktinfo6(address: &str, interface: u32) -> Vec<u8> {
    let address: Ipv6Addr = address.parse().unwrap();
    let data = [address.octets().as_slice(), &interface.to_ne_bytes()].concat();
    message(libc::SOL_IPV6, libc::IPV6_PKTINFO, &data)
}

/// The address for answers is that behind the number of the interface, not the one of the header.
fn pktinfo4(address: [u8; 4]) -> Vec<u8> {
    let data = [3_u32.to_ne_bytes(), address, [255; 4]].concat();
    message(libc::SOL_IP, libc::IP_PKTINFO, &data)
}

fn local(address: &str, interface: u32) -> Local {
    Local { address: host(address), interface }
}

#[test]
fn interfaces_are_told_only_where_they_matter() {
    for (address, interface) in [("2001:db8::1", 0), ("fe80::1", 3), ("ff02::1", 3), ("::1", 0)] {
        assert_eq!(notes(&pktinfo6(address, 3)).local.unwrap(), local(address, interface));
    }
    assert_eq!(notes(&pktinfo4([192, 0, 2, 1])).local.unwrap(), local("192.0.2.1", 0));
}

#[test]
fn of_two_destinations_that_of_ipv4_counts_and_is_mapped() {
    let (of_ipv6, of_ipv4) = (pktinfo6("::ffff:192.0.2.255", 3), pktinfo4([192, 0, 2, 1]));
    for both in [[of_ipv6.clone(), of_ipv4.clone()], [of_ipv4, of_ipv6]] {
        assert_eq!(notes(&both.concat()).local.unwrap(), local("::ffff:192.0.2.1", 0));
    }
}

#[test]
fn messages_that_are_cut_or_unknown_are_passed_over() {
    let whole = [
        message(99, 99, b"unknown"),
        message(libc::SOL_UDP, libc::UDP_GRO, &1200_i32.to_ne_bytes()),
        pktinfo6("::1", 1),
    ]
    .concat();
    assert_eq!(notes(&whole).segment, Some(1200));
    assert_eq!(notes(&whole).local.unwrap(), local("::1", 0));
    for length in 0..whole.len() - 4 {
        assert_eq!(notes(&whole[..length]).local, None);
    }
    let negative = message(libc::SOL_UDP, libc::UDP_GRO, &(-1_i32).to_ne_bytes());
    assert_eq!(notes(&negative).segment, None);
}

#[test]
fn an_answer_to_a_group_leaves_from_its_interface() {
    let mut control = Control::new();
    let used = control.write(Some(local("ff02::1", 3)), None);
    let expected = pktinfo6("::", 3);
    assert_eq!(control.written(used), expected);
}

proptest! {
    #[test]
    fn no_bytes_break_the_reading_of_messages(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        notes(&bytes);
        let data: usize = messages(&bytes).map(|message| message.data.len()).sum();
        prop_assert!(data <= bytes.len());
    }

    #[test]
    fn no_length_breaks_the_reading_of_messages(
        lengths in proptest::collection::vec(prop_oneof![0_usize..200, any::<usize>()], 1..8),
        kind in prop_oneof![
            Just((libc::SOL_IP, libc::IP_PKTINFO)),
            Just((libc::SOL_IPV6, libc::IPV6_PKTINFO)),
            Just((libc::SOL_UDP, libc::UDP_GRO)),
            Just((libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS)),
        ],
        data in proptest::collection::vec(any::<u8>(), 0..24),
    ) {
        let bytes: Vec<u8> = lengths
            .iter()
            .flat_map(|length| {
                let mut message = message(kind.0, kind.1, &data);
                message[..size_of::<usize>()].copy_from_slice(&length.to_ne_bytes());
                message
            })
            .collect();
        notes(&bytes);
        prop_assert!(messages(&bytes).count() <= bytes.len() / size_of::<libc::cmsghdr>());
    }

    #[test]
    fn messages_are_read_as_they_were_written(
        octets in any::<[u8; 16]>(),
        is_ipv4: bool,
        interface: u32,
        segment in proptest::option::of(1_u16..),
    ) {
        let address: IpAddr = if is_ipv4 {
            Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]).into()
        } else {
            Ipv6Addr::from(octets).into()
        };
        let mut control = Control::new();
        let used = control.write(Some(Local { address, interface }), segment);
        let read: Vec<_> = messages(control.written(used)).collect();
        prop_assert_eq!(read.len(), 1 + usize::from(segment.is_some()));
        prop_assert_eq!(read.get(1).map(|message| message.data.to_vec()), segment.map(|size| size.to_ne_bytes().into()));
        if !address.is_multicast() {
            prop_assert_eq!(notes(control.written(used)).local.unwrap().address, address.to_canonical());
        }
    }

    #[test]
    fn names_are_read_as_they_were_written(octets in any::<[u8; 16]>(), port: u16, flow: u32, scope: u32, is_ipv4: bool) {
        let inet: SocketAddr = if is_ipv4 {
            (Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]), port).into()
        } else {
            SocketAddrV6::new(octets.into(), port, flow, scope).into()
        };
        let mut address = Address::new();
        let length = address.write(Name::Inet(inet));
        prop_assert_eq!(address.read(length), Name::Inet(inet));
    }

    #[test]
    fn no_bytes_break_the_reading_of_names(
        family in prop_oneof![Just(libc::AF_INET), Just(libc::AF_INET6), Just(libc::AF_UNIX), any::<i32>()],
        mut bytes in proptest::collection::vec(any::<u8>(), 2..address::SIZE),
    ) {
        let family = u16::try_from(family).unwrap_or(0);
        bytes[..2].copy_from_slice(&family.to_ne_bytes());
        if let Some(Name::Unix(name)) = address::read(&bytes) {
            prop_assert!(name.len() <= bytes.len() - 2);
        }
    }
}

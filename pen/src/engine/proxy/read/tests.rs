use common::command::ProxyVersion;
use proptest::collection::vec;
use proptest::prelude::*;
use proxy_header::ParseConfig;

use super::*;
use crate::engine::proxy::write;

fn route(source: &str, destination: &str) -> Route {
    Route { source: source.parse().unwrap(), destination: destination.parse().unwrap() }
}

fn complete(route: Option<Route>, secure: bool, length: usize) -> Reading {
    Reading::Complete(Header { route, secure }, length)
}

/// A header of version 2 with this command, family and content.
fn block_of(command: u8, kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [BLOCK_MARK, &[command, kind], &length, content].concat()
}

/// From 1.2.3.4:258 to 5.6.7.8:772, with these extensions.
fn v4_with(extensions: &[u8]) -> Vec<u8> {
    block_of(0x21, 0x11, &[&[1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4], extensions].concat())
}

fn extension_of(kind: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap().to_be_bytes();
    [&[kind], &length[..], value].concat()
}

#[test]
fn lines_tell_who_the_client_is() {
    let text = b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\nGET / HTTP/1.1\r\n\r\n";
    let expected = route("192.0.2.7:56324", "198.51.100.1:443");
    assert_eq!(read(text), Ok(complete(Some(expected), false, 45)));
    let text = b"PROXY TCP6 2001:DB8::7 ::ffff:1.2.3.4 0 65535\r\n";
    let expected = route("[2001:db8::7]:0", "[::ffff:1.2.3.4]:65535");
    assert_eq!(read(text), Ok(complete(Some(expected), false, text.len())));
    for text in ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff::1 any thing  at all\n\r\n", "PROXY UNKNOWN \r\n"] {
        assert_eq!(read(text.as_bytes()), Ok(complete(None, false, text.len())), "{text:?}");
    }
}

#[test]
fn the_longest_line_is_107_bytes_with_its_end() {
    let line = |length: usize| format!("PROXY UNKNOWN {}\r\n", "f".repeat(length - 16)).into_bytes();
    assert_eq!(read(&line(107)), Ok(complete(None, false, 107)));
    assert_eq!(read(&line(108)), Err(Flaw::EndlessLine));
    assert_eq!(read(&line(108)[..106]), Ok(Reading::Incomplete));
}

#[test]
fn lines_that_are_not_to_the_letter_are_refused() {
    let table = [
        ("GET / HTTP/1.1\r\n", Flaw::Absent),
        ("proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n", Flaw::Absent),
        ("PROXY\r\n", Flaw::Absent),
        (" PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", Flaw::Absent),
        ("PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n", Flaw::LineFamily),
        ("PROXY \r\n", Flaw::LineFamily),
        ("PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n", Flaw::LineFamily),
        ("PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n", Flaw::LineFamily),
        ("PROXY UNKNOWNS\r\n", Flaw::LineFamily),
        ("PROXY TCP4\r\n", Flaw::LineAddresses),
        ("PROXY TCP4\r\r\n", Flaw::LineAddresses),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", Flaw::LineAddresses),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n", Flaw::LineAddresses),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n", Flaw::LineAddresses),
        ("PROXY TCP4 1.2.3.4  5.6.7.8 1 2\r\n", Flaw::LineAddresses),
        ("PROXY TCP4 1.2.3.4\t5.6.7.8 1 2\r\n", Flaw::LineAddresses),
        ("PROXY TCP4 01.2.3.4 5.6.7.8 1 2\r\n", Flaw::LineAddresses),
        ("PROXY TCP4 1.2.3.256 5.6.7.8 1 2\r\n", Flaw::LineAddresses),
        ("PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n", Flaw::LineAddresses),
        ("PROXY TCP4 ::1 ::2 1 2\r\n", Flaw::LineAddresses),
        ("PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n", Flaw::LineAddresses),
        ("PROXY TCP6 ::1%lo ::2 1 2\r\n", Flaw::LineAddresses),
        ("PROXY TCP6 [::1] ::2 1 2\r\n", Flaw::LineAddresses),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n", Flaw::LineAddresses),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n", Flaw::LineAddresses),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n", Flaw::LineAddresses),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n", Flaw::LineAddresses),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 1 0x2\r\n", Flaw::LineAddresses),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\nGET / HTTP/1.1\r\n", Flaw::LineAddresses),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\rGET / HTTP/1.1\r\n", Flaw::LineAddresses),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 1 \u{662}\r\n", Flaw::LineAddresses),
    ];
    for (text, flaw) in table {
        assert_eq!(read(text.as_bytes()), Err(flaw), "{text:?}");
    }
}

#[test]
fn lines_that_are_wrong_are_refused_as_soon_as_that_shows() {
    for (text, flaw) in [
        ("PROXY  ", Flaw::LineFamily),
        ("PROXY U\n", Flaw::LineFamily),
        ("PROXY TCP5", Flaw::LineFamily),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n", Flaw::LineAddresses),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r1", Flaw::LineAddresses),
        ("PROXY TCP6 g", Flaw::LineAddresses),
        ("PROXY TCP6\r\r", Flaw::LineAddresses),
        ("PROXY TCP4 1.2.3.4\t", Flaw::LineAddresses),
    ] {
        assert_eq!(read(text.as_bytes()), Err(flaw), "{text:?}");
        assert_eq!(read(&text.as_bytes()[..text.len() - 1]), Ok(Reading::Incomplete), "{text:?}");
    }
}

#[test]
fn blocks_tell_who_the_client_is() {
    let v4 = route("1.2.3.4:258", "5.6.7.8:772");
    let with_data = [&v4_with(b"")[..], b"GET /"].concat();
    assert_eq!(read(&with_data), Ok(complete(Some(v4), false, 28)));
    let datagrams = block_of(0x21, 0x12, &[1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4]);
    assert_eq!(read(&datagrams), Ok(complete(Some(v4), false, 28)));
    let v6 = [&[0; 15][..], &[1], &[0; 15], &[2], &[1, 2, 3, 4]].concat();
    let expected = route("[::1]:258", "[::2]:772");
    for kind in [0x21, 0x22] {
        assert_eq!(read(&block_of(0x21, kind, &v6)), Ok(complete(Some(expected), false, 52)));
    }
}

#[test]
fn blocks_that_name_no_address_leave_the_connections_own() {
    let unix = [&b"/run/a"[..], &[0; 210]].concat();
    for (command, kind, content) in [
        (0x20, 0x00, &b""[..]),
        // What belongs to a LOCAL one means nothing, not even its family.
        (0x20, 0x11, &[1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4]),
        (0x20, 0xff, b"anything"),
        (0x20, 0x21, b""),
        (0x21, 0x00, b""),
        (0x21, 0x00, b"\x03\x00\x04anything"),
        (0x21, 0x10, &[1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4]),
        (0x21, 0x01, b"anything"),
        (0x21, 0x31, &unix),
        (0x21, 0x32, &unix),
    ] {
        let block = block_of(command, kind, content);
        assert_eq!(read(&block), Ok(complete(None, false, block.len())), "{command:x} {kind:x} {content:?}");
    }
}

#[test]
fn blocks_that_are_wrong_are_refused_as_soon_as_that_shows() {
    let mark = |rest: &[u8]| [BLOCK_MARK, rest].concat();
    for (bytes, flaw) in [
        (b"\r\n\r\n\r".to_vec(), Flaw::Absent),
        (mark(&[0x11]), Flaw::Version),
        (mark(&[0x31]), Flaw::Version),
        (mark(&[0x22]), Flaw::Command),
        (mark(&[0x21, 0x41]), Flaw::Family),
        (mark(&[0x21, 0x13]), Flaw::Family),
        (mark(&[0x21, 0x03]), Flaw::Family),
        (mark(&[0x21, 0x11, 0, 11]), Flaw::TooShort),
        (mark(&[0x21, 0x21, 0, 35]), Flaw::TooShort),
        (mark(&[0x21, 0x31, 0, 215]), Flaw::TooShort),
        (mark(&[0x21, 0x11, 0x0f, 0xf1]), Flaw::TooLong),
        (mark(&[0x20, 0x00, 0xff, 0xff]), Flaw::TooLong),
    ] {
        assert_eq!(read(&bytes), Err(flaw), "{bytes:x?}");
        assert_eq!(read(&bytes[..bytes.len() - 1]), Ok(Reading::Incomplete), "{bytes:x?}");
    }
    let longest = block_of(0x20, 0, &[0; LONGEST - 16]);
    assert_eq!(read(&longest), Ok(complete(None, false, LONGEST)));
}

#[test]
fn extensions_are_passed_over_but_must_be_whole() {
    let v4 = route("1.2.3.4:258", "5.6.7.8:772");
    let known_and_unknown = [
        extension_of(0x01, b"h2"),
        extension_of(0x02, b"www.example.com"),
        extension_of(0x04, b""),
        extension_of(0x05, &[7; 128]),
        extension_of(0xea, b"\x01vpce-08d2bf15fac5001c9"),
        extension_of(0xff, &[0; 300]),
    ]
    .concat();
    let block = v4_with(&known_and_unknown);
    assert_eq!(read(&block), Ok(complete(Some(v4), false, block.len())));
    for cut_off in [&b"\x04"[..], b"\x04\x00", b"\x04\x00\x01", b"\x04\xff\xff1234", b"\x04\x00\x001"] {
        assert_eq!(read(&v4_with(cut_off)), Err(Flaw::Extension), "{cut_off:x?}");
    }
}

#[test]
fn it_is_told_whether_the_client_spoke_tls() {
    let v4 = route("1.2.3.4:258", "5.6.7.8:772");
    let version = extension_of(0x21, b"TLSv1.3");
    let tls = |client: u8, rest: &[u8]| v4_with(&extension_of(TLS, &[&[client, 0, 0, 0, 1], rest].concat()));
    for (block, secure) in
        [(tls(1, b""), true), (tls(7, &version), true), (tls(0, b""), false), (tls(6, b""), false)]
    {
        assert_eq!(read(&block), Ok(complete(Some(v4), secure, block.len())));
    }
    for block in [tls(1, &version[..5]), v4_with(&extension_of(TLS, &[1, 0, 0, 0])), tls(1, b"\x21")] {
        assert_eq!(read(&block), Err(Flaw::Extension));
    }
    let unix = block_of(0x21, 0x31, &[&[0; 216][..], &extension_of(TLS, &[1, 0, 0, 0, 0])].concat());
    assert_eq!(read(&unix), Ok(complete(None, true, unix.len())));
}

#[test]
fn a_checksum_must_be_right() {
    let mut block = v4_with(&[extension_of(CHECKSUM, &[0; 4]), extension_of(0x04, b"padding")].concat());
    let sum = crc32c::checksum(&block);
    block[31..35].copy_from_slice(&sum.to_be_bytes());
    assert!(matches!(read(&block), Ok(Reading::Complete(..))));
    for place in [16, 27, 31, 34, 44] {
        let mut spoiled = block.clone();
        spoiled[place] ^= 0x10;
        assert_eq!(read(&spoiled), Err(Flaw::Checksum), "byte {place}");
    }
    assert_eq!(read(&v4_with(&extension_of(CHECKSUM, &[0; 3]))), Err(Flaw::Extension));
}

fn any_route() -> impl Strategy<Value = Route> {
    let address = || prop_oneof![any::<u32>().prop_map(|bits| IpAddr::V4(bits.into())), v6()];
    (address(), any::<u16>(), address(), any::<u16>()).prop_map(|(source, from, destination, to)| Route {
        source: SocketAddr::new(source, from),
        destination: SocketAddr::new(destination, to),
    })
}

/// Any address, and those with long runs of zeros, which are shortened in text.
fn v6() -> impl Strategy<Value = IpAddr> {
    let group = prop_oneof![Just(0_u16), any::<u16>()];
    prop::array::uniform8(group).prop_map(|groups| IpAddr::V6(groups.into()))
}

fn any_version() -> impl Strategy<Value = ProxyVersion> {
    prop_oneof![Just(ProxyVersion::V1), Just(ProxyVersion::V2)]
}

fn any_extensions() -> impl Strategy<Value = Vec<u8>> {
    let kind = any::<u8>().prop_filter("those have a form", |kind| ![CHECKSUM, TLS].contains(kind));
    let extension = (kind, vec(any::<u8>(), 0..40)).prop_map(|(kind, value)| extension_of(kind, &value));
    vec(extension, 0..5).prop_map(|extensions| extensions.concat())
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(
        route in any_route(),
        version in any_version(),
        data in vec(any::<u8>(), 0..50),
    ) {
        let header = write(version, Some(route));
        let Ok(Reading::Complete(read, length)) = read(&[&header[..], &data].concat()) else {
            return Err(TestCaseError::fail("it is no header"));
        };
        prop_assert_eq!(length, header.len());
        let read = read.route.expect("it names addresses");
        prop_assert_eq!(canonical(read), canonical(route));
        prop_assert_eq!(read.source.is_ipv4(), read.destination.is_ipv4());
        prop_assert!(version == ProxyVersion::V2 || header.len() <= LONGEST_LINE);
    }

    #[test]
    fn a_part_of_a_header_is_neither_wrong_nor_complete(
        route in any_route(),
        version in any_version(),
        extensions in any_extensions(),
    ) {
        let mut header = write(version, Some(route));
        if version == ProxyVersion::V2 {
            header.extend(&extensions);
            let length = u16::try_from(header.len() - BLOCK_FRONT).unwrap();
            header[14..16].copy_from_slice(&length.to_be_bytes());
        }
        for length in 0..header.len() {
            prop_assert_eq!(read(&header[..length]), Ok(Reading::Incomplete));
        }
        prop_assert!(matches!(read(&header), Ok(Reading::Complete(_, length)) if length == header.len()));
    }

    #[test]
    fn what_is_taken_another_library_takes_alike(
        route in any_route(),
        version in any_version(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    ) {
        let mut bytes = write(version, Some(route));
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let Ok(Reading::Complete(Header { route: Some(route), .. }, length)) = read(&bytes) else {
            return Ok(());
        };
        let (other, other_length) = proxy_header::ProxyHeader::parse(&bytes, ParseConfig::default()).unwrap();
        prop_assert_eq!(other_length, length);
        let other = other.proxied_address().expect("it names addresses");
        prop_assert_eq!(Route { source: other.source, destination: other.destination }, route);
    }
}

/// With mapped addresses as what they stand for.
fn canonical(route: Route) -> Route {
    let canonical = |end: SocketAddr| SocketAddr::new(end.ip().to_canonical(), end.port());
    Route { source: canonical(route.source), destination: canonical(route.destination) }
}

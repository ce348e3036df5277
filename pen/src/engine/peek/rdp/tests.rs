use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// A request with these lines.
fn request(lines: impl AsRef<[u8]>) -> Vec<u8> {
    let lines = lines.as_ref();
    let length = u8::try_from(FRONT + lines.len()).unwrap_or(u8::MAX);
    let front = [3, 0, 0, length, length - 5, 0xe0, 0, 0, 0, 0, 0];
    [&front, lines].concat()
}

/// The end of a request: which security the client knows.
const NEGOTIATION: &[u8] = &[1, 0, 8, 0, 3, 0, 0, 0];

#[track_caller]
fn expect(lines: impl AsRef<[u8]>, expected: Option<Request<'_>>) {
    let bytes = request([lines.as_ref(), NEGOTIATION].concat());
    assert_eq!(read(&bytes), Sight::Seen(expected), "{}", bytes.escape_ascii());
}

#[track_caller]
fn expect_user(lines: &str, name: &str) {
    expect(lines, Some(Request::User(name.as_bytes())));
}

#[track_caller]
fn expect_token(lines: &str, address: &str) {
    expect(lines, Some(Request::Token(address.parse().unwrap())));
}

#[test]
fn the_example_of_the_specification_is_read() {
    let bytes = b"\x03\0\0\x2c\x27\xe0\0\0\0\0\0Cookie: mstshash=eltons\r\n\x01\0\x08\0\0\0\0\0";
    assert_eq!(read(bytes), Sight::Seen(Some(Request::User(b"eltons"))));
}

#[test]
fn a_token_has_its_numbers_in_the_order_of_the_wire() {
    expect_token("Cookie: msts=3640205228.15629.0000\r\n", "172.31.249.216:3389");
    expect_token("Cookie: msts=16777343.15629.0000\r\n", "127.0.0.1:3389");
    expect_token("Cookie: msts=16777343.15629.\r\n", "127.0.0.1:3389");
    expect_token("Cookie: msts=16777343.15629.0000 \r\n", "127.0.0.1:3389");
    expect_token("Cookie: msts=4294967295.65535.0000\r\n", "255.255.255.255:65535");
}

#[test]
fn a_token_that_is_none_says_nothing() {
    for value in [
        "",
        "16777343",
        "16777343.15629",
        ".15629.0000",
        "16777343..0000",
        "4294967296.15629.0000",
        "16777343.65536.0000",
        "+16777343.15629.0000",
        " 16777343.15629.0000",
        "16777343.0x3d0d.0000",
        "00000000016777343.15629.0000",
    ] {
        expect(format!("Cookie: msts={value}\r\n"), None);
    }
}

#[test]
fn words_may_be_written_in_either_case_but_a_name_is_a_name() {
    expect_user("cookie: MSTSHASH=Alice\r\n", "Alice");
    expect_user("COOKIE:mstsHash=ALICE\r\n", "ALICE");
    expect_token("cOOKIE:   MsTs=16777343.15629.0000\r\n", "127.0.0.1:3389");
}

#[test]
fn a_name_is_any_bytes_up_to_the_end_of_the_line() {
    expect(b"Cookie: mstshash=\xc4\0\xff\rx\ny\r\n", Some(Request::User(b"\xc4\0\xff\rx\ny")));
    expect_user("Cookie: mstshash= CORP\\alice \r\n", " CORP\\alice ");
    expect_user("Cookie: mstshash=\r\n", "");
}

#[test]
fn the_first_cookie_counts() {
    expect_user("Cookie: mstshash=alice\r\nCookie: mstshash=bob\r\n", "alice");
    expect_user("Cookie: mstshash=alice\r\nCookie: msts=16777343.15629.0000\r\n", "alice");
    expect_token("Cookie: msts=16777343.15629.0000\r\nCookie: mstshash=bob\r\n", "127.0.0.1:3389");
    expect("Cookie: taste=sweet\r\nCookie: mstshash=bob\r\n", None);
}

#[test]
fn what_is_for_a_broker_is_passed_over() {
    expect("tsv://MS Terminal Services Plugin.1.Sessions\r\n", None);
    expect_user("tsv://MS Terminal Services Plugin.1.Sessions\r\nCookie: mstshash=alice\r\n", "alice");
}

#[test]
fn a_request_without_a_cookie_says_nothing() {
    expect("", None);
    assert_eq!(read(&request("")), Sight::Seen(None));
    assert_eq!(read(&request("Cookie: mstshash=alice")), Sight::Seen(None));
    assert_eq!(read(&request("Cookie: mstshash=alice\r")), Sight::Seen(None));
    assert_eq!(read(&request("Cook")), Sight::Seen(None));
}

#[test]
fn what_cannot_become_a_request_is_seen_at_once() {
    for bytes in [
        &b"G"[..],
        b"\x16",
        b"\x02",
        b"\x03\0\0\x0a",
        b"\x03\0\x01\x04",
        b"\x03\0\xff\xff",
        b"\x03\0\0\x2c\x26",
        b"\x03\0\0\x2c\x28",
        b"\x03\0\0\x2c\x27\xd0",
        b"\x03\0\0\x2c\x27\xe1",
        b"\x03\0\0\x2c\x27\xe0\0\0\0\0\0\x01",
        b"\x03\0\0\x2c\x27\xe0\0\0\0\0\0Cookies",
        b"\x03\0\0\x2c\x27\xe0\0\0\0\0\0tsv:\\",
    ] {
        assert_eq!(read(bytes), Sight::Seen(None), "{}", bytes.escape_ascii());
        let before = &bytes[..bytes.len() - 1];
        assert_eq!(read(before), Sight::Incomplete, "{}", before.escape_ascii());
    }
}

#[test]
fn the_longest_request_is_read_and_a_longer_one_is_none() {
    let name = "x".repeat(LONGEST - FRONT - COOKIE.len() - USER.len() - 2);
    let line = format!("Cookie:mstshash={name}\r\n");
    let mut bytes = [&[3, 0, 1, 3, 254, 0xe0, 0, 0, 0, 0, 0], line.as_bytes()].concat();
    assert_eq!(bytes.len(), 259);
    assert_eq!(read(&bytes), Sight::Seen(Some(Request::User(name.as_bytes()))));
    assert_eq!(read(&bytes[..258]), Sight::Incomplete);
    bytes[11 + 20] = b'\r';
    bytes[3] = 4;
    bytes[4] = 255;
    assert_eq!(read(&bytes), Sight::Seen(None));
}

#[test]
fn what_follows_a_request_does_not_count() {
    let mut bytes = request("Cookie: mstshash=ali");
    bytes.extend_from_slice(b"ce\r\n");
    assert_eq!(read(&bytes), Sight::Seen(None));
}

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"Cookie: ".to_vec()),
        Just(b"mstshash=".to_vec()),
        Just(b"msts=".to_vec()),
        Just(b"16777343.15629.0000".to_vec()),
        Just(b"tsv://".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\r".to_vec()),
        vec(any::<u8>(), 0..8),
    ];
    vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn however_it_is_split_it_says_the_same(lines in pieces(), behind in vec(any::<u8>(), 0..20)) {
        let request = request(&lines);
        prop_assert_ne!(read(&request), Sight::Incomplete, "a whole request is enough");
        let bytes = [request, behind].concat();
        let first = (0..=bytes.len()).map(|length| read(&bytes[..length])).find(|sight| *sight != Sight::Incomplete);
        prop_assert_eq!(first, Some(read(&bytes)));
    }

    #[test]
    fn every_token_is_the_address_that_it_was_made_of(address: [u8; 4], port: u16) {
        let line = format!("Cookie: msts={}.{}.0000\r\n", u32::from_le_bytes(address), port.swap_bytes());
        let expected = SocketAddrV4::new(address.into(), port);
        let bytes = request(line);
        prop_assert_eq!(read(&bytes), Sight::Seen(Some(Request::Token(expected))));
    }
}

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// With its length in front, in so many bytes.
fn sized(length: usize, content: &[u8]) -> Vec<u8> {
    let bytes = content.len().to_be_bytes();
    [&bytes[bytes.len() - length..], content].concat()
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &sized(2, content)].concat()
}

fn naming(name: impl AsRef<[u8]>) -> Vec<u8> {
    let name = [&[HOST_NAME][..], &sized(2, name.as_ref())].concat();
    extension(SERVER_NAME, &sized(2, &name))
}

/// A message with these extensions.
fn message(extensions: &[u8]) -> Vec<u8> {
    let session = sized(1, &[7; 32]);
    let ciphers = sized(2, &[0x13, 0x01, 0x13, 0x02]);
    let body =
        [&[3, 3][..], &[9; RANDOM], &session, &ciphers, &sized(1, &[0]), &sized(2, extensions)].concat();
    [&[CLIENT_HELLO][..], &sized(3, &body)].concat()
}

/// In records of at most so many bytes.
fn records(message: &[u8], size: usize) -> Vec<u8> {
    let record = |part: &[u8]| [&[HANDSHAKE, 3, 1][..], &sized(2, part)].concat();
    message.chunks(size).flat_map(record).collect()
}

fn hello(name: impl AsRef<[u8]>) -> Vec<u8> {
    let extensions = [extension(10, &[0, 2, 0, 29]), naming(name), extension(43, &[2, 3, 4])].concat();
    records(&message(&extensions), LONGEST_RECORD)
}

/// What is seen of bytes that come in parts of this size.
fn seen_in_parts(bytes: &[u8], size: usize) -> Sight<String> {
    let mut hello = Hello::default();
    let sights = bytes.chunks(size).map(|part| hello.take(part));
    sights.into_iter().find(|sight| *sight != Sight::Incomplete).unwrap_or(Sight::Incomplete)
}

fn seen(bytes: &[u8]) -> Sight<String> {
    seen_in_parts(bytes, bytes.len().max(1))
}

#[track_caller]
fn expect(bytes: &[u8], name: Option<&str>) {
    for size in [bytes.len(), 1, 7] {
        assert_eq!(seen_in_parts(bytes, size), Sight::Seen(name.map(str::to_owned)), "in parts of {size}");
    }
}

#[test]
fn the_name_is_read() {
    expect(&hello("www.example.com"), Some("www.example.com"));
    expect(&hello("WWW.Example.COM."), Some("www.example.com"));
    expect(&hello("a_b-1.example"), Some("a_b-1.example"));
}

#[test]
fn a_message_may_be_spread_over_records() {
    let message = message(&naming("www.example.com"));
    for size in [1, 2, 50, message.len() - 1] {
        expect(&records(&message, size), Some("www.example.com"));
    }
}

#[test]
fn what_rustls_sends_is_read() {
    use rustls::pki_types::ServerName;
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.unwrap().with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    let name = ServerName::try_from("www.example.com").unwrap();
    let mut client = rustls::ClientConnection::new(std::sync::Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    expect(&bytes, Some("www.example.com"));
}

#[test]
fn a_message_without_a_name_says_nothing() {
    expect(&records(&message(&extension(43, &[2, 3, 4])), 100), None);
    expect(&records(&message(&[]), 100), None);
    // The oldest have no extensions at all.
    let body = [&[3, 1][..], &[9; RANDOM], &[0], &sized(2, &[0, 47]), &[1, 0]].concat();
    expect(&records(&[&[CLIENT_HELLO][..], &sized(3, &body)].concat(), 100), None);
    // A name of another kind.
    let other = extension(SERVER_NAME, &sized(2, &[1, 0, 1, b'x']));
    expect(&records(&message(&other), 100), None);
    // What a server sends: it has chosen by the name.
    expect(&records(&message(&extension(SERVER_NAME, &[])), 100), None);
}

#[test]
fn the_first_name_counts() {
    let two = [&[HOST_NAME][..], &sized(2, b"one"), &[HOST_NAME], &sized(2, b"two")].concat();
    expect(&records(&message(&extension(SERVER_NAME, &sized(2, &two))), 100), Some("one"));
    let twice = [naming("one"), naming("two")].concat();
    expect(&records(&message(&twice), 100), Some("one"));
}

#[test]
fn only_names_of_hosts_are_names() {
    let longest = format!("{}.example", "x".repeat(LONGEST_NAME - 8));
    expect(&hello(&longest), Some(&longest));
    expect(&hello(format!("x{longest}")), None);
    for name in [
        &b""[..],
        b".",
        b"..",
        b"a..b",
        b".a",
        b"a b",
        b"a/b",
        b"*.example",
        b"a\0",
        b"\xe4.example",
        b"a\nb",
        b"::1",
    ] {
        expect(&hello(name), None);
    }
}

#[test]
fn what_is_no_handshake_is_seen_at_once() {
    for bytes in [
        &b"G"[..],
        b"\x15",
        b"\x16\x02",
        b"\x16\x04",
        b"\x16\x03\x01\0\0",
        b"\x16\x03\x01\x40\x01",
        b"\x16\x03\x01\0\x05\x02",
        b"\x16\x03\x01\0\x05\x01\x00\x40\x01",
        b"\x16\x03\x01\0\x01\x01\x15",
        b"\x80",
    ] {
        expect(bytes, None);
        assert_eq!(seen(&bytes[..bytes.len() - 1]), Sight::Incomplete, "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_message_that_does_not_add_up_says_nothing() {
    let whole = message(&naming("www.example.com"));
    // Its body is cut off anywhere, and its header says so.
    for length in 0..whole.len() - MESSAGE_HEADER {
        let body = &whole[MESSAGE_HEADER..MESSAGE_HEADER + length];
        expect(&records(&[&[CLIENT_HELLO][..], &sized(3, body)].concat(), 100), None);
    }
}

#[test]
fn part_of_a_message_says_nothing_yet() {
    let bytes = hello("www.example.com");
    for length in 0..bytes.len() {
        assert_eq!(seen(&bytes[..length]), Sight::Incomplete);
    }
}

#[test]
fn no_message_is_awaited_for_ever() {
    let filling = extension(21, &vec![0; 15_000]);
    let long = message(&[filling.clone(), naming("www.example.com")].concat());
    expect(&records(&long, LONGEST_RECORD), Some("www.example.com"));
    // In so small records it is longer than what is read of it.
    expect(&records(&long, 10), None);
    let mut hello = Hello::default();
    let bytes = records(&long, 10);
    assert_eq!(hello.take(&bytes[..LONGEST - 1]), Sight::Incomplete);
    assert_eq!(hello.take(&bytes[LONGEST - 1..]), Sight::Seen(None));
    assert!(hello.message.capacity() <= 2 * LONGEST);
}

proptest! {
    #[test]
    fn however_it_is_split_it_says_the_same(
        name in "[a-zA-Z0-9._-]{0,40}",
        size in 1..300_usize,
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        parts in 1..300_usize,
    ) {
        let extensions = [extension(16, &[0, 3, 2, b'h', b'2']), naming(name)].concat();
        let mut bytes = records(&message(&extensions), size);
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        prop_assert_eq!(seen_in_parts(&bytes, parts), seen(&bytes));
        prop_assert_eq!(seen_in_parts(&bytes, 1), seen(&bytes));
    }
}

use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixDatagram};
use std::path::Path;

use super::*;

fn name(path: &Path) -> Name<'_> {
    Name::Unix(path.as_os_str().as_bytes())
}

fn to<'a>(bytes: &'a [u8], name: Name<'a>) -> Outgoing<'a> {
    Outgoing { bytes, to: Some(name), from: None, segment: None }
}

#[test]
fn named_abstract_and_unnamed_clients_are_told_apart_and_answered() {
    let dir = tempfile::tempdir().unwrap();
    let (at, from) = (dir.path().join("server"), dir.path().join("client"));
    let server = UnixDatagram::bind(&at).unwrap();
    let named = UnixDatagram::bind(&from).unwrap();
    let hidden = [b"pen test\0", dir.path().as_os_str().as_bytes()].concat();
    let hidden_client = UnixDatagram::bind_addr(&UnixAddr::from_abstract_name(&hidden).unwrap()).unwrap();
    let unnamed = UnixDatagram::unbound().unwrap();
    let mut outbox = Outbox::new(3);
    for client in [&named, &hidden_client, &unnamed] {
        assert_eq!(outbox.send(client, &[to(b"1", name(&at)), to(b"", name(&at))]).unwrap(), 2);
    }
    let mut batch = Batch::new(6);
    assert_eq!(received(&server, &mut batch), [b"1" as &[u8], b"", b"1", b"", b"1", b""]);
    let hidden = [b"\0", hidden.as_slice()].concat();
    for (index, source) in [name(&from), Name::Unix(&hidden), Name::Unix(&[])].into_iter().enumerate() {
        assert_eq!(batch.get(2 * index).source, source);
        assert_eq!(batch.get(2 * index + 1).source, source);
    }
    let answers = [0, 2].map(|index| to(b"answer", batch.get(index).source));
    assert_eq!(outbox.send(&server, &answers).unwrap(), 2);
    let mut answered = Batch::new(2);
    for client in [&named, &hidden_client] {
        assert_eq!(received(client, &mut answered), [b"answer"]);
        assert_eq!(answered.get(0).source, name(&at));
    }
    let nobody = outbox.send(&server, &[to(b"answer", batch.get(4).source)]).unwrap_err();
    assert_eq!(nobody.raw_os_error(), Some(libc::EINVAL));
}

#[test]
fn the_longest_names_can_be_answered_and_longer_ones_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let length = dir.path().as_os_str().len();
    // One byte less than there is room for: the system's library wants a NUL behind a path.
    let path = dir.path().join("x".repeat(106 - length));
    let hidden = format!("{:x<107}", dir.path().display());
    let server = UnixDatagram::unbound().unwrap();
    let mut outbox = Outbox::new(1);
    for address in [UnixAddr::from_pathname(&path), UnixAddr::from_abstract_name(&hidden)] {
        let client = UnixDatagram::bind_addr(&address.unwrap()).unwrap();
        client.send_to_addr(b"x", &client.local_addr().unwrap()).unwrap();
        let mut batch = Batch::new(1);
        assert_eq!(received(&client, &mut batch), [b"x"]);
        outbox.send(&server, &[to(b"answer", batch.get(0).source)]).unwrap();
        assert_eq!(received(&client, &mut Batch::new(1)), [b"answer"]);
    }
    let error = outbox.send(&server, &[to(b"x", Name::Unix(&[b'x'; 109]))]).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
}

#[test]
fn a_full_queue_ends_the_count_and_then_there_is_no_room() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("server");
    let server = UnixDatagram::bind(&at).unwrap();
    let client = UnixDatagram::unbound().unwrap();
    let texts: Vec<_> = (0..2000_u16).map(u16::to_be_bytes).collect();
    let datagrams: Vec<_> = texts.iter().map(|text| to(text, name(&at))).collect();
    let mut outbox = Outbox::new(64);
    let taken = outbox.send(&client, &datagrams).unwrap();
    assert!(taken > 0 && taken < datagrams.len());
    let full = outbox.send(&client, &datagrams[taken..]).unwrap_err();
    assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
    assert_eq!(received(&server, &mut Batch::new(2000)), &texts[..taken]);
    assert!(outbox.send(&client, &datagrams[taken..]).unwrap() > 0);
}

#[test]
fn a_peer_that_has_gone_is_an_error_and_no_signal() {
    let (one, other) = UnixDatagram::pair().unwrap();
    drop(other);
    let datagram = Outgoing { bytes: b"x", to: None, from: None, segment: None };
    let error = Outbox::new(1).send(&one, &[datagram]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}

#[test]
fn what_is_joined_reaches_a_unix_socket_as_single_datagrams() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("server");
    let server = UnixDatagram::bind(&at).unwrap();
    let client = UnixDatagram::unbound().unwrap();
    client.connect(&at).unwrap();
    let mut outbox = Outbox::new(2);
    let mut batch = Batch::new(10);
    for to in [Some(name(&at)), None] {
        let single = Outgoing { bytes: b"first", to, from: None, segment: None };
        let joined = Outgoing { bytes: b"aabbccd", segment: Some(2), ..single };
        assert_eq!(outbox.send(&client, &[single, joined, single]).unwrap(), 3);
        assert_eq!(received(&server, &mut batch), [b"first" as &[u8], b"aa", b"bb", b"cc", b"d", b"first"]);
    }
}

#[test]
fn what_is_joined_and_only_partly_taken_counts_and_says_what_is_left() {
    let (one, other) = UnixDatagram::pair().unwrap();
    let bytes: Vec<u8> = (0..1000_u16).flat_map(u16::to_be_bytes).chain([7]).collect();
    let joined = Outgoing { bytes: &bytes, to: None, from: None, segment: Some(2) };
    let mut outbox = Outbox::new(7);
    let mut batch = Batch::new(1000);
    let mut all = Vec::new();
    let mut rest = joined;
    for round in 0..1001 {
        assert_eq!(outbox.send(&one, &[rest]).unwrap(), 1);
        let left = outbox.unsent();
        if left == 0 {
            assert!(round > 0, "all found room at once");
            break;
        }
        rest.bytes = &rest.bytes[rest.bytes.len() - left..];
        assert_eq!(outbox.send(&one, &[rest]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        all.extend(received(&other, &mut batch));
    }
    assert_eq!(outbox.unsent(), 0);
    all.extend(received(&other, &mut batch));
    let expected: Vec<_> = bytes.chunks(2).collect();
    assert_eq!(all, expected);
}

#[test]
fn what_is_larger_than_any_datagram_of_a_network_is_marked() {
    let (one, other) = UnixDatagram::pair().unwrap();
    socket2::SockRef::from(&one).set_send_buffer_size(2 * LARGEST).unwrap();
    let mut batch = Batch::new(2);
    for (size, is_cut) in [(LARGEST, false), (LARGEST + 1, true)] {
        one.send(&vec![b'x'; size]).unwrap();
        batch.clear();
        batch.receive(&other, 1).unwrap();
        assert_eq!((batch.get(0).bytes.len(), batch.get(0).is_cut), (LARGEST, is_cut));
    }
}

#[test]
fn whoever_looks_for_failures_of_a_unix_socket_takes_no_datagram() {
    let (one, other) = UnixDatagram::pair().unwrap();
    one.send(b"stays").unwrap();
    assert!(take_failure(&other).unwrap().is_none());
    assert_eq!(received(&other, &mut Batch::new(2)), [b"stays"]);
}

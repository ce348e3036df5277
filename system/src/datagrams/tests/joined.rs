use super::*;

/// The largest part of anything that is joined here.
const SIZE: usize = 1200;

/// So many bytes, of which no two parts are alike.
fn train(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from((at / SIZE * 7 + at) % 251).unwrap()).collect()
}

fn parts(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.chunks(SIZE).map(<[u8]>::to_vec).collect()
}

#[test]
fn what_is_joined_goes_out_as_its_parts() {
    for host in HOSTS {
        let (to, from) = (socket(host), socket(host));
        let bytes = train(10 * SIZE + 5);
        let single = outgoing(b"single", &to);
        let joined = Outgoing { segment: Some(SIZE), ..outgoing(&bytes, &to) };
        let mut batch = Batch::new(30);
        let mut expected = parts(&bytes);
        expected.push(b"single".to_vec());
        expected.extend(parts(&bytes));
        assert_eq!(Outbox::new(5).send(&from, &[joined, single, joined]).unwrap(), 3);
        assert_eq!(received(&to, &mut batch), expected);
        assert!(batch.datagrams().all(|datagram| datagram.segment.is_none()));
        // Sizes that mean that it is one.
        for segment in [0, 6, 7, 1 << 40] {
            let one = Outgoing { segment: Some(segment), ..single };
            assert_eq!(Outbox::new(5).send(&from, &[one]).unwrap(), 1);
            assert_eq!(received(&to, &mut batch), [b"single"]);
        }
    }
}

#[test]
fn what_is_joined_arrives_joined_where_that_is_allowed_and_goes_on_so() {
    for host in HOSTS {
        let (to, middle, from) = (socket(host), socket(host), socket(host));
        join_datagrams(&middle).unwrap();
        tell_destinations(&middle).unwrap();
        let bytes = train(10 * SIZE + 5);
        let joined = Outgoing { segment: Some(SIZE), ..outgoing(&bytes, &middle) };
        let mut outbox = Outbox::new(5);
        assert_eq!(outbox.send(&from, &[joined, outgoing(b"single", &middle)]).unwrap(), 2);
        let mut batch = Batch::new(30);
        assert_eq!(received(&middle, &mut batch), [bytes.as_slice(), b"single"]);
        assert_eq!(batch.get(0).segment, Some(SIZE));
        assert_eq!(batch.get(1).segment, None);
        assert!(batch.datagrams().all(|datagram| datagram.local.is_some()));
        let onwards = batch
            .datagrams()
            .map(|datagram| Outgoing { segment: datagram.segment, ..outgoing(datagram.bytes, &to) });
        let onwards: Vec<_> = onwards.collect();
        assert_eq!(outbox.send(&middle, &onwards).unwrap(), 2);
        let mut at_last = Batch::new(30);
        let mut expected = parts(&bytes);
        expected.push(b"single".to_vec());
        assert_eq!(received(&to, &mut at_last), expected);
    }
}

#[test]
fn a_joined_answer_leaves_from_the_address_that_was_used() {
    let (to, from) = (socket(HOSTS[0]), socket("0.0.0.0:0"));
    let bytes = train(3 * SIZE);
    let local = Some(Local { address: host("127.0.0.9"), interface: 0 });
    let joined = Outgoing { segment: Some(SIZE), from: local, ..outgoing(&bytes, &to) };
    assert_eq!(Outbox::new(1).send(&from, &[joined]).unwrap(), 1);
    let mut batch = Batch::new(4);
    assert_eq!(received(&to, &mut batch), parts(&bytes));
    let source = Name::Inet(SocketAddr::new(host("127.0.0.9"), from.local_addr().unwrap().port()));
    assert!(batch.datagrams().all(|datagram| datagram.source == source));
}

#[test]
fn more_parts_than_the_kernel_takes_apart_go_out_all_the_same() {
    for host in HOSTS {
        let (to, from) = (socket(host), socket(host));
        let bytes: Vec<u8> = (0..1001_u16).flat_map(u16::to_be_bytes).chain([3]).collect();
        let expected: Vec<_> = bytes.chunks(2).collect();
        let joined = Outgoing { segment: Some(2), ..outgoing(&bytes, &to) };
        let mut batch = Batch::new(2000);
        for most in [1, 10, 2000] {
            let mut outbox = Outbox::new(most);
            assert_eq!(outbox.send(&from, &[outgoing(b"x", &to), joined, outgoing(b"y", &to)]).unwrap(), 3);
            assert_eq!(outbox.unsent(), 0);
            let received = received(&to, &mut batch);
            assert_eq!(
                (received[0].as_slice(), received.last().unwrap().as_slice()),
                (b"x" as &[u8], b"y" as &[u8])
            );
            assert_eq!(received[1..received.len() - 1], expected);
        }
    }
}

#[test]
fn parts_that_the_way_is_too_narrow_for_go_out_in_fragments() {
    // Larger than the loopback device's packets, but not than a datagram.
    let (to, from) = (socket(HOSTS[0]), socket(HOSTS[0]));
    let bytes = vec![7; 65_507 + 100];
    let joined = Outgoing { segment: Some(65_507), ..outgoing(&bytes, &to) };
    assert_eq!(Outbox::new(2).send(&from, &[joined]).unwrap(), 1);
    assert_eq!(received(&to, &mut Batch::new(3)), [&bytes[..65_507], &bytes[65_507..]]);
}

#[test]
fn of_parts_that_cannot_be_sent_the_error_is_told() {
    let (to, from) = (socket(HOSTS[0]), socket(HOSTS[0]));
    let bytes = vec![7; 2 * 65_508];
    let joined = Outgoing { segment: Some(65_508), ..outgoing(&bytes, &to) };
    let error = Outbox::new(2).send(&from, &[joined]).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
}

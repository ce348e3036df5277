use std::time::SystemTime;

use super::*;

fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap()
}

#[test]
fn datagrams_come_whole_in_order_and_with_their_senders_and_times() {
    for host in HOSTS {
        let (to, from) = (socket(host), socket(host));
        enable_arrival_times(&to).unwrap();
        let mut batch = Batch::new(3);
        assert_eq!(batch.receive(&to, 3).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let before = now();
        let sizes = [1, 0, 1400, 65_507, 2];
        for _ in 0..3 {
            let sent: Vec<_> = (0..).zip(sizes).map(|(at, size)| vec![at; size]).collect();
            for bytes in &sent {
                from.send_to(bytes, to.local_addr().unwrap()).unwrap();
            }
            let mut all = Vec::new();
            for expected in [3, 2] {
                batch.clear();
                assert_eq!(batch.receive(&to, 100).unwrap(), 0..expected);
                for datagram in batch.datagrams() {
                    assert_eq!(datagram.source, Name::Inet(from.local_addr().unwrap()));
                    assert_eq!((datagram.local, datagram.segment, datagram.is_cut), (None, None, false));
                    let arrived = datagram.arrived.unwrap();
                    // The kernel's clock for stamps may lag by a tick.
                    assert!(arrived + Duration::from_millis(20) > before && arrived <= now());
                }
                all.extend(bytes_of(&batch));
            }
            assert_eq!(all, sent);
        }
    }
}

#[test]
fn what_comes_later_lies_behind_what_is_already_there() {
    let (one, other, from) = (socket(HOSTS[0]), socket(HOSTS[0]), socket(HOSTS[0]));
    for (to, bytes) in [(&one, b"1"), (&one, b"2"), (&other, b"3"), (&other, b"4"), (&other, b"5")] {
        from.send_to(bytes, to.local_addr().unwrap()).unwrap();
    }
    let mut batch = Batch::new(4);
    assert_eq!(batch.receive(&one, 1).unwrap(), 0..1);
    assert_eq!(batch.receive(&other, 2).unwrap(), 1..3);
    assert_eq!(batch.room(), 1);
    assert_eq!(batch.receive(&one, 5).unwrap(), 3..4);
    assert!(batch.is_full());
    assert_eq!(batch.receive(&other, 5).unwrap(), 4..4);
    assert_eq!(bytes_of(&batch), [b"1", b"3", b"4", b"2"]);
    batch.clear();
    assert!(batch.is_empty());
    assert_eq!(batch.receive(&other, 0).unwrap(), 0..0);
    assert_eq!(batch.receive(&one, 5).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert_eq!(batch.receive(&other, 5).unwrap(), 0..1);
    assert_eq!(bytes_of(&batch), [b"5"]);
}

#[test]
#[should_panic(expected = "no datagram has the index 0")]
fn what_was_cleared_is_gone() {
    let to = socket(HOSTS[0]);
    to.send_to(b"x", to.local_addr().unwrap()).unwrap();
    let mut batch = Batch::new(1);
    batch.receive(&to, 1).unwrap();
    batch.clear();
    batch.get(0);
}

#[test]
fn what_the_kernel_throws_away_is_counted() {
    let (to, from) = (UdpSocket::bind(HOSTS[0]).unwrap(), UdpSocket::bind(HOSTS[0]).unwrap());
    setsockopt(&to, sockopt::RcvBuf, &4096).unwrap();
    assert_eq!(lost(&to).unwrap(), 0);
    for _ in 0..100 {
        from.send_to(&[0; 1000], to.local_addr().unwrap()).unwrap();
    }
    let lost = lost(&to).unwrap();
    let mut batch = Batch::new(100);
    assert_eq!(received(&to, &mut batch).len() + lost as usize, 100);
    assert!(lost > 0);
}

#[test]
fn a_buffer_is_as_large_as_asked_for() {
    let socket = UdpSocket::bind(HOSTS[0]).unwrap();
    for bytes in [100_000, 200_000] {
        set_receive_buffer(&socket, bytes).unwrap();
        // The kernel doubles it for what it needs besides.
        assert_eq!(socket2::SockRef::from(&socket).recv_buffer_size().unwrap(), 2 * bytes);
    }
}

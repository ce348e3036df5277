use super::*;

fn to(address: SocketAddr) -> Outgoing<'static> {
    Outgoing { bytes: b"x", to: Some(Name::Inet(address)), from: None, segment: None }
}

fn refused(address: SocketAddr) -> (Option<SocketAddr>, Option<i32>) {
    (Some(address), Some(libc::ECONNREFUSED))
}

/// All that was reported. On loopback that is there as soon as the datagram was sent.
fn failures(socket: &UdpSocket) -> Vec<(Option<SocketAddr>, Option<i32>)> {
    let next = || take_failure(socket).unwrap();
    std::iter::from_fn(next).map(|failure| (failure.destination, failure.error.raw_os_error())).collect()
}

#[test]
fn of_several_destinations_the_one_that_failed_is_named() {
    for host in HOSTS {
        let (from, good) = (socket(host), socket(host));
        report_failures(&from).unwrap();
        assert!(take_failure(&from).unwrap().is_none());
        let closed = [(); 2].map(|()| refusing(host));
        let [one, other] = [0, 1].map(|index: usize| closed[index].local_addr().unwrap());
        let good_one = good.local_addr().unwrap();
        let datagrams = [good_one, one, good_one, other, one, good_one].map(to);
        let mut outbox = Outbox::new(6);
        // None of the failures prevents others from being sent, in the same call or the next.
        assert_eq!(outbox.send(&from, &datagrams).unwrap(), 6);
        assert_eq!(outbox.send(&from, &datagrams[..1]).unwrap(), 1);
        assert_eq!(received(&good, &mut Batch::new(10)).len(), 4);
        assert_eq!(failures(&from), [refused(one), refused(other), refused(one)]);
    }
}

#[test]
fn a_failure_does_not_keep_what_arrives_from_being_received() {
    let (from, good) = (socket(HOSTS[0]), socket(HOSTS[0]));
    report_failures(&from).unwrap();
    let refusing = refusing(HOSTS[0]);
    let closed = refusing.local_addr().unwrap();
    let mut outbox = Outbox::new(1);
    let mut batch = Batch::new(3);
    for bytes in [b"1", b"2"] {
        good.send_to(bytes, from.local_addr().unwrap()).unwrap();
        outbox.send(&from, &[to(closed)]).unwrap();
    }
    batch.receive(&from, 1).unwrap();
    outbox.send(&from, &[to(closed)]).unwrap();
    batch.receive(&from, 2).unwrap();
    assert_eq!(bytes_of(&batch), [b"1", b"2"]);
    outbox.send(&from, &[to(closed)]).unwrap();
    assert_eq!(batch.receive(&from, 1).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert_eq!(failures(&from), [refused(closed); 4]);
}

#[test]
fn a_socket_of_both_families_reports_failures_of_both() {
    let from = dual_stack();
    report_failures(&from).unwrap();
    let closed = HOSTS.map(refusing);
    let mapped = SocketAddr::new(host("::ffff:127.0.0.1"), closed[0].local_addr().unwrap().port());
    let of_ipv6 = closed[1].local_addr().unwrap();
    assert_eq!(Outbox::new(2).send(&from, &[to(mapped), to(of_ipv6)]).unwrap(), 2);
    assert_eq!(failures(&from), [refused(mapped), refused(of_ipv6)]);
}

#[test]
fn the_parts_of_a_joined_datagram_fail_each_for_itself_or_once() {
    let from = socket(HOSTS[0]);
    report_failures(&from).unwrap();
    let refusing = refusing(HOSTS[0]);
    let closed = refusing.local_addr().unwrap();
    let joined = Outgoing { bytes: &[7; 3000], segment: Some(1000), ..to(closed) };
    assert_eq!(Outbox::new(2).send(&from, &[joined, joined]).unwrap(), 2);
    let failures = failures(&from);
    assert!((2..=6).contains(&failures.len()), "{failures:?}");
    assert!(failures.iter().all(|failure| *failure == refused(closed)));
}

#[test]
fn errors_of_our_own_host_are_no_failures() {
    let (from, good) = (socket(HOSTS[0]), socket(HOSTS[0]));
    report_failures(&from).unwrap();
    let datagram = to(good.local_addr().unwrap());
    let bytes = vec![0; 65_508];
    let too_large = Outgoing { bytes: &bytes, ..datagram };
    Outbox::new(1).send(&from, &[too_large]).unwrap_err();
    assert_eq!(failures(&from), []);
    let stranger = Local { address: host("192.0.2.1"), interface: 0 };
    let network = Outgoing { from: Some(stranger), ..datagram };
    Outbox::new(1).send(&from, &[network]).unwrap_err();
    assert_eq!(failures(&from), []);
}

#[test]
fn a_socket_that_was_never_bound_reports_failures() {
    for host in HOSTS {
        let (server, refusing) = (socket(host), refusing(host));
        let [server_address, gone] = [&server, &refusing].map(|socket| socket.local_addr().unwrap());
        let port = Socket::new(Domain::for_address(gone), Type::DGRAM, None).unwrap();
        report_failures(&port).unwrap();
        let port = UdpSocket::from(port);
        let mut batch = Batch::new(1);
        assert_eq!(Outbox::new(2).send(&port, &[to(server_address), to(gone)]).unwrap(), 2);
        assert_eq!(received(&server, &mut batch), [b"x"]);
        let Name::Inet(client) = batch.get(0).source else { panic!("{batch:?}") };
        assert_eq!(client.port(), port.local_addr().unwrap().port());
        assert_eq!(failures(&port), [refused(gone)]);
    }
}

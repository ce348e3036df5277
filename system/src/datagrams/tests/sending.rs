use super::*;

#[test]
fn datagrams_of_all_sizes_go_out_in_order() {
    for host in HOSTS {
        let (to, from) = (socket(host), socket(host));
        let sent: Vec<_> = (0..).zip([1, 0, 1400, 65_507, 2]).map(|(at, size)| vec![at; size]).collect();
        let datagrams: Vec<_> = sent.iter().map(|bytes| outgoing(bytes, &to)).collect();
        let mut batch = Batch::new(10);
        // In one call, in several, and each in one.
        for most in [10, 2, 1, 0] {
            assert_eq!(Outbox::new(most).send(&from, &datagrams).unwrap(), sent.len());
            assert_eq!(received(&to, &mut batch), sent);
        }
        assert_eq!(Outbox::new(10).send(&from, &[]).unwrap(), 0);
    }
}

#[test]
fn a_connected_socket_needs_no_destination() {
    for host in HOSTS {
        let (to, from) = (socket(host), socket(host));
        from.connect(to.local_addr().unwrap()).unwrap();
        let datagrams = [b"one", b"two"].map(|bytes| Outgoing { to: None, ..outgoing(bytes, &to) });
        assert_eq!(Outbox::new(2).send(&from, &datagrams).unwrap(), 2);
        assert_eq!(Outbox::new(2).send(&from, &datagrams[..1]).unwrap(), 1);
        assert_eq!(received(&to, &mut Batch::new(4)), [b"one", b"two", b"one"]);
    }
}

/// Asks a server at these of our addresses; the answers must come from where the questions went.
fn assert_answers_from_the_address_used(server: &UdpSocket, hosts: &[&str]) {
    tell_destinations(server).unwrap();
    let port = server.local_addr().unwrap().port();
    let clients: Vec<_> = hosts
        .iter()
        .map(|host| {
            let to = SocketAddr::new(host.parse().unwrap(), port);
            let client = socket(if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" });
            client.send_to(b"question", to).unwrap();
            (client, to)
        })
        .collect();
    let mut questions = Batch::new(10);
    assert_eq!(questions.receive(server, 10).unwrap(), 0..hosts.len());
    let answers: Vec<_> = questions
        .datagrams()
        .map(|question| Outgoing {
            bytes: b"answer",
            to: Some(question.source),
            from: question.local,
            segment: None,
        })
        .collect();
    for (question, (_, to)) in questions.datagrams().zip(&clients) {
        let local = question.local.unwrap();
        assert_eq!((local.address.to_canonical(), local.interface), (to.ip(), 0));
        let Name::Inet(source) = question.source else { panic!("{:?}", question.source) };
        assert_eq!(source.is_ipv4(), local.address.is_ipv4());
    }
    let mut outbox = Outbox::new(10);
    assert_eq!(outbox.send(server, &answers).unwrap(), answers.len());
    for one in &answers {
        assert_eq!(outbox.send(server, &[*one]).unwrap(), 1);
    }
    let mut batch = Batch::new(3);
    for (client, to) in &clients {
        assert_eq!(received(client, &mut batch), [b"answer", b"answer"]);
        for answer in batch.datagrams() {
            assert_eq!(answer.source, Name::Inet(*to));
        }
    }
}

#[test]
fn answers_leave_from_the_address_that_was_used() {
    assert_answers_from_the_address_used(&socket("0.0.0.0:0"), &["127.0.0.1", "127.0.0.2", "127.9.8.7"]);
    assert_answers_from_the_address_used(&socket("[::1]:0"), &["::1", "::1"]);
    assert_answers_from_the_address_used(&dual_stack(), &["127.0.0.2", "::1", "127.0.0.1", "127.0.0.3"]);
}

#[test]
fn a_mapped_and_a_plain_address_mean_the_same_as_the_origin() {
    let client = socket("127.0.0.1:0");
    let mapped_client = SocketAddr::new(host("::ffff:127.0.0.1"), client.local_addr().unwrap().port());
    let (plain, dual) = (socket("0.0.0.0:0"), dual_stack());
    let mut batch = Batch::new(2);
    let mut outbox = Outbox::new(1);
    for (server, to) in [
        (&plain, client.local_addr().unwrap()),
        (&dual, client.local_addr().unwrap()),
        (&dual, mapped_client),
    ] {
        for from in ["127.0.0.5", "::ffff:127.0.0.5"] {
            let from = Some(Local { address: host(from), interface: 0 });
            let answer = Outgoing { bytes: b"answer", to: Some(Name::Inet(to)), from, segment: None };
            assert_eq!(outbox.send(server, &[answer]).unwrap(), 1);
            assert_eq!(received(&client, &mut batch), [b"answer"]);
            let from = SocketAddr::new(host("127.0.0.5"), server.local_addr().unwrap().port());
            assert_eq!(batch.get(0).source, Name::Inet(from));
        }
    }
}

#[test]
fn what_cannot_be_sent_ends_the_count_and_is_told_with_the_next_call() {
    let (to, from) = (socket(HOSTS[0]), socket(HOSTS[0]));
    let too_large = vec![0; 65_508];
    let datagrams =
        [outgoing(b"1", &to), outgoing(b"2", &to), outgoing(&too_large, &to), outgoing(b"4", &to)];
    let mut outbox = Outbox::new(4);
    assert_eq!(outbox.send(&from, &datagrams).unwrap(), 2);
    let error = outbox.send(&from, &datagrams[2..]).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
    assert_eq!(outbox.send(&from, &datagrams[3..]).unwrap(), 1);
    assert_eq!(received(&to, &mut Batch::new(4)), [b"1", b"2", b"4"]);
}

#[test]
fn an_address_that_is_not_ours_is_refused() {
    let (to, from) = (socket(HOSTS[0]), socket("0.0.0.0:0"));
    let stranger = Local { address: host("192.0.2.1"), interface: 0 };
    let datagram = Outgoing { from: Some(stranger), ..outgoing(b"x", &to) };
    Outbox::new(1).send(&from, &[datagram]).unwrap_err();
    assert_eq!(received(&to, &mut Batch::new(1)), Vec::<Vec<u8>>::new());
}

//! Listeners for datagrams, to which these come as soon as they have their address.

use std::collections::HashMap;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};

use system::datagrams::{Batch, Name, Outbox, Outgoing};

use super::*;
use crate::shared::Mailbox;

const OTHER: ServiceIndex = ServiceIndex(1);

fn datagrams(text: &str) -> Wanted {
    Wanted { transport: Transport::Datagram, ..wanted(text) }
}

fn addresses(service: ServiceIndex, address: SocketAddr) -> Wanted {
    Wanted { service, ..datagrams(&address.to_string()) }
}

/// Listens for datagrams, and returns the address and the workers' sockets.
fn listen(rig: &mut Rig, text: &str) -> (SocketAddr, Vec<Arc<ListenSocket>>) {
    rig.listen_on(&[datagrams(text)]).unwrap();
    (rig.bound(text).unwrap(), rig.sockets())
}

/// Clients that send something to the port, at the loopback address of the family.
fn clients(count: usize, to: SocketAddr) -> Vec<UdpSocket> {
    let clients = (0..count).map(|_| UdpSocket::bind((to.ip(), 0)).unwrap());
    clients
        .inspect(|client| {
            client.set_read_timeout(Some(LIMIT)).unwrap();
            client.send_to(b"hello", to).unwrap();
        })
        .collect()
}

/// Which socket has what each client has sent.
fn holders(sockets: &[Arc<ListenSocket>]) -> HashMap<u16, usize> {
    let mut found = HashMap::new();
    for (index, socket) in sockets.iter().enumerate() {
        let mut batch = Batch::new(200);
        let _ = batch.receive(&**socket, 200);
        for datagram in batch.datagrams() {
            let Name::Inet(source) = datagram.source else { panic!("a client of UDP is expected") };
            found.insert(source.port(), index);
        }
    }
    found
}

fn loopback(address: SocketAddr, ip: IpAddr) -> SocketAddr {
    SocketAddr::new(ip, address.port())
}

#[test]
fn each_worker_has_a_socket_for_datagrams_and_clients_are_spread() {
    let mut rig = Rig::new();
    let (address, sockets) = listen(&mut rig, "127.0.0.1:0");
    assert_eq!(sockets.len(), 2);
    let clients = clients(60, address);
    let holders = holders(&sockets);
    assert_eq!(holders.len(), clients.len());
    assert!(holders.values().any(|index| *index == 0) && holders.values().any(|index| *index == 1));
}

#[test]
fn connections_and_datagrams_share_a_port_and_two_services_do_not() {
    // A port that is free for datagrams may be somebody's for connections.
    let on_both = || {
        let mut rig = Rig::new();
        let (address, sockets) = listen(&mut rig, "127.0.0.1:0");
        let connections = Wanted { service: OTHER, ..wanted(&address.to_string()) };
        rig.listen_on(&[datagrams("127.0.0.1:0"), connections]).ok()?;
        Some((rig, address, sockets))
    };
    let (mut rig, address, sockets) =
        (0..20).find_map(|_| on_both()).expect("of twenty ports one is free for both");
    let _client = TcpStream::connect(address).unwrap();
    let _clients = clients(1, address);
    assert_eq!(holders(&sockets).len(), 1);
    let refusal = Err(format!("cannot listen on {address}: another service listens there"));
    assert_eq!(rig.listen_on(&[datagrams("127.0.0.1:0"), addresses(OTHER, address)]), refusal);
}

#[test]
fn a_plan_that_comes_to_nothing_takes_no_datagram_from_the_listener_in_force() {
    for (text, beside) in
        [("127.0.0.1:0", "127.0.0.1"), ("0.0.0.0:0", "127.0.0.1"), ("127.0.0.1:0", "0.0.0.0")]
    {
        let mut rig = Rig::new();
        let (address, sockets) = listen(&mut rig, text);
        let ip: IpAddr = beside.parse().unwrap();
        let plan = rig.registry.plan(&[addresses(OTHER, loopback(address, ip))]).unwrap();
        let clients = clients(20, loopback(address, Ipv4Addr::LOCALHOST.into()));
        drop(plan);
        assert_eq!(holders(&sockets).len(), clients.len(), "{text} beside {beside}");
    }
}

#[test]
fn nobody_else_can_have_an_address_that_pen_has() {
    let mut rig = Rig::new();
    let (address, _sockets) = listen(&mut rig, "127.0.0.1:0");
    assert_eq!(UdpSocket::bind(address).unwrap_err().kind(), ErrorKind::AddrInUse);
    let refusal = Err(format!("cannot listen on {address}: another process listens there"));
    assert_eq!(Rig::new().listen_on(&[datagrams(&address.to_string())]), refusal);
    let foreign = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let holder = UdpSocket::bind(foreign).unwrap();
    let refusal = Err(format!("cannot listen on {foreign}: another process listens there"));
    assert_eq!(rig.listen_on(&[datagrams(&foreign.to_string())]), refusal);
    drop(holder);
}

#[test]
fn who_leaves_receives_no_more_and_can_still_answer() {
    for (text, host) in [
        ("127.0.0.1:0", "127.0.0.1"),
        ("0.0.0.0:0", "127.0.0.1"),
        ("0.0.0.0:0", "127.0.0.2"),
        ("[::1]:0", "::1"),
        ("[::]:0", "::1"),
        ("[::]:0", "127.0.0.1"),
        ("[::]:0", "127.0.0.2"),
    ] {
        let mut rig = Rig::new();
        let (address, sockets) = listen(&mut rig, text);
        let to = loopback(address, host.parse().unwrap());
        let early = clients(8, to);
        rig.listen_on(&[]).unwrap();
        for late in clients(8, to) {
            let refused =
                late.connect(to).and_then(|()| late.send(b"anybody?")).and_then(|_| late.recv(&mut [0]));
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused, "{text}, {host}");
        }
        let mut outbox = Outbox::new(1);
        for socket in &sockets {
            let mut batch = Batch::new(20);
            let _ = batch.receive(&**socket, 20);
            for datagram in batch.datagrams() {
                let answer = Outgoing {
                    bytes: b"answer",
                    to: Some(datagram.source),
                    from: datagram.local,
                    segment: None,
                };
                assert_eq!(outbox.send(&**socket, &[answer]).unwrap(), 1, "{text}, {host}");
                assert_eq!(datagram.local.is_some(), address.ip().is_unspecified(), "{text}, {host}");
            }
        }
        for client in early {
            let mut bytes = [0; 10];
            assert_eq!(client.recv_from(&mut bytes).unwrap(), (6, to), "{text}, {host}");
        }
    }
}

#[test]
fn clients_keep_their_worker_when_a_listener_that_was_there_before_is_closed() {
    for (text, host) in [("127.0.0.1:0", "127.0.0.1"), ("0.0.0.0:0", "127.0.0.1"), ("[::1]:0", "::1")] {
        let mut rig = Rig::new();
        let (address, former) = listen(&mut rig, text);
        let to = loopback(address, host.parse().unwrap());
        rig.listen_on(&[]).unwrap();
        rig.listen_on(&[datagrams(&address.to_string())]).unwrap();
        let sockets = rig.sockets();
        let clients = clients(60, to);
        let before = holders(&sockets);
        assert_eq!(before.len(), clients.len(), "{text}");
        assert!((0..2).all(|index| before.values().any(|other| *other == index)), "{text}");
        rig.registry.entries.retain(|entry| entry.state == State::Open);
        drop(former);
        for client in &clients {
            client.send_to(b"again", to).unwrap();
        }
        assert_eq!(holders(&sockets), before, "{text}");
    }
}

#[test]
fn services_exchange_their_addresses() {
    let mut rig = Rig::new();
    let (one, former) = listen(&mut rig, "127.0.0.1:0");
    let early = clients(20, one);
    rig.listen_on(&[addresses(OTHER, one)]).unwrap();
    let mut told: Vec<_> = rig.shared.mailboxes.iter().flat_map(Mailbox::take).collect();
    let sockets: Vec<_> = told
        .drain(..)
        .map(|message| match message {
            Message::Listen(_, OTHER, socket) => socket,
            other => panic!("unexpected {other:?}"),
        })
        .collect();
    let late = clients(60, one);
    assert_eq!(holders(&former).len(), early.len());
    let before = holders(&sockets);
    assert_eq!(before.len(), late.len());
    rig.registry.entries.retain(|entry| entry.state == State::Open);
    drop(former);
    for client in &late {
        client.send_to(b"again", one).unwrap();
    }
    assert_eq!(holders(&sockets), before);
}

#[test]
fn a_unix_socket_for_datagrams_is_read_by_one_worker() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pen");
    let mut rig = Rig::new();
    rig.listen_on(&[datagrams(path.to_str().unwrap())]).unwrap();
    let told = rig.told();
    assert_eq!((told[0].len(), told[1].len()), (1, 0));
    let client = UnixDatagram::unbound().unwrap();
    client.connect(&path).unwrap();
    client.send(b"early").unwrap();
    rig.listen_on(&[]).unwrap();
    assert!(!path.exists());
    assert!(client.send(b"late").is_err());
    let mut batch = Batch::new(4);
    assert_eq!(batch.receive(&*told[0][0].1, 4).unwrap(), 0..1);
}

#[test]
fn the_file_of_a_socket_for_datagrams_is_replaced_only_where_nobody_answers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pen");
    let wanted = [datagrams(path.to_str().unwrap())];
    let alive = UnixDatagram::bind(&path).unwrap();
    let refusal = format!("cannot listen on {}: another process listens there", path.display());
    assert_eq!(Rig::new().listen_on(&wanted), Err(refusal.clone()));
    assert_eq!(Rig::new().listen(&[path.to_str().unwrap()]), Err(refusal), "for connections neither");
    drop(alive);
    assert_eq!(Rig::new().listen_on(&wanted), Ok(()));
    assert!(!path.exists());
}

#[test]
fn a_service_goes_over_from_connections_to_datagrams_at_one_file_and_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pen");
    let text = path.to_str().unwrap();
    let mut rig = Rig::new();
    let is_for_datagrams = || UnixStream::connect(&path).is_err();
    for (kind, other) in [(wanted(text), datagrams(text)), (datagrams(text), wanted(text))] {
        rig.listen_on(&[kind]).unwrap();
        let before = is_for_datagrams();
        assert!(rig.listen_on(&[other.clone(), wanted("192.0.2.1:0")]).is_err());
        assert_eq!(is_for_datagrams(), before);
        let mut plan = rig.registry.plan(std::slice::from_ref(&other)).unwrap();
        plan.begin().unwrap();
        assert_eq!(is_for_datagrams(), !before);
        drop(plan);
        assert_eq!(is_for_datagrams(), before, "as it was");
        rig.listen_on(&[other]).unwrap();
        assert_eq!(is_for_datagrams(), !before);
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1);
    }
    rig.listen_on(&[]).unwrap();
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0);
}

//! Sizes and addresses of datagrams: hosts with several addresses, both families, links and paths that take only small frames.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::time::Duration;

use pen_tests::udp::LARGEST;
use pen_tests::{Content, Family, Host, LIMIT, Pen, UdpBackend, UdpClient, in_own_network, run, wait_until};

const PORT: u16 = 5353;
/// What a link takes in one frame.
const FRAME: u16 = 1500;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn add(address: &str, interface: &str) {
    run("ip", &["address", "add", address, "dev", interface, "nodad"]);
}

/// All addresses of this one's family.
fn unspecified(like: SocketAddr) -> IpAddr {
    if like.is_ipv4() { ip("0.0.0.0") } else { ip("::") }
}

/// Asks with a socket that is connected, so that the kernel drops what comes from another address or port.
#[track_caller]
fn ask_connected(to: SocketAddr, question: &[u8]) -> Vec<u8> {
    let socket = UdpSocket::bind((unspecified(to), 0)).unwrap();
    socket.connect(to).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket.send(question).unwrap();
    let mut answer = vec![0; LARGEST + 1];
    let length = socket.recv(&mut answer).unwrap_or_else(|error| panic!("no answer from {to}: {error}"));
    answer.truncate(length);
    answer
}

/// An echo server at this address of the calling thread's network.
fn echo_at(address: SocketAddr) -> UdpBackend {
    UdpBackend::serve_at(&address.into(), |bytes| vec![bytes.to_vec()])
}

/// A pen in front of one server.
fn pen(listen: SocketAddr, server: impl std::fmt::Display) -> Pen {
    Pen::builder().udp().listen_at(listen).server(server).start()
}

/// Runs a test on a host of its own, which has an interface `east` to a neighbour. It is the first in the networks 10.1.0.0/24 and
/// `fd01::/64`, the neighbour, whose interface is `west`, the second.
fn beside_a_neighbour(test: impl FnOnce(&Host, &Host) + Send) {
    in_own_network(|| {
        let (ours, neighbour) = (Host::new(), Host::new());
        cable((&ours, "east"), (&neighbour, "west"), FRAME);
        for (host, interface, last) in [(&ours, "east", 1), (&neighbour, "west", 2)] {
            for (network, length) in [("10.1.0.", 24), ("fd01::", 64)] {
                host.on(|| add(&format!("{network}{last}/{length}"), interface));
            }
        }
        ours.on(|| test(&ours, &neighbour));
    });
}

/// Lays a cable that takes frames of `mtu` bytes, and on which the hosts are `fe80::1` and `fe80::2`.
fn cable(one: (&Host, &str), other: (&Host, &str), mtu: u16) {
    one.0.connect(one.1, other.0, other.1);
    for ((host, interface), last) in [(one, 1), (other, 2)] {
        host.ip(&format!(
            "link set {interface} down
             link set {interface} addrgenmode none mtu {mtu}
             link set {interface} up
             address add fe80::{last}/64 dev {interface} nodad"
        ));
    }
}

#[test]
fn datagrams_of_every_size_pass_between_both_families() {
    for listen in [Family::Tcp4, Family::Tcp6] {
        for upstream in [Family::Tcp4, Family::Tcp6] {
            let server = UdpBackend::echo_on(upstream);
            let pen = Pen::builder().udp().listen_on(listen).server(&server).start();
            for size in [1400, 0, 1, LARGEST, 0] {
                let text = Content::new(size as u64).bytes(size);
                let answer = ask_connected(pen.address().ip(), &text);
                assert!(answer == text, "{size} bytes from {listen:?} to {upstream:?}");
            }
            let sizes: Vec<_> = server.datagrams().iter().map(Vec::len).collect();
            assert_eq!(sizes, [1400, 0, 1, LARGEST, 0]);
            pen.stop();
        }
    }
}

#[test]
fn a_wildcard_listener_answers_from_the_address_that_was_used() {
    beside_a_neighbour(|ours, neighbour| {
        cable((ours, "north"), (neighbour, "south"), FRAME);
        for (address, interface) in [
            ("10.1.0.7/24", "east"),
            ("10.2.0.1/24", "north"),
            ("10.9.9.9/32", "lo"),
            ("fd01::7/64", "east"),
            ("fd09::9/128", "lo"),
        ] {
            add(address, interface);
        }
        neighbour.ip("address add 10.2.0.2/24 dev south
             route add 10.9.9.9 via 10.1.0.1
             route add fd09::9 via fd01::1");
        let server = echo_at(SocketAddr::new(ip("127.0.0.9"), PORT));
        let four = ["10.1.0.1", "10.1.0.7", "10.2.0.1", "10.9.9.9"];
        let six = ["fd01::1", "fd01::7", "fd09::9"];
        for (listen, addresses) in [("0.0.0.0", four.to_vec()), ("::", [&four[..], &six].concat())] {
            let pen = pen(SocketAddr::new(ip(listen), PORT + 1), &server);
            for address in addresses {
                let to = SocketAddr::new(ip(address), PORT + 1);
                let answer = neighbour.on(|| ask_connected(to, address.as_bytes()));
                assert_eq!(answer, address.as_bytes());
            }
            pen.stop();
        }
    });
}

#[test]
fn one_client_port_at_two_of_our_addresses_is_two_flows() {
    in_own_network(|| {
        let server = echo_at(SocketAddr::new(ip("127.0.0.9"), PORT));
        let pen = pen(SocketAddr::new(ip("0.0.0.0"), PORT + 1), &server);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        for last in [1, 2, 1, 2] {
            let to = SocketAddr::new(ip(&format!("127.0.0.{last}")), PORT + 1);
            socket.send_to(b"?", to).unwrap();
            assert_eq!(socket.recv_from(&mut [0; 9]).unwrap(), (1, to));
        }
        assert_eq!(pen.servers()[0].conn, 2);
        pen.stop();
    });
}

#[test]
fn a_broadcast_is_answered_from_an_address_of_ours() {
    beside_a_neighbour(|_, neighbour| {
        let server = echo_at(SocketAddr::new(ip("127.0.0.9"), PORT));
        run("ip", &["address", "change", "10.1.0.1/24", "broadcast", "10.1.0.255", "dev", "east"]);
        for listen in ["0.0.0.0", "::"] {
            let pen = pen(SocketAddr::new(ip(listen), PORT + 1), &server);
            let from = neighbour.on(|| {
                let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
                socket.set_broadcast(true).unwrap();
                socket.set_read_timeout(Some(LIMIT)).unwrap();
                socket.send_to(b"anybody?", ("10.1.0.255", PORT + 1)).unwrap();
                socket.recv_from(&mut [0; 99]).map(|(_, from)| from)
            });
            assert_eq!(from.ok(), Some(SocketAddr::new(ip("10.1.0.1"), PORT + 1)), "at {listen}");
            pen.stop();
        }
    });
}

/// An address of the link that an interface of this host is on.
fn link_local(address: &str, interface: &str) -> SocketAddr {
    let table = std::fs::read_to_string("/proc/thread-self/net/if_inet6");
    let table = table.expect("the kernel has a table of addresses");
    let row = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let row = row.into_iter().find(|row| row[5] == interface).expect("the interface has an address");
    let scope = u32::from_str_radix(row[1], 16).unwrap();
    let IpAddr::V6(address) = ip(address) else { panic!("{address} is of IPv4") };
    SocketAddr::V6(SocketAddrV6::new(address, PORT, 0, scope))
}

#[test]
fn addresses_of_a_link_are_listened_at_and_sent_to() {
    beside_a_neighbour(|_, neighbour| {
        let server =
            neighbour.on(|| echo_at(SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, PORT, 0, 0))));
        for listen in ["[fe80::1%east]:5353", "[::]:5353"] {
            let file = format!("udp\nlisten {listen}\nserver 0 address fe80::2%east port {PORT}\n");
            let pen = Pen::builder().without_address().config(&file).start();
            let answer = neighbour.on(|| ask_connected(link_local("fe80::1", "west"), b"here"));
            assert_eq!(answer, b"here");
            pen.stop();
        }
        assert_eq!(server.count(), 2);
    });
}

/// Clients and servers on hosts of their own, 10.1.1.1 and 10.2.1.1 (`fd01:1::1` and `fd02:1::1`), each behind a router that is our
/// neighbour. We are 10.1.0.1 and 10.2.0.1 (`fd01::1` and `fd02::1`). Links between routers and hosts take frames of `mtu` bytes, the
/// others larger ones.
fn between_hosts(mtu: u16, test: impl FnOnce(&Host, &Host) + Send) {
    in_own_network(|| {
        let (ours, clients, servers) = (Host::new(), Host::new(), Host::new());
        let routers = [Host::new(), Host::new()];
        for (host, router, number) in [(&clients, &routers[0], 1), (&servers, &routers[1], 2)] {
            let here = format!("to{number}");
            cable((&ours, &here), (router, "near"), FRAME);
            cable((router, "far"), (host, "out"), mtu);
            for (near, far, length) in [
                (format!("10.{number}.0."), format!("10.{number}.1."), 24),
                (format!("fd0{number}::"), format!("fd0{number}:1::"), 64),
            ] {
                ours.on(|| add(&format!("{near}1/{length}"), &here));
                router.on(|| add(&format!("{near}2/{length}"), "near"));
                router.on(|| add(&format!("{far}2/{length}"), "far"));
                host.on(|| add(&format!("{far}1/{length}"), "out"));
                host.ip(&format!("route add default via {far}2"));
                ours.ip(&format!("route add {far}0/{length} via {near}2"));
            }
            router.set("net/ipv4/ip_forward", "1");
            router.set("net/ipv6/conf/all/forwarding", "1");
        }
        ours.on(|| test(&clients, &servers));
    });
}

/// Sizes of datagrams on both sides of those that fit into frames.
const SIZES: [usize; 9] = [1400, 1232, 1233, 1300, 1452, 1453, 1473, 9000, LARGEST];

/// Each datagram comes back at once as it was.
#[track_caller]
fn pass_of_every_size(clients: &Host, pen: &Pen) {
    for size in SIZES {
        let text = Content::new(size as u64).bytes(size);
        let answer = clients.on(|| ask_connected(pen.address().ip(), &text));
        assert!(answer == text, "{size} bytes");
    }
}

#[test]
fn datagrams_larger_than_a_frame_pass_in_fragments() {
    between_hosts(FRAME, |clients, servers| {
        for (front, server) in [("10.1.0.1", "10.2.1.1"), ("fd01::1", "fd02:1::1")] {
            let server = servers.on(|| echo_at(SocketAddr::new(ip(server), PORT)));
            let pen = pen(SocketAddr::new(ip(front), PORT), &server);
            pass_of_every_size(clients, &pen);
            pen.stop();
        }
    });
}

#[test]
fn a_path_that_takes_only_small_frames_loses_nothing_over_ipv4() {
    between_hosts(1280, |clients, servers| {
        let server = servers.on(|| echo_at(SocketAddr::new(ip("10.2.1.1"), PORT)));
        let pen = pen(SocketAddr::new(ip("10.1.0.1"), PORT), &server);
        pass_of_every_size(clients, &pen);
        assert_eq!(server.count(), SIZES.len());
        pen.stop();
    });
}

#[test]
fn a_link_of_our_own_that_takes_only_tiny_frames_loses_nothing() {
    beside_a_neighbour(|ours, neighbour| {
        ours.ip("link set east mtu 300");
        neighbour.ip("link set west mtu 300");
        let server = neighbour.on(|| echo_at(SocketAddr::new(ip("10.1.0.2"), PORT)));
        let pen = pen(SocketAddr::new(ip("10.1.0.1"), PORT), &server);
        for size in [100, 272, 273, 512, 100, 1400] {
            let text = Content::new(size as u64).bytes(size);
            let answer = neighbour.on(|| ask_connected(pen.address().ip(), &text));
            assert!(answer == text, "{size} bytes");
        }
        assert_eq!(server.count(), 6);
        pen.stop();
    });
}

#[test]
fn a_link_behind_a_router_that_takes_only_tiny_frames_loses_nothing_on_its_way_to_a_server() {
    in_own_network(|| {
        let (ours, router, servers) = (Host::new(), Host::new(), Host::new());
        cable((&ours, "east"), (&router, "west"), FRAME);
        cable((&router, "far"), (&servers, "out"), FRAME);
        router.ip("link set far mtu 300");
        servers.ip("link set out mtu 300");
        ours.on(|| add("10.2.0.1/24", "east"));
        router.on(|| add("10.2.0.2/24", "west"));
        router.on(|| add("10.2.1.2/24", "far"));
        servers.on(|| add("10.2.1.1/24", "out"));
        ours.ip("route add 10.2.1.0/24 via 10.2.0.2");
        servers.ip("route add default via 10.2.1.2");
        router.set("net/ipv4/ip_forward", "1");
        ours.on(|| {
            let server = servers.on(|| echo_at(SocketAddr::new(ip("10.2.1.1"), PORT)));
            let pen = pen(SocketAddr::new(ip("10.2.0.1"), PORT), &server);
            for size in [100, 272, 273, 512, 100] {
                let text = Content::new(size as u64).bytes(size);
                let answer = ask_connected(pen.address().ip(), &text);
                assert!(answer == text, "{size} bytes");
            }
            assert_eq!(server.count(), 5);
            pen.stop();
        });
    });
}

#[test]
fn a_path_that_takes_only_small_frames_is_learned_over_ipv6_and_blamed_on_nobody() {
    between_hosts(1280, |clients, servers| {
        let server = servers.on(|| echo_at(SocketAddr::new(ip("fd02:1::1"), PORT)));
        let pen = pen(SocketAddr::new(ip("fd01::1"), PORT), &server);
        let client = clients.on(|| UdpClient::from(Ipv6Addr::UNSPECIFIED, pen.address()));
        // Routers split nothing: each path loses one, and says so to who has sent it.
        wait_until("an answer comes", || {
            client.send([b'x'; 1400]);
            client.receive_within(Duration::from_millis(100)).is_some()
        });
        assert_eq!(pen.servers()[0].conn, 1);
        pass_of_every_size(clients, &pen);
        assert!(!pen.ask("status text").contains("blacklisted"));
        let said = pen.stop().stderr;
        assert!(!said.contains("failed"), "{said}");
    });
}

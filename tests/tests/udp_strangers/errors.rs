//! Forged ICMP errors, as anybody who can guess a port may send them.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use pen_tests::{Family, Pen, UdpBackend, in_own_network, wait_until};
use socket2::{Domain, Protocol, Socket, Type};

use super::number;

/// Destination unreachable: port, host, net, prohibited.
const CODES: [u8; 4] = [3, 1, 0, 13];

/// Tells the owner of `from` that what it had sent to `to` could not be delivered.
fn forge(code: u8, from: SocketAddrV4, to: SocketAddrV4) {
    const UNREACHABLE: u8 = 3;
    forge_error([UNREACHABLE, code], from, to);
}

/// Tells the owner of `from` that what it had sent to `to` has met an error of this type and code.
fn forge_error([kind, code]: [u8; 2], from: SocketAddrV4, to: SocketAddrV4) {
    let raw =
        Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).expect("root may have a raw socket");
    let mut quoted = vec![0x45, 0, 0, 29, 0, 0, 0x40, 0, 64, 17, 0, 0];
    quoted.extend(from.ip().octets());
    quoted.extend(to.ip().octets());
    quoted.extend(from.port().to_be_bytes());
    quoted.extend(to.port().to_be_bytes());
    quoted.extend([0, 9, 0, 0, b'x']);
    let header_sum = checksum(&quoted[..20]).to_be_bytes();
    quoted[10..12].copy_from_slice(&header_sum);
    let mut message = vec![kind, code, 0, 0, 0, 0, 0, 0];
    message.extend(quoted);
    let sum = checksum(&message).to_be_bytes();
    message[2..4].copy_from_slice(&sum);
    raw.send_to(&message, &SocketAddrV4::new(*from.ip(), 0).into()).expect("root may send errors");
}

/// Tells the owner of `from` that this datagram, which it had sent to `to`, is too large for the way.
fn forge_too_big(text: &[u8], from: SocketAddrV6, to: SocketAddrV6) {
    let raw =
        Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6)).expect("root may have a raw socket");
    let length = (8 + text.len() as u16).to_be_bytes();
    // The kernel adds the checksum.
    let mut message = vec![2, 0, 0, 0, 0, 0, 0x05, 0x00, 0x60, 0, 0, 0, length[0], length[1], 17, 64];
    message.extend(from.ip().octets());
    message.extend(to.ip().octets());
    message.extend(from.port().to_be_bytes());
    message.extend(to.port().to_be_bytes());
    message.extend([length[0], length[1], 0, 0]);
    message.extend(text);
    raw.send_to(&message, &SocketAddrV6::new(*from.ip(), 0, 0, 0).into()).expect("root may send errors");
}

/// The checksum of the internet: the complement of the sum of 16-bit words in ones' complement.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|word| u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0)));
    let sum = words.sum::<u32>();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

fn v4(address: SocketAddr) -> SocketAddrV4 {
    let SocketAddr::V4(address) = address else { panic!("{address} is not of IPv4") };
    address
}

fn v6(address: SocketAddr) -> SocketAddrV6 {
    let SocketAddr::V6(address) = address else { panic!("{address} is not of IPv6") };
    address
}

#[test]
fn forged_errors_of_what_was_never_sent_harm_no_server() {
    in_own_network(|| {
        let [a, b] = [UdpBackend::echo(), UdpBackend::echo()];
        let pen = Pen::builder().udp().servers([&a, &b]).option("-r").start();
        let client = pen.udp_client();
        client.ask("to a");
        let port = v4(a.sources()[0].ip());
        let (of_a, of_b) = (v4(a.address().ip()), v4(b.address().ip()));
        let elsewhere = SocketAddrV4::new(Ipv4Addr::new(127, 9, 9, 9), 53);
        let other_port = SocketAddrV4::new(*of_a.ip(), of_a.port() + 1);
        for round in 0..50 {
            for code in CODES {
                // The port has no flow to b, and nothing of pen's has ever gone to the others.
                for to in [of_b, elsewhere, other_port] {
                    forge(code, port, to);
                }
                // Errors of answers come to the listener, and of nothing to a port that is not pen's.
                forge(code, v4(pen.address().ip()), of_a);
                forge(code, SocketAddrV4::new(*port.ip(), port.port() ^ 1), of_a);
            }
            let text = round.to_string();
            assert_eq!(client.ask(&text), text.as_bytes());
        }
        assert_eq!([0, 1].map(|slot| number(&pen, &format!("/servers/{slot}/failures"))), [0, 0]);
        assert_eq!(b.count(), 0, "the flow is where it was");
        pen.stop();
    });
}

#[test]
fn an_error_as_the_network_sends_it_is_heeded() {
    // Shows that the forged ones arrive: one that quotes what was sent does what a true one does.
    in_own_network(|| {
        let [a, b] = [UdpBackend::echo(), UdpBackend::echo()];
        let pen = Pen::builder().udp().servers([&a, &b]).option("-r").start();
        let client = pen.udp_client();
        client.ask("to a");
        forge(CODES[0], v4(a.sources()[0].ip()), v4(a.address().ip()));
        wait_until("a is left alone", || number(&pen, "/servers/0/failures") == 1);
        client.ask("to b");
        assert_eq!(b.count(), 1);
        pen.stop();
    });
}

#[test]
fn a_packet_that_was_too_big_is_nobodys_death() {
    in_own_network(|| {
        let [a, b] = [UdpBackend::echo(), UdpBackend::echo()];
        let pen = Pen::builder().udp().servers([&a, &b]).option("-r").start();
        let client = pen.udp_client();
        client.ask("to a");
        let port = v4(a.sources()[0].ip());
        // Fragmentation needed, and: protocol unreachable, source route failed.
        for code in [4, 5] {
            forge(code, port, v4(a.address().ip()));
        }
        client.ask("to a");
        let failures = number(&pen, "/servers/0/failures");
        assert!(failures <= 1, "{failures}");
        pen.stop();
    });
}

#[test]
fn a_fragment_that_was_lost_is_nobodys_death() {
    in_own_network(|| {
        let [a, b] = [UdpBackend::echo(), UdpBackend::echo()];
        let pen = Pen::builder().udp().servers([&a, &b]).option("-r").start();
        let client = pen.udp_client();
        client.ask("to a");
        // The server's own host says that it has waited in vain for a fragment, or that a header is not to its liking.
        for error in [[11, 1], [12, 0]] {
            forge_error(error, v4(a.sources()[0].ip()), v4(a.address().ip()));
            client.ask("to a");
        }
        assert_eq!((number(&pen, "/servers/0/failures"), b.count()), (0, 0));
        // That it went round in circles means that there is no way.
        forge_error([11, 0], v4(a.sources()[0].ip()), v4(a.address().ip()));
        wait_until("a is left alone", || number(&pen, "/servers/0/failures") == 1);
        pen.stop();
    });
}

#[test]
fn each_of_many_datagrams_that_are_too_big_is_sent_again_once() {
    const COUNT: usize = 20;
    in_own_network(|| {
        let server = UdpBackend::serve_on(Family::Tcp6, |bytes| {
            vec![bytes.to_vec()].into_iter().filter(|text| text == b"?").collect()
        });
        let pen = Pen::builder().udp().server(&server).start();
        let client = pen.udp_client();
        let text = |number| format!("datagram {number:02}").into_bytes();
        (0..COUNT).for_each(|number| client.send(text(number)));
        server.wait_for(COUNT);
        let (port, to) = (v6(server.sources()[0].ip()), v6(server.address().ip()));
        for number in 0..COUNT {
            forge_too_big(&text(number), port, to);
        }
        server.wait_for(2 * COUNT);
        client.ask("?");
        let mut received = server.datagrams();
        assert_eq!(received.pop().unwrap(), b"?");
        received.sort();
        let expected: Vec<_> = (0..2 * COUNT).map(|number| text(number / 2)).collect();
        assert_eq!(received, expected);
        assert_eq!(number(&pen, "/servers/0/failures"), 0);
        pen.stop();
    });
}

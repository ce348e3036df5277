mod failures;
mod joined;
mod parsing;
mod receiving;
mod sending;
mod unix;

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Socket, Type};

use super::*;

/// Hosts that every test of both families goes through.
const HOSTS: [&str; 2] = ["127.0.0.1:0", "[::1]:0"];

fn socket(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind(address).unwrap();
    set_receive_buffer(&socket, 1 << 20).unwrap();
    socket
}

/// A socket of IPv6 that serves IPv4, too, at all addresses.
fn dual_stack() -> UdpSocket {
    let socket = Socket::new(Domain::IPV6, Type::DGRAM, None).unwrap();
    socket.set_only_v6(false).unwrap();
    socket.bind(&"[::]:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.into()
}

fn outgoing<'a>(bytes: &'a [u8], to: &UdpSocket) -> Outgoing<'a> {
    Outgoing { bytes, to: Some(Name::Inet(to.local_addr().unwrap())), from: None, segment: None }
}

fn bytes_of(batch: &Batch) -> Vec<Vec<u8>> {
    batch.datagrams().map(|datagram| datagram.bytes.to_vec()).collect()
}

/// All that is at a socket, as far as there is room.
fn received(socket: &impl AsFd, batch: &mut Batch) -> Vec<Vec<u8>> {
    batch.clear();
    match batch.receive(socket, usize::MAX) {
        Ok(_) => (),
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
    }
    bytes_of(batch)
}

/// A socket that refuses what anybody sends there, as if nobody had its port: it is connected to a peer that does not exist.
/// Thus no other test can have it meanwhile.
fn refusing(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind(address).unwrap();
    let host = socket.local_addr().unwrap().ip();
    socket.connect((host, 1)).unwrap();
    socket
}

fn host(address: &str) -> IpAddr {
    address.parse().unwrap()
}

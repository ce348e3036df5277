//! What the kernel says about UDP sockets.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

/// A socket's queue of datagrams that nobody has taken yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiveQueue {
    /// Bytes in it, by the kernel's count.
    pub bytes: u64,
    /// Datagrams that found no room in it.
    pub drops: u64,
}

/// An address of this host whose port is free on every other, too.
pub fn unused_address() -> SocketAddr {
    let probe = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a port is free");
    let port = probe.local_addr().expect("it is bound").port();
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// The queue of the socket that has this IPv4 address or all of them, in the network of the calling thread; none if
/// there is no socket.
pub fn receive_queue(address: SocketAddr) -> Option<ReceiveQueue> {
    let IpAddr::V4(ip) = address.ip() else { panic!("{address} is no IPv4 address") };
    let wanted = [ip, Ipv4Addr::UNSPECIFIED]
        .map(|ip| format!("{:08X}:{:04X}", u32::from_ne_bytes(ip.octets()), address.port()));
    let table = fs::read_to_string("/proc/thread-self/net/udp").expect("the kernel has a table of sockets");
    let row = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let row = row
        .into_iter()
        .find(|row| row.get(1).is_some_and(|local| wanted.iter().any(|wanted| wanted == local)))?;
    let (_, received) = row[4].split_once(':').expect("two queues stand there");
    Some(ReceiveQueue {
        bytes: u64::from_str_radix(received, 16).expect("the kernel writes hexadecimal numbers"),
        drops: row.last().and_then(|drops| drops.parse().ok()).expect("the last column is a number"),
    })
}

//! What the kernel says about UDP sockets.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

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

/// The queue of the socket that has this address or all of them, in the network of the calling thread; none if there is
/// no socket.
pub fn receive_queue(address: SocketAddr) -> Option<ReceiveQueue> {
    let (table, all): (_, IpAddr) = match address.ip() {
        IpAddr::V4(_) => ("udp", Ipv4Addr::UNSPECIFIED.into()),
        IpAddr::V6(_) => ("udp6", Ipv6Addr::UNSPECIFIED.into()),
    };
    let wanted = [address.ip(), all].map(|ip| format!("{}:{:04X}", in_the_table(ip), address.port()));
    let table = fs::read_to_string(format!("/proc/thread-self/net/{table}"));
    let table = table.expect("the kernel has a table of sockets");
    let row = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let is_it = |local: &&str| wanted.iter().any(|wanted| wanted == local);
    let row = row.into_iter().find(|row| row.get(1).is_some_and(is_it))?;
    let (_, received) = row[4].split_once(':').expect("two queues stand there");
    Some(ReceiveQueue {
        bytes: u64::from_str_radix(received, 16).expect("the kernel writes hexadecimal numbers"),
        drops: row.last().and_then(|drops| drops.parse().ok()).expect("the last column is a number"),
    })
}

/// An address as the kernel's tables have it: words of 32 bits in this machine's order of bytes.
fn in_the_table(ip: IpAddr) -> String {
    let octets = match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let words = octets.chunks_exact(4).map(|word| u32::from_ne_bytes([word[0], word[1], word[2], word[3]]));
    words.map(|word| format!("{word:08X}")).collect::<Vec<_>>().concat()
}

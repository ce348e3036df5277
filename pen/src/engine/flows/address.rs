//! Who sends a flow's datagrams, and where on our side they arrive.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// One side's address of a datagram.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// An IP address and a port; what makes it of a received one is `inet`.
    Inet(SocketAddr),
    /// A Unix socket's name as the kernel tells it: a path, or a name that begins with a zero byte. Empty: it has none,
    /// and cannot be answered.
    Unix(Arc<[u8]>),
}

/// Where on our side a client's datagram arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Local {
    /// The address that the client sent it to.
    pub address: IpAddr,
    /// The index of the interface; 0 unless the address means nothing without it.
    pub interface: u32,
}

/// What makes a flow: the client's side, ours, and which listener it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowKey {
    /// The client.
    pub client: Endpoint,
    /// The address that it sent to; `None`: the listener has but one.
    pub local: Option<Local>,
    /// The listener, by a number of the shell's.
    pub listener: u32,
}

impl Endpoint {
    /// An IP address and a port. The flow label of IPv6 does not count: it may differ between the datagrams of one client.
    pub fn inet(mut address: SocketAddr) -> Endpoint {
        if let SocketAddr::V6(address) = &mut address {
            address.set_flowinfo(0);
        }
        Endpoint::Inet(address)
    }
}

/// One write costs a keyed hash far less than one for each field.
impl Hash for FlowKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut bytes = Gathered::default();
        match &self.client {
            Endpoint::Inet(SocketAddr::V4(client)) => {
                bytes.add(client.ip().octets());
                bytes.add(client.port().to_ne_bytes());
            }
            Endpoint::Inet(SocketAddr::V6(client)) => {
                bytes.add(client.ip().octets());
                bytes.add(client.port().to_ne_bytes());
                bytes.add(client.scope_id().to_ne_bytes());
            }
            Endpoint::Unix(name) => name.hash(state),
        }
        match self.local.map(|local| (local.address, local.interface.to_ne_bytes())) {
            Some((IpAddr::V4(address), interface)) => {
                bytes.add(address.octets());
                bytes.add(interface);
            }
            Some((IpAddr::V6(address), interface)) => {
                bytes.add(address.octets());
                bytes.add(interface);
            }
            None => {}
        }
        bytes.add(self.listener.to_ne_bytes());
        state.write(&bytes.bytes[..bytes.used]);
    }
}

/// Room for the largest key that is all addresses: 22 bytes of the client, 20 of ours, 4 of the listener.
struct Gathered {
    bytes: [u8; 46],
    used: usize,
}

impl Default for Gathered {
    fn default() -> Gathered {
        Gathered { bytes: [0; 46], used: 0 }
    }
}

impl Gathered {
    fn add<const N: usize>(&mut self, bytes: [u8; N]) {
        self.bytes[self.used..self.used + N].copy_from_slice(&bytes);
        self.used += N;
    }
}

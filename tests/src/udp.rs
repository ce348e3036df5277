//! Datagrams: clients and servers of UDP and of Unix datagram sockets, and what the kernel says about UDP sockets.

mod backend;
mod client;
mod queue;
mod quiet_port;
mod socket;
mod sources;

pub use backend::UdpBackend;
pub use client::UdpClient;
pub use queue::{ReceiveQueue, receive_queue, unused_address};
pub use sources::ManySources;

/// No datagram is larger.
pub const LARGEST: usize = 65_507;

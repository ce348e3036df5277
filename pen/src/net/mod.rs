//! The shells around the engine: sockets, the poll, and the worker threads that own them.

#[cfg(test)]
mod allocations;
pub mod attendant;
pub mod checks;
pub mod connection;
pub mod dummy;
pub mod dump;
pub mod end;
pub mod farewell;
pub mod handshake;
pub mod http;
pub mod idlers;
pub mod journal;
pub mod listener;
pub mod peek;
pub mod pipe;
pub mod preface;
pub mod proxy;
pub mod queues;
pub mod registry;
pub mod relay;
pub mod report;
pub mod request_tap;
pub mod stream;
pub mod tally;
#[cfg(test)]
pub mod testing;
pub mod tls;
pub mod token;
pub mod transparent;
pub mod udp;
pub mod upstream;
pub mod worker;

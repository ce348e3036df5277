//! Selection by hash: each client has its own ranking of the servers, the same in every pen that has the same servers.
//!
//! Rendezvous hashing: the server whose identity (its address, never its slot) mixes with the client's into the highest
//! number is first. Removing a server so moves that server's clients alone, and in which slots servers stand is
//! without effect. The numbers are a promise: pens of different versions share clients behind one name.

use super::super::servers::ServerAddr;

/// The part of the ranking that depends on the server alone.
pub fn server_seed(_address: &ServerAddr) -> u64 {
    todo!()
}

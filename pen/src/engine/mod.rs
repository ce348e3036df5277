//! The decisions: pure, without sockets, clocks, files or threads. Time and randomness come in as arguments.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod acl;
pub mod balance;
pub mod clients;
pub mod flows;
pub mod gauge;
pub mod health;
pub mod http;
pub mod idlers;
pub mod ids;
pub mod peek;
pub mod probe;
pub mod proxy;
pub mod quarantine;
pub mod search;
pub mod select;
pub mod servers;
pub mod time;
pub mod timer;
pub mod users;

//! The decisions: pure, without sockets, clocks, files or threads. Time and randomness come in as arguments.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod time;

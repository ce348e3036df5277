//! What pen's programs ask of the operating system beyond the sockets of libraries: datagrams by the batch, being a daemon,
//! giving up rights, limits, priorities, signals, messages on stderr or syslog, and files that nobody can trick them into
//! writing. The only crate in which `unsafe` is allowed.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[cfg(feature = "allocations")]
pub mod allocations;
mod calls;
pub mod child;
pub mod daemon;
pub mod datagrams;
pub mod diagnostics;
pub mod fatal;
pub mod limits;
pub mod local_time;
pub mod pid_file;
pub mod poll;
pub mod priority;
pub mod privileges;
pub mod safe_file;
pub mod signals;
pub mod socket;

//! What pen's programs share: addresses, the command table and its parser, the control protocol's wire format.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod acl;
pub mod addr;
pub mod client_addr;
pub mod command;
pub mod log_record;
mod reason;
pub mod wire;

pub use reason::reason;

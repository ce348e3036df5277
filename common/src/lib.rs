//! What pen's programs share: addresses, the command table and its parser, the control protocol's wire format, the status
//! snapshot, records of the request log, command lines.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod acl;
pub mod addr;
pub mod client_addr;
pub mod command;
pub mod escape;
pub mod log_record;
pub mod mdoc;
pub mod options;
pub mod quoted;
mod reason;
pub mod status;
pub mod streams;
pub mod wire;

pub use reason::reason;

//! pen: a load balancer. `docs/architecture.md` draws the whole.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod cli;
mod diagnostics;
mod engine;
mod os;
mod request_log;
mod status;

fn main() {}

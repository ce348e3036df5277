//! pen: a load balancer. `docs/architecture.md` draws the whole.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod engine;

fn main() {}

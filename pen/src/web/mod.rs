//! The status over http, for browsers, Prometheus and health checks: read-only.
//!
//! `server` is the listener and its thread, `peers` who is connected, `session` a connection's life. What they decide with are
//! pure functions: `request` bytes to a request, `door` who may ask, `routes` what is asked for, `response` what goes
//! back as bytes. `pages` makes the bodies, from the renderings of `status` and the files of `assets`.
//!
//! Every connection has a thread, since all that is ever asked takes little time, and there are few connections at once. None of
//! them changes anything.

mod assets;
mod door;
mod pages;
mod peers;
mod request;
mod response;
mod routes;
mod server;
mod session;

pub use server::Web;

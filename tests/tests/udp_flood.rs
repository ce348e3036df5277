//! Floods: more new clients than there is room for, with few descriptors, and neighbours who take all they can get.

#[path = "udp_flood/descriptors.rs"]
mod descriptors;
#[path = "udp_flood/neighbours.rs"]
mod neighbours;
#[path = "udp_flood/sources.rs"]
mod sources;

use pen_tests::{Pen, UdpBackend};

/// A server that answers with its name and what it was told.
fn telling(name: &str) -> UdpBackend {
    let name = name.to_owned();
    UdpBackend::serve(move |bytes| vec![[name.as_bytes(), b":", bytes].concat()])
}

/// Numbers of the first service, by the path of their names in `status json`.
fn number(pen: &Pen, path: &str) -> u64 {
    let status = pen.status();
    let value = status["services"][0].pointer(path);
    value.and_then(serde_json::Value::as_u64).unwrap_or_else(|| panic!("no {path} in {status:#}"))
}

/// The flows of each server.
fn flows(pen: &Pen) -> Vec<usize> {
    pen.servers().iter().map(|server| server.conn).collect()
}

//! What the tests of this suite look at.

use pen_tests::{Pen, UdpBackend, UdpClient};

/// Servers that answer with their names.
pub fn named<const N: usize>(names: [&str; N]) -> [UdpBackend; N] {
    names.map(UdpBackend::named)
}

/// So many clients, each with a flow of its own to be.
pub fn clients(pen: &Pen, count: usize) -> Vec<UdpClient> {
    (0..count).map(|_| pen.udp_client()).collect()
}

/// Each client asks, and hears the name of its server.
#[track_caller]
pub fn ask_all(clients: &[UdpClient]) -> Vec<String> {
    clients.iter().map(|client| client.ask_for_text("?")).collect()
}

/// The flows of each server.
pub fn flows(pen: &Pen) -> Vec<usize> {
    pen.servers().iter().map(|server| server.conn).collect()
}

/// Numbers of the first service, by the path of their names in `status json`.
pub fn number(pen: &Pen, path: &str) -> u64 {
    let status = pen.status();
    let value = status["services"][0].pointer(path);
    value.and_then(serde_json::Value::as_u64).unwrap_or_else(|| panic!("no {path} in {status:#}"))
}

/// How the server in this slot is: `up`, `blacklisted`.
pub fn state(pen: &Pen, slot: usize) -> String {
    let status = pen.status();
    status["services"][0]["servers"][slot]["state"].as_str().expect("a server has a state").to_owned()
}

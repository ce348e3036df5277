//! Datagrams and errors from whoever has no business with a flow: none of them may reach its client, or harm its server.

#[path = "udp_strangers/answers.rs"]
mod answers;
#[path = "udp_strangers/errors.rs"]
mod errors;
#[path = "udp_strangers/late.rs"]
mod late;

use pen_tests::Pen;

/// Numbers of the first service, by the path of their names in `status json`.
fn number(pen: &Pen, path: &str) -> u64 {
    let status = pen.status();
    let value = status["services"][0].pointer(path);
    value.and_then(serde_json::Value::as_u64).unwrap_or_else(|| panic!("no {path} in {status:#}"))
}

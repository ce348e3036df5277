//! `WebSockets` by a library: through `-H`, with TLS and without.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use pen_tests::{Pen, run_patiently};
use serde_json::Value;

use super::{NAME, Site};

/// Debian's own python, which has Debian's libraries.
const PYTHON: &str = "/usr/bin/python3";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/websocket.py");

/// A server that runs until it is dropped.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start() -> Self {
        let mut command = Command::new(PYTHON);
        command.args([SCRIPT, "server"]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("python can be run");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut line).expect("it tells its port");
        Self { child, port: line.trim().parse().expect("a port is a number") }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lets the client do all that it does: the fields that the server saw.
fn talk(pen: &Pen, authority: Option<&Path>) -> Vec<(String, String)> {
    let address = pen.address().ip();
    let mut client = Command::new(PYTHON);
    client
        .args([SCRIPT, "client", NAME, &address.ip().to_string(), &address.port().to_string()])
        .args(authority);
    let ended = run_patiently(client);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let seen: Value = serde_json::from_str(&ended.stdout).expect("the server speaks JSON");
    serde_json::from_value(seen).expect("it is a list of names and values")
}

fn forwarded(seen: &[(String, String)]) -> Vec<(&str, &str)> {
    let fields = seen.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    fields.filter(|(name, _)| name.starts_with("X-Forwarded")).collect()
}

#[test]
fn messages_of_every_size_come_back_through_http() {
    let server = Server::start();
    let pen = Pen::builder().server(format!("127.0.0.1:{}", server.port)).option("-H").start();
    let seen = talk(&pen, None);
    assert_eq!(forwarded(&seen), [("X-Forwarded-Proto", "http"), ("X-Forwarded-For", "127.0.0.1")]);
    pen.wait_until_idle();
    pen.stop();
}

#[test]
fn messages_of_every_size_come_back_through_https() {
    let server = Server::start();
    let site = Site::before(format!("127.0.0.1:{}", server.port));
    let seen = talk(&site.pen, Some(&site.root.certificate()));
    assert_eq!(forwarded(&seen), [("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "127.0.0.1")]);
    site.pen.wait_until_idle();
    site.pen.stop();
}

//! A server and what it makes of hostile requests: by its log, in which the peer's port tells the connection.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::sync::Mutex;

use pen_tests::{Address, Pen, Received, Stream, WebServer, in_parallel, private_address};

use super::case::Case;

/// What became of a case.
#[derive(Debug)]
pub struct Outcome {
    /// What the client got.
    pub answer: Received,
    /// The requests that the server has seen, in their order: status, method and target, version.
    pub seen: Vec<String>,
}

/// How requests come to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Straight from the client.
    Direct,
    /// Through pen with `-H`.
    Pen,
}

/// Shows how far the server and the client agree in the end on where a request begins.
const CANARY: &str = "GET /canary HTTP/1.1\r\nHost: www\r\nConnection: close\r\n\r\n";

/// nginx, whose log has a line for each request.
pub fn nginx() -> WebServer {
    WebServer::nginx_logging(Address::Ip(private_address()), |directory| {
        format!("log_format seen '$remote_port $status $request'; access_log {directory}/seen seen;")
    })
}

/// Apache, the same.
pub fn apache() -> WebServer {
    WebServer::apache_logging(Address::Ip(private_address()), |directory| {
        format!("LogFormat \"%{{remote}}p %>s %r\" seen\nCustomLog {directory}/seen seen\n")
    })
}

/// Sends every case, each in a connection of its own with a canary behind it, and tells what became of them.
pub fn outcomes(cases: &[Case], mut server: WebServer, way: Way) -> Vec<Outcome> {
    let pen = (way == Way::Pen)
        .then(|| Pen::builder().server(&server).option("-H").option("-x 1000").command(LOG).start());
    let address = pen.as_ref().map_or(server.address(), Pen::address).clone();
    let answers: Vec<Mutex<Option<(u16, Received)>>> = cases.iter().map(|_| Mutex::default()).collect();
    in_parallel(cases.len(), 8, |number| {
        *answers[number].lock().unwrap() = Some(exchange(&address, &cases[number]));
    });
    let ports = pen.map(ports_of);
    server.finish();
    let mut seen = requests_by_port(&server);
    let outcome = |answer: Mutex<Option<(u16, Received)>>| {
        let (port, answer) = answer.into_inner().unwrap().expect("every case was sent");
        let port = ports.as_ref().map_or(Some(&port), |ports| ports.get(&port));
        let seen = port.and_then(|port| seen.remove(port)).unwrap_or_default();
        Outcome { answer, seen }
    };
    answers.into_iter().map(outcome).collect()
}

/// The client's port, and what it gets.
fn exchange(address: &Address, case: &Case) -> (u16, Received) {
    let client = Stream::connect(address).expect("somebody listens");
    let port = client.local().expect("it is TCP").port();
    // Whoever refuses it may close before it has got all.
    let _ = { &client }.write_all(&[&case.bytes, CANARY.as_bytes()].concat());
    client.finish();
    (port, client.drain())
}

const LOG: &str = "log records connections";

/// The port to the server for each port of a client, as pen has written them down.
fn ports_of(pen: Pen) -> HashMap<u16, u16> {
    pen.wait_until_idle();
    let file = fs::File::open(pen.directory().join("records")).expect("pen logs");
    pen.stop();
    let log = std::io::read_to_string(file).expect("records are text");
    // = CLIENT CPORT PENADDR PENPORT SERVER SPORT OPENED [CLOSED]
    let port = |line: &str, at| line.split(' ').nth(at)?.parse().ok();
    let records = log.lines().filter(|line| line.starts_with("= "));
    records.filter_map(|line| Some((port(line, 2)?, port(line, 4)?))).collect()
}

fn requests_by_port(server: &WebServer) -> HashMap<u16, Vec<String>> {
    let log = fs::read(server.directory().join("seen")).expect("the server logs");
    let mut seen: HashMap<u16, Vec<String>> = HashMap::new();
    for line in String::from_utf8_lossy(&log).lines() {
        let (port, request) = line.split_once(' ').expect("a port and a request");
        if request == "400 " {
            // Empty lines, and then nothing.
            continue;
        }
        seen.entry(port.parse().expect("a port")).or_default().push(request.to_owned());
    }
    seen
}

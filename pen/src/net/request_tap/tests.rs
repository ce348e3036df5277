use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::engine::servers::{ServerId, ServerState};
use crate::request_log::Destination;

/// Far more than any test needs, so that only a hang reaches it.
const LIMIT: Duration = Duration::from_mins(1);

/// A connection's tap, and the log that it writes to.
struct Rig {
    tap: RequestTap,
    peer: Peer,
    server: Server,
    log: RequestLog,
    directory: TempDir,
}

impl Rig {
    fn new(server: ServerAddr) -> Rig {
        let directory = tempfile::tempdir().unwrap();
        let log = RequestLog::open(&Destination::File(directory.path().join("log"))).unwrap();
        let client: IpAddr = "192.0.2.7".parse().unwrap();
        let server = Server::new(server, ServerState::new(ServerId { slot: 0, generation: 0 }));
        let peer = Peer { address: client.into(), port: 4711 };
        Rig { tap: RequestTap::default(), peer, server, log, directory }
    }

    fn client(&mut self, data: &[u8]) {
        let witness = Witness { peer: &self.peer, server: &self.server, log: &self.log };
        self.tap.client_spoke(data, witness);
    }

    fn server(&mut self) {
        self.answer(b"an answer");
    }

    fn answer(&mut self, data: &[u8]) {
        let witness = Witness { peer: &self.peer, server: &self.server, log: &self.log };
        self.tap.server_spoke(data, witness);
    }

    fn end(&mut self) {
        self.tap.finish(Witness { peer: &self.peer, server: &self.server, log: &self.log });
    }

    /// The requests in the log.
    fn requests(&self) -> Vec<String> {
        self.lines().iter().map(|line| line.splitn(3, ' ').nth(2).unwrap().to_owned()).collect()
    }

    /// The lines of the log, without the time.
    fn lines(&self) -> Vec<String> {
        assert!(self.log.drain(LIMIT));
        let text = fs::read_to_string(self.directory.path().join("log")).unwrap();
        let without_time = |line: &str| {
            let mut words = line.splitn(4, ' ');
            let (client, time, server) =
                (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            assert!(time.parse::<u64>().unwrap() > 1_000_000_000, "{line}");
            format!("{client} {server} {}", words.next().unwrap())
        };
        text.lines().map(without_time).collect()
    }
}

fn inet() -> Rig {
    Rig::new(ServerAddr::Inet("10.0.0.1:80".parse().unwrap()))
}

#[test]
fn a_request_is_logged_when_its_first_line_is_complete() {
    for end in ["\n", "\r\n", "\r"] {
        let mut rig = inet();
        rig.client(format!("GET / HTTP/1.1{end}Host: www{end}").as_bytes());
        assert_eq!(rig.lines(), ["192.0.2.7 10.0.0.1 GET / HTTP/1.1"]);
        rig.end();
        assert_eq!(rig.lines().len(), 1);
    }
}

#[test]
fn a_line_may_come_in_pieces() {
    let mut rig = inet();
    for piece in ["G", "ET /pi", "", "eces\r", "\nHost: www\r\n"] {
        rig.client(piece.as_bytes());
    }
    assert_eq!(rig.lines(), ["192.0.2.7 10.0.0.1 GET /pieces"]);
}

#[test]
fn what_belongs_to_a_request_is_none_of_its_own() {
    let mut rig = inet();
    rig.client(b"POST /form\r\n\r\n");
    rig.client(b"one=1\r\n");
    rig.client(b"two=2\r\n");
    assert_eq!(rig.lines(), ["192.0.2.7 10.0.0.1 POST /form"]);
}

#[test]
fn each_time_the_client_speaks_after_the_server_is_a_request() {
    let mut rig = inet();
    for request in ["GET /1\n", "GET /2\n", "GET /3\n"] {
        rig.client(request.as_bytes());
        rig.server();
        rig.server();
    }
    assert_eq!(
        rig.lines(),
        ["192.0.2.7 10.0.0.1 GET /1", "192.0.2.7 10.0.0.1 GET /2", "192.0.2.7 10.0.0.1 GET /3"]
    );
}

#[test]
fn an_answer_completes_a_line_without_an_end() {
    let mut rig = inet();
    rig.client(b"QUIT");
    assert!(rig.lines().is_empty());
    rig.server();
    assert_eq!(rig.lines(), ["192.0.2.7 10.0.0.1 QUIT"]);
    rig.client(b"NEXT");
    rig.end();
    assert_eq!(rig.lines().last().unwrap(), "192.0.2.7 10.0.0.1 NEXT");
}

#[test]
fn a_connection_on_which_nobody_spoke_leaves_no_record() {
    let mut rig = inet();
    rig.end();
    rig.server();
    rig.end();
    assert!(rig.lines().is_empty());
}

#[test]
fn a_server_that_speaks_first_asks_for_nothing() {
    let mut rig = inet();
    rig.server();
    rig.client(b"HELO me\r\n");
    rig.server();
    assert_eq!(rig.lines(), ["192.0.2.7 10.0.0.1 HELO me"]);
}

#[test]
fn of_an_endless_line_the_beginning_is_logged_once() {
    let mut rig = inet();
    for _ in 0..300 {
        rig.client(b"0123456789");
    }
    rig.end();
    assert_eq!(rig.lines(), [format!("192.0.2.7 10.0.0.1 {}", "0123456789".repeat(10))]);
    rig.server();
    rig.client(b"next\n");
    assert_eq!(rig.lines().last().unwrap(), "192.0.2.7 10.0.0.1 next");
}

#[test]
fn bytes_that_would_garble_the_log_are_dots() {
    let mut rig = inet();
    rig.client(b"\x16\x03\x01\0binary\x1b[2J\n");
    assert_eq!(rig.lines(), ["192.0.2.7 10.0.0.1 ....binary.[2J"]);
}

#[test]
fn a_server_behind_a_unix_socket_is_named_unix() {
    let mut rig = Rig::new(ServerAddr::Unix(Path::new("/run/web.sock").into()));
    rig.client(b"GET /\n");
    assert_eq!(rig.lines(), ["192.0.2.7 unix GET /"]);
}

mod http;

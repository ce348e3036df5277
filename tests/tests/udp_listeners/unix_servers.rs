//! Unix sockets for datagrams, as servers.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use pen_tests::{Family, LIMIT, Pen, UdpBackend, wait_until};
use tempfile::TempDir;

/// A server that answers whoever asks, also those whose name is no path, until it is dropped.
struct UnixServer {
    path: PathBuf,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl UnixServer {
    /// Sends back what it gets, behind its own words.
    fn start(path: PathBuf, words: &'static str) -> UnixServer {
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        let ends = Arc::new(AtomicBool::new(false));
        let ending = Arc::clone(&ends);
        let thread = thread::spawn(move || {
            let mut bytes = [0; 1000];
            while !ending.load(Ordering::Relaxed) {
                if let Ok((length, from)) = socket.recv_from(&mut bytes) {
                    let answer = [words.as_bytes(), &bytes[..length]].concat();
                    socket.send_to_addr(&answer, &from).unwrap();
                }
            }
        });
        UnixServer { path, ends, thread: Some(thread) }
    }

    /// Ends it. Its file stays.
    fn leave(mut self) -> PathBuf {
        self.end();
        std::mem::take(&mut self.path)
    }

    fn end(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
            // A program that another test starts just now holds all descriptors for a moment.
            let nobody = UnixDatagram::unbound().expect("a socket can be had");
            wait_until("nobody is there", || nobody.send_to(b"", &self.path).is_err());
        }
    }
}

impl Drop for UnixServer {
    fn drop(&mut self) {
        self.end();
    }
}

#[test]
fn answers_of_unix_servers_reach_clients_of_all_kinds() {
    for family in [Family::Tcp4, Family::Tcp6, Family::Unix] {
        let directory = TempDir::new().unwrap();
        let server = UnixServer::start(directory.path().join("server"), "");
        let pen = Pen::builder().udp().listen_on(family).server(server.path.display()).start();
        let clients = [pen.udp_client(), pen.udp_client()];
        for round in 0..3 {
            for (number, client) in clients.iter().enumerate() {
                let question = format!("{number} in round {round}");
                assert_eq!(client.ask_for_text(&question), question);
            }
        }
        assert_eq!(client_count(&pen), 2);
        pen.stop();
    }
}

fn client_count(pen: &Pen) -> usize {
    pen.ask("services").split(" conn ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_unix_server_that_has_gone_is_left_for_another_and_no_datagram_is_lost() {
    let (directory, second) = (TempDir::new().unwrap(), UdpBackend::named("second"));
    let path = directory.path().join("server");
    let first = UnixServer::start(path.clone(), "first ");
    let pen = Pen::builder().udp().server(path.display()).server(&second).start();
    let client = pen.udp_client();
    assert_eq!(client.ask_for_text("one"), "first one");
    // At its file is nobody.
    first.leave();
    assert_eq!(
        (client.ask_for_text("two"), client.ask_for_text("three")),
        ("second".into(), "second".into())
    );
    assert_eq!(second.datagrams(), [b"two".to_vec(), b"three".to_vec()]);
    // It is back.
    std::fs::remove_file(&path).unwrap();
    let first = UnixServer::start(path, "first ");
    pen.tell("server 0 blacklist 0");
    pen.tell("server 1 blacklist 60");
    assert_eq!(client.ask_for_text("four"), "first four");
    // There is no file.
    std::fs::remove_file(first.leave()).unwrap();
    pen.tell("server 1 blacklist 0");
    assert_eq!(client.ask_for_text("five"), "second");
    pen.stop();
}

#[test]
fn a_unix_server_whose_queue_is_full_is_not_to_blame() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("slow");
    let slow = UnixDatagram::bind(&path).unwrap();
    slow.set_read_timeout(Some(LIMIT)).unwrap();
    let other = UdpBackend::named("other");
    let pen = Pen::builder().udp().server(path.display()).server(&other).start();
    let client = pen.udp_client();
    // More than the kernel keeps for it.
    (0..2000).for_each(|number| client.send(format!("{number}")));
    wait_until("pen has seen them", || pen.ask("status json").contains("\"shortages\":") && full(&pen));
    assert!(!pen.ask("status text").contains("blacklisted"));
    let mut bytes = [0; 10];
    assert_eq!(slow.recv(&mut bytes).map(|length| bytes[..length].to_vec()).unwrap(), b"0");
    assert_eq!(other.count(), 0);
    pen.stop();
}

#[test]
fn a_unix_server_whose_queue_is_full_costs_nobody_else_a_flow() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("slow");
    let _slow = UnixDatagram::bind(&path).unwrap();
    let pen = Pen::builder().udp().server(path.display()).command("threads 1").start();
    let (known, late) = (pen.udp_client(), pen.udp_client());
    // More than the kernel keeps for it.
    (0..2000).for_each(|number| known.send(format!("{number}")));
    wait_until("its queue is full", || full(&pen));
    late.send("?");
    wait_until("pen has seen it", || pen.status()["services"][0]["udp"]["received"] == 2001);
    assert_eq!(client_count(&pen), 2);
    pen.stop();
}

#[test]
fn what_is_too_large_for_pen_is_dropped_whole_and_counted() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("server");
    let server = UnixDatagram::bind(&path).unwrap();
    server.set_read_timeout(Some(LIMIT)).unwrap();
    let pen = Pen::builder().udp().listen_on(Family::Unix).server(path.display()).start();
    let client = UnixDatagram::bind(directory.path().join("client")).unwrap();
    client.set_read_timeout(Some(LIMIT)).unwrap();
    client.connect(pen.address().to_string()).unwrap();
    let (large, mut bytes) = (vec![7; 100_000], vec![0; 100_000]);
    client.send(&large).unwrap();
    client.send(b"question").unwrap();
    let (length, from) = server.recv_from(&mut bytes).unwrap();
    assert!(bytes[..length] == *b"question", "{length} bytes came");
    server.send_to_addr(&large, &from).unwrap();
    server.send_to_addr(b"answer", &from).unwrap();
    let length = client.recv(&mut bytes).unwrap();
    assert!(bytes[..length] == *b"answer", "{length} bytes came");
    wait_until("both are counted", || pen.status()["services"][0]["udp"]["dropped"] == 2);
    pen.stop();
}

/// Whether pen has met a queue that was full.
fn full(pen: &Pen) -> bool {
    let status = pen.status().to_string();
    !status.contains("\"shortages\":0")
}

//! Unix sockets for datagrams, as servers.

use std::os::unix::net::UnixDatagram;

use pen_tests::{Address, Family, Pen, UdpBackend, wait_until};
use tempfile::TempDir;

#[test]
fn answers_of_unix_servers_reach_clients_of_all_kinds() {
    for family in [Family::Tcp4, Family::Tcp6, Family::Unix] {
        let server = UdpBackend::echo_on(Family::Unix);
        let pen = Pen::builder().udp().listen_on(family).server(&server).start();
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
    let [first, second] = [UdpBackend::serve_on(Family::Unix, |_| vec![b"first".to_vec()]), UdpBackend::named("second")];
    let pen = Pen::builder().udp().servers([&first, &second]).start();
    let client = pen.udp_client();
    assert_eq!(client.ask_for_text("?"), "first");
    // Without a file.
    first.leave();
    assert_eq!((client.ask_for_text("?"), client.ask_for_text("?")), ("second".into(), "second".into()));
    // With a file at which nobody is.
    first.come_back();
    pen.tell("server 0 blacklist 0");
    pen.tell("server 1 blacklist 60");
    assert_eq!(client.ask_for_text("?"), "first");
    let Address::Unix(path) = first.address() else { panic!("it has a path") };
    let held = path.with_extension("held");
    std::fs::rename(path, &held).unwrap();
    first.leave();
    std::fs::rename(&held, path).unwrap();
    pen.tell("server 1 blacklist 0");
    assert_eq!(client.ask_for_text("?"), "second");
    pen.stop();
}

#[test]
fn a_unix_server_whose_queue_is_full_is_not_to_blame() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("slow");
    let slow = UnixDatagram::bind(&path).unwrap();
    slow.set_read_timeout(Some(pen_tests::LIMIT)).unwrap();
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

/// Whether pen has met a queue that was full.
fn full(pen: &Pen) -> bool {
    let status = pen.status().to_string();
    !status.contains("\"shortages\":0")
}

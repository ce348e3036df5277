//! Idle connections to servers, which `idlers` keeps for nobody.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pen_tests::{Backend, Family, Pen, in_parallel, settled, wait_until};

/// Waits until pen tells so many, of so many that are wanted.
#[track_caller]
fn wait_for_idlers(pen: &Pen, have: usize, wanted: usize) {
    let expected = format!("Idlers: {have}/{wanted}\n");
    wait_until("there are as many idlers as expected", || pen.ask("idlers") == expected);
}

#[track_caller]
fn wait_for_connections(server: &Backend, count: usize) {
    wait_until("the server has as many connections as expected", || server.current() == count);
}

#[test]
fn they_are_spread_over_the_servers_and_their_number_is_told_and_changed() {
    let (one, other) = (Backend::silent(), Backend::silent());
    let pen = Pen::builder().servers([&one, &other]).start();
    assert_eq!(pen.ask("idlers"), "Idlers: 0/0\n");
    let threads = pen.process().threads();
    assert_eq!(pen.ask("idlers 5"), "Idlers: 0/5\n");
    wait_for_idlers(&pen, 5, 5);
    wait_for_connections(&one, 3);
    wait_for_connections(&other, 2);
    assert!(pen.ask("status json").contains(r#""idlers":{"open":5,"wanted":5}"#));
    assert_eq!(pen.ask("idlers 2"), "Idlers: 5/2\n");
    wait_for_idlers(&pen, 2, 2);
    wait_for_connections(&one, 1);
    wait_for_connections(&other, 1);
    pen.ask("idlers 0");
    wait_for_idlers(&pen, 0, 0);
    wait_for_connections(&one, 0);
    wait_for_connections(&other, 0);
    wait_until("their thread has ended", || pen.process().threads() == threads);
    assert_eq!((one.total(), other.total()), (3, 2));
    pen.stop();
}

#[test]
fn they_are_no_clients_and_clients_never_get_them() {
    let server = Backend::holding("a");
    let pen = Pen::builder().server(format!("{server}:1")).command("idlers 3").start();
    wait_for_connections(&server, 3);
    wait_for_idlers(&pen, 3, 3);
    let row = pen.servers().remove(0);
    assert_eq!((row.conn, row.max, row.sx, row.rx), (0, 1, 0, 0));
    assert_eq!(pen.ask("connections"), "");
    // The one connection that the server may have is the client's, and it is a new one.
    let (said, _held) = pen.hold_from(1);
    assert_eq!((said.as_str(), server.total()), ("a", 4));
    assert_eq!(pen.servers()[0].conn, 1);
    assert!(pen.ask("status json").contains(r#""connects":1,"failures":0"#));
    pen.stop();
    wait_for_connections(&server, 0);
}

#[test]
fn lost_ones_are_replaced_as_soon_as_a_server_can_be_had() {
    let (one, other) = (Backend::silent(), Backend::silent_on(Family::Unix));
    let pen = Pen::builder().servers([&one, &other]).command("idlers 4").start();
    wait_for_idlers(&pen, 4, 4);
    one.kill();
    wait_for_connections(&other, 4);
    wait_for_idlers(&pen, 4, 4);
    other.kill();
    wait_for_idlers(&pen, 0, 4);
    one.revive();
    wait_for_connections(&one, 4);
    wait_for_idlers(&pen, 4, 4);
    // A failure of theirs says nothing about clients' chances.
    assert!(!pen.ask("status text").contains("blacklisted"));
    pen.stop();
}

#[test]
fn what_servers_say_to_them_is_read_and_forgotten() {
    let heard = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&heard);
    let server = Backend::serve(move |client| {
        if { client }.write_all(&vec![b'x'; 8 << 20]).is_ok() {
            counter.fetch_add(1, Ordering::SeqCst);
        }
        client.drain();
    });
    let pen = Pen::builder().server(&server).command("idlers 2").start();
    wait_until("pen has taken everything", || heard.load(Ordering::SeqCst) == 2);
    wait_for_idlers(&pen, 2, 2);
    assert_eq!((server.total(), pen.servers()[0].rx), (2, 0));
    pen.stop();
}

#[test]
fn servers_that_are_left_alone_changed_or_removed_keep_none() {
    let servers: Vec<Backend> = (0..4).map(|_| Backend::silent()).collect();
    let pen = Pen::builder().servers(&servers[..3]).command("idlers 6").start();
    for server in &servers[..3] {
        wait_for_connections(server, 2);
    }
    pen.tell("server 0 blacklist 3600");
    wait_for_connections(&servers[0], 0);
    pen.tell("no server 1");
    wait_for_connections(&servers[1], 0);
    wait_for_connections(&servers[2], 6);
    let address = servers[3].address();
    let (host, port) = (address.to_string().replace(&format!(":{}", address.port()), ""), address.port());
    pen.tell(&format!("server 2 address {host} port {port}"));
    wait_for_connections(&servers[2], 0);
    wait_for_connections(&servers[3], 6);
    wait_for_idlers(&pen, 6, 6);
    pen.stop();
}

#[test]
fn a_server_that_is_full_gets_no_more() {
    let (full, other) = (Backend::holding("full"), Backend::holding("other"));
    let pen = Pen::builder().servers([format!("{full}:1"), other.to_string()]).start();
    let (said, _held) = pen.hold_from(1);
    assert_eq!(said, "full");
    pen.ask("idlers 4");
    wait_for_connections(&other, 4);
    assert_eq!(full.total(), 1);
    pen.stop();
}

#[test]
fn each_service_has_its_own_and_takes_them_along_when_it_goes() {
    let (one, other) = (Backend::silent(), Backend::silent());
    let (host, port) = (other.address().to_string(), other.address().port());
    let host = host.trim_end_matches(&format!(":{port}")).to_owned();
    let pen = Pen::builder().server(&one).command("idlers 2").start();
    pen.ask("service web listen 127.0.0.1:0");
    pen.tell(&format!("service web server 0 address {host} port {port}"));
    assert_eq!(pen.ask("service web idlers 3"), "Idlers: 0/3\n");
    wait_for_connections(&other, 3);
    wait_for_connections(&one, 2);
    pen.tell("no service web");
    wait_for_connections(&other, 0);
    wait_for_idlers(&pen, 2, 2);
    pen.stop();
}

#[test]
fn they_leave_descriptors_to_the_clients() {
    let server = Backend::serve(|client| {
        let _ = { client }.write_all(b"a");
        client.drain();
    });
    let pen = Pen::builder().under(["prlimit", "--nofile=64:64"]).server(&server).option("-r").start();
    pen.ask("idlers 1000");
    wait_until("there are some", || server.current() > 5);
    let have = settled(Duration::from_secs(2), || pen.ask("idlers"));
    let have: usize = have.trim().trim_start_matches("Idlers: ").trim_end_matches("/1000").parse().unwrap();
    assert!((5..32).contains(&have), "{have} of 64 descriptors");
    in_parallel(50, 10, |_| {
        let client = pen.connect();
        let mut first = [0];
        std::io::Read::read_exact(&mut &client, &mut first).unwrap();
        assert_eq!(first, *b"a");
    });
    assert!(pen.ask("status json").contains(r#""shortages":0"#));
    pen.stop();
}

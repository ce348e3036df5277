//! Servers that are taken away by hand, and come back.

use pen_tests::{Pen, UdpBackend, private_address, wait_until};

use super::seen::{ask_all, clients, flows, named, number, state};

/// What takes server 0 away, and what gives it back.
const WAYS_TO_TAKE: [&str; 3] = ["server 0 blacklist 60", "no server 0", "server 0 address 127.0.0.1 port 1"];

#[test]
fn a_server_that_is_taken_away_loses_its_flows_at_once() {
    for threads in ["threads 1", "threads 4"] {
        for way in WAYS_TO_TAKE {
            let servers = named(["a", "b"]);
            let pen = Pen::builder().udp().servers(&servers).option("-r").command(threads).start();
            let clients = clients(&pen, 100);
            let before = ask_all(&clients);
            assert_eq!(flows(&pen), [50, 50]);
            pen.tell(way);
            wait_until("nobody is at a", || flows(&pen)[0] == 0);
            servers[0].forget();
            let after = ask_all(&clients);
            assert!(after.iter().all(|server| server == "b"), "{way}: {after:?} after {before:?}");
            assert_eq!(servers[0].count(), 0, "{way}");
            pen.stop();
        }
    }
}

#[test]
fn a_blacklist_by_hand_ends_by_hand() {
    let servers = named(["a", "b"]);
    let pen = Pen::builder().udp().servers(&servers).option("-r").start();
    pen.tell("server 0 blacklist 60");
    assert_eq!(ask_all(&clients(&pen, 4)).concat(), "bbbb");
    pen.tell("server 0 blacklist 0");
    assert_eq!(ask_all(&clients(&pen, 4)).iter().filter(|server| *server == "a").count(), 2);
    pen.stop();
}

#[test]
fn with_all_blacklisted_datagrams_are_dropped_and_counted_until_one_is_back() {
    let servers = named(["a", "b"]);
    let pen = Pen::builder().udp().servers(&servers).option("-r").start();
    let client = pen.udp_client();
    let first = client.ask_for_text("?");
    for slot in 0..2 {
        pen.tell(&format!("server {slot} blacklist 60"));
    }
    wait_until("nobody has a flow", || flows(&pen) == [0, 0]);
    for _ in 0..50 {
        client.send("lost");
    }
    wait_until("they are counted", || number(&pen, "/udp/dropped") == 50);
    wait_until("no flow is left", || number(&pen, "/connections") == 0);
    assert_eq!(number(&pen, "/unserved"), 50);
    pen.tell("server 1 blacklist 0");
    assert_eq!(client.ask_for_text("?"), "b", "whatever it was before: {first}");
    pen.stop();
}

#[test]
fn a_server_that_moves_takes_its_new_flows_along() {
    let [old, new] = named(["old", "new"]);
    let pen = Pen::builder().udp().server(&old).start();
    let client = pen.udp_client();
    assert_eq!(client.ask_for_text("?"), "old");
    let address = new.address().ip();
    pen.tell(&format!("server 0 address {} port {}", address.ip(), address.port()));
    assert_eq!(client.ask_for_text("?"), "new");
    assert_eq!(old.count(), 1);
    pen.stop();
}

#[test]
fn what_a_server_met_at_its_former_address_does_not_count_at_the_new_one() {
    let a = UdpBackend::named("a");
    let dead = private_address();
    let pen = Pen::builder().udp().server(dead).start();
    let client = pen.udp_client();
    client.send("lost");
    wait_until("it is blacklisted", || state(&pen, 0) == "blacklisted");
    let address = a.address().ip();
    pen.tell(&format!("server 0 address {} port {}", address.ip(), address.port()));
    pen.tell("server 0 blacklist 0");
    assert_eq!(client.ask_for_text("?"), "a");
    assert_eq!(state(&pen, 0), "up");
    pen.stop();
}

#[test]
fn a_connection_that_is_closed_by_hand_begins_anew_with_the_next_datagram() {
    let servers = named(["a", "b"]);
    let pen = Pen::builder().udp().servers(&servers).option("-r").start();
    let client = pen.udp_client();
    assert_eq!(client.ask_for_text("?"), "a");
    assert_eq!(pen.ask("close 0"), "Forcibly closing connection 0\n");
    wait_until("the flow has ended", || number(&pen, "/connections") == 0);
    assert_eq!(client.ask_for_text("?"), "b", "in turn");
    pen.stop();
}

//! Which server a new flow gets.

use std::collections::BTreeMap;

use pen_tests::{Pen, in_parallel, wait_until};

use super::seen::{ask_all, clients, flows, named, number, state};

#[test]
fn new_flows_take_the_servers_in_turn_whatever_the_number_of_threads() {
    let servers = named(["a", "b", "c"]);
    let pen = Pen::builder().udp().servers(&servers).option("-r").command("threads 4").start();
    let clients = clients(&pen, 300);
    in_parallel(300, 8, |number| _ = clients[number].ask("?"));
    assert_eq!(flows(&pen), [100, 100, 100]);
    pen.stop();
}

#[test]
fn a_clients_next_flow_goes_to_its_last_server() {
    let servers = named(["a", "b", "c"]);
    let pen = Pen::builder().udp().servers(&servers).command("threads 4").start();
    let round = || (1..=9).map(|host| pen.udp_client_from(host).ask_for_text("?")).collect::<Vec<_>>();
    let first = round();
    assert_eq!(first.concat(), "abcabcabc");
    assert_eq!(round(), first);
    pen.stop();
}

#[test]
fn a_client_that_had_to_move_stays_with_its_new_server() {
    let [a, b] = named(["a", "b"]);
    let pen = Pen::builder().udp().servers([&a, &b]).option("-b 1").start();
    assert_eq!(pen.udp_client_from(1).ask_for_text("?"), "a");
    a.leave();
    assert_eq!(pen.udp_client_from(1).ask_for_text("?"), "b");
    a.come_back();
    wait_until("a is up", || state(&pen, 0) == "up");
    assert_eq!(pen.udp_client_from(1).ask_for_text("?"), "b");
    pen.stop();
}

#[test]
fn the_hash_of_an_address_chooses_the_same_server_in_every_pen() {
    let servers = named(["a", "b", "c", "d"]);
    let start = |threads| Pen::builder().udp().servers(&servers).option("-h").command(threads).start();
    let [one, two] = ["threads 1", "threads 4"].map(start);
    let choices =
        |pen: &Pen| (1..=60).map(|host| pen.udp_client_from(host).ask_for_text("?")).collect::<Vec<_>>();
    let chosen = choices(&one);
    assert_eq!(choices(&two), chosen);
    let shares = chosen.iter().fold(BTreeMap::new(), |mut shares, name| {
        *shares.entry(name).or_insert(0) += 1;
        shares
    });
    assert!(shares.len() == 4 && shares.values().all(|share| *share >= 5), "{shares:?}");
    one.stop();
    two.stop();
}

#[test]
fn weight_shares_flows_in_proportion() {
    let servers = named(["a", "b", "c"]);
    let specs = servers.iter().zip([3, 1, 0]).map(|(server, weight)| format!("{server}:0:0:{weight}"));
    let pen = Pen::builder().udp().servers(specs).option("-Wr").start();
    ask_all(&clients(&pen, 40));
    assert_eq!(flows(&pen), [30, 10, 0]);
    pen.stop();
}

#[test]
fn prio_takes_the_lowest_number_that_is_available() {
    let servers = named(["a", "b", "c"]);
    let specs = servers.iter().zip([2, 1, 3]).map(|(server, prio)| format!("{server}:0:0:0:{prio}"));
    let pen = Pen::builder().udp().servers(specs).option("-r").command("prio").start();
    let held = clients(&pen, 5);
    assert_eq!(ask_all(&held).concat(), "bbbbb");
    servers[1].leave();
    assert_eq!(ask_all(&held).concat(), "aaaaa");
    servers[0].leave();
    assert_eq!(ask_all(&held).concat(), "ccccc");
    assert_eq!(number(&pen, "/udp/dropped"), 0);
    pen.stop();
}

#[test]
fn a_stream_that_chooses_for_each_datagram_is_spread_evenly_and_passes_dead_servers() {
    let servers = named(["a", "b", "c"]);
    let pen = Pen::builder().udp().servers(&servers).command("udp_requests 1").start();
    let client = pen.udp_client();
    (0..300).for_each(|_| _ = client.ask("?"));
    assert_eq!(servers.each_ref().map(pen_tests::UdpBackend::count), [100, 100, 100]);
    servers[1].leave();
    servers.iter().for_each(pen_tests::UdpBackend::forget);
    (0..300).for_each(|_| _ = client.ask("?"));
    assert_eq!(servers.each_ref().map(pen_tests::UdpBackend::count), [150, 0, 150]);
    pen.stop();
}

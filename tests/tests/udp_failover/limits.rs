//! How many flows a server may have.

use std::collections::BTreeSet;

use pen_tests::{Pen, UdpBackend, UdpClient, in_parallel, wait_until};

use super::seen::{ask_all, clients, flows, named, number};

/// How many flows a server has ever seen at once, where none has ended: each comes from another port.
fn flows_seen(server: &UdpBackend) -> usize {
    server.sources().iter().map(ToString::to_string).collect::<BTreeSet<_>>().len()
}

#[test]
fn max_is_exact_however_many_threads_there_are() {
    const CLIENTS: usize = 200;
    let servers = named(["a", "b", "c"]);
    let specs = servers.iter().map(|server| format!("{server}:10"));
    let pen = Pen::builder().udp().servers(specs).option("-r").command("threads 4").start();
    let clients: Vec<UdpClient> = clients(&pen, CLIENTS);
    in_parallel(CLIENTS, 8, |number| clients[number].send("?"));
    wait_until("all datagrams are dealt with", || number(&pen, "/udp/dropped") == CLIENTS as u64 - 30);
    assert_eq!(flows(&pen), [10, 10, 10]);
    for server in &servers {
        server.wait_for(10);
    }
    assert_eq!(servers.each_ref().map(flows_seen), [10, 10, 10]);
    assert_eq!(number(&pen, "/unserved"), CLIENTS as u64 - 30);
    pen.stop();
}

#[test]
fn flows_that_have_ended_make_room_at_their_server() {
    let a = UdpBackend::named("a");
    let pen = Pen::builder()
        .udp()
        .server(format!("{a}:3"))
        .option("-r")
        .command("udp_responses 1")
        .command("threads 4")
        .start();
    for _ in 0..50 {
        assert_eq!(pen.udp_client().ask_for_text("?"), "a");
    }
    wait_until("no flow is left", || flows(&pen) == [0]);
    assert_eq!(number(&pen, "/udp/dropped"), 0);
    pen.stop();
}

#[test]
fn hard_lets_returning_clients_in_beyond_max() {
    let servers = named(["a", "b"]);
    let specs = servers.iter().map(|server| format!("{server}:2:4"));
    let pen = Pen::builder().udp().servers(specs).start();
    // Client 1 belongs to a from its first flow on.
    let of_one: Vec<_> = (0..4).map(|_| pen.udp_client_from(1)).collect();
    assert_eq!(ask_all(&of_one).concat(), "aaaa");
    let fifth = pen.udp_client_from(1);
    assert_eq!(fifth.ask_for_text("?"), "b", "a is full for it, too");
    assert_eq!(flows(&pen), [4, 1]);
    let of_two = pen.udp_client_from(2);
    assert_eq!(of_two.ask_for_text("?"), "b");
    pen.udp_client_from(3).send("?");
    wait_until("nobody can take a third client", || number(&pen, "/udp/dropped") == 1);
    assert_eq!(flows(&pen), [4, 2]);
    pen.stop();
}

#[test]
fn a_flow_that_moves_keeps_the_limits_of_those_it_moves_to() {
    let servers = named(["a", "b"]);
    let specs = [format!("{}", servers[0]), format!("{}:5", servers[1])];
    let pen = Pen::builder().udp().servers(specs).option("-r").command("threads 4").start();
    let clients = clients(&pen, 40);
    let first = ask_all(&clients);
    assert_eq!(first.iter().filter(|server| *server == "b").count(), 5);
    servers[0].leave();
    for client in &clients {
        client.send("?");
    }
    wait_until("those who find no room are dropped", || number(&pen, "/udp/dropped") == 35);
    assert_eq!(flows(&pen), [0, 5]);
    assert_eq!(flows_seen(&servers[1]), 5);
    pen.stop();
}

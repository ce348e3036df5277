//! Datagrams from ever new sources, while the flow table is full.

use pen_tests::udp::ManySources;
use pen_tests::{Pen, PenBuilder, UdpClient, alone, wait_until};

use super::{flows, number, telling};

/// Slots of the flow table.
const ROOM: usize = 1_000;
/// Sources that come between two datagrams of a known client. Each worker has its part of them, and keeps half of its share of
/// the table at least, whatever the others have.
const ROUND: u32 = 200;
const ROUNDS: u32 = 200;
/// Clients that keep talking.
const KNOWN: u32 = 8;

fn builder(threads: usize) -> PenBuilder {
    let builder = Pen::builder().udp().option("-r").option(&format!("-x {ROOM}"));
    builder.command(&format!("threads {threads}")).command("udp_timeout 600")
}

/// Every client says something new, and must hear it back from its server.
#[track_caller]
fn talk(clients: &[(UdpClient, String)], round: u32) {
    for (number, (client, server)) in clients.iter().enumerate() {
        let text = format!("{number} in {round}");
        assert_eq!(client.ask_for_text(&text), format!("{server}:{text}"));
    }
}

#[test]
fn known_flows_go_on_undisturbed_in_a_flood_of_new_sources() {
    for threads in [1, 4] {
        let _alone = alone();
        let servers = ["a", "b", "c"].map(telling);
        let pen = builder(threads).servers(&servers).start();
        let descriptors = pen.process().descriptors_at_rest();
        let clients: Vec<_> = (0..KNOWN)
            .map(|_| pen.udp_client())
            .map(|client| {
                let answer = client.ask_for_text("?");
                (client, answer[..1].to_owned())
            })
            .collect();
        let flood = ManySources::of(pen.address());
        let mut memory = 0;
        for round in 0..ROUNDS {
            (0..ROUND).for_each(|number| flood.send(round * ROUND + number, b"flood"));
            talk(&clients, round);
            flood.receive_all();
            let open = number(&pen, "/connections") as usize;
            assert!(open <= ROOM + threads, "{open} flows");
            if round == ROUNDS / 2 {
                memory = pen.process().resident();
            }
        }
        let flooded = u64::from(ROUND * ROUNDS);
        assert_eq!(number(&pen, "/udp/received"), u64::from(KNOWN + KNOWN * ROUNDS) + flooded);
        assert_eq!((number(&pen, "/udp/dropped"), number(&pen, "/shortages")), (0, 0), "threads {threads}");
        let open = flows(&pen);
        assert!(open.iter().sum::<usize>() <= ROOM, "{open:?}");
        // One descriptor carries a flow to each of the three servers; the rest is what came and went unevenly.
        let ports = pen.process().descriptors() - descriptors;
        assert!(ports <= ROOM + 16, "{ports} ports");
        let grown = pen.process().resident().saturating_sub(memory);
        // What each worker keeps of recent datagrams may have filled up since.
        assert!(grown < 2 * 1024 * threads, "{grown} KiB more");

        pen.tell("udp_timeout 1");
        expect_nothing_left(&pen, descriptors);
        assert_eq!(clients[0].0.ask_for_text("again").split_once(':').unwrap().1, "again");
        pen.stop();
    }
}

/// Waits until flows, ports, numbers, and what servers and clients have open is back to zero.
#[track_caller]
fn expect_nothing_left(pen: &Pen, descriptors: usize) {
    wait_until("no flow is left", || number(pen, "/connections") == 0);
    wait_until("no server has a flow", || flows(pen).iter().all(|&flows| flows == 0));
    pen.process().expect_descriptors(descriptors);
    let clients = pen.status()["services"][0]["clients"].clone();
    let open = clients.as_array().expect("clients are a list").iter().map(|client| client["open"].as_u64());
    assert_eq!(open.sum::<Option<u64>>(), Some(0), "{clients:#}");
    assert_eq!(pen.ask("connections"), "");
    let probe = pen.udp_client();
    probe.ask("probe");
    assert!(pen.ask("connection 0").contains("state"), "the first number is free again");
    wait_until("no flow is left", || number(pen, "/connections") == 0);
}

#[test]
fn a_new_client_gets_a_place_though_another_worker_has_all_of_them() {
    let _alone = alone();
    let server = telling("a");
    let pen = Pen::builder()
        .udp()
        .server(&server)
        .option("-r")
        .option("-x 8")
        .command("threads 4")
        .command("udp_timeout 600")
        .start();
    for number in 0..400 {
        let text = number.to_string();
        assert_eq!(pen.udp_client().ask_for_text(&text), format!("a:{text}"));
    }
    wait_until("the table is not overfull", || flows(&pen) <= vec![8]);
    assert_eq!(number(&pen, "/udp/dropped"), 0);
    pen.stop();
}

#[test]
fn a_table_of_one_flow_serves_one_client_after_the_other() {
    let _alone = alone();
    let server = telling("a");
    let pen = Pen::builder().udp().server(&server).option("-x 1").command("threads 4").start();
    let clients: Vec<_> = (0..10).map(|_| pen.udp_client()).collect();
    for round in 0..20 {
        for client in &clients {
            let text = round.to_string();
            assert_eq!(client.ask_for_text(&text), format!("a:{text}"));
        }
    }
    pen.stop();
}

#[test]
fn a_table_that_grows_holds_more_flows_at_once() {
    let _alone = alone();
    let server = telling("a");
    let pen = builder(2).option("-x 10").server(&server).start();
    let clients: Vec<_> = (0..100).map(|_| pen.udp_client()).collect();
    for client in &clients {
        client.ask("?");
    }
    wait_until("the table is not overfull", || flows(&pen) == [10]);
    assert_eq!(pen.ask("conn_max 100"), "100\n");
    for client in &clients {
        client.ask("?");
    }
    assert_eq!(flows(&pen), [100]);
    pen.stop();
}

#[test]
fn a_flood_that_nobody_serves_leaves_nothing_behind() {
    let _alone = alone();
    let server = telling("a");
    let pen = builder(2).server(&server).start();
    let descriptors = pen.process().descriptors_at_rest();
    pen.tell("server 0 blacklist 600");
    let flood = ManySources::of(pen.address());
    for round in 0..50 {
        (0..ROUND).for_each(|number| flood.send(round * ROUND + number, b"flood"));
        let sent = u64::from((round + 1) * ROUND);
        wait_until("they are dropped", || number(&pen, "/udp/dropped") == sent);
    }
    assert_eq!((number(&pen, "/connections"), server.count()), (0, 0));
    pen.process().expect_descriptors(descriptors);
    pen.stop();
}

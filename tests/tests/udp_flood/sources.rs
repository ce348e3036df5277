//! Datagrams from ever new sources, while the flow table is full.

use std::ops::Range;
use std::time::Duration;

use pen_tests::udp::ManySources;
use pen_tests::{LIMIT, Pen, PenBuilder, UdpClient, alone, wait_until};

use super::{flows, number, telling};

/// Slots of the flow table.
const ROOM: usize = 500;
/// Sources that come between two datagrams of a known client: also a worker that got few of the slots has more than that.
const ROUND: u32 = 150;
const ROUNDS: u32 = 60;
/// Datagrams that are under way at once: no more than any queue holds.
const AT_ONCE: u32 = 50;

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
        let clients: Vec<_> = (0..20)
            .map(|_| pen.udp_client())
            .map(|client| {
                let answer = client.ask_for_text("?");
                (client, answer[..1].to_owned())
            })
            .collect();
        let flood = ManySources::of(pen.address());
        let mut memory = 0;
        for round in 0..ROUNDS {
            for sent in (0..ROUND).step_by(AT_ONCE as usize) {
                flood_and_receive(&flood, round * ROUND + sent..round * ROUND + sent + AT_ONCE);
            }
            talk(&clients, round);
            let open = number(&pen, "/connections") as usize;
            assert!(open <= ROOM + threads, "{open} flows");
            if round == ROUNDS / 2 {
                memory = pen.process().resident();
            }
        }
        let flooded = u64::from(ROUND * ROUNDS);
        assert_eq!(number(&pen, "/udp/received"), 20 + 20 * u64::from(ROUNDS) + flooded);
        assert_eq!((number(&pen, "/udp/dropped"), number(&pen, "/shortages")), (0, 0), "threads {threads}");
        let open = flows(&pen);
        assert!(open.iter().sum::<usize>() <= ROOM, "{open:?}");
        // One descriptor carries a flow to each of the three servers; the rest is what came and went unevenly.
        let ports = pen.process().descriptors() - descriptors;
        assert!(ports <= ROOM + 16, "{ports} ports");
        // Half of the flood had filled all that fills up, such as the recent datagrams that each worker keeps.
        let grown = pen.process().resident().saturating_sub(memory);
        assert!(grown < 512, "{grown} KiB more for {} flows that came and went", flooded / 2);

        pen.tell("udp_timeout 1");
        expect_nothing_left(&pen, descriptors);
        assert_eq!(clients[0].0.ask_for_text("again").split_once(':').unwrap().1, "again");
        pen.stop();
    }
}

/// Sends large datagrams as each of these clients. All of them are answered.
#[track_caller]
fn flood_and_receive(flood: &ManySources, clients: Range<u32>) {
    let count = clients.len();
    clients.for_each(|client| flood.send(client, &[b'f'; 1_200]));
    for answered in 0..count {
        assert!(flood.receive(LIMIT).is_some(), "{answered} of {count} new clients are answered");
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
            // A worker that is asked for room late may end the flow that has just begun, which then asks again.
            wait_until("the client is answered", || {
                client.send(&text);
                let answer = client.receive_within(Duration::from_millis(100));
                answer.is_some_and(|(bytes, _)| bytes == format!("a:{text}").as_bytes())
            });
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
    for round in 0..100 {
        (0..AT_ONCE).for_each(|number| flood.send(round * AT_ONCE + number, b"flood"));
        let sent = u64::from((round + 1) * AT_ONCE);
        wait_until("they are dropped", || number(&pen, "/udp/dropped") == sent);
    }
    assert_eq!((number(&pen, "/connections"), server.count()), (0, 0));
    pen.process().expect_descriptors(descriptors);
    pen.stop();
}

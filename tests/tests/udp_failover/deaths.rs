//! Servers whose port is closed, before or in the middle.

use nix::sys::signal::Signal;
use pen_tests::{Pen, UdpBackend, private_address, wait_until};

use super::seen::{ask_all, clients, flows, named, number, state};

#[test]
fn the_very_datagram_that_finds_a_closed_port_is_answered_by_another_server() {
    let a = UdpBackend::named("a");
    let pen = Pen::builder().udp().server(private_address()).server(&a).option("-r").start();
    assert_eq!(pen.udp_client().ask_for_text("?"), "a");
    assert_eq!(a.count(), 1);
    assert_eq!((state(&pen, 0), flows(&pen)), ("blacklisted".into(), vec![0, 1]));
    assert_eq!((number(&pen, "/servers/0/failures"), number(&pen, "/servers/1/failures")), (1, 0));
    pen.stop();
}

#[test]
fn a_datagram_passes_any_number_of_dead_servers_and_asks_each_once() {
    const DEAD: usize = 100;
    let a = UdpBackend::named("a");
    let dead = (0..DEAD).map(|_| private_address());
    let pen = Pen::builder().udp().servers(dead).server(&a).start();
    assert_eq!(pen.udp_client().ask_for_text("?"), "a");
    for slot in 0..DEAD {
        assert_eq!(
            (state(&pen, slot), number(&pen, &format!("/servers/{slot}/failures"))),
            ("blacklisted".into(), 1)
        );
    }
    assert_eq!(a.count(), 1);
    pen.stop();
}

#[test]
fn a_dead_server_is_left_alone_for_blacklist_seconds_and_then_comes_back() {
    let [a, b] = named(["a", "b"]);
    let pen = Pen::builder().udp().servers([&a, &b]).option("-r").option("-b 1").start();
    a.leave();
    assert_eq!(pen.udp_client().ask_for_text("?"), "b");
    a.come_back();
    wait_until("a new flow goes to a", || pen.udp_client().ask_for_text("?") == "a");
    assert_eq!((state(&pen, 0), number(&pen, "/servers/0/failures")), ("up".into(), 1));
    pen.stop();
}

#[test]
fn a_late_answer_of_a_dead_server_reaches_its_client_but_does_not_raise_it() {
    let [a, b] = named(["a", "b"]);
    let pen = Pen::builder().udp().servers([&a, &b]).option("-r").option("-b 1000").start();
    let of_a = pen.udp_client();
    assert_eq!(of_a.ask_for_text("?"), "a");
    a.leave();
    assert_eq!(of_a.ask_for_text("?"), "b");
    assert_eq!(state(&pen, 0), "blacklisted");
    // To the port that the flow once used. It may have been on its way before the server died.
    let source = a.sources()[0].clone();
    a.come_back();
    a.send("late", &source);
    assert_eq!(of_a.receive(), b"late");
    assert_eq!((state(&pen, 0), of_a.ask_for_text("?")), ("blacklisted".into(), "b".into()));
    pen.stop();
}

#[test]
fn a_server_that_dies_loses_all_its_flows_and_the_others_none() {
    for threads in ["threads 1", "threads 4"] {
        let servers = named(["a", "b", "c"]);
        let pen =
            Pen::builder().udp().servers(&servers).option("-r").option("-x 1000").command(threads).start();
        let clients = clients(&pen, 300);
        let before = ask_all(&clients);
        assert_eq!(flows(&pen), [100, 100, 100]);
        servers[1].leave();
        let witness = before.iter().position(|server| server == "b").expect("b has flows");
        assert_ne!(clients[witness].ask_for_text("?"), "b");
        wait_until("b has no flow", || flows(&pen)[1] == 0);
        let after = ask_all(&clients);
        for (before, after) in before.iter().zip(&after) {
            assert!(if before == "b" { after != "b" } else { after == before }, "{before} → {after}");
        }
        assert_eq!(flows(&pen).iter().sum::<usize>(), 300);
        let heirs = after.iter().zip(&before).filter(|(_, before)| *before == "b");
        let heirs_of_a = heirs.filter(|(after, _)| *after == "a").count();
        assert!((40..=60).contains(&heirs_of_a), "its flows are spread: {heirs_of_a} of 100");
        // Everybody was answered in each round, and nobody twice.
        assert_eq!(number(&pen, "/udp/answered"), 601);
        assert_eq!(number(&pen, "/udp/dropped"), 0);
        pen.stop();
    }
}

#[test]
fn all_datagrams_that_were_under_way_to_a_server_that_died_are_answered_by_others() {
    for threads in ["threads 1", "threads 4"] {
        let servers = named(["a", "b"]);
        let pen =
            Pen::builder().udp().servers(&servers).option("-r").option("-x 1000").command(threads).start();
        let clients = clients(&pen, 200);
        ask_all(&clients);
        servers[0].leave();
        for client in &clients {
            client.send("?");
        }
        for client in &clients {
            assert_eq!(client.receive(), b"b");
        }
        assert_eq!(flows(&pen), [0, 200]);
        pen.stop();
    }
}

#[test]
fn a_server_that_answers_nothing_keeps_its_flows() {
    let silent = UdpBackend::silent();
    let other = UdpBackend::named("other");
    let pen = Pen::builder().udp().servers([&silent, &other]).start();
    let client = pen.udp_client();
    for number in 0..50u8 {
        client.send([number]);
    }
    silent.wait_for(50);
    let sent: Vec<_> = (0..50u8).map(|number| vec![number]).collect();
    assert_eq!(silent.datagrams(), sent);
    assert_eq!((state(&pen, 0), number(&pen, "/servers/0/failures")), ("up".into(), 0));
    assert_eq!(flows(&pen), [1, 0]);
    pen.stop();
}

#[test]
fn with_no_blacklist_a_datagram_still_passes_a_dead_server() {
    let a = UdpBackend::named("a");
    let pen = Pen::builder().udp().server(private_address()).server(&a).option("-b 0").start();
    let client = pen.udp_client();
    assert_eq!(client.ask_for_text("?"), "a");
    assert_eq!(client.ask_for_text("?"), "a", "the flow stays");
    assert_eq!(number(&pen, "/servers/0/failures"), 1);
    pen.stop();
}

#[test]
fn with_no_blacklist_and_nobody_alive_a_datagram_asks_each_server_once() {
    let pen = Pen::builder().udp().servers([private_address(), private_address()]).option("-b 0").start();
    pen.udp_client().send("?");
    wait_until("the datagram is given up", || number(&pen, "/udp/dropped") == 1);
    assert_eq!([0, 1].map(|slot| number(&pen, &format!("/servers/{slot}/failures"))), [1, 1]);
    assert_eq!((number(&pen, "/unserved"), flows(&pen)), (1, vec![0, 0]));
    pen.stop();
}

#[test]
fn a_dead_server_is_noticed_although_its_flow_has_sent_to_another_since() {
    let a = UdpBackend::silent();
    let pen = Pen::builder()
        .udp()
        .server(private_address())
        .server(&a)
        .option("-r")
        .config("udp_requests 1")
        .command("threads 1")
        .start();
    let client = pen.udp_client();
    // All are in the queue, and are sent before pen hears of the first error.
    pen.signal(Signal::SIGSTOP);
    (0..20).for_each(|_| client.send("spread"));
    pen.signal(Signal::SIGCONT);
    wait_until("the dead server is blacklisted", || state(&pen, 0) == "blacklisted");
    pen.stop();
}

//! The same as flows of datagrams meet it: they stay with a server that drains, and leave one that is in maintenance or down.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use pen_tests::{Pen, UdpBackend, UdpClient, wait_until};

use super::seen::{Patients, bring_up, number, take_down};

fn named<const N: usize>(names: [&str; N]) -> [UdpBackend; N] {
    names.map(UdpBackend::named)
}

fn clients(pen: &Pen, count: usize) -> Vec<UdpClient> {
    (0..count).map(|_| pen.udp_client()).collect()
}

#[track_caller]
fn ask_all(clients: &[UdpClient]) -> String {
    clients.iter().map(|client| client.ask_for_text("?")).collect()
}

fn flows(pen: &Pen) -> Vec<usize> {
    pen.servers().iter().map(|server| server.conn).collect()
}

#[test]
fn flows_stay_with_a_server_that_drains() {
    let servers = named(["a", "b"]);
    let pen = Pen::builder().udp().servers(&servers).option("-r").start();
    let old = clients(&pen, 6);
    assert_eq!(ask_all(&old), "ababab");
    pen.tell("drain 0");
    assert_eq!(ask_all(&clients(&pen, 4)), "bbbb");
    assert_eq!(ask_all(&old), "ababab");
    pen.stop();
}

#[test]
fn flows_leave_a_server_in_maintenance_at_once() {
    for threads in ["threads 1", "threads 4"] {
        let servers = named(["a", "b"]);
        let pen = Pen::builder().udp().servers(&servers).option("-r").command(threads).start();
        let clients = clients(&pen, 40);
        ask_all(&clients);
        assert_eq!(flows(&pen), [20, 20]);
        pen.tell("maint 0");
        wait_until("nobody is at a", || flows(&pen)[0] == 0);
        assert_eq!(ask_all(&clients), "b".repeat(40));
        pen.tell("no maint 0");
        assert_eq!(ask_all(&clients), "b".repeat(40), "they have moved");
        pen.stop();
    }
}

#[test]
fn flows_leave_a_server_that_goes_down() {
    let servers = named(["a", "b"]);
    let pen = Pen::builder().udp().servers(&servers).option("-r").checked().start();
    let clients = clients(&pen, 20);
    ask_all(&clients);
    assert_eq!(flows(&pen), [10, 10]);
    take_down(&pen, 0);
    wait_until("nobody is at a", || flows(&pen)[0] == 0);
    assert_eq!(ask_all(&clients), "b".repeat(20));
    pen.stop();
}

#[test]
fn flows_without_a_server_that_is_up_stay_with_one_that_is_down_until_there_is() {
    let servers = named(["a", "b"]);
    let pen = Pen::builder().udp().servers(&servers).checked().start();
    let client = pen.udp_client();
    let first = client.ask_for_text("?");
    take_down(&pen, 1);
    take_down(&pen, 0);
    assert_eq!(client.ask_for_text("?"), "a");
    assert_eq!(client.ask_for_text("?"), "a", "whoever it was before: {first}");
    assert_eq!(number(&pen, "failed_open"), 1, "one flow has, and not each of its datagrams");
    bring_up(&pen, 1);
    wait_until("it has moved", || client.ask_for_text("?") == "b");
    pen.tell("no fail_open");
    take_down(&pen, 1);
    wait_until("nobody has a flow", || flows(&pen) == [0, 0]);
    client.send("lost");
    wait_until("it is counted", || number(&pen, "unserved") == 1);
    pen.stop();
}

#[test]
fn a_server_that_goes_down_and_stays_the_only_one_gets_nothing_twice() {
    let server = UdpBackend::silent();
    let pen = Pen::builder().udp().servers([server.address()]).checked().start();
    let client = pen.udp_client();
    let is_down = AtomicBool::new(false);
    let sent = std::thread::scope(|scope| {
        // Something that may not have arrived yet has been sent whenever it goes down.
        let sending = scope.spawn(|| {
            let mut sent = 0;
            while !is_down.load(Relaxed) {
                client.send(format!("{sent}"));
                sent += 1;
                server.wait_for(sent);
            }
            sent
        });
        take_down(&pen, 0);
        is_down.store(true, Relaxed);
        sending.join().unwrap()
    });
    client.send(format!("{sent}"));
    let all: Vec<Vec<u8>> = (0..=sent).map(|number| number.to_string().into_bytes()).collect();
    wait_until("the last has come", || server.datagrams().last() == all.last());
    assert!(server.datagrams() == all, "{} instead of {}", server.count(), all.len());
    assert_eq!(number(&pen, "failed_open"), 1);
    pen.stop();
}

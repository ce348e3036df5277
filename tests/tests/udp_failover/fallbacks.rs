//! Emergency and abuse servers, lists of clients, and servers that do not fail over.

use pen_tests::{Pen, UdpBackend, private_address, wait_until};

use super::seen::{flows, named, number, state};

#[test]
fn the_emergency_server_serves_when_nobody_else_does_and_is_left_when_somebody_is_back() {
    let [a, emergency] = named(["a", "emergency"]);
    let pen = Pen::builder().udp().server(&a).option(&format!("-e {emergency}")).start();
    let client = pen.udp_client();
    assert_eq!(client.ask_for_text("?"), "a");
    a.leave();
    assert_eq!(client.ask_for_text("?"), "emergency");
    assert_eq!(client.ask_for_text("?"), "emergency");
    a.come_back();
    pen.tell("server 0 blacklist 0");
    assert_eq!(client.ask_for_text("?"), "emergency", "a flow stays where it is");
    assert_eq!(pen.udp_client().ask_for_text("?"), "a", "the emergency server is never remembered");
    pen.stop();
}

#[test]
fn a_dead_emergency_server_is_asked_once_for_each_datagram() {
    let pen = Pen::builder()
        .udp()
        .server(private_address())
        .option(&format!("-e {}", private_address()))
        .option("-b 1000")
        .start();
    let client = pen.udp_client();
    for count in 1..=20 {
        client.send("?");
        wait_until("the datagram is given up", || number(&pen, "/udp/dropped") == count);
        assert_eq!(number(&pen, "/fallbacks/0/server/failures"), count);
    }
    assert_eq!(number(&pen, "/servers/0/failures"), 1);
    assert_eq!(number(&pen, "/connections"), 0);
    let peak = pen.process().status("VmHWM");
    let peak: u64 = peak.trim_end_matches(" kB").parse().expect("the kernel writes a number");
    assert!(peak < 128 * 1024, "{peak} KiB");
    pen.stop();
}

#[test]
fn refused_clients_go_to_the_abuse_server_and_to_nobody_else() {
    let [a, abuse, emergency] = named(["a", "abuse", "emergency"]);
    let pen = Pen::builder()
        .udp()
        .server(&a)
        .option(&format!("-e {emergency}"))
        .command(&format!("abuse {abuse}"))
        .command("acl 1 deny 127.0.0.7")
        .command("client_acl 1")
        .start();
    let (good, bad) = (pen.udp_client_from(1), pen.udp_client_from(7));
    for _ in 0..3 {
        assert_eq!((good.ask_for_text("?"), bad.ask_for_text("?")), ("a".into(), "abuse".into()));
    }
    abuse.leave();
    bad.send("?");
    wait_until("it is given up", || number(&pen, "/udp/dropped") == 1);
    assert_eq!((a.count(), emergency.count()), (3, 0));
    abuse.come_back();
    assert_eq!(bad.ask_for_text("?"), "abuse", "it is never blacklisted");
    pen.stop();
}

#[test]
fn refused_clients_take_nobodys_place_in_a_full_table() {
    let a = UdpBackend::named("a");
    let pen = Pen::builder()
        .udp()
        .server(&a)
        .option("-x 10")
        .command("threads 1")
        .command("acl 1 deny 127.0.0.7")
        .command("client_acl 1")
        .start();
    let good: Vec<_> = (0..10).map(|_| pen.udp_client_from(1)).collect();
    good.iter().for_each(|client| assert_eq!(client.ask(""), b"a"));
    let sources = a.sources();
    for _ in 0..100 {
        pen.udp_client_from(7).send("?");
    }
    wait_until("they are counted", || number(&pen, "/refused") == 100);
    assert_eq!(number(&pen, "/udp/dropped"), 100);
    assert_eq!(flows(&pen), [10]);
    a.forget();
    good.iter().for_each(|client| assert_eq!(client.ask(""), b"a"));
    assert_eq!(a.sources(), sources, "the flows are the same");
    pen.stop();
}

#[test]
fn a_servers_own_list_keeps_clients_away_from_it() {
    let servers = named(["a", "b"]);
    let pen = Pen::builder()
        .udp()
        .servers(&servers)
        .option("-r")
        .command("acl 2 permit 127.0.0.2")
        .command("server 0 acl 2")
        .start();
    let other: Vec<_> = (0..6).map(|_| pen.udp_client_from(1).ask_for_text("?")).collect();
    assert_eq!(other.concat(), "bbbbbb");
    let own: Vec<_> = (0..6).map(|_| pen.udp_client_from(2).ask_for_text("?")).collect();
    assert!(own.contains(&"a".into()), "{own:?}");
    pen.stop();
}

#[test]
fn a_stubborn_service_gives_a_datagram_up_rather_than_to_go_elsewhere() {
    let [a, b] = named(["a", "b"]);
    let pen = Pen::builder().udp().servers([&a, &b]).option("-s").option("-b 1").start();
    let client = pen.udp_client();
    assert_eq!(client.ask_for_text("?"), "a");
    a.leave();
    client.send("lost");
    wait_until("it is given up", || number(&pen, "/udp/dropped") == 1);
    client.send("lost, too");
    wait_until("it is given up", || number(&pen, "/udp/dropped") == 2);
    assert_eq!((b.count(), flows(&pen)), (0, vec![0, 0]));
    a.come_back();
    wait_until("a is up", || state(&pen, 0) == "up");
    assert_eq!(client.ask_for_text("?"), "a");
    pen.stop();
}

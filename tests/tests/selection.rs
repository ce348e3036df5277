//! Which server a client gets: modes, tracking, limits, failover, blacklist, emergency and abuse servers, lists.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::Ipv4Addr;

use pen_tests::{
    Backend, DeadPort, End, FullBacklog, Pen, Stream, in_own_network, in_parallel, run, wait_until,
};

fn named<const N: usize>(names: [&str; N]) -> [Backend; N] {
    names.map(Backend::named)
}

/// Who serves the clients 127.0.0.1 to 127.0.0.`count`.
fn who_serves(pen: &Pen, count: u8) -> Vec<String> {
    (1..=count).map(|host| pen.get_from(host)).collect()
}

/// How many connections each server has got.
fn spread(answers: impl IntoIterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer).or_default() += 1;
    }
    counts
}

#[test]
fn round_robin_takes_the_servers_in_turn_from_the_first() {
    let servers = named(["a", "b", "c"]);
    let pen = Pen::builder().servers(&servers).option("-r").start();
    let answers: Vec<_> = (0..9).map(|_| pen.get()).collect();
    assert_eq!(answers.concat(), "abcabcabc");
}

#[test]
fn round_robin_gives_every_server_the_same_share_whatever_the_number_of_threads() {
    let servers = named(["a", "b", "c"]);
    let pen = Pen::builder().servers(&servers).option("-r").command("threads 4").start();
    in_parallel(300, 8, |_| _ = pen.get());
    assert_eq!(servers.each_ref().map(Backend::total), [100, 100, 100]);
}

#[test]
fn new_clients_are_spread_and_known_clients_return_to_their_server() {
    let servers = named(["a", "b", "c"]);
    let pen = Pen::builder().servers(&servers).start();
    let first = who_serves(&pen, 9);
    assert_eq!(first.concat(), "abcabcabc");
    assert_eq!(who_serves(&pen, 9), first);
    assert_eq!(who_serves(&pen, 9), first);
}

#[test]
fn a_client_is_forgotten_after_tracking_seconds() {
    let servers = named(["a", "b"]);
    let pen = Pen::builder().servers(&servers).option("-T 1").start();
    assert_eq!(pen.get_from(1), "a");
    wait_until("the client is forgotten", || pen.ask("recent").is_empty());
    assert_eq!(pen.get_from(1), "b", "it counts as new, and b is next");
}

#[test]
fn an_open_connection_keeps_its_client_known() {
    let [a, b] = [Backend::holding("a"), Backend::holding("b")];
    let pen = Pen::builder().servers([&a, &b]).option("-T 1").start();
    let (_, _held) = pen.hold_from(1);
    let start = std::time::Instant::now();
    while start.elapsed() < std::time::Duration::from_millis(2500) {
        assert_eq!(pen.hold_from(1).0, "a");
    }
}

#[test]
fn the_client_used_longest_ago_gives_way_when_the_table_is_full() {
    let servers = named(["a", "b", "c"]);
    let pen = Pen::builder().servers(&servers).option("-c 2").start();
    // Clients 1 and 2 are known; 3 takes the place of 1, which is new afterwards and next in turn.
    let answers = [1, 2, 3, 2, 1].map(|host| pen.get_from(host));
    assert_eq!(answers.concat(), "abcba");
    assert_eq!(pen.ask("recent").lines().count(), 2);
}

#[test]
fn pens_with_the_same_servers_hash_alike() {
    let servers = named(["a", "b", "c", "d"]);
    let [one, two] = ["-h", "--hash"].map(|option| Pen::builder().servers(&servers).option(option).start());
    let choices = who_serves(&one, 60);
    assert_eq!(who_serves(&two, 60), choices);
    let shares = spread(choices);
    assert!(shares.len() == 4 && shares.values().all(|share| *share >= 5), "{shares:?}");
}

#[test]
fn removing_a_server_moves_only_its_own_clients() {
    let servers = named(["a", "b", "c", "d"]);
    let pen = Pen::builder().servers(&servers).option("-N").start();
    let before = who_serves(&pen, 100);
    pen.tell("no server 1");
    let after = who_serves(&pen, 100);
    for (before, after) in before.iter().zip(&after) {
        assert!(if before == "b" { after != "b" } else { after == before }, "{before} → {after}");
    }
    let heirs = spread(before.iter().zip(after).filter(|(before, _)| *before == "b").map(|(_, after)| after));
    assert!(heirs.len() > 1, "the clients of b are spread: {heirs:?}");
}

#[test]
fn hash_with_round_robin_goes_by_address_and_port() {
    let servers = named(["a", "b"]);
    let pen = Pen::builder().servers(&servers).option("-hr").start();
    let shares = spread((0..60).map(|_| pen.get()));
    assert_eq!(shares.len(), 2, "{shares:?}");
}

#[test]
fn weight_shares_connections_in_proportion() {
    let servers = ["a", "b", "c"].map(Backend::holding);
    let specs = servers.iter().zip([3, 1, 0]).map(|(server, weight)| format!("{server}:0:0:{weight}"));
    let pen = Pen::builder().servers(specs).option("-Wr").start();
    let _held: Vec<_> = (0..40).map(|_| pen.hold_from(1)).collect();
    assert_eq!(servers.each_ref().map(Backend::current), [30, 10, 0]);
}

#[test]
fn weights_that_are_all_zero_count_as_one() {
    let servers = ["a", "b"].map(Backend::holding);
    let pen = Pen::builder().servers(&servers).option("-Wr").start();
    let _held: Vec<_> = (0..20).map(|_| pen.hold_from(1)).collect();
    assert_eq!(servers.each_ref().map(Backend::current), [10, 10]);
}

#[test]
fn prio_takes_the_lowest_number_that_is_available() {
    let servers = named(["a", "b", "c"]);
    let specs = servers.iter().zip([2, 1, 1]).map(|(server, prio)| format!("{server}:0:0:0:{prio}"));
    let pen = Pen::builder().servers(specs).option("-r").command("prio").start();
    assert_eq!([pen.get(), pen.get()].concat(), "bb");
    servers[1].kill();
    assert_eq!([pen.get(), pen.get()].concat(), "cc");
    servers[2].kill();
    assert_eq!([pen.get(), pen.get()].concat(), "aa");
}

#[test]
fn prio_goes_before_weight_and_weight_before_hash() {
    let servers = named(["a", "b"]);
    let specs = [format!("{}:0:0:9:2", servers[0]), format!("{}:0:0:1:1", servers[1])];
    let pen = Pen::builder().servers(specs).option("-rWh").command("prio").start();
    assert_eq!(spread((0..8).map(|_| pen.get())), spread(vec!["b".to_owned(); 8]));
    pen.tell("no prio");
    assert_eq!(pen.get(), "a");
}

#[test]
fn max_is_for_new_clients_and_hard_for_known_ones() {
    let server = Backend::holding("a");
    let pen = Pen::builder().server(format!("{server}:2:3")).start();
    let _first = pen.hold_from(1).1;
    let _second = pen.hold_from(2).1;
    assert_eq!(pen.get_from(3), "", "a third client is one too many");
    let _known = pen.hold_from(1).1;
    assert_eq!(pen.get_from(2), "", "a fourth connection is beyond the hard limit");
    assert_eq!(server.total(), 3);
}

#[test]
fn hard_is_max_when_it_is_not_given() {
    let server = Backend::holding("a");
    let pen = Pen::builder().server(format!("{server}:1")).start();
    let _first = pen.hold_from(1).1;
    assert_eq!(pen.get_from(1), "");
}

#[test]
fn a_full_server_is_passed_over_and_used_again_when_there_is_room() {
    let [a, b] = [Backend::holding("a"), Backend::holding("b")];
    let pen = Pen::builder().servers([format!("{a}:1"), b.to_string()]).option("-r").start();
    let (name, held) = pen.hold_from(1);
    assert_eq!(name, "a");
    assert_eq!((pen.hold_from(1).0, pen.hold_from(1).0), ("b".into(), "b".into()));
    drop(held);
    wait_until("the place is free", || pen.servers()[0].conn == 0);
    wait_until("it is a's turn", || pen.hold_from(1).0 == "a");
}

#[test]
fn limits_are_exact_under_concurrency() {
    // Ends by the client's word, so that the server has counted a connection as gone before pen can know it.
    let server = Backend::serve(|client| {
        let _ = { client }.write_all(b"a\n");
        let _ = std::io::Read::read_exact(&mut { client }, &mut [0]);
    });
    let pen = Pen::builder().server(format!("{server}:10")).option("-x 1000").command("threads 4").start();
    in_parallel(4_000, 200, |number| {
        let source = Ipv4Addr::new(127, 0, 1, (number % 200) as u8 + 1).into();
        let client = Stream::connect_from(source, pen.address()).unwrap();
        let mut byte = [0; 2];
        if std::io::Read::read_exact(&mut &client, &mut byte).is_ok() {
            client.send("x");
            client.drain();
        }
    });
    assert!(server.peak() <= 10, "{} connections at once", server.peak());
    assert!(server.total() >= 10);
    pen.wait_until_idle();
    assert!(pen.ask("status text").contains("up"), "a full server is not a failed one");
}

#[test]
fn failover_takes_the_next_slots_in_order() {
    let dead = DeadPort::new();
    let [a, b] = named(["a", "b"]);
    let pen = Pen::builder().servers([dead.to_string(), a.to_string(), b.to_string()]).start();
    assert_eq!(pen.get_from(1), "a");
    a.kill();
    assert_eq!(pen.get_from(1), "b");
    a.revive();
    pen.tell("server 1 blacklist 0");
    assert_eq!(pen.get_from(1), "b", "the client has moved");
}

#[test]
fn failover_wraps_around() {
    let dead = DeadPort::new();
    let [a, b] = named(["a", "b"]);
    let pen = Pen::builder().servers([a.to_string(), b.to_string(), dead.to_string()]).option("-r").start();
    assert_eq!([pen.get(), pen.get(), pen.get()].concat(), "aba");
}

#[test]
fn a_stubborn_pen_closes_instead_of_failing_over() {
    let dead = DeadPort::new();
    let a = Backend::named("a");
    let pen = Pen::builder().servers([dead.to_string(), a.to_string()]).option("-s").option("-r").start();
    assert_eq!(pen.get(), "");
    assert_eq!(a.total(), 0);
}

#[test]
fn without_any_server_left_the_client_is_closed() {
    let dead = [DeadPort::new(), DeadPort::new()];
    let pen = Pen::builder().servers(&dead).start();
    for _ in 0..3 {
        let received = pen.connect().drain();
        assert_eq!(received.text(), "");
        assert_ne!(received.end, End::Open);
    }
}

#[test]
fn a_failed_server_is_left_alone_until_the_blacklist_is_cleared() {
    let [a, b] = named(["a", "b"]);
    let pen = Pen::builder().servers([&a, &b]).option("-r").start();
    a.refuse();
    assert_eq!(pen.get(), "b");
    let status = pen.ask("status text");
    assert!(status.to_lowercase().contains("connection refused"), "{status}");
    a.revive();
    assert_eq!(spread((0..4).map(|_| pen.get())), spread(vec!["b".to_owned(); 4]));
    pen.tell("server 0 blacklist 0");
    assert_eq!(spread((0..4).map(|_| pen.get())).len(), 2);
}

#[test]
fn a_failed_server_is_tried_again_after_blacklist_seconds() {
    let [a, b] = named(["a", "b"]);
    let pen = Pen::builder().servers([&a, &b]).option("-r").option("-b 1").start();
    a.refuse();
    assert_eq!(pen.get(), "b");
    a.revive();
    wait_until("a is used again", || pen.get() == "a");
}

#[test]
fn a_server_can_be_blacklisted_by_hand() {
    let [a, b] = named(["a", "b"]);
    let pen = Pen::builder().servers([&a, &b]).option("-r").start();
    pen.tell("server 0 blacklist 100");
    assert_eq!(spread((0..4).map(|_| pen.get())), spread(vec!["b".to_owned(); 4]));
    pen.tell("server 0 blacklist 0");
    assert_eq!(spread((0..4).map(|_| pen.get())).len(), 2);
}

#[test]
fn a_connect_that_times_out_blacklists() {
    let full = FullBacklog::new();
    let a = Backend::named("a");
    let pen = Pen::builder().servers([full.to_string(), a.to_string()]).option("-r").option("-t 1").start();
    assert_eq!(pen.get(), "a");
    assert!(pen.ask("status text").contains("blacklisted"));
}

#[test]
fn the_emergency_server_serves_when_nobody_else_can_and_is_not_remembered() {
    let a = Backend::named("a");
    let emergency = Backend::named("e");
    let pen = Pen::builder().servers([&a]).option(&format!("-e {emergency}")).start();
    a.refuse();
    assert_eq!([pen.get(), pen.get()].concat(), "ee");
    a.revive();
    pen.tell("server 0 blacklist 0");
    assert_eq!(pen.get(), "a");
}

#[test]
fn a_full_server_sends_clients_to_the_emergency_server() {
    let a = Backend::holding("a");
    let emergency = Backend::named("e");
    let pen = Pen::builder().server(format!("{a}:1")).option(&format!("-e {emergency}")).start();
    let _held = pen.hold_from(1);
    assert_eq!(pen.get_from(2), "e");
}

#[test]
fn the_emergency_server_is_never_blacklisted() {
    let dead = DeadPort::new();
    let emergency = Backend::named("e");
    let pen = Pen::builder().servers([&dead]).option(&format!("-e {emergency}")).start();
    emergency.refuse();
    assert_eq!(pen.get(), "");
    emergency.revive();
    assert_eq!(pen.get(), "e");
}

#[test]
fn refused_clients_are_closed_without_an_abuse_server() {
    let a = Backend::named("a");
    let pen = Pen::builder().servers([&a]).command("acl 1 deny 127.0.0.5").command("client_acl 1").start();
    assert_eq!((pen.get_from(5), pen.get_from(6)), (String::new(), "a".into()));
}

#[test]
fn refused_clients_go_to_the_abuse_server() {
    let [a, abuse] = named(["a", "x"]);
    let builder = Pen::builder().servers([&a]).option(&format!("-B {abuse}"));
    let pen = builder.command("acl 1 deny 127.0.0.5").command("client_acl 1").start();
    assert_eq!((pen.get_from(5), pen.get_from(6)), ("x".into(), "a".into()));
    assert_eq!(pen.ask("client_acl 0"), "0\n");
    assert_eq!(pen.get_from(5), "a", "the abuse server is not remembered");
}

#[test]
fn a_server_is_only_for_the_clients_that_its_list_permits() {
    let [a, b] = named(["a", "b"]);
    let pen = Pen::builder().servers([&a, &b]).option("-r").start();
    pen.tell("acl 2 permit 127.0.0.8/29");
    pen.tell("server 0 acl 2");
    assert_eq!(spread((0..4).map(|_| pen.get_from(3))), spread(vec!["b".to_owned(); 4]));
    assert_eq!(spread((0..4).map(|_| pen.get_from(9))).len(), 2);
}

#[test]
fn access_lists_decide_by_the_first_match_and_else_by_the_opposite_of_the_last_entry() {
    let a = Backend::named("a");
    let pen = Pen::builder().servers([&a]).start();
    let allowed = |host| pen.get_from(host) == "a";
    for command in ["acl 3 permit 127.0.0.9", "acl 3 deny 127.0.0.8 255.255.255.248", "client_acl 3"] {
        let _ = pen.ask(command);
    }
    // Permitted by the first entry, denied by the second, permitted as the opposite of a denial.
    assert_eq!([allowed(9), allowed(10), allowed(16)], [true, false, true]);
    pen.tell("acl 3 permit 127.0.0.1");
    assert_eq!([allowed(1), allowed(16)], [true, false]);
    pen.tell("no acl 3");
    assert!(allowed(10), "an empty list permits all");
}

#[test]
fn our_own_shortage_of_ports_blacklists_nobody() {
    in_own_network(|| {
        run("sh", &["-c", "echo 40000 40003 > /proc/sys/net/ipv4/ip_local_port_range"]);
        let server =
            Backend::serve_at(&"127.0.0.1:80".parse::<std::net::SocketAddr>().unwrap().into(), |client| {
                let _ = { client }.write_all(b"a\n");
                client.drain();
            });
        let pen = Pen::builder().servers([&server]).option("-r").start();
        let connect = |host| {
            let source = Ipv4Addr::new(127, 0, 1, host).into();
            Stream::connect_from(source, pen.address()).unwrap()
        };
        let held: Vec<_> = (1..=4).map(connect).collect();
        for client in &held {
            assert_eq!(client.line(), "a");
        }
        assert_eq!(connect(5).drain().text(), "", "there is no port left for a fifth");
        let status = pen.ask("status text");
        assert!(!status.contains("blacklisted"), "{status}");
        drop(held);
        // The server's ends close first in nobody's case, so the ports come back when TIME_WAIT lets them.
        pen.wait_until_idle();
    });
}

#[test]
fn an_emptied_slot_is_skipped_and_its_connections_go_on() {
    let [a, b] = [Backend::holding("a"), Backend::holding("b")];
    let pen = Pen::builder().servers([&a, &b]).option("-r").start();
    let (name, held) = pen.hold_from(1);
    assert_eq!(name, "a");
    pen.tell("no server 0");
    assert_eq!((pen.hold_from(1).0, pen.hold_from(1).0), ("b".into(), "b".into()));
    assert_eq!(a.current(), 1);
    held.finish();
    assert_eq!(held.drain().end, End::Eof);
}

#[test]
fn a_new_server_in_a_slot_does_not_inherit_the_connections_of_the_old_one() {
    let [a, b] = [Backend::holding("a"), Backend::holding("b")];
    let pen = Pen::builder().server(format!("{a}:1")).option("-r").start();
    let (_, held) = pen.hold_from(1);
    pen.tell(&format!("server 0 address 127.0.0.1 port {}", b.address().port()));
    let (name, _held_too) = pen.hold_from(1);
    assert_eq!(name, "b");
    assert_eq!(pen.servers()[0].conn, 1);
    drop(held);
    wait_until("the old server's connection is gone", || a.current() == 0);
    assert_eq!(pen.servers()[0].conn, 1);
}

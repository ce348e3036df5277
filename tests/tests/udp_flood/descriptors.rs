//! Fewer descriptors than flows.

use pen_tests::udp::ManySources;
use pen_tests::{Pen, UdpBackend, alone, wait_until};

use super::{flows, number, telling};

/// A pen with two servers that may have 100 descriptors, its servers, and how many it has at rest.
fn short_of_descriptors(threads: &str) -> (Pen, [UdpBackend; 2], usize) {
    let servers = ["a", "b"].map(telling);
    let pen = Pen::builder()
        .udp()
        .under(["prlimit", "--nofile=100:100"])
        .servers(&servers)
        .option("-r")
        .command(threads)
        .command("udp_timeout 600")
        .start();
    let descriptors = pen.process().descriptors_at_rest();
    (pen, servers, descriptors)
}

/// Nobody was blamed, and nothing stays.
#[track_caller]
fn expect_recovery(pen: Pen, descriptors: usize) {
    let status = pen.ask("status text");
    assert!(!status.contains("blacklisted"), "{status}");
    assert_eq!([0, 1].map(|slot| number(&pen, &format!("/servers/{slot}/failures"))), [0, 0]);
    pen.tell("udp_timeout 1");
    wait_until("no flow is left", || number(&pen, "/connections") == 0);
    assert_eq!(flows(&pen), [0, 0]);
    pen.process().expect_descriptors(descriptors);
    pen.stop();
}

#[test]
fn with_100_descriptors_the_flows_that_are_used_go_on() {
    let _alone = alone();
    let (pen, _servers, descriptors) = short_of_descriptors("threads 1");
    let known = pen.udp_client();
    assert_eq!(known.ask_for_text("?"), "a:?");
    let flood = ManySources::of(pen.address());
    for round in 0..100 {
        (0..20).for_each(|number| flood.send(round * 20 + number, b"flood"));
        assert_eq!(known.ask_for_text("still"), "a:still");
        assert!(pen.process().descriptors() <= 100);
        // Those who come later get a place, too.
        let late = pen.udp_client().ask_for_text("late");
        assert!(late.ends_with(":late"), "{late}");
    }
    assert_eq!(number(&pen, "/udp/received"), 1 + 100 * 22);
    expect_recovery(pen, descriptors);
}

#[test]
fn with_100_descriptors_several_workers_serve_their_clients() {
    let _alone = alone();
    let (pen, _servers, descriptors) = short_of_descriptors("threads 3");
    let flood = ManySources::of(pen.address());
    for round in 0..20 {
        (0..100).for_each(|number| flood.send(round * 100 + number, b"flood"));
        assert!(pen.process().descriptors() <= 100);
        let late = pen.udp_client();
        wait_until("a client is served", || {
            late.send("late");
            late.receive_within(std::time::Duration::from_millis(100)).is_some()
        });
    }
    expect_recovery(pen, descriptors);
}

#[test]
fn a_pen_without_descriptors_does_not_spin() {
    let _alone = alone();
    let server = telling("a");
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("trace");
    let pen = Pen::builder()
        .udp()
        .under([
            "prlimit",
            "--nofile=100:100",
            "strace",
            "-f",
            "-e",
            "trace=epoll_wait",
            "-o",
            &trace.to_string_lossy(),
        ])
        .server(&server)
        .option("-r")
        .command("threads 1")
        .command("udp_timeout 600")
        .start();
    let flood = ManySources::of(pen.address());
    for sent in 1..=300 {
        flood.send(sent, b"flood");
        wait_until("it is dealt with", || number(&pen, "/udp/received") == u64::from(sent));
    }
    pen.stop();
    let trace = std::fs::read_to_string(trace).unwrap();
    let waits = trace.lines().filter(|line| line.contains("epoll_wait(")).count();
    // A datagram, its answer, and what control sessions, clocks and the start take.
    assert!(waits < 300 * 20, "{waits} waits for 300 datagrams");
}

//! Fewer descriptors than flows.

use pen_tests::udp::ManySources;
use pen_tests::{Pen, alone, wait_until};

use super::{flows, number, telling};

#[test]
fn with_100_descriptors_flows_go_on_and_nobody_is_blamed() {
    for threads in [1, 2] {
        let _alone = alone();
        let servers = ["a", "b"].map(telling);
        let pen = Pen::builder()
            .udp()
            .under(["prlimit", "--nofile=100:100"])
            .servers(&servers)
            .option("-r")
            .command(&format!("threads {threads}"))
            .command("udp_timeout 600")
            .start();
        let descriptors = pen.process().descriptors_at_rest();
        let known = pen.udp_client();
        let server = known.ask_for_text("?")[..1].to_owned();
        let flood = ManySources::of(pen.address());
        for round in 0..20 {
            (0..100).for_each(|number| flood.send(round * 100 + number, b"flood"));
            assert_eq!(known.ask_for_text("still"), format!("{server}:still"), "threads {threads}");
            flood.receive_all();
            assert!(pen.process().descriptors() <= 100);
        }
        assert_eq!(number(&pen, "/udp/received"), 1 + 20 * 101);
        let status = pen.ask("status text");
        assert!(!status.contains("blacklisted"), "{status}");
        assert_eq!([0, 1].map(|slot| number(&pen, &format!("/servers/{slot}/failures"))), [0, 0]);
        // Those who come later get a place, too.
        for _ in 0..20 {
            let text = pen.udp_client().ask_for_text("late");
            assert!(text.ends_with(":late"), "{text}");
        }
        pen.tell("udp_timeout 1");
        wait_until("no flow is left", || number(&pen, "/connections") == 0);
        assert_eq!(flows(&pen), [0, 0]);
        pen.process().expect_descriptors(descriptors);
        pen.stop();
    }
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

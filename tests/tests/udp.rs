//! Forwarding of datagrams: who gets them, whose the answers are, when a flow ends, and what that costs.

use std::collections::BTreeSet;

use pen_tests::udp::LARGEST;
use pen_tests::{Address, Family, Pen, UdpBackend, UdpClient, alone, program, wait_until};

fn flows(pen: &Pen) -> Vec<usize> {
    pen.servers().iter().map(|server| server.conn).collect()
}

/// The ports that a server has got datagrams from.
fn ports(server: &UdpBackend) -> BTreeSet<String> {
    server.sources().iter().map(ToString::to_string).collect()
}

#[test]
fn the_datagrams_of_one_client_go_to_one_server() {
    let (a, b) = (UdpBackend::named("a"), UdpBackend::named("b"));
    let pen = Pen::builder().udp().servers([&a, &b]).option("-r").start();
    let clients = [pen.udp_client(), pen.udp_client()];
    for _ in 0..3 {
        assert_eq!(clients.each_ref().map(|client| client.ask_for_text("?")), ["a", "b"]);
    }
    assert_eq!((flows(&pen), ports(&a).len(), ports(&b).len()), (vec![1, 1], 1, 1));
    pen.stop();
}

#[test]
fn datagrams_of_any_size_arrive_unchanged() {
    let server = UdpBackend::echo();
    let pen = Pen::builder().udp().servers([&server]).start();
    let client = pen.udp_client();
    for size in [0, 1, 1_400, 1_472, 1_473, 9_000, 65_506, LARGEST, 0] {
        let datagram: Vec<u8> = (0..size).map(|at| (at * 7 + size) as u8).collect();
        assert!(client.ask(&datagram) == datagram, "one of {size} bytes has changed");
    }
    pen.stop();
}

#[test]
fn clients_and_servers_may_be_of_different_families() {
    for family in [Family::Tcp4, Family::Tcp6, Family::Unix] {
        for of_server in [Family::Tcp4, Family::Tcp6, Family::Unix] {
            let server = UdpBackend::echo_on(of_server);
            let pen = Pen::builder().udp().listen_on(family).server(&server).start();
            let client = pen.udp_client();
            for text in ["one", "two", ""] {
                assert_eq!(client.ask_for_text(text), text, "from {family:?} to {of_server:?}");
            }
            pen.stop();
        }
    }
}

#[test]
fn answers_come_from_the_address_that_the_client_used() {
    let server = UdpBackend::echo();
    let pen = Pen::builder().udp().listen_at(any_address()).server(&server).start();
    for host in [1, 2, 77] {
        let to = Address::from(std::net::SocketAddr::from(([127, 0, 0, host], pen.address().port())));
        // It looks from where the answer comes.
        assert_eq!(UdpClient::of(&to).ask_for_text("?"), "?");
    }
    pen.stop();
}

fn any_address() -> Address {
    let unused = pen_tests::udp::unused_address();
    Address::from(std::net::SocketAddr::from(([0, 0, 0, 0], unused.port())))
}

#[test]
fn what_comes_before_the_first_answer_goes_to_the_same_server() {
    let servers = ["a", "b", "c"].map(|_| UdpBackend::silent());
    let pen = Pen::builder().udp().servers(&servers).option("-r").start();
    let client = pen.udp_client();
    (0..100_u8).for_each(|number| client.send([number]));
    servers[0].wait_for(100);
    assert_eq!(
        servers[0].datagrams(),
        (0..100_u8).map(|number| vec![number]).collect::<Vec<_>>(),
        "in their order"
    );
    assert_eq!(flows(&pen), [1, 0, 0]);
    pen.stop();
}

#[test]
fn a_flow_ends_after_udp_timeout_seconds_of_silence() {
    let server = UdpBackend::echo();
    let pen = Pen::builder().udp().server(&server).command("udp_timeout 1").start();
    let client = pen.udp_client();
    client.ask("?");
    assert_eq!(flows(&pen), [1]);
    pen.wait_until_idle();
    client.ask("again");
    assert_eq!(ports(&server).len(), 2, "each flow has a port of its own");
    pen.stop();
}

#[test]
fn a_flow_ends_with_the_answers_to_all_of_its_datagrams() {
    let server = UdpBackend::silent();
    let pen = Pen::builder().udp().server(&server).command("udp_responses 1").start();
    let client = pen.udp_client();
    (0..3).for_each(|_| client.send("?"));
    server.wait_for(3);
    let port = server.sources()[0].clone();
    for answers in 1..=2 {
        server.send("!", &port);
        client.receive();
        assert_eq!(flows(&pen), [1], "after {answers} answers to 3 questions");
    }
    server.send("!", &port);
    client.receive();
    pen.wait_until_idle();
    pen.stop();
}

#[test]
fn udp_requests_spreads_a_single_source_evenly() {
    let servers = ["a", "b", "c"].map(|_| UdpBackend::silent());
    let pen = Pen::builder().udp().servers(&servers).command("udp_requests 2").start();
    let client = pen.udp_client();
    (0..60_u8).for_each(|number| client.send([number]));
    for server in &servers {
        server.wait_for(20);
    }
    for (place, server) in servers.iter().enumerate() {
        let pairs: Vec<u8> = (0..60).filter(|number| usize::from(*number) / 2 % 3 == place).collect();
        assert_eq!(server.datagrams().concat(), pairs);
    }
    assert_eq!(pen.servers().iter().map(|server| server.conn).sum::<usize>(), 1, "it is still one flow");
    pen.stop();
}

#[test]
fn a_full_table_ends_the_flow_that_was_used_least_recently_on_one_thread_and_on_two() {
    for threads in ["threads 1", "threads 2"] {
        let server = UdpBackend::echo();
        let pen = Pen::builder().udp().server(&server).option("-r").option("-x 4").command(threads).start();
        // The kernel may give all clients to one thread.
        for _ in 0..40 {
            pen.udp_client().ask("?");
            assert!(flows(&pen)[0] <= 4 + 2);
        }
        wait_until("no more than 4 are left", || flows(&pen)[0] <= 4);
        if threads == "threads 1" {
            let known = pen.udp_client();
            known.ask("?");
            server.forget();
            for _ in 0..3 {
                pen.udp_client().ask("?");
            }
            // A use in the same millisecond as the last one does not count.
            let begin = std::time::Instant::now();
            while begin.elapsed().as_millis() < 3 {
                known.ask("still");
            }
            pen.udp_client().ask("?");
            known.ask("still");
            assert_eq!(ports(&server).len(), 5, "four others, and the known one by its own port");
        }
        pen.stop();
    }
}

#[test]
fn flows_of_different_servers_share_their_ports() {
    let servers = ["a", "b", "c", "d"].map(UdpBackend::named);
    let pen = Pen::builder().udp().servers(&servers).option("-r").command("threads 1").start();
    let clients: Vec<UdpClient> = (0..40).map(|_| pen.udp_client()).collect();
    for (number, client) in clients.iter().enumerate() {
        assert_eq!(client.ask_for_text("?"), ["a", "b", "c", "d"][number % 4]);
    }
    let all: BTreeSet<String> = servers.iter().flat_map(ports).collect();
    assert!(servers.iter().all(|server| ports(server).len() == 10), "no server sees two clients at one port");
    assert!(all.len() < 20, "{} ports for 40 flows", all.len());
    pen.stop();
}

#[test]
fn a_pen_that_ends_waits_for_the_last_answers() {
    let server = UdpBackend::silent();
    let pen = Pen::builder()
        .udp()
        .server(&server)
        .command("shutdown_timeout 60")
        .command("udp_responses 1")
        .start();
    let client = pen.udp_client();
    client.send("?");
    server.wait_for(1);
    pen.signal(nix::sys::signal::Signal::SIGTERM);
    wait_until("pen is ending", || pen.ask("timeout 5").contains("stopping"));
    server.send("!", &server.sources()[0]);
    assert_eq!(client.receive(), b"!");
    assert_eq!(pen.wait().code, Some(0));
}

#[test]
fn a_datagram_and_its_answer_take_few_system_calls() {
    const ROUNDS: usize = 200;
    const CLIENTS: usize = 32;
    let _alone = alone();
    let server = UdpBackend::echo();
    let directory = tempfile::tempdir().unwrap();
    let summary = directory.path().join("summary");
    let strace = program::find("strace");
    let pen = Pen::builder()
        .udp()
        .server(&server)
        .command("threads 1")
        .under([&strace.to_string_lossy(), "-f", "-c", "-o", &summary.to_string_lossy()])
        .start();
    let clients: Vec<UdpClient> = (0..CLIENTS).map(|_| pen.udp_client()).collect();
    for _ in 0..ROUNDS {
        for client in &clients {
            client.send("?");
        }
        for client in &clients {
            assert_eq!(client.receive(), b"?");
        }
    }
    pen.stop();
    let table = std::fs::read_to_string(summary).unwrap();
    let total = table.lines().find(|line| line.ends_with(" total")).expect("strace prints a total");
    let calls: usize = total.split_whitespace().nth(3).and_then(|calls| calls.parse().ok()).unwrap();
    eprintln!("{table}");
    // One to send it on and one to receive the answer; the others serve several, and start and stop pen.
    assert!(
        calls <= 5 * ROUNDS * CLIENTS,
        "{calls} system calls for {} datagrams\n{table}",
        ROUNDS * CLIENTS
    );
}

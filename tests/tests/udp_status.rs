//! What the status tells of datagrams, and of flows, which it shows as connections.

use nix::sys::signal::Signal;
use pen_tests::udp::receive_queue;
use pen_tests::{Pen, UdpBackend, UdpClient, complaints_of_promtool, wait_until};
use serde_json::{Value, json};

/// More than two workers tell at once.
const MANY: usize = 1_300;

fn service(pen: &Pen) -> Value {
    pen.status()["services"][0].clone()
}

/// The descriptors and the rest of what `connection N` answers.
fn connection(pen: &Pen, number: usize) -> (i32, i32, String) {
    let answer = pen.ask(&format!("connection {number}"));
    let words: Vec<&str> = answer.split([' ', ',', '\n']).filter(|word| !word.is_empty()).collect();
    let after = |name: &str| {
        let at = words.iter().position(|word| *word == name).expect("the answer has all its lines");
        words[at + 2].parse().expect("a number stands there")
    };
    let (down, up) = (after("downfd"), after("upfd"));
    let rest = answer
        .replace(&format!("downfd = {down}"), "downfd = D")
        .replace(&format!("upfd = {up}"), "upfd = U");
    (down, up, rest)
}

#[test]
fn datagrams_are_counted_in_all_forms_of_the_status() {
    let server = UdpBackend::echo();
    let pen = Pen::builder().udp().server(&server).command("udp_timeout 90").start();
    assert_eq!(service(&pen)["udp"], json!({"received": 0, "answered": 0, "dropped": 0, "lost": 0}));
    let client = pen.udp_client();
    for _ in 0..3 {
        client.ask("abc");
    }
    assert_eq!(service(&pen)["udp"], json!({"received": 3, "answered": 3, "dropped": 0, "lost": 0}));
    assert_eq!(service(&pen)["limits"]["udp_timeout"], 90);
    pen.tell("no server 0");
    client.send("lost");
    let expected = json!({"received": 4, "answered": 3, "dropped": 1, "lost": 0});
    wait_until("the datagram without a server is counted", || service(&pen)["udp"] == expected);

    let metrics = pen.ask("status prometheus");
    assert_eq!(complaints_of_promtool(&metrics), "", "of:\n{metrics}");
    for (name, count) in [("received", 4), ("answered", 3), ("dropped", 1), ("lost", 0)] {
        let line = format!("pen_udp_{name}_datagrams_total{{service=\"default\"}} {count}");
        assert!(metrics.contains(&format!("\n{line}\n")), "{line} in:\n{metrics}");
    }
    let (text, page) = (pen.ask("status text"), pen.ask("status html"));
    for (name, told) in [
        ("datagrams", "4 from clients, 3 back to them, 1 dropped, 0 lost in full queues"),
        ("flows", "end after 1 min 30 s of silence"),
    ] {
        assert!(text.contains(&format!("\n  {name:<11}  {told}\n")), "{name} in:\n{text}");
        assert!(page.contains(&format!("<dt>{name}</dt><dd>{told}</dd>")), "{name} in:\n{page}");
    }
    let listens = format!("{} (UDP)", pen.address());
    assert!(text.contains(&format!("\n  listens on   {listens}\n")), "{text}");
    assert!(page.contains(&format!("<dt>listens on</dt><dd>{listens}</dd>")), "{page}");
}

#[test]
fn a_service_of_connections_has_no_datagrams_to_tell() {
    let pen = Pen::builder().two_dead_servers().start();
    assert_eq!(service(&pen)["udp"], Value::Null);
    for form in ["text", "html", "prometheus"] {
        let told = pen.ask(&format!("status {form}"));
        assert!(!told.contains("UDP") && !told.contains("datagram"), "{told}");
    }
}

#[test]
fn flows_are_shown_as_connections_and_can_be_ended() {
    let servers = [UdpBackend::named("a"), UdpBackend::named("b")];
    let pen = Pen::builder().udp().servers(&servers).option("-r").command("threads 1").start();
    let clients = [pen.udp_client(), pen.udp_client()];
    assert_eq!(clients.each_ref().map(|client| client.ask_for_text("?")), ["a", "b"]);

    for (number, server) in [(0, 0), (1, 1)] {
        let (down, up, rest) = connection(&pen, number);
        let expected = format!(
            "Connection {number}:\nstate = 2\ndownfd = D, upfd = U\nclient = 0, server = {server}\npend = 0\n"
        );
        assert_eq!(rest, expected);
        // Many flows share a descriptor: the first of them is told.
        for descriptor in [down, up] {
            let told = pen.ask(&format!("socket {descriptor}"));
            assert_eq!(told, format!("Socket {descriptor} belongs to connection 0\n"));
        }
    }
    let lines = pen.ask("connections");
    assert_eq!(lines.lines().count(), 2, "{lines}");
    assert!(lines.starts_with("0 client 127.0.0.1 index 0 server 0 state connected downfd "), "{lines}");
    assert!(pen.ask("status html").contains("Number of connections: 500 max, 2 used"));

    assert_eq!(pen.ask("close 0"), "Forcibly closing connection 0\n");
    wait_until("the flow has ended", || pen.ask("connections").lines().count() == 1);
    assert_eq!(pen.servers().iter().map(|server| server.conn).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(connection(&pen, 0), (-1, -1, unused(0)));
    // Its next datagram begins another one.
    clients[0].ask("?");
    assert_eq!(pen.ask("connections").lines().count(), 2);
}

/// What `connection N` answers where there is none.
fn unused(number: usize) -> String {
    format!("Connection {number}:\nstate = 0\ndownfd = D, upfd = U\nclient = 0, server = 0\npend = 0\n")
}

#[test]
fn a_thousand_flows_of_several_services_are_told_completely() {
    let server = UdpBackend::echo();
    let at = pen_tests::udp::unused_address();
    let config = format!(
        "threads 2\nconn_max 2000\nservice other\nudp\nlisten {at}\nconn_max 2000\nserver 0 address {} port {}\n",
        server.address().ip().ip(),
        server.address().port()
    );
    let pen = Pen::builder().udp().server(&server).config(&config).start();
    let clients: Vec<UdpClient> = (0..MANY)
        .map(|number| match number % 2 {
            0 => pen.udp_client(),
            _ => UdpClient::of(&at.into()),
        })
        .collect();
    for client in &clients {
        client.ask("?");
    }
    let status = pen.status();
    for service in status["services"].as_array().unwrap() {
        let numbers = service["open_connections"].as_array().unwrap();
        assert_eq!(numbers.len(), MANY / 2, "{}", service["name"]);
        assert_eq!(service["connections"], MANY / 2);
    }
    let mut numbers: Vec<u64> = status["services"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|service| service["open_connections"].as_array().unwrap())
        .map(|flow| flow["number"].as_u64().unwrap())
        .collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..MANY as u64), "each has the lowest number that was free");
}

#[test]
fn what_the_kernel_throws_away_is_counted_and_stays_counted() {
    let server = UdpBackend::silent();
    let pen = Pen::builder().udp().server(&server).command("threads 1").start();
    let client = pen.udp_client();
    let large = vec![0; 60_000];
    pen.signal(Signal::SIGSTOP);
    // More than any queue holds.
    (0..1_000).for_each(|_| client.send(&large));
    let lost = receive_queue(pen.address().ip()).expect("pen has a socket").drops;
    pen.signal(Signal::SIGCONT);
    assert!(lost > 0);
    // The worker may not even have taken its listener on.
    wait_until("the losses are told", || service(&pen)["udp"]["lost"] == lost);
    wait_until("the others were received", || service(&pen)["udp"]["received"] == 1_000 - lost);
    let told = format!(", 0 dropped, {lost} lost in full queues\n");
    assert!(pen.ask("status text").contains(&told));

    let elsewhere = pen_tests::udp::unused_address();
    pen.tell("udp_timeout 1");
    pen.ask(&format!("listen {elsewhere}"));
    wait_until("the old listener is gone", || receive_queue(pen.address().ip()).is_none());
    assert_eq!(service(&pen)["udp"]["lost"], lost);
}

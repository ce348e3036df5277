//! The soak's sister for what is in front of the relay: random connections through PROXY headers, TLS and `-H`, by clients that
//! do as they should, and by others that reset, stall, lie, cut handshakes, send garbage and requests of two meanings.
//!
//! The life of a connection is a function of its number, which is in each request: client and server know it both.

#[path = "soak_secure/client.rs"]
mod client;
#[path = "soak_secure/life.rs"]
mod life;
#[path = "soak_secure/server.rs"]
mod server;

use std::sync::mpsc::{Sender, channel};
use std::thread;

use pen_tests::soak::Complaints;
use pen_tests::{Authority, Backend, Order, Pen, Stream, in_parallel, wait_until};
use serde_json::Value;

use client::Clients;
use life::{Behaviour, Life};

const CONNECTIONS: u64 = 5_000;
/// They have made pen's tables and buffers as large as they get.
const WARM_UP: u64 = 500;
const PARALLEL: usize = 64;
const NAME: &str = "www.example.com";

#[test]
fn thousands_of_random_connections_through_everything_leave_nothing_behind() {
    let complaints = Complaints::default();
    let servers = [(); 2].map(|()| {
        let complaints = complaints.clone();
        Backend::serve(move |stream| _ = server::serve(stream, &complaints))
    });
    let root = Authority::new("root");
    let pen = Pen::builder()
        .servers(&servers)
        .tls(&root.intermediate("issuer").issue(&Order::server(NAME)))
        .option("-H")
        .option("-r")
        .option("-x 2000")
        .command("proxy_protocol accept 0")
        .command("threads 2")
        .command("idle_timeout 5")
        .start();
    let clients = Clients::new(&pen, &root, NAME, complaints.clone(), graveyard());

    in_parallel(WARM_UP as usize, PARALLEL, |number| clients.live(Life::of(number as u64)));
    complaints.assert_none();
    wait_until_empty(&pen, &servers);
    let descriptors = pen.process().descriptors_at_rest();
    let memory = pen.process().resident();
    let rest = (CONNECTIONS - WARM_UP) as usize;
    in_parallel(rest, PARALLEL, |number| clients.live(Life::of(WARM_UP + number as u64)));

    complaints.assert_none();
    wait_until_empty(&pen, &servers);
    pen.process().expect_descriptors(descriptors);
    let grown = pen.process().resident().saturating_sub(memory);
    assert!(grown < 32 * 1024, "{grown} KiB more");
    judge(&status(&pen));
    let (_, last) = client::introduced(&pen, 0);
    wait_until("the first number is free again", || pen.ask("connection 0").contains("state = "));
    drop(last);
    pen.stop();
}

fn status(pen: &Pen) -> Value {
    let status: Value = serde_json::from_str(&pen.ask("status json")).expect("JSON is told");
    status["services"][0].clone()
}

/// Waits until nothing that is counted as open is left.
#[track_caller]
fn wait_until_empty(pen: &Pen, servers: &[Backend]) {
    wait_until("no connection is open", || pen.ask("connections").is_empty());
    pen.wait_until_idle();
    wait_until("the servers have nobody", || servers.iter().all(|server| server.current() == 0));
    wait_until("nothing is counted as open", || {
        let status = status(pen);
        status["connections"] == 0 && status["pending"] == 0
    });
}

/// What was counted for good agrees with the lives that were lived.
#[track_caller]
fn judge(status: &Value) {
    let lives = |wanted: fn(Behaviour) -> bool| {
        (0..CONNECTIONS).filter(|number| wanted(Life::of(*number).behaviour)).count() as u64
    };
    let refused = lives(|it| matches!(it, Behaviour::WithoutProxyHeader | Behaviour::LyingProxyHeader));
    assert_eq!(status["proxy_refused"], refused, "{status}");
    assert_eq!(status["http_refused"], lives(|it| it == Behaviour::TwoMeanings), "{status}");
    assert_eq!(status["accepted"], CONNECTIONS, "{status}");
    assert_eq!(status["unserved"], 0, "{status}");
    let handshakes = &status["tls"]["handshakes"];
    let done = |name: &str| handshakes[name].as_u64().expect("a counter is a number");
    let shaken =
        lives(|it| matches!(it, Behaviour::Orderly | Behaviour::TwoMeanings | Behaviour::BrokenRecord));
    assert!(done("tls12") + done("tls13") >= shaken, "{handshakes}");
    assert!(done("tls12") > 0 && done("tls13") > 0 && done("resumed") > 0, "{handshakes}");
    assert!(done("failed") >= lives(|it| matches!(it, Behaviour::Garbage)), "{handshakes}");
    for server in status["servers"].as_array().expect("servers are a list") {
        assert_eq!(
            (&server["state"], &server["failures"]),
            (&Value::from("up"), &Value::from(0)),
            "{server}"
        );
    }
}

/// Takes the connections of those who vanished, and holds each until pen ends it.
fn graveyard() -> Sender<Stream> {
    let (entrance, buried) = channel::<Stream>();
    thread::spawn(move || buried.into_iter().for_each(|stream| _ = stream.drain()));
    entrance
}

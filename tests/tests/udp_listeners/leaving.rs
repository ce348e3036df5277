//! Listeners that go: what they have received is served, and answers still come.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use pen_tests::{Pen, PenBuilder, UdpBackend, UdpClient, private_address, wait_until};

fn before(server: &UdpBackend) -> PenBuilder {
    Pen::builder().udp().server(server)
}

#[test]
fn an_answer_comes_from_a_listener_that_has_gone() {
    let server = UdpBackend::silent();
    let pen = before(&server).start();
    let client = pen.udp_client();
    client.send("a question that takes long");
    server.wait_for(1);
    pen.ask(&format!("listen {}", private_address()));
    server.send("the answer", &server.sources()[0]);
    assert_eq!(client.receive(), b"the answer");
    client.send("another question");
    server.send("the last answer", &server.sources()[0]);
    assert_eq!(client.receive(), b"the last answer");
    assert_eq!(server.count(), 1, "nobody listens there");
    pen.stop();
}

#[test]
fn a_wildcard_that_has_gone_answers_from_the_address_that_was_asked() {
    let server = UdpBackend::silent();
    let port = private_address().port();
    for wildcard in ["0.0.0.0", "[::]"] {
        let pen = before(&server)
            .listen_at(format!("{wildcard}:{port}").parse::<std::net::SocketAddr>().unwrap())
            .start();
        let asked = format!("127.0.0.7:{port}").parse::<std::net::SocketAddr>().unwrap();
        let client = UdpClient::of(&asked.into());
        server.forget();
        client.send("?");
        server.wait_for(1);
        pen.ask(&format!("listen {}", private_address()));
        server.send("answer", &server.sources()[0]);
        assert_eq!(client.receive(), b"answer");
        pen.stop();
    }
}

#[test]
fn a_removed_service_ends_with_its_flows_though_servers_go_on_speaking() {
    let server = UdpBackend::silent();
    let at = private_address();
    let address = server.address().ip();
    let file = format!(
        "service dns\nudp\nudp_timeout 2\nlisten {at}\nserver 0 address {} port {}\n",
        address.ip(),
        address.port()
    );
    let pen = Pen::builder().without_address().config(&file).start();
    let client = UdpClient::of(&at.into());
    client.send("?");
    server.wait_for(1);
    pen.tell("no service dns");
    let mut answers = 0;
    wait_until("the service has ended", || {
        server.send("go on", &server.sources()[0]);
        answers += usize::from(client.receive_within(Duration::from_millis(10)).is_some());
        !pen.ask("services").contains("dns")
    });
    assert!(answers > 0, "its flow was served meanwhile");
    // Nobody has the address any more.
    let _holder = std::net::UdpSocket::bind(at).unwrap();
    pen.stop();
}

#[test]
fn an_address_is_free_for_others_as_soon_as_its_flows_are_over() {
    let server = UdpBackend::echo();
    let pen = before(&server).command("udp_responses 1").start();
    pen.udp_client().ask("?");
    pen.ask(&format!("listen {}", private_address()));
    wait_until("the address is free", || std::net::UdpSocket::bind(pen.address().ip()).is_ok());
    pen.stop();
}

#[test]
fn an_address_can_be_had_again_while_flows_of_before_live() {
    let server = UdpBackend::silent();
    let pen = before(&server).command("threads 2").start();
    let former = pen.udp_client();
    former.send("before");
    server.wait_for(1);
    for round in 0..5 {
        pen.ask(&format!("listen {}", private_address()));
        pen.ask(&format!("listen {}", pen.address()));
        let clients: Vec<UdpClient> = (0..10).map(|_| pen.udp_client()).collect();
        let before = server.count();
        for _ in 0..2 {
            for client in &clients {
                client.send(format!("round {round}"));
            }
        }
        server.wait_for(before + 20);
    }
    server.send("to the former flow", &server.sources()[0]);
    assert_eq!(former.receive(), b"to the former flow");
    pen.stop();
}

#[test]
fn what_has_arrived_when_pen_ends_is_sent_on() {
    let server = UdpBackend::silent();
    let pen = before(&server).start();
    pen.signal(Signal::SIGSTOP);
    let clients: Vec<UdpClient> = (0..50).map(|_| pen.udp_client()).collect();
    for client in &clients {
        client.send("just in time");
    }
    pen.signal(Signal::SIGTERM);
    pen.signal(Signal::SIGCONT);
    assert_eq!(pen.wait().code, Some(0));
    server.wait_for(50);
}

#[test]
fn shutdown_timeout_lets_answers_come() {
    let server = UdpBackend::silent();
    let pen = before(&server).command("shutdown_timeout 60").command("udp_responses 1").start();
    let client = pen.udp_client();
    client.send("?");
    server.wait_for(1);
    pen.signal(Signal::SIGTERM);
    wait_until("nobody listens", || {
        let late = pen.udp_client();
        let heard = server.count();
        late.send("?");
        late.receive_within(Duration::from_millis(5)).is_none() && server.count() == heard
    });
    server.send("the answer", &server.sources()[0]);
    assert_eq!(client.receive(), b"the answer");
    let begun = Instant::now();
    server.sources().iter().skip(1).for_each(|source| server.send("the answer", source));
    assert_eq!(pen.wait().code, Some(0));
    assert!(begun.elapsed() < Duration::from_secs(50), "it waits for nobody who has had all answers");
}

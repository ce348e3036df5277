//! Answers that nobody has asked for, sent to pen's ports.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use pen_tests::{Pen, UdpBackend, UdpClient, wait_until};

use super::number;

/// Sockets that look like the server, but for one thing: its port, or its address.
fn strangers(server: &UdpBackend) -> [UdpSocket; 2] {
    let address = server.address().ip();
    let same_port = SocketAddr::from((Ipv4Addr::new(127, 1, 1, 1), address.port()));
    let same_host = SocketAddr::new(address.ip(), 0);
    [same_port, same_host].map(|address| UdpSocket::bind(address).expect("the address is free"))
}

/// The port through which the latest flow came to a server, as it is reached from there.
fn latest_port(server: &UdpBackend) -> SocketAddr {
    server.sources().last().expect("somebody has come").ip()
}

#[test]
fn answers_from_a_wrong_address_or_port_reach_nobody() {
    let server = UdpBackend::echo();
    let pen = Pen::builder().udp().server(&server).start();
    let client = pen.udp_client();
    client.ask("first");
    let port = latest_port(&server);
    let strangers = strangers(&server);
    for number in 0..200 {
        for stranger in &strangers {
            stranger.send_to(b"forged", port).unwrap();
        }
        let text = number.to_string();
        assert_eq!(client.ask_for_text(&text), text);
    }
    assert_eq!(number(&pen, "/udp/answered"), 201);
    assert_eq!(number(&pen, "/servers/0/received"), server.datagrams().concat().len() as u64);
    pen.stop();
}

#[test]
fn answers_of_another_server_reach_only_its_own_clients() {
    let [a, b] = [UdpBackend::echo(), UdpBackend::echo()];
    let pen = Pen::builder().udp().servers([&a, &b]).option("-r").command("threads 1").start();
    let of_a = pen.udp_client();
    of_a.ask("a");
    let port = latest_port(&a).into();
    // Nobody has sent b anything from there.
    b.send("unasked", &port);
    assert_eq!(of_a.ask("a again"), b"a again");
    let of_b = pen.udp_client();
    of_b.ask("b");
    assert_eq!(b.sources(), std::slice::from_ref(&port), "both servers are reached from one port");
    for number in 0..100 {
        a.send(format!("for a {number}"), &port);
        b.send(format!("for b {number}"), &port);
        assert_eq!(of_a.receive(), format!("for a {number}").as_bytes());
        assert_eq!(of_b.receive(), format!("for b {number}").as_bytes());
    }
    pen.stop();
}

#[test]
fn junk_for_a_port_does_not_keep_its_flow_alive() {
    let server = UdpBackend::echo();
    let pen = Pen::builder().udp().server(&server).command("udp_timeout 1").start();
    let descriptors = pen.process().descriptors_at_rest();
    let client = pen.udp_client();
    client.ask("first");
    let port = latest_port(&server);
    let strangers = strangers(&server);
    wait_until("the flow ends", || {
        for stranger in &strangers {
            // Once the port is closed the kernel says so.
            let _ = stranger.send_to(b"junk", port);
        }
        number(&pen, "/connections") == 0
    });
    pen.process().expect_descriptors(descriptors);
    pen.stop();
}

#[test]
fn a_server_that_is_a_client_of_pen_itself_gets_a_flow_like_everybody() {
    // A loop: what the server answers comes from the address that is a client at the same time.
    let server = UdpBackend::echo();
    // When the server leaves it may have the last datagram, so that none of pen's meets an error.
    let pen = Pen::builder().udp().server(&server).command("udp_timeout 1").start();
    server.send("asked by the server", pen.address());
    server.wait_for(1);
    // It echoes to pen's port, which goes back to it as the answer to its question; then it echoes that to pen, and so on.
    server.wait_for(50);
    server.leave();
    wait_until("the loop ends", || number(&pen, "/servers/0/connections") == 0);
    pen.stop();
}

#[test]
fn a_pen_that_has_itself_as_its_server_is_bounded_by_its_table() {
    let pen = Pen::builder().udp().option("-x 50").command("threads 2");
    let listen = pen_tests::private_address();
    let pen = pen.listen_at(listen).server(listen).start();
    let client = UdpClient::of(pen.address());
    client.send("round and round");
    wait_until("the table is full", || number(&pen, "/connections") >= 50);
    assert!(number(&pen, "/connections") <= 52);
    pen.tell("no server 0");
    wait_until("the loop ends", || number(&pen, "/servers/0/connections").eq(&0));
    pen.stop();
}

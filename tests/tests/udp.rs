//! Forwarding of datagrams: who gets them, whose the answers are, and when a flow ends.

use pen_tests::udp::LARGEST;
use pen_tests::{Pen, UdpBackend};

#[test]
fn the_datagrams_of_one_client_go_to_one_server() {
    let (a, b) = (UdpBackend::named("a"), UdpBackend::named("b"));
    let pen = Pen::builder().udp().servers([&a, &b]).option("-r").start();
    let clients = [pen.udp_client(), pen.udp_client()];
    for _ in 0..3 {
        assert_eq!(clients.each_ref().map(|client| client.ask_for_text("?")), ["a", "b"]);
    }
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

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

#[test]
fn answers_arrive_however_many_flows_there_were_before() {
    let server = UdpBackend::echo();
    let pen = Pen::builder().udp().servers([&server]).config("udp_responses 1").start();
    let client = pen.udp_client();
    // Each flow uses the port's number anew; a token of the poll holds but 14 bits of how often that was.
    for number in 0..(1u32 << 14) + 10 {
        assert_eq!(client.ask(&number.to_be_bytes()), number.to_be_bytes());
    }
    pen.stop();
}

//! Answers that come when their flow has ended.

use std::collections::{BTreeSet, VecDeque};
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use pen_tests::udp::ManySources;
use pen_tests::{LIMIT, Pen, private_address, wait_until};

use super::number;

const FLOWS: u32 = 6_000;
/// Flows that there may be at once.
const ROOM: usize = 100;
/// Answers that the server holds back, so that most flows have ended when theirs comes.
const HELD: usize = 400;
/// What makes the server answer everything, and end.
const END: &[u8] = b"end";

/// Answers each datagram with the same bytes, but in a random order.
fn serve_late(socket: &UdpSocket, seed: u64) {
    let mut random = Rng::with_seed(seed);
    let mut held: VecDeque<(Vec<u8>, SocketAddr)> = VecDeque::new();
    let mut buffer = [0; 64];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).expect("somebody ends the server");
        if &buffer[..length] == END {
            break;
        }
        held.push_back((buffer[..length].to_vec(), from));
        if held.len() > HELD {
            let (bytes, to) = held.swap_remove_back(random.usize(..held.len())).expect("it is one of them");
            let _ = socket.send_to(&bytes, to);
        }
    }
    for (bytes, to) in held {
        let _ = socket.send_to(&bytes, to);
    }
}

#[test]
fn a_late_answer_never_reaches_another_client() {
    for threads in ["threads 1", "threads 4"] {
        let socket = UdpSocket::bind(private_address()).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        let server = socket.local_addr().unwrap();
        let pen = Pen::builder()
            .udp()
            .server(server)
            .option("-r")
            .option(&format!("-x {ROOM}"))
            .command(threads)
            .start();
        let clients = ManySources::of(pen.address());
        let mut answered = BTreeSet::new();
        let mut check = |answers: Vec<(std::net::Ipv4Addr, Vec<u8>)>| {
            for (client, answer) in answers {
                assert_eq!(String::from_utf8_lossy(&answer), client.to_string(), "{threads}");
                assert!(answered.insert(client), "{client} was answered twice");
            }
        };
        thread::scope(|scope| {
            let late = scope.spawn(|| serve_late(&socket, 7));
            for client in 0..FLOWS {
                let name = ManySources::address(client).to_string();
                clients.send(client, name.as_bytes());
                if client % 50 == 0 {
                    let sent = u64::from(client) + 1;
                    wait_until("they are dealt with", || number(&pen, "/udp/received") >= sent);
                    check(clients.receive_all());
                }
            }
            wait_until("they are dealt with", || number(&pen, "/udp/received") == u64::from(FLOWS));
            UdpSocket::bind("127.0.0.1:0").unwrap().send_to(END, server).unwrap();
            late.join().unwrap();
            while let Some(answer) = clients.receive(Duration::from_millis(200)) {
                check(vec![answer]);
            }
        });
        assert!(!answered.is_empty(), "some flows have not ended");
        pen.stop();
    }
}

mod pouring;
mod requests;
mod resets;
mod rig;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;

use mio::event::Event;
use proptest::prelude::*;
use rustls::SupportedProtocolVersion;

use self::rig::{Rig, read_exactly, read_to_end, stall};
use super::*;
use crate::net::end::LARGEST_READ;
use crate::net::testing::tls::Peer;
use crate::net::testing::{Kind, await_event, content, pair, tcp_pair};

/// Two records at least, one of them in cipher text.
const SMALLEST_SCRATCH_FOR_TLS: usize = 40 * 1024;

/// What a peer does with its stream: it sends `data` in pieces of these sizes, in turn, and closes.
#[derive(Clone, Debug)]
struct Plan {
    data: Vec<u8>,
    writes: Vec<usize>,
    reads: Vec<usize>,
}

fn plan() -> impl Strategy<Value = Plan> {
    let sizes = || prop::collection::vec(1..20_000usize, 1..8);
    (any::<u32>(), 0..100_000usize, sizes(), sizes()).prop_map(|(seed, length, writes, reads)| Plan {
        data: content(seed, length),
        writes,
        reads,
    })
}

/// What the client speaks.
fn tls() -> impl Strategy<Value = Option<&'static SupportedProtocolVersion>> {
    prop_oneof![Just(None), Just(Some(&rustls::version::TLS12)), Just(Some(&rustls::version::TLS13))]
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Tcp), Just(Kind::Unix)]
}

fn send(mut peer: &Peer, plan: &Plan) {
    let mut rest = &plan.data[..];
    for &size in plan.writes.iter().cycle() {
        let (piece, more) = rest.split_at(size.min(rest.len()));
        peer.write_all(piece).unwrap();
        rest = more;
        if rest.is_empty() {
            break;
        }
    }
    peer.finish();
}

fn receive(mut peer: &Peer, sizes: &[usize]) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buffer = vec![0; 20_000];
    for &size in sizes.iter().cycle() {
        let length = peer.read(&mut buffer[..size]).unwrap();
        all.extend_from_slice(&buffer[..length]);
        if length == 0 {
            break;
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_byte_arrives_once_and_in_order_both_ways(
        (client_plan, server_plan) in (plan(), plan()),
        (down_kind, up_kind) in (kind(), kind()),
        buffers in prop_oneof![Just(None), (2048..32_768usize).prop_map(Some)],
        scratch in 50..LARGEST_READ,
        tls in tls(),
    ) {
        let ((down, client), (up, server)) = (pair(down_kind, buffers), pair(up_kind, buffers));
        let mut rig = Rig::new(down, up);
        let server = Peer::Plain(server);
        let client = rig.secure(client, tls);
        rig.scratch.truncate(if tls.is_some() { scratch.max(SMALLEST_SCRATCH_FOR_TLS) } else { scratch });
        let (tally, at_client, at_server) = thread::scope(|scope| {
            scope.spawn(|| send(&client, &client_plan));
            scope.spawn(|| send(&server, &server_plan));
            let at_client = scope.spawn(|| receive(&client, &client_plan.reads));
            let at_server = scope.spawn(|| receive(&server, &server_plan.reads));
            assert_eq!(rig.run(), Progress::Finished);
            assert!(!rig.down.broken && !rig.up.broken);
            let tally = rig.close(&Progress::Finished);
            (tally, at_client.join().unwrap(), at_server.join().unwrap())
        });
        prop_assert!(at_client == server_plan.data);
        prop_assert!(at_server == client_plan.data);
        prop_assert!(tally.from_client == client_plan.data);
        prop_assert!(tally.from_server == server_plan.data);
        prop_assert_eq!(tally.to_client, server_plan.data.len());
        prop_assert_eq!(tally.to_server, client_plan.data.len());
    }
}

#[test]
fn a_client_that_has_said_all_still_hears_the_answer() {
    let (mut rig, mut client, mut server) = Rig::tcp(None);
    client.write_all(b"request").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    rig.run_until(|rig| rig.up.shut);
    assert!(!rig.down.shut);
    assert_eq!(read_to_end(&server), b"request");
    server.write_all(b"answer").unwrap();
    drop(server);
    assert_eq!(rig.run(), Progress::Finished);
    rig.close(&Progress::Finished);
    assert_eq!(read_to_end(&client), b"answer");
}

#[test]
fn a_server_that_has_said_all_still_hears_the_client() {
    let (mut rig, mut client, mut server) = Rig::tcp(None);
    server.write_all(b"greeting").unwrap();
    server.shutdown(Shutdown::Write).unwrap();
    rig.run_until(|rig| rig.down.shut);
    assert!(!rig.up.shut);
    assert_eq!(read_to_end(&client), b"greeting");
    client.write_all(b"farewell").unwrap();
    drop(client);
    assert_eq!(rig.run(), Progress::Finished);
    rig.close(&Progress::Finished);
    assert_eq!(read_to_end(&server), b"farewell");
}

#[test]
fn an_end_that_comes_with_the_data_is_passed_on_after_it() {
    for kind in [Kind::Tcp, Kind::Unix] {
        let ((down, mut client), (up, server)) = (pair(kind, None), pair(kind, None));
        client.write_all(b"request").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        await_event(&down, |event| event.is_readable() && event.is_read_closed());
        let mut rig = Rig::new(down, up);
        rig.run_until(|rig| rig.up.shut);
        assert_eq!(read_to_end(&server), b"request");
        drop(server);
        assert_eq!(rig.run(), Progress::Finished);
    }
}

#[test]
fn a_slow_receiver_stops_the_reading_on_the_other_side() {
    for kind in [Kind::Tcp, Kind::Unix] {
        let ((down, client), (up, server)) = (pair(kind, Some(16 * 1024)), pair(kind, Some(16 * 1024)));
        let mut rig = Rig::new(down, up);
        let mut sent = stall(&mut rig, &client, |rig| rig.up.pending() > 0);
        client.set_nonblocking(true).unwrap();
        let (reads, kept) = (rig.tally.reads, rig.up.pending());
        for _ in 0..100 {
            while let Ok(length) = (&client).write(&[b'x'; 1000]) {
                sent.extend_from_slice(&[b'x'; 1000][..length]);
            }
            assert_eq!(rig.turn(), Progress::Waiting);
        }
        assert_eq!((rig.tally.reads, rig.up.pending()), (reads, kept));
        client.set_nonblocking(false).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let reader = thread::spawn(move || (read_to_end(&server), server));
        rig.run_until(|rig| rig.up.shut);
        let (received, _server) = reader.join().unwrap();
        assert!(received == sent, "{kind:?}");
    }
}

#[test]
fn a_slow_receiver_does_not_stop_the_other_direction() {
    let (mut rig, client, mut server) = Rig::tcp(Some(16 * 1024));
    stall(&mut rig, &client, |rig| rig.up.pending() > 0);
    server.write_all(b"news").unwrap();
    rig.run_until(|rig| rig.tally.to_client == 4);
    assert!(rig.up.pending() > 0);
    assert_eq!(read_exactly(&client, 4), b"news");
}

#[test]
fn urgent_data_stalls_nothing() {
    let (mut rig, mut client, server) = Rig::tcp(None);
    let mut expected = Vec::new();
    for round in 0..5 {
        let text = format!("round {round} ");
        client.write_all(text.as_bytes()).unwrap();
        client.send_out_of_band(b"!").unwrap();
        expected.extend_from_slice(text.as_bytes());
        if round % 2 == 0 {
            rig.run_until(|rig| rig.tally.from_client.len() >= expected.len());
        }
    }
    client.write_all(b"end").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    rig.run_until(|rig| rig.up.shut);
    expected.extend_from_slice(b"end");
    // Unless it was read in time, an urgent byte is part of the stream when the next one follows.
    let received: Vec<u8> = read_to_end(&server).into_iter().filter(|byte| *byte != b'!').collect();
    assert_eq!(String::from_utf8_lossy(&received), String::from_utf8_lossy(&expected));
}

#[test]
fn urgent_data_and_the_end_in_the_same_event_lose_nothing() {
    let ((down, mut client), (up, server)) = (tcp_pair(None), tcp_pair(None));
    client.write_all(b"before").unwrap();
    client.send_out_of_band(b"!").unwrap();
    client.write_all(b"after").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    await_event(&down, |event| event.is_priority() && event.is_read_closed());
    let mut rig = Rig::new(down, up);
    rig.run_until(|rig| rig.up.shut);
    assert_eq!(read_to_end(&server), b"beforeafter");
}

/// Lets one side say its last words and close; how the connection stands then, and what the other side gets.
fn close_one(fast_close: FastClose, side: Side) -> (Progress, Vec<u8>) {
    let (mut rig, client, server) = Rig::tcp(None);
    rig.fast_close = fast_close;
    rig.run_until(|rig| rig.up.writable());
    let (mut closing, other) = if side == Side::Down { (&client, &server) } else { (&server, &client) };
    closing.write_all(b"last words").unwrap();
    closing.shutdown(Shutdown::Write).unwrap();
    let end = |rig: &Rig| if side == Side::Down { rig.down.ended } else { rig.up.ended };
    let progress = loop {
        let progress = rig.turn();
        if end(&rig) {
            break progress;
        }
        rig.wait();
    };
    drop(rig);
    (progress, read_to_end(other))
}

#[test]
fn a_fast_close_ends_the_connection_when_its_side_closes() {
    use FastClose::{Both, Down, Off, Up};
    let table = [
        (Off, Side::Down, Progress::Waiting),
        (Off, Side::Up, Progress::Waiting),
        (Down, Side::Down, Progress::CutShort),
        (Down, Side::Up, Progress::Waiting),
        (Up, Side::Down, Progress::Waiting),
        (Up, Side::Up, Progress::CutShort),
        (Both, Side::Down, Progress::CutShort),
        (Both, Side::Up, Progress::CutShort),
    ];
    for (fast_close, side, expected) in table {
        let (progress, heard) = close_one(fast_close, side);
        assert_eq!(progress, expected, "{fast_close:?}, {side:?} closes");
        assert_eq!(heard, b"last words", "{fast_close:?}, {side:?} closes");
    }
}

#[test]
fn a_fast_close_waits_until_everything_is_delivered() {
    let (mut rig, client, server) = Rig::tcp(Some(16 * 1024));
    rig.fast_close = FastClose::Both;
    let sent = stall(&mut rig, &server, |rig| rig.down.pending() > 0);
    server.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rig.turn(), Progress::Waiting);
    let reader = thread::spawn(move || read_to_end(&client));
    assert_eq!(rig.run(), Progress::CutShort);
    drop(rig);
    assert!(reader.join().unwrap() == sent);
}

#[test]
fn a_busy_connection_lets_the_others_have_their_turn() {
    let (down, mut client) = tcp_pair(None);
    let (up, server) = tcp_pair(None);
    let request = content(9, 10 * 1024);
    client.write_all(&request).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    await_event(&down, Event::is_read_closed);
    let mut rig = Rig::new(down, up);
    rig.scratch.truncate(1024);
    while !(rig.up.writable() && rig.down.readable()) {
        rig.wait();
    }
    assert_eq!(rig.turn(), Progress::Unfinished);
    assert_eq!(rig.tally.reads, READS_PER_TURN);
    assert_eq!(rig.turn(), Progress::Unfinished);
    assert_eq!(rig.tally.reads, 2 * READS_PER_TURN);
    rig.run_until(|rig| rig.up.shut);
    assert!(read_to_end(&server) == request);
}

#[test]
fn nothing_is_read_for_a_server_that_is_not_connected_yet() {
    let ((down, mut client), (up, _server)) = (tcp_pair(None), tcp_pair(None));
    client.write_all(b"early").unwrap();
    let mut rig = Rig::new(down, up);
    assert_eq!(rig.turn(), Progress::Waiting);
    assert!(rig.tally.from_client.is_empty());
    rig.run_until(|rig| rig.tally.to_server == 5);
}

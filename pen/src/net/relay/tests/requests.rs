//! Requests by way of a rewriter: what is held back, what lets it go on, and what is refused.

use std::io::Write;
use std::net::Shutdown;
use std::thread;

use proptest::prelude::*;
use socket2::Socket;

use super::rig::{Rig, read_exactly, read_to_end, stall};
use super::*;
use crate::net::testing::{await_event, content, reset, tcp_pair};

const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const BAD: &[u8] = b"GET / HTTP/1.1\r\nHost : x\r\n\r\n";

/// A head as the server gets it.
fn told(head: &str) -> String {
    let fields = head.strip_suffix("\r\n").unwrap();
    format!("{fields}X-Forwarded-Proto: http\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n")
}

/// A relay whose server has got a request to upgrade, behind which the client had sent this in one piece with it.
fn asked(ahead: &[u8]) -> (Rig, Socket, Socket) {
    let (mut rig, mut client, server) = Rig::http();
    client.write_all(&[UPGRADE.as_bytes(), ahead].concat()).unwrap();
    let length = told(UPGRADE).len();
    rig.run_until(|rig| rig.tally.to_server == length);
    assert_eq!(read_exactly(&server, length), told(UPGRADE).as_bytes());
    (rig, client, server)
}

#[test]
fn what_came_while_an_answer_was_awaited_is_read_without_another_word_of_the_poll() {
    let (mut rig, mut client, mut server) = asked(b"");
    client.write_all(b"early").unwrap();
    while !rig.down.readable() {
        rig.wait();
        assert_eq!(rig.turn(), Progress::Waiting);
    }
    assert_eq!(rig.tally.to_server, told(UPGRADE).len());
    server.write_all(SWITCHING).unwrap();
    rig.run_until(|rig| rig.tally.to_server == told(UPGRADE).len() + 5);
    assert_eq!(read_exactly(&server, 5), b"early");
}

#[test]
fn what_was_held_back_goes_before_what_is_read_later() {
    let (mut rig, mut client, mut server) = asked(b"one ");
    client.write_all(b"two").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    await_event(&rig.down.stream, Event::is_read_closed);
    server.write_all(SWITCHING).unwrap();
    rig.run_until(|rig| rig.up.shut);
    assert_eq!(read_to_end(&server), b"one two");
}

#[test]
fn an_end_waits_for_the_answer_as_well_as_what_was_said_before_it() {
    let (down, mut client) = tcp_pair(None);
    let (up, mut server) = tcp_pair(None);
    client.write_all(&[UPGRADE.as_bytes(), b"early"].concat()).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    await_event(&down, Event::is_read_closed);
    let mut rig = Rig::new(down, up);
    rig.tell_servers();
    rig.run_until(|rig| rig.down.ended);
    assert_eq!(rig.turn(), Progress::Waiting);
    assert!(!rig.up.shut);
    server.write_all(SWITCHING).unwrap();
    rig.run_until(|rig| rig.up.shut);
    assert_eq!(String::from_utf8_lossy(&read_to_end(&server)), told(UPGRADE) + "early");
}

#[test]
fn a_server_that_ends_will_not_answer() {
    let (mut rig, client, server) = asked(b"early");
    drop(server);
    assert_eq!(rig.run(), Progress::CutShort);
    drop(rig);
    assert!(read_to_end(&client).is_empty());
}

#[test]
fn what_the_server_said_before_its_end_arrives_before_that() {
    const HEAD: &[u8] = b"HTTP/1.0 200 OK\r\n\r\n";
    let (mut rig, client, mut server) = asked(BAD);
    server.write_all(HEAD).unwrap();
    let body = stall(&mut rig, &server, |rig| rig.down.pending() > 0);
    server.shutdown(Shutdown::Write).unwrap();
    let reader = thread::spawn(move || read_to_end(&client));
    assert_eq!(rig.run(), Progress::CutShort);
    drop(rig);
    assert!(reader.join().unwrap() == [HEAD, &body].concat());
}

#[test]
fn a_reset_while_an_answer_is_awaited_fails_the_connection() {
    let (mut rig, client, _server) = asked(b"early");
    reset(client);
    rig.wait();
    assert_eq!(rig.turn(), Progress::Failing);
}

#[test]
fn a_part_of_what_could_be_a_request_goes_out_before_the_end() {
    for together in [true, false] {
        let (mut rig, mut client, server) = Rig::http();
        client.write_all(b"STAT").unwrap();
        if !together {
            rig.run_until(|rig| rig.tally.from_client.len() == 4);
            assert_eq!(rig.tally.to_server, 0);
        }
        client.shutdown(Shutdown::Write).unwrap();
        await_event(&rig.down.stream, Event::is_read_closed);
        rig.run_until(|rig| rig.up.shut);
        assert_eq!(read_to_end(&server), b"STAT");
    }
}

#[test]
fn a_refusal_is_one_whatever_comes_with_it() {
    use FastClose::{Both, Down, Off};
    for fast_close in [Off, Down, Both] {
        for ends in [false, true] {
            let (mut rig, mut client, server) = Rig::http();
            rig.fast_close = fast_close;
            client.write_all(BAD).unwrap();
            if ends {
                client.shutdown(Shutdown::Write).unwrap();
                await_event(&rig.down.stream, Event::is_read_closed);
            }
            assert_eq!(rig.run(), Progress::Refused(Refusal::Malformed));
            assert_eq!(rig.tally.to_server, 0);
            drop(rig);
            assert!(read_to_end(&server).is_empty());
        }
    }
}

#[test]
fn a_refusal_waits_for_the_answer_before_it() {
    let (mut rig, mut client, mut server) = Rig::http();
    client.write_all(&[GET.as_bytes(), BAD].concat()).unwrap();
    rig.run_until(|rig| rig.tally.to_server == told(GET).len());
    assert_eq!(rig.turn(), Progress::Waiting);
    server.write_all(ANSWER).unwrap();
    assert_eq!(rig.run(), Progress::Refused(Refusal::Malformed));
    assert_eq!(read_exactly(&client, ANSWER.len()), ANSWER);
    assert_eq!(rig.tally.to_server, told(GET).len());
}

#[test]
fn bytes_are_counted_as_each_side_has_them() {
    let (mut rig, mut client, mut server) = Rig::http();
    client.write_all(GET.as_bytes()).unwrap();
    server.write_all(ANSWER).unwrap();
    rig.run_until(|rig| rig.tally.to_client == ANSWER.len() && rig.tally.to_server > 0);
    assert_eq!(rig.tally.from_client, GET.as_bytes());
    assert_eq!(rig.tally.to_server, told(GET).len());
    assert_eq!(rig.tally.from_server, ANSWER);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn requests_arrive_whole_and_told_however_they_come(
        bodies in prop::collection::vec((0..3u32, 0..40_000usize), 1..20),
        writes in prop::collection::vec(1..20_000usize, 1..8),
        buffers in prop_oneof![Just(None), (2048..32_768usize).prop_map(Some)],
        scratch in 50..LARGEST_READ,
        tls in tls(),
    ) {
        let (mut sent, mut expected) = (Vec::new(), Vec::new());
        for (seed, length) in bodies {
            let head = format!("POST /{seed} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n");
            let body = content(seed, length);
            sent.extend([head.as_bytes(), &body].concat());
            expected.extend([told(&head).as_bytes(), &body].concat());
        }
        let ((down, client), (up, server)) = (tcp_pair(buffers), tcp_pair(buffers));
        let mut rig = Rig::new(down, up);
        rig.tell_servers();
        let client = rig.secure(client, tls);
        rig.scratch.truncate(if tls.is_some() { scratch.max(SMALLEST_SCRATCH_FOR_TLS) } else { scratch });
        let plan = Plan { data: sent, writes, reads: vec![1] };
        let (tally, at_server) = thread::scope(|scope| {
            scope.spawn(|| send(&client, &plan));
            let at_server = scope.spawn(|| {
                let all = read_to_end(&server);
                server.shutdown(Shutdown::Write).unwrap();
                all
            });
            assert_eq!(rig.run(), Progress::Finished);
            (rig.close(&Progress::Finished), at_server.join().unwrap())
        });
        prop_assert!(at_server == expected);
        prop_assert!(tally.from_client == plan.data);
        prop_assert_eq!(tally.to_server, expected.len());
    }
}

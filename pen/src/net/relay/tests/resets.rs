//! Ends that die: what they had sent arrives, and then a reset.

use std::io::{ErrorKind, Write};
use std::net::Shutdown;
use std::thread;

use mio::event::Event;

use super::rig::{Rig, read_exactly, read_to_end, read_until_error, stall};
use super::*;
use crate::net::testing::{Kind, await_event, content, pair, reset, tcp_pair};

#[test]
fn a_reset_after_data_is_passed_on_as_one_after_the_data() {
    let answer = content(5, 100_000);
    let ((down, client), (up, mut server)) = (tcp_pair(None), tcp_pair(None));
    let mut rig = Rig::new(down, up);
    thread::scope(|scope| {
        scope.spawn(|| server.write_all(&answer).unwrap());
        // On a reset the server's kernel throws away what it has not sent yet.
        rig.run_until(|rig| rig.tally.from_server.len() == answer.len());
    });
    reset(server);
    let reader = thread::spawn(move || read_until_error(&client));
    let progress = rig.run();
    assert_eq!(progress, Progress::Reset(Side::Down));
    while !rig.down.stream.delivered() {
        thread::yield_now();
    }
    rig.close(&progress);
    let (received, error) = reader.join().unwrap();
    assert!(received == answer);
    assert_eq!(error, ErrorKind::ConnectionReset);
}

#[test]
fn data_and_reset_in_the_same_event_are_data_and_then_reset() {
    let ((down, mut client), (up, server)) = (tcp_pair(None), tcp_pair(None));
    client.write_all(b"truncated").unwrap();
    reset(client);
    await_event(&down, Event::is_error);
    let mut rig = Rig::new(down, up);
    let progress = rig.run();
    assert_eq!(progress, Progress::Reset(Side::Up));
    assert_eq!(read_exactly(&server, 9), b"truncated");
    rig.close(&progress);
    assert_eq!(read_until_error(&server), (Vec::new(), ErrorKind::ConnectionReset));
}

#[test]
fn a_reset_of_one_that_had_half_closed_is_passed_on() {
    let (mut rig, client, mut server) = Rig::tcp(None);
    server.write_all(b"answer").unwrap();
    server.shutdown(Shutdown::Write).unwrap();
    rig.run_until(|rig| rig.down.shut);
    reset(server);
    let progress = rig.run();
    assert_eq!(progress, Progress::Reset(Side::Down));
    assert_eq!(read_to_end(&client), b"answer");
}

#[test]
fn a_write_error_ends_the_other_side_as_a_reset() {
    for kind in [Kind::Tcp, Kind::Unix] {
        let ((down, mut client), (up, server)) = (pair(kind, None), pair(kind, None));
        let mut rig = Rig::new(down, up);
        rig.run_until(|rig| rig.up.writable());
        drop(server);
        client.write_all(b"into the void").unwrap();
        // The first write to a closed TCP socket may succeed, and the reset comes as its answer.
        let closed = rig.run();
        assert_eq!(closed, Progress::Reset(Side::Down), "{kind:?}");
    }
}

#[test]
fn what_a_server_said_before_it_refused_the_rest_is_delivered() {
    let (mut rig, mut client, mut server) = Rig::tcp(None);
    client.write_all(b"a request that nobody reads").unwrap();
    rig.run_until(|rig| rig.tally.to_server > 0);
    server.write_all(b"400 no").unwrap();
    // Closing with unread bytes is a reset.
    drop(server);
    assert_eq!(rig.run(), Progress::Reset(Side::Down));
    assert_eq!(read_exactly(&client, 6), b"400 no");
}

#[test]
fn a_connection_with_two_dead_ends_is_over_at_once() {
    let (mut rig, client, server) = Rig::tcp(None);
    reset(client);
    reset(server);
    let both_failed = |rig: &Rig| rig.down.failed() && rig.up.failed();
    while !both_failed(&rig) {
        rig.wait();
    }
    assert!(matches!(rig.turn(), Progress::Reset(_) | Progress::Finished));
}

#[test]
fn a_reset_waits_for_the_slow_receiver_of_what_came_before() {
    let (mut rig, client, server) = Rig::tcp(Some(16 * 1024));
    let sent = stall(&mut rig, &server, |rig| rig.down.pending() > 0);
    reset(server);
    while !rig.up.failed() {
        rig.wait();
    }
    assert_eq!(rig.turn(), Progress::Failing);
    let reader = thread::spawn(move || read_until_error(&client).0);
    let progress = rig.run();
    assert_eq!(progress, Progress::Reset(Side::Down));
    assert_eq!(rig.tally.to_client, rig.tally.from_server.len());
    while !rig.down.stream.delivered() {
        thread::yield_now();
    }
    let delivered = rig.close(&progress).from_server;
    assert!(reader.join().unwrap() == delivered);
    assert!(sent.starts_with(&delivered));
}

#[test]
fn a_reset_after_the_end_waits_for_the_slow_receiver_too() {
    let ((down, client), (up, mut server)) = (tcp_pair(Some(4096)), tcp_pair(None));
    let answer = content(8, 60_000);
    server.write_all(&answer).unwrap();
    server.shutdown(Shutdown::Write).unwrap();
    await_event(&up, Event::is_read_closed);
    let mut rig = Rig::new(down, up);
    rig.run_until(|rig| rig.up.ended);
    assert!(rig.down.pending() > 0);
    reset(server);
    while !rig.up.broken {
        rig.wait();
    }
    assert_eq!(rig.turn(), Progress::Failing);
    let reader = thread::spawn(move || read_exactly(&client, 60_000));
    assert_eq!(rig.run(), Progress::Reset(Side::Down));
    assert!(reader.join().unwrap() == answer);
}

//! What passes through the pipe.

use std::io::Write;
use std::net::Shutdown;
use std::thread;

use mio::event::Event;
use socket2::Socket;

use super::super::{Progress, Side};
use super::rig::{Rig, Tally, read_exactly, read_to_end, read_until_error};
use crate::net::end::{FIRST_READ, SMALLEST_READ};
use crate::net::pipe::Pipe;
use crate::net::testing::tls::Peer;
use crate::net::testing::{Kind, await_event, content, pair, reset, tcp_pair};

/// More than sockets and reads hold.
const MUCH: usize = 8 << 20;

fn rig() -> (Rig, Socket, Socket) {
    let (mut rig, client, server) = Rig::tcp(None);
    rig.pipe = Some(Pipe::new().unwrap());
    (rig, client, server)
}

/// Has both sides say `data` and close, and tells what the relay tells of it.
fn exchange(mut rig: Rig, client: &Socket, server: &Socket, data: &[u8]) -> Tally {
    thread::scope(move |scope| {
        for peer in [client, server] {
            scope.spawn(move || {
                let mut writer = peer;
                writer.write_all(data).unwrap();
                peer.shutdown(Shutdown::Write).unwrap();
            });
            scope.spawn(move || assert!(read_to_end(peer) == data));
        }
        let progress = rig.run();
        assert_eq!(progress, Progress::Finished);
        rig.close(&progress)
    })
}

/// Has the server write as much as the kernel and the relay take, until something that was poured is kept for the client.
fn stall(rig: &mut Rig, mut server: &Socket) -> Vec<u8> {
    let data = content(3, 1 << 20);
    let mut sent = Vec::new();
    server.set_nonblocking(true).unwrap();
    while rig.tally.poured == 0 || rig.down.pending() == 0 {
        while let Ok(length) = server.write(&data) {
            sent.extend_from_slice(&data[..length]);
        }
        if rig.turn() == Progress::Waiting && rig.down.pending() == 0 {
            rig.wait();
        }
    }
    server.set_nonblocking(false).unwrap();
    sent
}

#[test]
fn much_is_poured_both_ways_and_all_of_it_arrives_and_is_counted() {
    let (rig, client, server) = rig();
    let tally = exchange(rig, &client, &server, &content(7, MUCH));
    assert!(tally.poured > MUCH / 4);
    assert_eq!(tally.poured + tally.from_client.len() + tally.from_server.len(), 2 * MUCH);
    assert_eq!((tally.to_client, tally.to_server), (MUCH, MUCH));
}

#[test]
fn small_answers_are_read_again_after_a_large_one() {
    let (mut rig, client, mut server) = rig();
    let large = content(8, MUCH);
    thread::scope(|scope| {
        let sent = scope.spawn(|| (&server).write_all(&large).unwrap());
        let arrived = scope.spawn(|| read_exactly(&client, MUCH));
        rig.run_until(|rig| rig.tally.to_client == MUCH);
        sent.join().unwrap();
        assert!(arrived.join().unwrap() == large);
    });
    // The first one may still be poured.
    for _ in 0..2 {
        let (before, read) = (rig.tally.to_client, rig.tally.from_server.len());
        server.write_all(b"small").unwrap();
        rig.run_until(|rig| rig.tally.to_client == before + 5);
        assert_eq!(read_exactly(&client, 5), b"small");
        if rig.tally.from_server.len() == read + 5 {
            return;
        }
    }
    panic!("small answers are still poured");
}

#[test]
fn what_a_slow_receiver_does_not_take_is_kept_in_order() {
    let (mut rig, client, server) = rig();
    let mut sent = stall(&mut rig, &server);
    assert!(rig.pipe.as_ref().unwrap().is_empty());
    // Of a read of 256 KiB nearly all would have to be kept.
    assert!(rig.down.pending() <= FIRST_READ);
    let rest = content(9, MUCH);
    sent.extend_from_slice(&rest);
    thread::scope(|scope| {
        scope.spawn(|| {
            (&server).write_all(&rest).unwrap();
            server.shutdown(Shutdown::Write).unwrap();
        });
        scope.spawn(|| {
            assert!(read_exactly(&client, sent.len()) == sent);
            client.shutdown(Shutdown::Write).unwrap();
        });
        assert_eq!(rig.run(), Progress::Finished);
    });
    assert_eq!(rig.tally.to_client, sent.len());
}

#[test]
fn what_a_dead_receiver_did_not_take_reaches_nobody_else() {
    let (mut rig, client, server) = rig();
    stall(&mut rig, &server);
    reset(client);
    let mut server = &server;
    let pipe = thread::scope(move |scope| {
        scope.spawn(move || {
            // It ends by an error, unless the relay is late to notice.
            let _ = server.write_all(&content(10, MUCH));
        });
        assert_eq!(rig.run(), Progress::Reset(Side::Up));
        rig.up.reset();
        rig.pipe
    });
    assert!(pipe.as_ref().unwrap().is_empty());
    let (mut next, client, server) = Rig::tcp(None);
    next.pipe = pipe;
    exchange(next, &client, &server, &content(11, MUCH));
}

#[test]
fn a_reset_comes_behind_what_was_poured() {
    let (mut rig, client, server) = rig();
    let data = content(12, MUCH);
    thread::scope(|scope| {
        scope.spawn(|| {
            (&server).write_all(&data).unwrap();
            reset(server);
        });
        let client = scope.spawn(|| read_until_error(&client).0);
        let progress = rig.run();
        assert_eq!(progress, Progress::Reset(Side::Down));
        drop(rig.close(&progress));
        let arrived = client.join().unwrap();
        // A reset makes the kernel forget what has not been read; a gap would be worse.
        assert!(data.starts_with(&arrived));
    });
}

#[test]
fn what_stands_behind_urgent_data_is_not_lost_when_the_end_comes_with_it() {
    let (mut rig, client, mut server) = rig();
    let mut sent = content(14, 2 * SMALLEST_READ);
    server.write_all(&sent).unwrap();
    rig.wait();
    rig.up.adapt_read_size(FIRST_READ, true);
    // The poll has not told of this yet when it is poured.
    server.send_out_of_band(b"!").unwrap();
    server.write_all(b"rest").unwrap();
    server.shutdown(Shutdown::Write).unwrap();
    await_event(&rig.up.stream, Event::is_read_closed);
    rig.turn();
    assert_eq!(rig.tally.poured, sent.len());
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rig.run(), Progress::Finished);
    drop(rig.close(&Progress::Finished));
    sent.extend_from_slice(b"rest");
    assert!(read_to_end(&client) == sent);
}

#[test]
fn nothing_is_poured_for_tls_and_unix_sockets() {
    let data = content(13, MUCH);
    for kind in [Kind::Tcp, Kind::Unix] {
        let ((down, client), (up, server)) = (pair(kind, None), tcp_pair(None));
        let mut rig = Rig::new(down, up);
        rig.pipe = Some(Pipe::new().unwrap());
        let version = (kind == Kind::Tcp).then_some(&rustls::version::TLS13);
        let client = rig.secure(client, version);
        thread::scope(|scope| {
            scope.spawn(|| {
                (&server).write_all(&data).unwrap();
                server.shutdown(Shutdown::Write).unwrap();
            });
            scope.spawn(|| {
                let mut all = Vec::new();
                std::io::Read::read_to_end(&mut &client, &mut all).unwrap();
                assert!(all == data);
                Peer::finish(&client);
            });
            assert_eq!(rig.run(), Progress::Finished);
        });
        assert_eq!(rig.tally.poured, 0);
        assert_eq!(rig.tally.from_server.len(), MUCH);
    }
}

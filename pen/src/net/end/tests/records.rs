//! Ends whose peers speak TLS.

use std::io::Read;
use std::sync::Mutex;

use rustls::version::{TLS12, TLS13};

use super::*;
use crate::net::testing::tls::{Peer, session};

/// An end that speaks TLS, and its peer.
fn secure(buffers: Option<usize>) -> (Rig, Peer) {
    let (stream, socket) = tcp_pair(buffers);
    let mut rig = Rig::new(stream);
    let (session, client) = session(&TLS13);
    rig.end.secure(session);
    (rig, Peer::Tls(socket, Box::new(Mutex::new(client))))
}

#[test]
fn part_of_a_record_is_read_on_although_it_comes_to_nothing_yet() {
    let (mut rig, peer) = secure(None);
    let data = content(1, 16 * 1024);
    { &peer }.write_all(&data).unwrap();
    rig.wait_until(|end| end.readable && end.stream.peek().is_ok());
    rig.end.read_size = 1000;
    let mut received = Vec::new();
    while received.len() < data.len() {
        let all = rig.read_all();
        if all.is_empty() {
            rig.wait();
        }
        received.extend(all);
    }
    assert!(received == data);
}

#[test]
fn what_came_with_the_handshake_is_read_before_the_end() {
    let (stream, socket) = tcp_pair(None);
    let (mut session, mut client) = session(&TLS13);
    client.writer().write_all(b"early").unwrap();
    let mut records = Vec::new();
    client.write_tls(&mut records).unwrap();
    session.connection.read_tls(&mut &records[..]).unwrap();
    session.connection.process_new_packets().unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    await_event(&stream, Event::is_read_closed);
    let mut rig = Rig::new(stream);
    rig.wait();
    assert_eq!(rig.end.read(&mut [0; 100]), Incoming::Over);
    assert!(rig.end.ended);
    rig.end.secure(session);
    assert!(!rig.end.ended && rig.end.readable());
    assert_eq!(rig.end.read(&mut vec![0; LARGEST_READ]), Incoming::Data(b"early"));
    assert!(rig.end.ended && !rig.end.broken);
}

#[test]
fn plain_text_that_is_given_back_is_read_again_before_the_end() {
    for says_goodbye in [true, false] {
        let (mut rig, peer) = secure(None);
        { &peer }.write_all(b"hello").unwrap();
        if says_goodbye {
            peer.finish();
        } else {
            peer.socket().shutdown(Shutdown::Write).unwrap();
        }
        let mut buffer = vec![0; LARGEST_READ];
        let mut text = Vec::new();
        while !rig.end.ended {
            match rig.end.read(&mut buffer) {
                Incoming::Data(data) => text.extend_from_slice(data),
                _ => _ = rig.wait(),
            }
        }
        assert_eq!(text, b"hello");
        rig.end.unread(&text);
        assert!(rig.end.readable() && !rig.end.ended);
        assert_eq!(rig.end.read(&mut buffer[..2]), Incoming::Data(b"he"));
        assert_eq!(rig.end.read(&mut buffer), Incoming::Data(b"llo"));
        assert_eq!(rig.end.read(&mut buffer), Incoming::Over, "goodbye: {says_goodbye}");
        assert!(rig.end.ended && !rig.end.broken);
    }
}

#[test]
fn a_goodbye_and_a_bare_end_are_both_ends() {
    for says_goodbye in [true, false] {
        let (mut rig, peer) = secure(None);
        { &peer }.write_all(b"all").unwrap();
        if says_goodbye {
            peer.finish();
        } else {
            peer.socket().shutdown(Shutdown::Write).unwrap();
        }
        let mut received = Vec::new();
        while !rig.end.ended {
            rig.wait();
            received.extend(rig.read_all());
        }
        assert_eq!(received, b"all");
        assert!(!rig.end.broken);
        rig.end.send(b"answer");
        rig.end.finish_writing();
        assert_eq!(peer.hear_out(), (b"answer".to_vec(), true));
    }
}

#[test]
fn a_failure_leaves_what_came_before_it_and_tells_the_peer() {
    let (mut rig, peer) = secure(None);
    { &peer }.write_all(b"good").unwrap();
    { peer.socket() }.write_all(b"\x17\x03\x03\x00\x1eno record that anybody made    ").unwrap();
    let mut received = Vec::new();
    while !rig.end.ended {
        rig.wait();
        received.extend(rig.read_all());
    }
    assert_eq!(received, b"good");
    assert!(rig.end.broken);
    rig.end.reset();
    drop(rig);
    let error = { &peer }.read(&mut [0; 100]).unwrap_err();
    assert!(error.to_string().contains("BadRecordMac"), "{error}");
}

#[test]
fn every_byte_is_counted_once_and_the_goodbye_comes_last() {
    for buffers in [None, Some(8192)] {
        let (mut rig, peer) = secure(buffers);
        let mut sent = Vec::new();
        let mut counted = 0;
        let data = content(2, 100_000);
        for _ in 0..20 {
            if rig.end.pending() == 0 {
                counted += rig.end.send(&data);
                sent.extend_from_slice(&data);
            }
        }
        rig.end.finish_writing();
        assert!(rig.end.shut);
        assert_eq!(counted == sent.len(), rig.end.pending() == 0);
        let reader = std::thread::spawn(move || peer.hear_out());
        while rig.end.pending() > 0 {
            rig.wait();
            counted += rig.end.flush();
        }
        assert_eq!(counted, sent.len());
        let (received, goodbye) = reader.join().unwrap();
        assert!(received == sent && goodbye);
    }
}

#[test]
fn a_goodbye_is_not_said_where_something_is_missing() {
    let (mut rig, peer) = secure(Some(8192));
    fill(&mut rig.end);
    rig.end.say_goodbye();
    assert_eq!(rig.end.pending(), 0);
    let (_, goodbye) = peer.hear_out();
    assert!(!goodbye);
}

#[test]
fn tickets_go_with_the_first_answer() {
    let (mut rig, peer) = secure(None);
    { &peer }.write_all(b"question").unwrap();
    rig.wait_until(|end| end.readable);
    assert_eq!(rig.read_all(), b"question");
    peer.socket().set_nonblocking(true).unwrap();
    assert!(peer.socket().peek(&mut [std::mem::MaybeUninit::uninit()]).is_err(), "it was sent something");
    peer.socket().set_nonblocking(false).unwrap();
    assert_eq!(rig.end.send_last(b"answer"), 6);
    rig.end.finish_writing();
    assert_eq!(peer.hear_out(), (b"answer".to_vec(), true));
    let Peer::Tls(_, session) = &peer else { panic!("it speaks TLS") };
    assert!(session.lock().unwrap().tls13_tickets_received() > 0);
}

#[test]
fn with_tls_1_2_no_more_is_encrypted_than_its_keys_are_good_for() {
    let (stream, socket) = tcp_pair(None);
    let (mut session, client) = session(&TLS12);
    session.records_left = 1;
    let mut rig = Rig::new(stream);
    rig.end.secure(session);
    let peer = Peer::Tls(socket, Box::new(Mutex::new(client)));
    assert_eq!(rig.end.send(b"one"), 3);
    rig.end.send(b"another");
    assert!(rig.end.broken);
    rig.end.reset();
    drop(rig);
    let mut received = [0; 3];
    { &peer }.read_exact(&mut received).unwrap();
    assert_eq!(&received, b"one");
    assert!({ &peer }.read(&mut received).is_err());
}

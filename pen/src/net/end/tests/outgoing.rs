//! What ends send, and what they keep.

use super::*;
use crate::engine::http::Pieces;

#[test]
fn an_opening_goes_out_with_the_first_bytes_or_alone() {
    for kind in [Kind::Tcp, Kind::Unix] {
        for way in 0..4 {
            let (stream, peer) = pair(kind, None);
            let mut end = End::accepted(stream);
            end.open_with(b"header, ".to_vec());
            let sent = match way {
                0 => end.open() + end.send(b"hello"),
                1 => end.send(b"hello"),
                2 => end.send_pieces(&Pieces::from([b"hel".into(), b"lo".into()])),
                _ => end.send_pieces(&Pieces::new()) + end.send(b"hello"),
            };
            assert_eq!(sent, 13, "way {way}");
            assert_eq!(end.open(), 0);
            end.finish_writing();
            assert_eq!(read_to_end(&peer), b"header, hello", "way {way}");
        }
    }
}

#[test]
fn an_opening_that_the_socket_does_not_take_is_kept() {
    let (stream, peer) = tcp_pair(Some(4096));
    let mut end = End { writable: false, ..End::accepted(stream) };
    end.open_with(b"header, ".to_vec());
    assert_eq!(end.open(), 0);
    assert_eq!(end.pending(), 8);
    end.writable = true;
    assert_eq!(end.flush(), 8);
    end.finish_writing();
    assert_eq!(read_to_end(&peer), b"header, ");
}

#[test]
fn a_failed_write_leaves_what_the_peer_sent_to_be_read() {
    let (stream, mut peer) = tcp_pair(None);
    peer.write_all(b"last words").unwrap();
    reset(peer);
    await_event(&stream, Event::is_error);
    let mut rig = Rig::new(stream);
    assert_eq!(rig.end.send(b"too late"), 0);
    assert!(rig.end.broken && !rig.end.ended);
    assert_eq!(rig.end.pending(), 0);
    assert_eq!(rig.read_all(), b"last words");
    assert!(rig.end.ended);
}

#[test]
fn a_write_to_a_unix_peer_that_is_gone_breaks_the_end() {
    let (stream, peer) = pair(Kind::Unix, None);
    drop(peer);
    let mut rig = Rig::new(stream);
    assert_eq!(rig.end.send(b"too late"), 0);
    assert!(rig.end.broken);
}

#[test]
fn what_the_peer_does_not_take_is_kept_and_written_in_order() {
    for kind in [Kind::Tcp, Kind::Unix] {
        let (stream, peer) = pair(kind, Some(8192));
        let mut rig = Rig::new(stream);
        let sent = fill(&mut rig.end);
        assert!(rig.end.pending() > 0 && rig.end.pending() <= 64 * 1024);
        assert!(!rig.end.writable());
        assert_eq!(rig.end.flush(), 0);
        let reader = std::thread::spawn(move || read_to_end(&peer));
        let mut left = rig.end.pending();
        while rig.end.pending() > 0 {
            rig.wait();
            left -= rig.end.flush();
            assert_eq!(rig.end.pending(), left);
        }
        rig.end.finish_writing();
        assert!(rig.end.shut && !rig.end.broken);
        assert!(reader.join().unwrap() == sent, "{kind:?}");
    }
}

#[test]
fn what_is_pending_for_a_dead_peer_is_dropped() {
    let (stream, peer) = tcp_pair(Some(8192));
    let mut rig = Rig::new(stream);
    fill(&mut rig.end);
    reset(peer);
    rig.wait_until(|end| end.failed() && end.writable());
    rig.end.flush();
    assert!(rig.end.broken);
    assert_eq!(rig.end.pending(), 0);
}

#[test]
fn a_connecting_end_is_not_written_to_before_the_poll_reports_room() {
    let (mut stream, mut peer) = tcp_pair(None);
    let poll = Poll::new().unwrap();
    stream.register(poll.registry(), Token(0)).unwrap();
    let mut rig = Rig { poll, events: Events::with_capacity(4), end: End::connecting(stream) };
    assert_eq!(rig.end.send(b"early"), 0);
    assert_eq!(rig.end.pending(), 5);
    rig.wait_until(End::writable);
    assert_eq!(rig.end.flush(), 5);
    let mut received = [0; 5];
    peer.read_exact(&mut received).unwrap();
    assert_eq!(&received, b"early");
}

#[test]
fn a_goodbye_forgets_what_is_pending_and_is_said_once() {
    let (stream, peer) = tcp_pair(Some(8192));
    let mut rig = Rig::new(stream);
    let sent = fill(&mut rig.end);
    let unsent = rig.end.pending();
    rig.end.say_goodbye();
    rig.end.say_goodbye();
    assert!(rig.end.shut && !rig.end.broken);
    assert_eq!(rig.end.pending(), 0);
    assert!(!rig.end.delivered());
    assert!(read_to_end(&peer) == sent[..sent.len() - unsent]);
}

#[test]
fn last_words_follow_what_is_pending_and_then_comes_the_end() {
    for kind in [Kind::Tcp, Kind::Unix] {
        let (stream, peer) = pair(kind, Some(8192));
        let mut rig = Rig::new(stream);
        let mut expected = fill(&mut rig.end);
        let pending = rig.end.pending();
        assert_eq!(rig.end.send_behind(b"goodbye"), 0);
        assert_eq!(rig.end.pending(), pending + 7);
        expected.extend_from_slice(b"goodbye");
        assert_eq!(rig.end.finish_when_written(), 0);
        assert!(!rig.end.shut);
        let reader = std::thread::spawn(move || read_to_end(&peer));
        let mut written = 0;
        while !rig.end.shut {
            written += rig.wait().end.finish_when_written();
        }
        assert_eq!(written, pending + 7);
        assert!(reader.join().unwrap() == expected, "{kind:?}");
    }
}

#[test]
fn last_words_are_written_at_once_if_nothing_is_pending() {
    let (stream, peer) = tcp_pair(None);
    let mut end = End::accepted(stream);
    assert_eq!(end.send_behind(b"goodbye"), 7);
    assert_eq!(end.finish_when_written(), 0);
    assert!(end.shut && !end.broken);
    assert_eq!(read_to_end(&peer), b"goodbye");
}

#[test]
fn nagles_delay_is_turned_off_before_the_second_write() {
    let (stream, _peer) = tcp_pair(None);
    let mut rig = Rig::new(stream);
    rig.end.avoid_delay();
    rig.end.send(b"one");
    assert!(!no_delay(&rig.end));
    rig.end.send(b"two");
    assert!(no_delay(&rig.end));
}

#[test]
fn nagles_delay_stays_where_nobody_asked() {
    let (stream, _peer) = tcp_pair(None);
    let mut rig = Rig::new(stream);
    for _ in 0..3 {
        rig.end.send(b"again");
    }
    assert!(!no_delay(&rig.end));
}

fn no_delay(end: &End) -> bool {
    match &end.stream {
        Stream::Tcp(tcp) => SockRef::from(tcp).tcp_nodelay().unwrap(),
        Stream::Unix(_) => panic!("a TCP socket is expected"),
    }
}

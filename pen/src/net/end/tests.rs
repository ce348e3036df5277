mod records;

use std::io::{Read, Write};
use std::net::Shutdown;

use mio::{Events, Poll, Token};
use socket2::{SockRef, Socket};

use super::*;
use crate::net::testing::{Kind, LIMIT, await_event, content, pair, reset, tcp_pair};

/// An end in a poll, and its peer.
struct Rig {
    poll: Poll,
    events: Events,
    end: End,
}

impl Rig {
    /// To be called when what the first event is to report has happened.
    fn new(mut stream: Stream) -> Rig {
        let poll = Poll::new().unwrap();
        stream.register(poll.registry(), Token(0)).unwrap();
        Rig { poll, events: Events::with_capacity(4), end: End::accepted(stream) }
    }

    /// Waits for one report.
    fn wait(&mut self) -> &mut Rig {
        self.poll.poll(&mut self.events, Some(LIMIT)).unwrap();
        assert!(!self.events.is_empty(), "nothing happened");
        self.events.iter().for_each(|event| self.end.note(event));
        self
    }

    fn wait_until(&mut self, reached: impl Fn(&End) -> bool) {
        while !reached(&self.end) {
            self.wait();
        }
    }

    /// Everything that can be read now.
    fn read_all(&mut self) -> Vec<u8> {
        let mut buffer = vec![0; LARGEST_READ];
        let mut all = Vec::new();
        while let Incoming::Data(data) = self.end.read(&mut buffer) {
            all.extend_from_slice(data);
        }
        all
    }
}

/// Sends until the peer's kernel takes no more; what was sent.
fn fill(end: &mut End) -> Vec<u8> {
    let data = content(7, 64 * 1024);
    let mut sent = Vec::new();
    while end.pending() == 0 {
        end.send(&data);
        sent.extend_from_slice(&data);
    }
    sent
}

fn no_delay(end: &End) -> bool {
    match &end.stream {
        Stream::Tcp(tcp) => SockRef::from(tcp).tcp_nodelay().unwrap(),
        Stream::Unix(_) => panic!("a TCP socket is expected"),
    }
}

#[test]
fn nothing_is_read_before_the_poll_reports_something() {
    for kind in [Kind::Tcp, Kind::Unix] {
        let (stream, mut peer) = pair(kind, None);
        peer.write_all(b"hello").unwrap();
        let mut rig = Rig::new(stream);
        assert_eq!(rig.end.read(&mut [0; 16]), Incoming::Nothing);
        rig.wait_until(End::readable);
        assert_eq!(rig.end.read(&mut [0; 16]), Incoming::Data(b"hello"));
        assert_eq!(rig.end.read(&mut [0; 16]), Incoming::Nothing);
        assert!(!rig.end.readable() && !rig.end.ended);
    }
}

#[test]
fn a_close_that_is_reported_with_the_data_needs_no_read_of_its_own() {
    let (stream, mut peer) = tcp_pair(None);
    peer.write_all(b"hello").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    await_event(&stream, Event::is_read_closed);
    let mut rig = Rig::new(stream);
    rig.wait();
    assert!(!rig.end.ended);
    assert_eq!(rig.end.read(&mut [0; 16]), Incoming::Data(b"hello"));
    assert!(rig.end.ended && !rig.end.broken);
    assert_eq!(rig.end.read(&mut [0; 16]), Incoming::Over);
}

#[test]
fn a_short_read_of_a_unix_socket_is_not_taken_for_its_end() {
    let (stream, mut peer) = pair(Kind::Unix, None);
    peer.write_all(b"hello").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    let mut rig = Rig::new(stream);
    rig.wait();
    assert_eq!(rig.end.read(&mut [0; 16]), Incoming::Data(b"hello"));
    assert!(!rig.end.ended);
    assert_eq!(rig.end.read(&mut [0; 16]), Incoming::Over);
    assert!(rig.end.ended && !rig.end.broken);
}

#[test]
fn a_read_that_fills_the_buffer_is_followed_by_another() {
    let (stream, mut peer) = tcp_pair(None);
    peer.write_all(b"helloworld").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    await_event(&stream, Event::is_read_closed);
    let mut rig = Rig::new(stream);
    rig.wait();
    assert_eq!(rig.end.read(&mut [0; 5]), Incoming::Data(b"hello"));
    assert!(rig.end.readable() && !rig.end.ended);
    assert_eq!(rig.end.read(&mut [0; 5]), Incoming::Data(b"world"));
    assert!(!rig.end.ended);
    assert_eq!(rig.end.read(&mut [0; 5]), Incoming::Over);
    assert!(rig.end.ended && !rig.end.broken);
}

#[test]
fn what_is_given_back_comes_again_before_anything_else_and_before_the_end() {
    for kind in [Kind::Tcp, Kind::Unix] {
        for closed in [false, true] {
            let (stream, mut peer) = pair(kind, None);
            peer.write_all(b"header, hello").unwrap();
            if closed {
                peer.shutdown(Shutdown::Write).unwrap();
                await_event(&stream, Event::is_read_closed);
            }
            let mut rig = Rig::new(stream);
            rig.wait_until(End::readable);
            assert_eq!(rig.end.read(&mut [0; 32]), Incoming::Data(b"header, hello"));
            rig.end.unread(b"hello");
            assert!(rig.end.readable() && !rig.end.ended);
            assert_eq!(rig.end.read(&mut [0; 2]), Incoming::Data(b"he"));
            assert!(rig.end.readable() && !rig.end.ended);
            assert_eq!(rig.end.read(&mut [0; 32]), Incoming::Data(b"llo"));
            let after = if closed { Incoming::Over } else { Incoming::Nothing };
            assert_eq!(rig.end.read(&mut [0; 32]), after);
            assert_eq!(rig.end.ended, closed);
            if !closed {
                peer.write_all(b", again").unwrap();
                rig.wait_until(End::readable);
                assert_eq!(rig.read_all(), b", again");
            }
        }
    }
}

#[test]
fn an_opening_goes_out_with_the_first_bytes_or_alone() {
    let everything = |peer: &mut Socket| {
        peer.shutdown(Shutdown::Write).unwrap();
        let mut all = Vec::new();
        peer.read_to_end(&mut all).unwrap();
        all
    };
    for kind in [Kind::Tcp, Kind::Unix] {
        for way in 0..4 {
            let (stream, mut peer) = pair(kind, None);
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
            assert_eq!(everything(&mut peer), b"header, hello", "way {way}");
        }
    }
}

#[test]
fn an_opening_that_the_socket_does_not_take_is_kept() {
    let (stream, mut peer) = tcp_pair(Some(4096));
    let mut end = End { writable: false, ..End::accepted(stream) };
    end.open_with(b"header, ".to_vec());
    assert_eq!(end.open(), 0);
    assert_eq!(end.pending(), 8);
    end.writable = true;
    assert_eq!(end.flush(), 8);
    end.finish_writing();
    let mut all = Vec::new();
    peer.read_to_end(&mut all).unwrap();
    assert_eq!(all, b"header, ");
}

#[test]
fn what_came_before_a_reset_is_read_before_it() {
    let (stream, mut peer) = tcp_pair(None);
    peer.write_all(b"hello").unwrap();
    reset(peer);
    await_event(&stream, Event::is_error);
    let mut rig = Rig::new(stream);
    rig.wait();
    assert!(rig.end.failed() && !rig.end.broken);
    assert_eq!(rig.end.read(&mut [0; 16]), Incoming::Data(b"hello"));
    assert!(!rig.end.ended);
    assert_eq!(rig.end.read(&mut [0; 16]), Incoming::Over);
    assert!(rig.end.ended && rig.end.broken);
}

#[test]
fn a_reset_after_the_end_is_noticed_without_a_read() {
    let (stream, mut peer) = tcp_pair(None);
    peer.write_all(b"hello").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    let mut rig = Rig::new(stream);
    while !rig.end.ended {
        rig.wait();
        rig.read_all();
    }
    assert!(!rig.end.broken);
    reset(peer);
    rig.wait_until(End::failed);
    assert!(rig.end.broken);
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

fn read_to_end(mut peer: &Socket) -> Vec<u8> {
    let mut all = Vec::new();
    peer.read_to_end(&mut all).unwrap();
    all
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
fn a_reset_that_a_failed_write_has_taken_notice_of_is_no_clean_end() {
    let (stream, mut peer) = tcp_pair(None);
    peer.write_all(b"hello").unwrap();
    reset(peer);
    await_event(&stream, Event::is_error);
    let mut rig = Rig::new(stream);
    rig.wait();
    assert_eq!(rig.end.send(b"too late"), 0);
    assert_eq!(rig.read_all(), b"hello");
    assert!(rig.end.ended && rig.end.broken);
}

#[test]
fn what_is_discarded_is_read_to_its_end() {
    for kind in [Kind::Tcp, Kind::Unix] {
        let (stream, mut peer) = pair(kind, None);
        peer.write_all(&[b'x'; 100]).unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        await_event(&stream, Event::is_read_closed);
        let mut end = End::accepted(stream);
        assert!(end.discard(&mut [0; 5]));
        assert!(!end.ended);
        assert!(!end.discard(&mut [0; 5]));
        assert!(end.ended && !end.broken);
    }
}

#[test]
fn nothing_to_discard_is_no_end() {
    let (stream, _peer) = tcp_pair(None);
    let mut end = End::accepted(stream);
    assert!(!end.discard(&mut [0; 5]));
    assert!(!end.ended);
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
fn a_dead_peer_will_never_have_more() {
    let (stream, peer) = tcp_pair(Some(8192));
    let mut rig = Rig::new(stream);
    fill(&mut rig.end);
    assert!(!rig.end.delivered());
    reset(peer);
    rig.wait_until(|end| end.failed() && end.writable());
    rig.end.flush();
    assert!(rig.end.delivered());
}

#[test]
fn urgent_data_is_no_end_of_the_rest() {
    let (stream, mut peer) = tcp_pair(None);
    peer.write_all(b"before").unwrap();
    peer.send_out_of_band(b"!").unwrap();
    peer.write_all(b"after").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    await_event(&stream, |event| event.is_read_closed() && event.is_priority());
    let mut rig = Rig::new(stream);
    rig.wait();
    assert_eq!(rig.end.read(&mut [0; 64]), Incoming::Data(b"before"));
    assert!(rig.end.readable() && !rig.end.ended);
    assert_eq!(rig.read_all(), b"after");
    assert!(rig.end.ended && !rig.end.broken);
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

#[test]
fn reads_shrink_for_slow_receivers_and_grow_for_fast_ones() {
    let mut end = End::accepted(tcp_pair(None).0);
    assert_eq!(end.read_size, FIRST_READ);
    let mut sizes = Vec::new();
    for _ in 0..4 {
        end.adapt_read_size(end.read_size, false);
        sizes.push(end.read_size);
    }
    assert_eq!(sizes, [FIRST_READ / 2, SMALLEST_READ, SMALLEST_READ, SMALLEST_READ]);
    for _ in 0..8 {
        end.adapt_read_size(end.read_size, true);
    }
    assert_eq!(end.read_size, LARGEST_READ);
    end.adapt_read_size(100, true);
    assert_eq!(end.read_size, LARGEST_READ);
    end.adapt_read_size(100, false);
    assert_eq!(end.read_size, LARGEST_READ / 2);
}

#[test]
fn no_read_is_larger_than_the_read_size() {
    let (stream, mut peer) = tcp_pair(Some(1024 * 1024));
    peer.write_all(&content(1, 2 * SMALLEST_READ)).unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    await_event(&stream, Event::is_read_closed);
    let mut rig = Rig::new(stream);
    rig.wait();
    rig.end.read_size = SMALLEST_READ;
    let mut buffer = vec![0; LARGEST_READ];
    let Incoming::Data(data) = rig.end.read(&mut buffer) else { panic!("nothing to read") };
    assert!(data == &content(1, 2 * SMALLEST_READ)[..SMALLEST_READ]);
}

mod outgoing;
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

fn read_to_end(mut peer: &Socket) -> Vec<u8> {
    let mut all = Vec::new();
    peer.read_to_end(&mut all).unwrap();
    all
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
fn what_is_given_back_twice_is_read_in_its_order() {
    let (stream, mut peer) = tcp_pair(None);
    peer.write_all(b"header, hello").unwrap();
    let mut rig = Rig::new(stream);
    rig.wait_until(End::readable);
    assert_eq!(rig.end.read(&mut [0; 32]), Incoming::Data(b"header, hello"));
    rig.end.unread(b"hello");
    assert_eq!(rig.end.read(&mut [0; 3]), Incoming::Data(b"hel"));
    rig.end.unread(b"");
    rig.end.unread(b"hel");
    assert_eq!(rig.read_all(), b"hello");
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

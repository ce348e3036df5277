use std::io::Write;
use std::os::fd::AsFd;

use super::*;
use crate::net::testing::{await_event, content, tcp_pair};
use mio::event::Event;

/// A pipe that holds `data`.
fn filled_with(data: &[u8]) -> Pipe {
    let (stream, mut peer) = tcp_pair(None);
    peer.write_all(data).unwrap();
    let mut pipe = Pipe::new().unwrap();
    assert_eq!(pipe.fill(&stream, data.len()).unwrap(), data.len());
    pipe
}

#[test]
fn what_comes_in_goes_out() {
    let data = content(1, 4096);
    let mut pipe = filled_with(&data);
    let (stream, mut peer) = tcp_pair(None);
    assert_eq!(pipe.drain(&stream).unwrap(), data.len());
    assert!(pipe.is_empty());
    let mut arrived = vec![0; data.len()];
    peer.read_exact(&mut arrived).unwrap();
    assert!(arrived == data);
}

#[test]
fn the_rest_can_be_read() {
    let data = content(2, 4096);
    let mut pipe = filled_with(&data);
    assert!(pipe.take_rest(&mut [0; 10]).is_none());
    let mut buffer = vec![0; 8192];
    assert!(pipe.take_rest(&mut buffer).unwrap() == data);
    assert!(pipe.is_empty());
}

#[test]
fn nothing_is_added_to_what_nobody_took() {
    let mut pipe = filled_with(b"a stranger's");
    let (stream, mut peer) = tcp_pair(None);
    peer.write_all(b"another one's").unwrap();
    assert_eq!(pipe.fill(&stream, 100).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    assert_eq!(stream.peek().unwrap(), 1);
}

#[test]
fn an_empty_socket_and_one_that_has_ended_are_told_apart() {
    let (stream, peer) = tcp_pair(None);
    let mut pipe = Pipe::new().unwrap();
    assert_eq!(pipe.fill(stream.as_fd(), 100).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    drop(peer);
    await_event(&stream, Event::is_read_closed);
    assert_eq!(pipe.fill(&stream, 100).unwrap(), 0);
}

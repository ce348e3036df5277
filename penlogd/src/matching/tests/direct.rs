//! Servers that are asked without pen, too.

use std::net::{IpAddr, Ipv4Addr};

use common::log_record::{Connection, Millis};

use super::super::*;
use crate::line::Ports;

const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const PEN: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 9));
const MONITOR: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 5));
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
/// Of the only connection.
const PORT: u16 = 4000;

const GUESS: Answer = Answer::Likely(Client { address: CLIENT, port: None });
const EXACT: Answer = Answer::Exact(Client { address: CLIENT, port: Some(5000) });

fn connection(pen: IpAddr, closed: Option<Millis>) -> Connection {
    Connection {
        client: CLIENT.into(),
        client_port: 5000,
        pen,
        pen_port: PORT,
        server: SERVER,
        server_port: 80,
        opened: Millis(1000),
        closed,
    }
}

fn line(peer: IpAddr, ports: Ports) -> Question<'static> {
    Question { server: SERVER, peer: Some(peer), ports, request: Some(b"GET /"), at: Moment(1_100_000) }
}

fn number(port: u16) -> Ports {
    let mut ports = Ports::default();
    ports.push(port);
    ports
}

/// One to which the connections of these were told, and two requests.
fn matcher(pens: &[IpAddr]) -> Matcher {
    let mut matcher = Matcher::new(Limits { requests: 10, connections: 10 });
    for pen in pens {
        matcher.connection(&connection(*pen, None), Moment(1_000_000));
    }
    (0..2).for_each(|_| matcher.request(CLIENT, SERVER, b"GET /", false, Moment(1_050_000)));
    matcher
}

#[test]
fn a_peer_that_is_not_pen_has_no_record_of_pens() {
    let mut matcher = matcher(&[PEN]);
    assert_eq!(matcher.client(&line(PEN, Ports::certain(PORT))), EXACT);
    for ports in [PORT, 4001].map(Ports::certain) {
        assert_eq!(matcher.client(&line(MONITOR, ports)), Answer::Direct);
        assert_eq!(matcher.client_at_last(&line(MONITOR, ports)), Answer::Direct);
    }
    // The record that is left has not been used.
    assert_eq!(matcher.client_at_last(&line(PEN, Ports::certain(4001))), GUESS);
}

#[test]
fn a_number_that_uses_to_be_the_port_is_enough() {
    let mut matcher = matcher(&[PEN]);
    assert_eq!(matcher.client(&line(PEN, number(PORT))), EXACT);
    assert_eq!(matcher.client(&line(MONITOR, number(4001))), Answer::Direct);
    assert_eq!(matcher.client(&line(MONITOR, Ports::default())), GUESS);
}

#[test]
fn where_addresses_are_changed_on_the_way_no_line_shows_pens_and_requests_tell() {
    let mut matcher = matcher(&[PEN]);
    for _ in 0..2 {
        assert_eq!(matcher.client_at_last(&line(MONITOR, Ports::certain(PORT))), GUESS);
    }
    assert!(matches!(matcher.client(&line(MONITOR, Ports::certain(PORT))), Answer::Spent(_)));
}

#[test]
fn a_line_with_a_name_for_its_peer_does_not_tell_whether_addresses_are_changed() {
    let mut matcher = matcher(&[PEN]);
    let nameless = Question { peer: None, ..line(PEN, Ports::certain(PORT)) };
    assert_eq!(matcher.client(&nameless), EXACT);
    assert_eq!(matcher.client_at_last(&line(MONITOR, Ports::certain(4001))), GUESS);
}

#[test]
fn each_pen_is_known_as_long_as_one_of_its_connections_is() {
    let other = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 8));
    let mut matcher = matcher(&[PEN, other]);
    assert_eq!(matcher.client(&line(PEN, Ports::certain(PORT))), EXACT);
    assert_eq!(matcher.client(&line(other, Ports::certain(PORT))), EXACT);
    matcher.connection(&connection(other, Some(Millis(2000))), Moment(2_000_000));
    assert!(matches!(matcher.client(&line(other, Ports::certain(4001))), Answer::Spent(_)));
    matcher.forget_before(Moment(3_000_000));
    assert_eq!(matcher.client(&line(other, Ports::certain(4001))), Answer::Direct);
    assert_eq!(matcher.client(&line(PEN, Ports::certain(4001))), Answer::Unknown);
}

#[test]
fn lines_of_files_are_told_apart_likewise() {
    let mut aligner = Aligner::new(Limits { requests: 10, connections: 10 });
    aligner.connection(&connection(PEN, None), Moment(1_000_000));
    (0..2).for_each(|_| aligner.request(CLIENT, SERVER, b"GET /", false, Moment(1_000_000)));
    let lines = [
        (PEN, PORT, EXACT),
        (MONITOR, PORT, Answer::Direct),
        (MONITOR, 4001, Answer::Direct),
        (PEN, 4001, GUESS),
    ];
    for (peer, port, _) in lines {
        aligner.line(0, &line(peer, Ports::certain(port)));
    }
    for (peer, port, answer) in lines {
        assert_eq!(aligner.last_answer(), Some(answer), "{peer}:{port}");
    }
}

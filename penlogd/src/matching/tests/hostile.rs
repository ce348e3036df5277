//! Forged and odd input: nothing panics, grows, or takes for ever.

use std::net::{IpAddr, Ipv4Addr};

use common::log_record::{Connection, Millis};

use super::super::*;
use crate::line::Ports;

/// Times at the ends of what can be told, for records and lines, with and without a connection.
#[test]
fn times_at_the_ends_of_time_are_only_times() {
    let times = [i64::MIN, -1, 0, 1, 253_402_300_799_000_000, i64::MAX / 1000 * 1000, i64::MAX];
    let millis = [0, 1, 9_223_372_036_854_775, u64::MAX / 1000, u64::MAX];
    let server = IpAddr::from([10, 0, 0, 1]);
    let limits = Limits { requests: 500, connections: 50 };
    let (mut matcher, mut aligner) = (Matcher::new(limits), Aligner::new(limits));
    let mut rng = fastrand::Rng::with_seed(1);
    for number in 0..20_000_u32 {
        let at = Moment(*rng.choice(&times).unwrap());
        let client = IpAddr::from(Ipv4Addr::from_bits(number));
        let text = [rng.u8(b'a'..=b'z')];
        let record = Connection {
            client: client.into(),
            client_port: 1,
            pen: server,
            pen_port: rng.u16(1..3),
            server,
            server_port: rng.u16(1..3),
            opened: Millis(*rng.choice(&millis).unwrap()),
            closed: rng.bool().then(|| Millis(*rng.choice(&millis).unwrap())),
        };
        let ports = if rng.bool() { Ports::certain(1) } else { Ports::default() };
        let question = Question { server, peer: None, ports, request: Some(&text), at };
        match rng.u8(0..8) {
            0 => {
                matcher.connection(&record, at);
                aligner.connection(&record, at);
            }
            1..=3 => {
                matcher.request(client, server, &text, rng.bool(), at);
                aligner.request(client, server, &text, rng.bool(), at);
            }
            4 if rng.u8(0..50) == 0 => {
                matcher.forget_before(at);
                aligner.forget_before(at);
            }
            _ => {
                matcher.client(&question);
                aligner.line(rng.usize(0..3), &question);
                while aligner.answer().is_some() {}
            }
        }
    }
    while aligner.last_answer().is_some() {}
}

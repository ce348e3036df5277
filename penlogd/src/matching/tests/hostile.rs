//! Forged and odd input: nothing panics, grows, or takes for ever.

use std::net::{IpAddr, Ipv4Addr};

use common::log_record::{Connection, Millis};

use super::super::*;
use super::cost::cpu_nanos;
use crate::line::Ports;

/// Prints what a step costs a matcher, which is told the step's number.
fn run(name: &str, mut step: impl FnMut(&mut Matcher, u32)) {
    const STEPS: u32 = 1_000_000;
    let mut matcher = Matcher::new(Limits { requests: 100_000, connections: 100_000 });
    let start = cpu_nanos();
    (0..STEPS).for_each(|number| step(&mut matcher, number));
    println!("{name}: {} ns", (cpu_nanos() - start) / u64::from(STEPS));
}

#[test]
#[ignore = "figures to look at"]
fn costs() {
    let ip = |number: u32| IpAddr::from(Ipv4Addr::from_bits(number));
    let question = |server, request| Question {
        server,
        peer: None,
        ports: Ports::default(),
        request: Some(request),
        at: Moment(0),
    };
    run("millions of servers", |m, i| {
        m.request(ip(i), ip(i), b"GET /", false, Moment(i64::from(i)));
        m.client(&question(ip(i), b"GET /"));
    });
    run("cut at every length", |m, i| {
        const TEXT: [u8; 1000] = [b'x'; 1000];
        m.request(ip(i), ip(1), &TEXT[..(i % 1000) as usize], true, Moment(i64::from(i)));
        m.client(&question(ip(1), &TEXT));
    });
    run("one port, forged times", |m, i| {
        let opened = u64::from(i.wrapping_mul(2_654_435_761));
        let record = Connection {
            client: ip(i).into(),
            client_port: 1,
            pen: ip(9),
            pen_port: 1,
            server: ip(1),
            server_port: (i % 60000) as u16,
            opened: Millis(opened),
            closed: None,
        };
        m.connection(&record, Moment(i64::from(i)));
        m.client(&Question { ports: Ports::certain(1), ..question(ip(1), b"GET /") });
    });
    run("one port, one time", |m, i| {
        let record = Connection {
            client: ip(i).into(),
            client_port: 1,
            pen: ip(i),
            pen_port: 1,
            server: ip(1),
            server_port: (i % 60000) as u16,
            opened: Millis(5),
            closed: (i % 2 == 0).then_some(Millis(5)),
        };
        m.connection(&record, Moment(i64::from(i)));
        m.client(&Question { ports: Ports::certain(1), ..question(ip(1), b"GET /") });
    });
    run("each server once by connection", |m, i| {
        let record = Connection {
            client: ip(i).into(),
            client_port: 1,
            pen: ip(9),
            pen_port: 1,
            server: ip(i),
            server_port: 1,
            opened: Millis(5),
            closed: None,
        };
        m.connection(&record, Moment(i64::from(i)));
        m.client(&Question { ports: Ports::certain(1), ..question(ip(i), b"GET /") });
    });
    run("records without lines", |m, i| {
        m.request(ip(i), ip(1), b"GET /", false, Moment(i64::from(i)));
    });
}

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

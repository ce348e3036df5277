//! Lines that show pen's port: every one of them is right.

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr};

use common::log_record::{Connection, Millis};
use fastrand::Rng;

use super::super::*;
use crate::line::Ports;

const SECOND: i64 = 1_000_000;
const T0: i64 = 1_700_000_000 * SECOND;

/// What arrives at a penlogd, or stands in a file.
#[derive(Clone, Debug)]
enum Event {
    Connection(Connection),
    Request { client: IpAddr, server: IpAddr, text: String },
    Line { truth: Client, server: IpAddr, port: u16, text: String },
}

const PEN: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 9, 9));

/// Connections, so many a second, with one to four requests each, which the client sends one after the other or all at once. A
/// port is used again after all others. Records take up to `delay` microseconds, lines as long and the time that the server takes.
fn farm(seed: u64, rate: f64, ports: u16, delay: i64, connections: usize) -> Vec<(i64, Event)> {
    let mut rng = Rng::with_seed(seed);
    let mut free: BTreeSet<(i64, u16)> = (1024..1024 + ports).map(|port| (0, port)).collect();
    let mut events = Vec::new();
    let mut now = T0 as f64;
    for _ in 0..connections {
        now -= (1.0 - rng.f64()).ln() / rate * 1e6;
        let opened = now as i64;
        let (free_at, pen_port) = free.pop_first().expect("more ports than connections at a time");
        assert!(free_at <= opened, "no free port");
        let truth =
            Client { address: Ipv4Addr::new(10, 1, 0, rng.u8(..)).into(), port: Some(rng.u16(1024..)) };
        let server: IpAddr = Ipv4Addr::new(127, 0, 1, rng.u8(1..=2)).into();
        let mut at = opened;
        let mut end = opened;
        for _ in 0..rng.u32(1..=4) {
            let text = format!("GET /{} HTTP/1.1", rng.u8(0..8));
            let done = at + 200 + (-(1.0 - rng.f64()).ln() * 20_000.0) as i64;
            let request = Event::Request { client: truth.address, server, text: text.clone() };
            events.push((at + rng.i64(0..=delay), request));
            events.push((done + rng.i64(0..=delay), Event::Line { truth, server, port: pen_port, text }));
            end = end.max(done);
            at = if rng.bool() { at + 50 } else { done + 300 };
        }
        let millis = |micros: i64| Millis((micros / 1000) as u64);
        let mut record = Connection {
            client: truth.address.into(),
            client_port: truth.port.unwrap(),
            pen: PEN,
            pen_port,
            server,
            server_port: 80,
            opened: millis(opened),
            closed: None,
        };
        events.push((opened + rng.i64(0..=delay), Event::Connection(record)));
        record.closed = Some(millis(end + 100));
        events.push((end + 100 + rng.i64(0..=delay), Event::Connection(record)));
        free.insert((end + 200, pen_port));
    }
    events.sort_by_key(|(at, _)| *at);
    events
}

/// Lines that wait are asked for again every two milliseconds, for a second.
fn wrong_online(events: &[(i64, Event)]) -> usize {
    let mut matcher = Matcher::new(Limits { requests: 10_000, connections: 100_000 });
    let (mut waiting, mut asked, mut wrong) = (Vec::new(), 0, 0);
    let last = (i64::MAX, Event::Request { client: PEN, server: PEN, text: String::new() });
    for (at, event) in events.iter().chain([&last]) {
        if *at > asked + 2000 {
            asked = *at;
            waiting.retain(|(came, truth, server, port, text): &(i64, Client, IpAddr, u16, &String)| {
                let is_over = *at > came + SECOND;
                let question = question(*server, *port, text, *came);
                let answer =
                    if is_over { matcher.client_at_last(&question) } else { matcher.client(&question) };
                let is_done = is_over || matches!(answer, Answer::Exact(_) | Answer::Likely(_));
                wrong += usize::from(is_done && answer != Answer::Exact(*truth));
                !is_done
            });
        }
        match event {
            Event::Connection(record) => matcher.connection(record, Moment(*at)),
            Event::Request { client, server, text } => {
                matcher.request(*client, *server, text.as_bytes(), false, Moment(*at));
            }
            Event::Line { truth, server, port, text } => {
                match matcher.client(&question(*server, *port, text, *at)) {
                    Answer::Exact(client) => wrong += usize::from(client != *truth),
                    Answer::Likely(_) => wrong += 1,
                    _ => waiting.push((*at, *truth, *server, *port, text)),
                }
            }
        }
    }
    wrong
}

fn question(server: IpAddr, port: u16, text: &str, at: i64) -> Question<'_> {
    let request = Some(text.as_bytes());
    Question { server, peer: Some(PEN), ports: Ports::certain(port), request, at: Moment(at) }
}

/// Files have whole seconds, but for connections.
fn wrong_offline(events: &[(i64, Event)]) -> usize {
    let second = |at: i64| at.div_euclid(SECOND) * SECOND;
    let mut aligner = Aligner::new(Limits { requests: usize::MAX, connections: usize::MAX });
    let (lines, mut records): (Vec<_>, Vec<_>) =
        events.iter().partition(|(_, event)| matches!(event, Event::Line { .. }));
    records.reverse();
    let mut truths = VecDeque::new();
    let mut wrong = 0;
    let mut judge = |answer: Answer, truths: &mut VecDeque<Client>| {
        wrong += usize::from(Some(answer) != truths.pop_front().map(Answer::Exact));
    };
    for (at, event) in lines {
        while let Some((at, record)) = records.pop_if(|(record, _)| *record <= at + 600 * SECOND) {
            match record {
                Event::Request { client, server, text } => {
                    aligner.request(*client, *server, text.as_bytes(), false, Moment(second(*at)));
                }
                Event::Connection(record) => {
                    let Millis(time) = record.closed.unwrap_or(record.opened);
                    aligner.connection(record, Moment(time as i64 * 1000));
                }
                Event::Line { .. } => unreachable!(),
            }
        }
        let Event::Line { truth, server, port, text } = event else { unreachable!() };
        truths.push_back(*truth);
        aligner.line(0, &question(*server, *port, text, second(*at)));
        while let Some(answer) = aligner.answer() {
            judge(answer, &mut truths);
        }
    }
    while let Some(answer) = aligner.last_answer() {
        judge(answer, &mut truths);
    }
    assert!(truths.is_empty());
    wrong
}

#[test]
fn every_line_is_right_with_connections_that_last_and_requests_in_pipelines() {
    for seed in 1..=2 {
        for (rate, ports) in [(10.0, 1000), (1000.0, 8000), (5000.0, 28_000)] {
            let events = farm(seed, rate, ports, 1000, 5000);
            assert_eq!(wrong_online(&events), 0, "online, {rate} a second, seed {seed}");
            assert_eq!(wrong_offline(&events), 0, "offline, {rate} a second, seed {seed}");
        }
    }
}

#[test]
fn every_line_is_right_when_ports_are_used_again_within_seconds() {
    let events = farm(1, 5000.0, 14_000, 1000, 40_000);
    assert_eq!(wrong_online(&events), 0, "online");
    assert_eq!(wrong_offline(&events), 0, "offline");
}

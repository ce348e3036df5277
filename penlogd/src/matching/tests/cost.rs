//! What a record and a line cost together, to look at:
//! `cargo test --release -p penlogd --lib matching::tests::cost -- --ignored --nocapture`.

use std::net::{IpAddr, Ipv4Addr};

use super::super::*;
use crate::line::Ports;

const TIMES: u64 = 1_000_000;

#[test]
#[ignore = "figures to look at"]
fn cost_of_a_record_and_a_line() {
    for (cached, texts) in [(1000, 200), (1_000_000, 200), (1_000_000, 500_000), (1000, 1), (1_000_000, 1)] {
        let mut matcher = Matcher::new(Limits { requests: cached, connections: 1000 });
        let mut aligner = Aligner::new(Limits { requests: cached, connections: 1000 });
        let texts: Vec<String> =
            (0..texts).map(|url| format!("GET /some/page/{url}.html HTTP/1.1")).collect();
        let server: IpAddr = Ipv4Addr::new(10, 0, 0, 1).into();
        let client = |n: u64| IpAddr::from(Ipv4Addr::from_bits(n as u32));
        let text =
            |n: u64| texts[(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) as usize % texts.len()].as_bytes();
        let at = |n: u64| Moment(n as i64 * 1000);
        for n in 0..cached as u64 {
            matcher.request(client(n), server, text(n), false, at(n));
            aligner.request(client(n), server, text(n), false, at(n));
        }
        let begun = cached as u64;
        let question = |n: u64| Question {
            server,
            peer: None,
            ports: Ports::default(),
            request: Some(text(n)),
            at: at(n + 50),
        };
        let start = cpu_nanos();
        for n in begun..begun + TIMES {
            matcher.request(client(n), server, text(n), false, at(n));
            matcher.client(&question(n - 50));
        }
        let online = (cpu_nanos() - start) / TIMES;
        let start = cpu_nanos();
        for n in begun..begun + TIMES {
            aligner.request(client(n), server, text(n), false, at(n));
            aligner.line(0, &question(n - 50));
            aligner.answer();
        }
        let offline = (cpu_nanos() - start) / TIMES;
        println!("{cached} records of {} texts: {online} ns online, {offline} ns offline", texts.len());
    }
}

/// What this thread has used of its CPU, in nanoseconds.
pub(super) fn cpu_nanos() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

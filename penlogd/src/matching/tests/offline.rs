//! Shares of right answers for files, which have whole seconds.

use std::collections::HashMap;
use std::net::IpAddr;

use super::super::*;
use super::world::{Event, Kind, Service, World};
use crate::line::Ports;

const SECOND: i64 = 1_000_000;

/// Which time a line shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Begin,
    End,
}

fn share(events: &[Event], shown: Shown, skew: i64) -> f64 {
    let (mut records, mut lines): (Vec<&Event>, Vec<&Event>) =
        events.iter().partition(|event| event.kind == Kind::Request);
    let second = |micros: i64| micros.div_euclid(SECOND) * SECOND;
    let shown = |event: &Event| second(skew + if shown == Shown::End { event.at } else { event.begun });
    // Logs are merged by the time that they show.
    lines.sort_by_key(|event| shown(event));
    records.reverse();
    let mut aligner = Aligner::new(Limits { requests: usize::MAX, connections: usize::MAX });
    let (mut right, mut asked) = (0, lines.iter());
    let mut count = |answer: Answer| {
        let (Answer::Likely(client) | Answer::Spent(client)) = answer else { panic!("{answer:?}") };
        right += i32::from(client.address == asked.next().unwrap().client);
    };
    let mut logs: HashMap<IpAddr, usize> = HashMap::new();
    for line in &lines {
        let at = shown(line);
        while let Some(record) = records.pop_if(|record| second(record.at) <= at + 10 * SECOND) {
            let request = record.request.as_bytes();
            aligner.request(record.client, record.server, request, false, Moment(second(record.at)));
        }
        aligner.forget_before(Moment(at - 20 * SECOND));
        let new = logs.len();
        let log = *logs.entry(line.server).or_insert(new);
        let request = Some(line.request.as_bytes());
        aligner.line(
            log,
            &Question { server: line.server, peer: None, ports: Ports::default(), request, at: Moment(at) },
        );
        while let Some(answer) = aligner.answer() {
            count(answer);
        }
    }
    while let Some(answer) = aligner.last_answer() {
        count(answer);
    }
    assert!(asked.next().is_none());
    f64::from(right) / lines.len() as f64
}

fn least_share(service: Service, unlogged: f64, shown: Shown, skew: i64) -> f64 {
    let share = |seed| {
        let world = World { service, rate: 200.0, unlogged, requests: 10_000, seed };
        share(&world.events(), shown, skew)
    };
    (1..=3).map(share).fold(1.0, f64::min)
}

#[test]
fn files_with_whole_seconds_give_as_many_right_answers_as_lines_that_come_one_by_one() {
    for unlogged in [0.0, 0.1] {
        for (service, wanted) in [(Service::Exponential, 0.88), (Service::Constant, 0.98)] {
            let share = least_share(service, unlogged, Shown::End, 0);
            assert!(share > wanted, "{share}: {service:?}, unlogged {unlogged}");
        }
    }
}

#[test]
#[ignore = "a table to look at"]
fn shares_of_files() {
    for service in [Service::Exponential, Service::Constant] {
        for unlogged in [0.0, 0.1] {
            for rate in [50.0, 200.0, 1000.0] {
                print!("{service:?} {unlogged} {rate}:");
                for seed in 1..=5 {
                    let events = World { service, rate, unlogged, requests: 20_000, seed }.events();
                    let is_late = |event: &&Event| event.kind == Kind::Request || event.at > 33_400_000;
                    let late: Vec<Event> = events.iter().filter(is_late).cloned().collect();
                    print!(" late {:.1}", 100.0 * share(&late, Shown::End, 0));
                    let shares = [
                        (Shown::End, 0),
                        (Shown::Begin, 0),
                        (Shown::End, 1_300_000),
                        (Shown::End, -5_700_000),
                    ];
                    let shares =
                        shares.map(|(shown, skew)| format!("{:.1}", 100.0 * share(&events, shown, skew)));
                    print!(" {}", shares.join("/"));
                }
                println!();
            }
        }
    }
}

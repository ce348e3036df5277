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
    /// The beginning of requests that take seconds, and the end of others: as if those took no time.
    BeginOfLong,
}

fn share(events: &[Event], shown: Shown, skew: i64, logs_of_server: u8) -> f64 {
    let (mut records, lines): (Vec<&Event>, Vec<&Event>) =
        events.iter().partition(|event| event.kind == Kind::Request);
    let second = |micros: i64| micros.div_euclid(SECOND) * SECOND;
    let shown = |event: &Event| {
        let is_long = event.at - event.begun > SECOND;
        let shows_end = shown == Shown::End || shown == Shown::BeginOfLong && !is_long;
        second(skew + if shows_end { event.at } else { event.begun })
    };
    // Logs are merged by the latest time that they have shown.
    let mut latest: HashMap<(IpAddr, u8), i64> = HashMap::new();
    let log = |event: &Event| (event.server, event.request.as_bytes()["GET /page/".len()] % logs_of_server);
    let mut place = |event: &Event| {
        let latest = latest.entry(log(event)).or_insert(i64::MIN);
        *latest = shown(event).max(*latest);
        *latest
    };
    let mut lines: Vec<(i64, &Event)> = lines.into_iter().map(|event| (place(event), event)).collect();
    lines.sort_by_key(|(place, line)| (*place, log(line)));
    records.reverse();
    let mut aligner = Aligner::new(Limits { requests: usize::MAX, connections: usize::MAX });
    let (mut right, mut asked) = (0, lines.iter().map(|(_, line)| line));
    let mut count = |answer: Answer| {
        let (Answer::Likely(client) | Answer::Spent(client)) = answer else { panic!("{answer:?}") };
        right += i32::from(client.address == asked.next().unwrap().client);
    };
    let mut logs: HashMap<(IpAddr, u8), usize> = HashMap::new();
    for (place, line) in &lines {
        let at = shown(line);
        while let Some(record) = records.pop_if(|record| second(record.begun) <= place + 10 * SECOND) {
            let request = record.request.as_bytes();
            aligner.request(record.client, record.server, request, false, Moment(second(record.at)));
        }
        aligner.forget_before(Moment(place - 60 * SECOND));
        let new = logs.len();
        let log = *logs.entry(log(line)).or_insert(new);
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

#[test]
fn long_requests_whose_lines_show_their_beginnings_take_no_others_records() {
    let world =
        World { service: Service::Exponential, rate: 200.0, unlogged: 0.0, requests: 10_000, seed: 1 };
    let mut events = world.events();
    let mut rng = fastrand::Rng::with_seed(1);
    for event in events.iter_mut().filter(|event| event.kind == Kind::Line) {
        if rng.f32() < 0.03 {
            event.at += rng.i64(10..40) * SECOND;
        }
    }
    events.sort_by_key(|event| event.at);
    let share = share(&events, Shown::BeginOfLong, 0, 1);
    assert!(share > 0.87, "{share}");
}

#[test]
fn logs_of_a_server_for_some_of_its_pages_each_pass_over_the_others_records() {
    for (service, wanted) in [(Service::Exponential, 0.82), (Service::Constant, 0.88)] {
        let world = World { service, rate: 200.0, unlogged: 0.0, requests: 10_000, seed: 1 };
        let share = share(&world.events(), Shown::End, 0, 6);
        assert!(share > wanted, "{share}: {service:?}");
    }
}

#[test]
fn records_of_a_wrong_clock_do_not_lead_others_astray() {
    let world =
        World { service: Service::Exponential, rate: 200.0, unlogged: 0.0, requests: 10_000, seed: 1 };
    for wrong in [8 * SECOND, -1000 * SECOND, 1_000_000 * SECOND] {
        let mut events = world.events();
        let records = events.iter_mut().filter(|event| event.kind == Kind::Request);
        records.step_by(1000).skip(1).for_each(|event| event.at += wrong);
        let share = share(&events, Shown::End, 0, 1);
        assert!(share > 0.87, "{share} with records {wrong} microseconds off");
    }
}

fn least_share(service: Service, unlogged: f64, shown: Shown, skew: i64) -> f64 {
    let share = |seed| {
        let world = World { service, rate: 200.0, unlogged, requests: 10_000, seed };
        share(&world.events(), shown, skew, 1)
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
fn it_makes_no_difference_whether_lines_show_when_a_request_begins_or_ends() {
    for (service, wanted) in [(Service::Exponential, 0.88), (Service::Constant, 0.98)] {
        let share = least_share(service, 0.0, Shown::Begin, 0);
        assert!(share > wanted, "{share}: {service:?}");
    }
}

#[test]
fn clocks_that_differ_by_seconds_are_found_out() {
    for skew in [1_300_000, -5_700_000] {
        for (service, wanted) in [(Service::Exponential, 0.87), (Service::Constant, 0.97)] {
            let share = least_share(service, 0.0, Shown::End, skew);
            assert!(share > wanted, "{share}: {service:?}, {skew}");
        }
    }
}

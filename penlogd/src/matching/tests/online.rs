//! Shares of right answers, when lines come one by one.

use super::super::*;
use super::world::{Event, Kind, Service, World, replayed};
use crate::line::Ports;

fn share(events: &[Event]) -> f64 {
    let mut matcher = Matcher::new(Limits { requests: 1000, connections: 1000 });
    let (mut right, mut lines) = (0, 0);
    for event in events {
        let at = Moment(event.at);
        if event.kind == Kind::Request {
            matcher.request(event.client, event.server, event.request.as_bytes(), false, at);
            continue;
        }
        lines += 1;
        let question = Question {
            server: event.server,
            peer: None,
            ports: Ports::default(),
            request: Some(event.request.as_bytes()),
            at,
        };
        if let Answer::Likely(client) | Answer::Spent(client) = matcher.client(&question) {
            right += i32::from(client.address == event.client);
        }
    }
    f64::from(right) / f64::from(lines)
}

fn least_share(service: Service, unlogged: f64) -> f64 {
    let share = |seed| {
        let world = World { service, rate: 200.0, unlogged, requests: 10_000, seed };
        let events = world.events();
        share(&events).min(share(&replayed(events)))
    };
    (1..=3).map(share).fold(1.0, f64::min)
}

#[test]
fn with_exponential_service_times_nine_of_ten_lines_are_right() {
    for unlogged in [0.0, 0.1] {
        let share = least_share(Service::Exponential, unlogged);
        assert!(share > 0.89, "{share}, unlogged {unlogged}");
    }
}

#[test]
fn with_constant_service_times_nearly_all_lines_are_right() {
    for unlogged in [0.0, 0.1] {
        let share = least_share(Service::Constant, unlogged);
        assert!(share > 0.975, "{share}, unlogged {unlogged}");
    }
}

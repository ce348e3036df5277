//! A farm of servers with known truth: who asked for what, and when the lines come.

use std::net::{IpAddr, Ipv4Addr};

use fastrand::Rng;

/// What kind of farm it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct World {
    pub(super) service: Service,
    /// Requests a second.
    pub(super) rate: f64,
    /// The share of requests that are never logged.
    pub(super) unlogged: f64,
    pub(super) requests: usize,
    pub(super) seed: u64,
}

/// How long servers take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// Without memory, 50 ms on average.
    Exponential,
    /// 45 to 55 ms.
    Constant,
}

/// Something that happens.
#[derive(Clone, Debug)]
pub(super) struct Event {
    /// When, in microseconds.
    pub(super) at: i64,
    /// When the request came.
    pub(super) begun: i64,
    pub(super) kind: Kind,
    pub(super) client: IpAddr,
    pub(super) server: IpAddr,
    pub(super) request: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Request,
    Line,
}

const SERVERS: usize = 4;
const URLS: usize = 200;

impl World {
    /// All that happens, in order.
    pub(super) fn events(&self) -> Vec<Event> {
        let mut rng = Rng::with_seed(self.seed);
        let popularity: Vec<f64> = (1..=URLS)
            .scan(0.0, |sum, rank| {
                *sum += 1.0 / rank as f64;
                Some(*sum)
            })
            .collect();
        let mut events = Vec::new();
        let mut now = 0.0;
        for _ in 0..self.requests {
            now += exponential(&mut rng) / self.rate;
            let url = rng.f64() * popularity[URLS - 1];
            let url = popularity.partition_point(|sum| *sum < url);
            let service = match self.service {
                Service::Exponential => 0.05 * exponential(&mut rng),
                Service::Constant => 0.045 + 0.01 * rng.f64(),
            };
            let client = Ipv4Addr::new(10, 1, rng.u8(0..2), rng.u8(1..=250)).into();
            let server = Ipv4Addr::new(127, 0, 1, rng.u8(1..=SERVERS as u8)).into();
            let request = format!("GET /page/{url}.html HTTP/1.1");
            let begun = (now * 1e6) as i64;
            let event = Event { at: begun, begun, kind: Kind::Request, client, server, request };
            if rng.f64() >= self.unlogged {
                let at = ((now + service) * 1e6) as i64;
                events.push(Event { at, kind: Kind::Line, ..event.clone() });
            }
            events.push(event);
        }
        events.sort_by_key(|event| event.at);
        events
    }
}

/// The same events, sent as fast as can be in bursts of a hundred.
pub(super) fn replayed(mut events: Vec<Event>) -> Vec<Event> {
    for (index, event) in events.iter_mut().enumerate() {
        event.at = (5 * index + 4_100 * (index / 100)) as i64;
    }
    events
}

fn exponential(rng: &mut Rng) -> f64 {
    -(1.0 - rng.f64()).ln()
}

//! Rates: what counters grew by between two snapshots, a second. Pure.

use std::collections::{HashMap, VecDeque};

use common::status::{ServerStatus, ServiceStatus, Snapshot, all_servers, place};

/// How many rates are remembered, for the charts.
pub const MEMORY: usize = 200;

/// What has been counted so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub connects: u64,
    pub sent: u64,
    pub received: u64,
}

/// The same by the second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rate {
    pub connects: f64,
    pub sent: f64,
    pub received: f64,
}

impl Rate {
    /// Both directions.
    pub fn bytes(self) -> f64 {
        self.sent + self.received
    }

    fn plus(self, other: Rate) -> Rate {
        Rate {
            connects: self.connects + other.connects,
            sent: self.sent + other.sent,
            received: self.received + other.received,
        }
    }
}

/// The rates of one server, or of one service, the latest last.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    counters: Counters,
    latest: Option<Rate>,
    history: VecDeque<Rate>,
}

impl Meter {
    /// The latest rate; `None` while there is nothing to compare with.
    pub fn rate(&self) -> Option<Rate> {
        self.latest
    }

    /// All that is remembered, the latest last.
    pub fn history(&self) -> impl DoubleEndedIterator<Item = Rate> + '_ {
        self.history.iter().copied()
    }

    /// Counters that shrink were reset: something else is counted now.
    fn count(&mut self, counters: Counters, seconds: Option<f64>) {
        let rate = seconds.and_then(|seconds| counters.since(self.counters, seconds));
        self.counters = counters;
        self.show(rate);
    }

    fn show(&mut self, rate: Option<Rate>) {
        self.latest = rate;
        self.history.extend(rate);
        while self.history.len() > MEMORY {
            self.history.pop_front();
        }
    }
}

impl Counters {
    fn of(server: &ServerStatus) -> Counters {
        Counters { connects: server.connects, sent: server.sent, received: server.received }
    }

    fn since(self, before: Counters, seconds: f64) -> Option<Rate> {
        let per_second = |now: u64, before: u64| now.checked_sub(before).map(|grown| float(grown) / seconds);
        Some(Rate {
            connects: per_second(self.connects, before.connects)?,
            sent: per_second(self.sent, before.sent)?,
            received: per_second(self.received, before.received)?,
        })
    }
}

#[allow(clippy::cast_precision_loss, reason = "shown with three digits")]
fn float(number: u64) -> f64 {
    number as f64
}

/// What a meter belongs to: a service by its [`key`], and of it a server by its label and place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Place {
    Server { service: String, label: String, place: String },
    Service(String),
}

/// What a service is told from the others by: its name. One that was removed may have left that to another one, so it goes by its
/// place among those that did as well. `service` is one of `services`.
pub fn key(services: &[ServiceStatus], service: &ServiceStatus) -> String {
    let ServiceStatus { name, draining, .. } = service;
    if !draining {
        return name.clone();
    }
    let before = services.iter().take_while(|other| !std::ptr::eq(*other, service));
    let place = before.filter(|other| other.draining && other.name == *name).count();
    // No name has a blank.
    format!("{name} {place}")
}

/// The meters of a pen.
#[derive(Debug, Default)]
pub struct Meters {
    moment: Option<Moment>,
    meters: HashMap<Place, Meter>,
}

/// When a snapshot was taken, and in which life of pen.
#[derive(Clone, Copy, Debug)]
struct Moment {
    time: f64,
    uptime: u64,
    pid: u32,
}

impl Meters {
    /// Takes the next snapshot.
    pub fn read(&mut self, snapshot: &Snapshot) {
        let moment = Moment { time: snapshot.time, uptime: snapshot.uptime, pid: snapshot.pid };
        let seconds = self.moment.replace(moment).and_then(|before| moment.since(before));
        let mut before = std::mem::take(&mut self.meters);
        for service in &snapshot.services {
            let key = key(&snapshot.services, service);
            let mut sum = seconds.map(|_| Rate::default());
            for (label, server) in all_servers(service) {
                let place = Place::Server { service: key.clone(), label, place: place(server) };
                let (mut meter, seconds) = match before.remove(&place) {
                    Some(meter) => (meter, seconds),
                    None => (Meter::default(), None),
                };
                meter.count(Counters::of(server), seconds);
                sum = sum.map(|sum| sum.plus(meter.rate().unwrap_or_default()));
                self.meters.insert(place, meter);
            }
            let place = Place::Service(key);
            let (mut meter, seconds) = match before.remove(&place) {
                Some(meter) => (meter, seconds),
                None => (Meter::default(), None),
            };
            meter.accept(service, sum, seconds);
            self.meters.insert(place, meter);
        }
    }

    /// The meter of a server of the service with this [`key`], by its label in [`all_servers`].
    pub fn server(&self, service: &str, label: &str, server: &ServerStatus) -> Option<&Meter> {
        let (service, label, place) = (service.to_owned(), label.to_owned(), place(server));
        self.meters.get(&Place::Server { service, label, place })
    }

    /// The meter of the service with this [`key`]: connections accepted, and the bytes of its servers.
    pub fn service(&self, service: &str) -> Option<&Meter> {
        self.meters.get(&Place::Service(service.to_owned()))
    }
}

impl Meter {
    /// A service counts what it accepts itself; its bytes are the sum of its servers', which come and go.
    fn accept(&mut self, service: &ServiceStatus, sum: Option<Rate>, seconds: Option<f64>) {
        let before = std::mem::replace(&mut self.counters.connects, service.accepted);
        let accepted = service.accepted.checked_sub(before).map(float);
        self.show(match (accepted, sum, seconds) {
            (Some(accepted), Some(sum), Some(seconds)) => Some(Rate { connects: accepted / seconds, ..sum }),
            _ => None,
        });
    }
}

impl Moment {
    /// The seconds since then; `None` across a restart, or when the clock was set back.
    fn since(self, before: Moment) -> Option<f64> {
        let is_same_life = self.pid == before.pid && self.uptime >= before.uptime;
        let seconds = self.time - before.time;
        (is_same_life && seconds > 0.0).then_some(seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(second: u32, servers: &[(&str, u64)]) -> Snapshot {
        let servers = servers.iter().enumerate().map(|(slot, &(address, connects))| ServerStatus {
            slot: Some(slot),
            address: address.to_owned(),
            state: common::status::ServerState::Up,
            connects,
            sent: connects * 1000,
            received: connects * 10,
            ..ServerStatus::default()
        });
        let service = ServiceStatus {
            name: "default".into(),
            servers: servers.collect(),
            accepted: u64::from(second) * 3,
            ..ServiceStatus::default()
        };
        Snapshot {
            time: 1_000_000.0 + f64::from(second),
            uptime: second.into(),
            pid: 4711,
            services: vec![service],
            ..Snapshot::default()
        }
    }

    fn rate(meters: &Meters, snapshot: &Snapshot, slot: usize) -> Option<Rate> {
        let server = &snapshot.services[0].servers[slot];
        meters.server("default", &slot.to_string(), server).unwrap().rate()
    }

    fn per_second(connects: f64) -> Rate {
        Rate { connects, sent: connects * 1000.0, received: connects * 10.0 }
    }

    #[test]
    fn a_rate_is_what_grew_divided_by_the_time_that_passed() {
        let mut meters = Meters::default();
        let first = snapshot(0, &[("a", 5), ("b", 0)]);
        meters.read(&first);
        assert_eq!(rate(&meters, &first, 0), None);
        let second = snapshot(2, &[("a", 15), ("b", 1)]);
        meters.read(&second);
        assert_eq!(rate(&meters, &second, 0), Some(per_second(5.0)));
        assert_eq!(rate(&meters, &second, 1), Some(per_second(0.5)));
        let service = meters.service("default").unwrap().rate().unwrap();
        assert_eq!(service, Rate { connects: 3.0, sent: 5500.0, received: 55.0 });
    }

    #[test]
    fn another_server_in_the_slot_begins_anew_and_the_others_go_on() {
        let mut meters = Meters::default();
        meters.read(&snapshot(0, &[("a", 5), ("b", 5)]));
        let next = snapshot(1, &[("c", 500), ("b", 6)]);
        meters.read(&next);
        assert_eq!(rate(&meters, &next, 0), None);
        assert_eq!(rate(&meters, &next, 1), Some(per_second(1.0)));
        assert_eq!(meters.service("default").unwrap().rate().unwrap().sent.to_bits(), 1000_f64.to_bits());
    }

    #[test]
    fn a_counter_that_shrank_and_a_pen_that_restarted_make_no_rate() {
        let mut meters = Meters::default();
        meters.read(&snapshot(7, &[("a", 5)]));
        let shrunk = snapshot(8, &[("a", 4)]);
        meters.read(&shrunk);
        assert_eq!(rate(&meters, &shrunk, 0), None);
        let again = snapshot(9, &[("a", 5)]);
        meters.read(&again);
        assert_eq!(rate(&meters, &again, 0), Some(per_second(1.0)));
        for restarted in [
            Snapshot { pid: 1, ..snapshot(10, &[("a", 100)]) },
            Snapshot { uptime: 0, pid: 1, ..snapshot(11, &[("a", 200)]) },
            Snapshot { time: 5.0, uptime: 1, pid: 1, ..snapshot(12, &[("a", 300)]) },
            Snapshot { time: 5.0, uptime: 1, pid: 1, ..snapshot(12, &[("a", 400)]) },
        ] {
            meters.read(&restarted);
            assert_eq!(rate(&meters, &restarted, 0), None, "{}", restarted.time);
        }
    }

    #[test]
    fn a_removed_service_and_the_next_one_of_its_name_have_rates_of_their_own() {
        let two = |second, accepted| {
            let mut snapshot = snapshot(second, &[("a", 1000)]);
            let removed = ServiceStatus { draining: true, accepted: 5000, ..snapshot.services[0].clone() };
            snapshot.services[0].accepted = accepted;
            snapshot.services.insert(0, removed);
            snapshot
        };
        let mut meters = Meters::default();
        meters.read(&snapshot(0, &[("a", 1000)]));
        meters.read(&two(1, 10));
        let last = two(2, 17);
        let keys = last.services.iter().map(|service| key(&last.services, service));
        assert_eq!(keys.collect::<Vec<_>>(), ["default 0", "default"]);
        assert!(meters.service("default 0").unwrap().rate().is_none(), "nothing to compare with");
        meters.read(&last);
        let accepted = |key| meters.service(key).unwrap().rate().unwrap().connects.to_bits();
        assert_eq!([accepted("default 0"), accepted("default")], [0_f64.to_bits(), 7_f64.to_bits()]);
    }

    #[test]
    fn history_is_bounded_and_forgotten_with_its_server() {
        let mut meters = Meters::default();
        for second in 0..1000 {
            meters.read(&snapshot(second, &[("a", u64::from(second) * 2)]));
        }
        let last = snapshot(999, &[("a", 1998)]);
        let meter = meters.server("default", "0", &last.services[0].servers[0]).unwrap();
        assert_eq!(meter.history().count(), MEMORY);
        assert_eq!(meter.history().next_back(), Some(per_second(2.0)));
        meters.read(&snapshot(1000, &[]));
        assert_eq!(meters.meters.len(), 1);
    }
}

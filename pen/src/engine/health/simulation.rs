//! A simulated world with a virtual clock: servers that pass, fail, hang and flap, in services that come and change. What is asked
//! when is held against what was promised, and each server's condition against a naive model of rise and fall.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use fastrand::Rng;

use super::schedule::{Errand, Kind, Lane, Limits, Manner, Schedule};
use super::{Change, Condition, Record, Terms, Verdict};
use crate::engine::servers::ServerId;
use crate::engine::time::Tick;

const SEEDS: u64 = 12;
const HOURS: u64 = 1;

/// What a server does when it is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manners {
    Passes,
    Fails,
    /// Until the check is given up.
    Hangs,
    /// Now this, now that, one of so many times the latter.
    Flaps(u8),
}

/// All verdicts of a server, and what they come to.
#[derive(Debug, Default)]
struct Model {
    verdicts: Vec<bool>,
    condition: Option<bool>,
}

impl Model {
    /// Looks at all verdicts again: whether the latest ones, as many as are needed, are alike and say something else.
    fn take(&mut self, passed: bool, terms: Terms) -> Option<bool> {
        self.verdicts.push(passed);
        let Some(condition) = self.condition else {
            self.condition = Some(passed);
            return (!passed).then_some(false);
        };
        let needed = if condition { terms.fall } else { terms.rise } as usize;
        let latest = self.verdicts.iter().rev().take(needed);
        if self.verdicts.len() < needed || latest.into_iter().any(|verdict| *verdict == condition) {
            return None;
        }
        self.condition = Some(!condition);
        Some(!condition)
    }
}

struct Service {
    manner: Manner,
    timeout: u32,
    terms: Terms,
    servers: u32,
    generation: u32,
}

struct UnderWay {
    begun: Tick,
    ends: Tick,
    lane: Lane,
    passes: bool,
}

struct World {
    rng: Rng,
    now: Tick,
    limits: Limits,
    schedule: Schedule,
    services: Vec<Service>,
    manners: HashMap<Errand, Manners>,
    wanted: BTreeMap<Errand, Manner>,
    under_way: BTreeMap<Errand, UnderWay>,
    records: HashMap<Errand, Option<Record>>,
    models: HashMap<Errand, Model>,
    /// When each was asked last, or could first have been.
    asked: HashMap<Errand, Tick>,
    checks: usize,
    changes: usize,
    /// Whether there were always places for everybody.
    is_roomy: bool,
}

impl World {
    fn new(seed: u64) -> World {
        let mut rng = Rng::with_seed(seed);
        let is_roomy = rng.bool();
        let limits = if is_roomy {
            Limits { sockets: 4096, programs: 4096 }
        } else {
            Limits { sockets: rng.usize(8..64), programs: rng.usize(1..8) }
        };
        let services = (0..rng.usize(1..6))
            .map(|_| Service {
                manner: Manner {
                    lane: if rng.u8(..4) == 0 { Lane::Program } else { Lane::Socket },
                    interval: rng.u32(1..20),
                },
                timeout: rng.u32(1..8),
                terms: Terms { rise: rng.u32(1..5), fall: rng.u32(1..5) },
                servers: rng.u32(1..40),
                generation: 0,
            })
            .collect();
        let mut world = World {
            now: Tick(rng.u64(..1_000_000)),
            limits,
            schedule: Schedule::new(limits),
            services,
            manners: HashMap::new(),
            wanted: BTreeMap::new(),
            under_way: BTreeMap::new(),
            records: HashMap::new(),
            models: HashMap::new(),
            asked: HashMap::new(),
            checks: 0,
            changes: 0,
            is_roomy,
            rng,
        };
        world.settle();
        world
    }

    fn run(&mut self) {
        let end = self.now.plus(Duration::from_secs(HOURS * 3600));
        let mut meddling = self.now;
        while self.now < end {
            while let Some(errand) = self.schedule.next(self.now) {
                self.begin(errand);
            }
            self.check_limits();
            let next_end = self.under_way.values().map(|one| one.ends).min();
            let next = self.schedule.poll_timeout().into_iter().chain(next_end).chain([meddling]).min();
            let next = next.expect("there is always something to do");
            assert!(next > self.now || meddling <= self.now, "it spins");
            self.now = next.max(self.now);
            self.end();
            if meddling <= self.now {
                self.meddle();
                meddling = self.now.plus(Duration::from_secs(self.rng.u64(60..600)));
            }
        }
        assert!(self.checks > 100, "{}", self.checks);
    }

    fn begin(&mut self, errand: Errand) {
        let manner = self.wanted[&errand];
        assert!(!self.under_way.contains_key(&errand), "one at a time");
        let asked = self.asked.insert(errand, self.now);
        if let Some(asked) = asked {
            self.check_gap(&errand, manner, asked);
        }
        let service = &self.services[usize::from(errand.service)];
        let timeout = Duration::from_secs(service.timeout.into());
        let (passes, takes) = match self.manners[&errand] {
            Manners::Passes => (true, Duration::from_millis(self.rng.u64(1..200))),
            Manners::Fails => (false, Duration::from_millis(self.rng.u64(1..200))),
            Manners::Hangs => (false, timeout),
            Manners::Flaps(part) => (self.rng.u8(..part) != 0, Duration::from_millis(self.rng.u64(1..900))),
        };
        let ends = self.now.plus(takes.min(timeout));
        let lane = manner.lane;
        self.under_way.insert(errand, UnderWay { begun: self.now, ends, lane, passes });
    }

    /// A server is asked neither too often nor, if there are places, too seldom.
    fn check_gap(&self, errand: &Errand, manner: Manner, asked: Tick) {
        let gap = self.now.since(asked);
        let interval = Duration::from_secs(manner.interval.into());
        assert!(gap >= interval * 9 / 10, "{errand:?} after {gap:?} of {interval:?}");
        if self.is_roomy {
            let longest = Duration::from_secs(self.services[usize::from(errand.service)].timeout.into());
            assert!(gap <= (interval * 11 / 10).max(longest), "{errand:?} after {gap:?} of {interval:?}");
        }
    }

    fn end(&mut self) {
        let now = self.now;
        let over: Vec<Errand> =
            self.under_way.iter().filter(|(_, one)| one.ends <= now).map(|(errand, _)| *errand).collect();
        for errand in over {
            let one = self.under_way.remove(&errand).unwrap();
            if self.rng.u8(..) == 0 {
                // pen lacks something.
                self.asked.remove(&errand);
                self.schedule.put_off(&errand, now);
                continue;
            }
            self.schedule.ended(&errand, now);
            if self.wanted.contains_key(&errand) {
                self.judge(errand, one.passes, now.since(one.begun));
            }
        }
    }

    fn judge(&mut self, errand: Errand, passes: bool, took: Duration) {
        self.checks += 1;
        let terms = self.services[usize::from(errand.service)].terms;
        let verdict = if passes { Verdict::Passed } else { Verdict::Failed("no".into()) };
        let record = self.records.entry(errand).or_default();
        let change = Record::take(record, &verdict, terms, took, self.now);
        let model = self.models.entry(errand).or_default();
        let expected = model.take(passes, terms);
        assert_eq!(change.map(|Change { to, .. }| to == Condition::Up), expected, "{:?}", model.verdicts);
        self.changes += usize::from(change.is_some());
        let record = record.as_ref().unwrap();
        assert_eq!(Some(record.condition == Condition::Up), model.condition);
        assert_eq!(record.passed + record.failed, model.verdicts.len() as u64);
    }

    fn check_limits(&self) {
        let count = |lane| self.under_way.values().filter(|one| one.lane == lane).count();
        for (lane, most) in [(Lane::Socket, self.limits.sockets), (Lane::Program, self.limits.programs)] {
            assert!(count(lane) <= most);
            assert_eq!(count(lane), self.schedule.under_way(lane));
        }
    }

    /// Servers change their manners, and settings change.
    fn meddle(&mut self) {
        let errands: Vec<Errand> = self.wanted.keys().copied().collect();
        for errand in errands {
            if self.rng.u8(..4) == 0 {
                let manners = any_manners(&mut self.rng);
                self.manners.insert(errand, manners);
            }
        }
        let service = self.rng.usize(..self.services.len());
        let one = &mut self.services[service];
        match self.rng.u8(..6) {
            0 => one.servers = self.rng.u32(1..40),
            // Others take their places.
            1 => one.generation += 1,
            // What is under way has been begun by the former terms.
            2 => one.manner.interval = self.rng.u32(1..20),
            _ => {}
        }
        self.settle();
    }

    /// Puts settings in force.
    fn settle(&mut self) {
        let before = self.wanted.clone();
        self.wanted.clear();
        for (index, service) in (0..).zip(&self.services) {
            for slot in 0..service.servers {
                let server = ServerId { slot, generation: service.generation };
                let errand = Errand { service: index, server, kind: Kind::Check };
                self.wanted.insert(errand, service.manner);
                let manners = &mut self.rng;
                self.manners.entry(errand).or_insert_with(|| any_manners(manners));
            }
        }
        for (errand, manner) in before {
            if self.wanted.get(&errand) != Some(&manner) {
                self.asked.remove(&errand);
            }
            if !self.wanted.contains_key(&errand) {
                self.records.remove(&errand);
                self.models.remove(&errand);
            }
        }
        self.schedule.follow(&self.wanted, self.now);
    }
}

fn any_manners(rng: &mut Rng) -> Manners {
    match rng.u8(..8) {
        0 => Manners::Fails,
        1 => Manners::Hangs,
        2 | 3 => Manners::Flaps(rng.u8(2..6)),
        _ => Manners::Passes,
    }
}

#[test]
fn servers_are_asked_as_promised_and_change_as_their_verdicts_say() {
    let mut changes = 0;
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        world.run();
        changes += world.changes;
    }
    assert!(changes > 1000, "{changes}");
}

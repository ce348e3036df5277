//! Selection against a naive model: the rules by their letter, worked out for whole orders at once.

use std::collections::BTreeMap;

use common::command::AdminState;
use proptest::prelude::*;

use super::super::super::health::{AgentReport, Condition};
use super::super::super::servers::{Reservation, ServerId};
use super::super::super::time::Tick;
use super::super::{Field, Modes, hash};
use super::{LATER, NOW, PLAIN, Service};

/// In seconds. So a percent of the way is a second.
const SLOW_START: u32 = 100;

/// What a generated slot holds.
#[derive(Clone, Debug)]
struct Spec {
    max: u32,
    hard: u32,
    weight: u32,
    prio: u32,
    connections: u32,
    blacklisted: bool,
    refuses: bool,
    name: Option<&'static str>,
    admin: AdminState,
    down: bool,
    agent: AgentReport,
    /// So many seconds ago.
    returned: Option<u32>,
}

fn any_spec() -> impl Strategy<Value = Spec> {
    let rarely = || prop::bool::weighted(0.15);
    let limits = (0..4u32, 0..4u32, 0..4u32, 0..4u32, 0..4u32, rarely(), rarely());
    (limits, any_name(), any_health()).prop_map(
        |(
            (max, hard, weight, prio, connections, blacklisted, refuses),
            name,
            (admin, down, agent, returned),
        )| Spec {
            max,
            hard,
            weight,
            prio,
            connections,
            blacklisted,
            refuses,
            name,
            admin,
            down,
            agent,
            returned,
        },
    )
}

fn any_name() -> impl Strategy<Value = Option<&'static str>> {
    prop::sample::select(vec![None, Some("*"), Some("a.test"), Some("A.TEST"), Some("*.test"), Some("test")])
}

fn any_health() -> impl Strategy<Value = (AdminState, bool, AgentReport, Option<u32>)> {
    let admin = || {
        prop_oneof![
            8 => Just(AdminState::Ready),
            1 => Just(AdminState::Drain),
            1 => Just(AdminState::Maint),
        ]
    };
    let condition = prop_oneof![8 => Just(Condition::Up), 1 => Just(Condition::Down)];
    let share = prop_oneof![4 => Just(100), 1 => Just(0), 3 => 1..100u8];
    let max = prop::option::weighted(0.2, 0..4u32);
    let agent = (condition, admin(), share, max).prop_map(|(condition, admin, share, max)| AgentReport {
        condition,
        admin,
        share,
        max,
    });
    (admin(), prop::bool::weighted(0.15), agent, prop::option::weighted(0.3, 0..120u32))
}

fn any_slots() -> impl Strategy<Value = Vec<Option<Spec>>> {
    let slot = || prop::option::weighted(0.85, any_spec());
    prop_oneof![4 => prop::collection::vec(slot(), 0..9), 1 => prop::collection::vec(slot(), 60..140)]
}

fn any_modes() -> impl Strategy<Value = Modes> {
    let rarely = || prop::bool::weighted(0.2);
    (any::<bool>(), rarely(), rarely(), rarely(), rarely(), rarely()).prop_map(
        |(roundrobin, hash, hash_only, weight, prio, stubborn)| Modes {
            roundrobin,
            hash,
            hash_only,
            weight,
            prio,
            stubborn,
        },
    )
}

/// What a generated client asks for.
#[derive(Clone, Debug)]
struct Wish {
    known: Option<ServerId>,
    session: Option<ServerId>,
    name: Option<&'static str>,
    last_resort: bool,
}

fn any_wish() -> impl Strategy<Value = Wish> {
    let server = |often| prop::option::weighted(often, (0..10u32, prop::bool::weighted(0.8)));
    let names = vec!["a.test", "A.test", "b.test", "test", "b.a.test", ""];
    let name = prop::option::weighted(0.3, prop::sample::select(names));
    (server(0.5), server(0.2), name, prop::bool::weighted(0.2)).prop_map(
        |(known, session, name, last_resort)| {
            let id = |(slot, alive)| ServerId { slot, generation: u32::from(alive) };
            Wish { known: known.map(id), session: session.map(id), name, last_resort }
        },
    )
}

/// A generated service, what it was made of, and the places that are taken.
struct Case {
    service: Service,
    slots: Vec<Option<Spec>>,
    begin: usize,
    _taken: Vec<Reservation>,
}

impl Case {
    fn new(slots: Vec<Option<Spec>>, modes: Modes, wish: &Wish, begin: usize) -> Case {
        let mut service = Service::new(u32::try_from(slots.len()).unwrap(), modes);
        (service.known, service.session) = (wish.known, wish.session);
        (service.name, service.last_resort) = (wish.name, wish.last_resort);
        service.slow_start = SLOW_START;
        let mut taken = Vec::new();
        for (slot, spec) in slots.iter().enumerate() {
            let Some(spec) = spec else {
                service.servers[slot] = None;
                continue;
            };
            service.set(slot, |server| {
                (server.max, server.hard) = (spec.max, spec.hard);
                (server.weight, server.prio) = (spec.weight, spec.prio);
                server.acl = u8::from(spec.refuses);
                server.name = spec.name.map(str::to_owned);
                server.admin = spec.admin;
            });
            let state = service.state(slot);
            if spec.blacklisted {
                state.blacklist(LATER);
            }
            state.fitness.note_agent(&spec.agent, NOW);
            state.fitness.note_check(spec.down.then_some(Condition::Down), NOW);
            if let Some(seconds) = spec.returned {
                state.fitness.warm_up(Tick(NOW.0 - u64::from(seconds) * 1000));
            }
            taken.extend((0..spec.connections).filter_map(|_| state.reserve(None)));
        }
        // A name has a turn of its own.
        Field::of(&service.query()).turn.advance(|_, _| u32::try_from(begin).unwrap().checked_sub(1));
        Case { service, slots, begin, _taken: taken }
    }

    /// The candidates by the letter of the rules.
    fn expected(&self) -> Vec<usize> {
        let modes = self.service.modes;
        let mut order = Vec::new();
        let own = self.own();
        if let Some(slot) = own {
            order.extend(self.can_take(slot, true).then_some(slot));
            if modes.stubborn {
                return order;
            }
        }
        let mut rest: Vec<usize> = (0..self.slots.len()).filter(|slot| self.is_in_question(*slot)).collect();
        if modes.stubborn && self.is_by_hash() {
            self.sort_by_hash(&mut rest);
            rest.truncate(1);
        }
        rest.retain(|&slot| Some(slot) != own && self.can_take(slot, false));
        if self.is_by_hash() {
            self.sort_by_hash(&mut rest);
            if !modes.stubborn {
                // The others come first, in the same order.
                rest.sort_by_key(|&slot| !self.keeps(slot, self.rank(slot)));
            }
        } else if modes.prio {
            rest = self.by_prio(rest);
        } else if self.is_by_weight() {
            rest = self.by_load(rest);
        } else {
            rest = self.in_turn(rest, own);
        }
        order.extend(rest);
        if modes.stubborn {
            order.truncate(1);
        }
        order
    }

    /// The server that comes before all others: that of the session, or else the one that the client had last.
    fn own(&self) -> Option<usize> {
        let Modes { roundrobin, hash_only, .. } = self.service.modes;
        let known = self.service.known.filter(|_| !roundrobin && !hash_only);
        [self.service.session, known].into_iter().flatten().find_map(|id| {
            let slot = id.slot as usize;
            (id.generation == 1 && self.is_in_question(slot)).then_some(slot)
        })
    }

    /// Whether there is a server that has the name that counts.
    fn is_in_question(&self, slot: usize) -> bool {
        let Some(spec) = self.slots.get(slot).and_then(Option::as_ref) else { return false };
        let Some(asked) = self.service.name else { return true };
        let asked = asked.to_lowercase();
        let wildcard = asked.split_once('.').map(|(_, rest)| format!("*.{rest}"));
        let is_called = |spec: &Spec, name: &str| spec.name.is_some_and(|own| own.to_lowercase() == name);
        let anybody_is_called = |name: &str| self.slots.iter().flatten().any(|spec| is_called(spec, name));
        if anybody_is_called(&asked) {
            is_called(spec, &asked)
        } else if let Some(wildcard) = wildcard.filter(|wildcard| anybody_is_called(wildcard)) {
            is_called(spec, &wildcard)
        } else {
            spec.name.is_none_or(|name| name == "*")
        }
    }

    fn is_by_hash(&self) -> bool {
        let Modes { hash_only, prio, weight, hash, .. } = self.service.modes;
        hash_only || hash && !prio && !weight
    }

    fn is_by_weight(&self) -> bool {
        let Modes { hash_only, prio, weight, .. } = self.service.modes;
        weight && !hash_only && !prio
    }

    fn sort_by_hash(&self, slots: &mut [usize]) {
        let ranking: BTreeMap<usize, usize> = self.ranking().into_iter().zip(0..).collect();
        slots.sort_by_key(|slot| ranking[slot]);
    }

    /// The client's hash ranking, asked from a service whose servers all can take it.
    fn ranking(&self) -> Vec<usize> {
        let Modes { roundrobin, hash_only, .. } = self.service.modes;
        let modes = Modes { hash: true, roundrobin, hash_only, ..PLAIN };
        let slots = Service::new(u32::try_from(self.slots.len()).unwrap(), modes).order();
        slots.into_iter().map(|slot| slot as usize).collect()
    }

    /// How high the server stands in it.
    fn rank(&self, slot: usize) -> u64 {
        let Modes { roundrobin, hash_only, .. } = self.service.modes;
        let port = if roundrobin && !hash_only { self.service.port } else { 0 };
        let seed = self.service.servers[slot].as_ref().unwrap().hash_seed();
        hash::rank(hash::client_key(self.service.client, port), seed)
    }

    /// One after the other by priority, where those that are to have less than their share draw lots each time.
    fn by_prio(&self, mut rest: Vec<usize>) -> Vec<usize> {
        let mut number = u32::from(self.begin > 0);
        rest.sort_by_key(|&slot| (self.spec(slot).prio, slot));
        let mut order = Vec::new();
        while !rest.is_empty() {
            let place = rest.iter().position(|&slot| self.keeps_in_turn(slot, number));
            number += u32::from(self.share(rest[0]) < 100);
            order.push(rest.remove(place.unwrap_or(0)));
        }
        order
    }

    /// The same in turn, from the client's own server or the one whose turn it is.
    fn in_turn(&self, mut rest: Vec<usize>, own: Option<usize>) -> Vec<usize> {
        let count = self.slots.len();
        let mut number = u32::from(self.begin > 0);
        let mut begin = own.map_or(self.begin, |slot| slot + 1);
        let mut order = Vec::new();
        while !rest.is_empty() {
            rest.sort_by_key(|slot| (slot + count - begin % count) % count);
            let place = rest.iter().position(|&slot| self.keeps_in_turn(slot, number));
            let slot = rest.remove(place.unwrap_or(0));
            // A turn is over.
            number += u32::from(own.is_none() && order.is_empty());
            begin = slot + 1;
            order.push(slot);
        }
        order
    }

    fn by_load(&self, mut rest: Vec<usize>) -> Vec<usize> {
        let count = self.slots.len();
        let mut in_question = (0..count).filter(|slot| self.is_in_question(*slot));
        let all_zero = in_question.all(|slot| self.spec(slot).weight == 0);
        let weight = |slot| if all_zero { 1 } else { self.spec(slot).weight };
        let load =
            |slot| f64::from(self.spec(slot).connections + 1) / f64::from(weight(slot) * self.share(slot));
        let mut begin = self.begin;
        let mut order = Vec::new();
        rest.retain(|&slot| weight(slot) != 0);
        while !rest.is_empty() {
            rest.sort_by_key(|slot| (slot + count - begin % count) % count);
            // Quotients of numbers that small differ by more than is lost, and equal ones come out alike.
            rest.sort_by(|&a, &b| load(a).total_cmp(&load(b)));
            let slot = rest.remove(0);
            begin = slot + 1;
            order.push(slot);
        }
        order
    }

    fn keeps_in_turn(&self, slot: usize, number: u32) -> bool {
        self.keeps(slot, hash::draw(number, u32::try_from(slot).unwrap()))
    }

    /// Whether it takes the client even if there are others.
    fn keeps(&self, slot: usize, drawn: u64) -> bool {
        let lot = drawn % (1 << 32) * 100 / (1 << 32);
        lot < u64::from(self.share(slot))
    }

    /// In percent.
    fn share(&self, slot: usize) -> u32 {
        let spec = self.spec(slot);
        let warmth = match spec.returned {
            Some(seconds) if seconds < SLOW_START => 10 + 90 * seconds / SLOW_START,
            _ => 100,
        };
        (u32::from(spec.agent.share) * warmth / 100).max(1)
    }

    fn can_take(&self, slot: usize, returning: bool) -> bool {
        let spec = self.spec(slot);
        let down = spec.down || spec.agent.condition == Condition::Down;
        let is_kept_away = spec.admin == AdminState::Maint || spec.agent.admin == AdminState::Maint;
        let is_draining =
            spec.admin == AdminState::Drain || spec.agent.admin == AdminState::Drain || spec.agent.share == 0;
        let limit = if returning && spec.hard > 0 { spec.hard } else { spec.max };
        let full = spec.max > 0 && spec.connections >= limit
            || spec.agent.max.is_some_and(|max| spec.connections >= max);
        down == self.service.last_resort
            && !is_kept_away
            && (returning || !is_draining)
            && !spec.blacklisted
            && !spec.refuses
            && !full
    }

    fn spec(&self, slot: usize) -> &Spec {
        self.slots[slot].as_ref().unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn candidates_come_in_the_order_of_the_rules(
        slots in any_slots(),
        modes in any_modes(),
        wish in any_wish(),
        begin in 0..10usize,
    ) {
        let begin = if begin < slots.len() { begin } else { 0 };
        let case = Case::new(slots, modes, &wish, begin);
        let order: Vec<usize> = case.service.order().into_iter().map(|slot| slot as usize).collect();
        prop_assert_eq!(order, case.expected());
    }
}

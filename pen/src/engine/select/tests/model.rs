//! Selection against a naive model: the rules by their letter, worked out for whole orders at once.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::super::servers::{Reservation, ServerId};
use super::super::Modes;
use super::{LATER, PLAIN, Service};

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
}

fn any_spec() -> impl Strategy<Value = Spec> {
    let rarely = || prop::bool::weighted(0.15);
    (0..4u32, 0..4u32, 0..4u32, 0..4u32, 0..4u32, rarely(), rarely()).prop_map(
        |(max, hard, weight, prio, connections, blacklisted, refuses)| Spec {
            max,
            hard,
            weight,
            prio,
            connections,
            blacklisted,
            refuses,
        },
    )
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

/// A generated service, what it was made of, and the places that are taken.
struct Case {
    service: Service,
    slots: Vec<Option<Spec>>,
    begin: usize,
    _taken: Vec<Reservation>,
}

impl Case {
    fn new(slots: Vec<Option<Spec>>, modes: Modes, known: Option<ServerId>, begin: usize) -> Case {
        let mut service = Service::new(u32::try_from(slots.len()).unwrap(), modes);
        service.known = known;
        service.turn.advance(|_, _| u32::try_from(begin).unwrap().checked_sub(1));
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
            });
            if spec.blacklisted {
                service.state(slot).blacklist(LATER);
            }
            taken.extend((0..spec.connections).filter_map(|_| service.state(slot).reserve(None)));
        }
        Case { service, slots, begin, _taken: taken }
    }

    /// The candidates by the letter of the rules.
    fn expected(&self) -> Vec<usize> {
        let modes = self.service.modes;
        let mut order = Vec::new();
        let known = self.known();
        if let Some(slot) = known {
            order.extend(self.can_take(slot, true).then_some(slot));
            if modes.stubborn {
                return order;
            }
        }
        let mut rest: Vec<usize> = self.by_mode(known);
        if modes.stubborn && self.is_by_hash() {
            rest.truncate(1);
        }
        rest.retain(|&slot| Some(slot) != known && self.can_take(slot, false));
        if self.is_by_weight() {
            rest = self.by_load(rest);
        }
        order.extend(rest);
        if modes.stubborn {
            order.truncate(1);
        }
        order
    }

    fn known(&self) -> Option<usize> {
        let Modes { roundrobin, hash_only, .. } = self.service.modes;
        let known = self.service.known.filter(|known| known.generation == 1 && !roundrobin && !hash_only)?;
        let slot = known.slot as usize;
        self.slots.get(slot)?.as_ref().map(|_| slot)
    }

    fn is_by_hash(&self) -> bool {
        let Modes { hash_only, prio, weight, hash, .. } = self.service.modes;
        hash_only || hash && !prio && !weight
    }

    fn is_by_weight(&self) -> bool {
        let Modes { hash_only, prio, weight, .. } = self.service.modes;
        weight && !hash_only && !prio
    }

    fn by_mode(&self, known: Option<usize>) -> Vec<usize> {
        let count = self.slots.len();
        let mut slots: Vec<usize> = (0..count).filter(|&slot| self.slots[slot].is_some()).collect();
        if self.is_by_hash() {
            let ranking: BTreeMap<usize, usize> = self.ranking().into_iter().zip(0..).collect();
            slots.sort_by_key(|slot| ranking[slot]);
        } else if self.service.modes.prio {
            slots.sort_by_key(|&slot| self.slots[slot].as_ref().unwrap().prio);
        } else if !self.is_by_weight() {
            let begin = known.map_or(self.begin, |slot| slot + 1);
            slots.sort_by_key(|slot| (slot + count - begin % count) % count);
        }
        slots
    }

    /// The client's hash ranking, asked from a service whose servers all can take it.
    fn ranking(&self) -> Vec<usize> {
        let Modes { roundrobin, hash_only, .. } = self.service.modes;
        let modes = Modes { hash: true, roundrobin, hash_only, ..PLAIN };
        let slots = Service::new(u32::try_from(self.slots.len()).unwrap(), modes).order();
        slots.into_iter().map(|slot| slot as usize).filter(|&slot| self.slots[slot].is_some()).collect()
    }

    fn by_load(&self, mut rest: Vec<usize>) -> Vec<usize> {
        let count = self.slots.len();
        let spec = |slot: usize| self.slots[slot].as_ref().unwrap();
        let all_zero = self.slots.iter().flatten().all(|spec| spec.weight == 0);
        let weight = |slot| if all_zero { 1 } else { spec(slot).weight };
        let mut begin = self.begin;
        let mut order = Vec::new();
        rest.retain(|&slot| weight(slot) != 0);
        while !rest.is_empty() {
            // Loads as sixths, which the weights 1 to 3 divide.
            rest.sort_by_key(|&slot| {
                ((spec(slot).connections + 1) * 6 / weight(slot), (slot + count - begin % count) % count)
            });
            let slot = rest.remove(0);
            begin = slot + 1;
            order.push(slot);
        }
        order
    }

    fn can_take(&self, slot: usize, returning: bool) -> bool {
        self.slots[slot].as_ref().is_some_and(|spec| {
            let limit = if returning && spec.hard > 0 { spec.hard } else { spec.max };
            let full = spec.max > 0 && spec.connections >= limit;
            !spec.blacklisted && !spec.refuses && !full
        })
    }
}

proptest! {
    #[test]
    fn candidates_come_in_the_order_of_the_rules(
        slots in any_slots(),
        modes in any_modes(),
        known in prop::option::of((0..10u32, prop::bool::weighted(0.8))),
        begin in 0..10usize,
    ) {
        let known = known.map(|(slot, alive)| ServerId { slot, generation: u32::from(alive) });
        let begin = if begin < slots.len() { begin } else { 0 };
        let case = Case::new(slots, modes, known, begin);
        let order: Vec<usize> = case.service.order().into_iter().map(|slot| slot as usize).collect();
        prop_assert_eq!(order, case.expected());
    }
}

//! Selection as its users see it: which server comes when.

mod model;
mod wellness;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};

use common::acl::{Action, Entry, Network};
use proptest::prelude::*;

use super::super::servers::{ServerAddr, ServerState};
use super::*;

const NOW: Tick = Tick(1_000_000);
const LATER: Tick = Tick(1_030_000);
const PLAIN: Modes =
    Modes { roundrobin: false, hash: false, hash_only: false, weight: false, prio: false, stubborn: false };
const ROUND_ROBIN: Modes = Modes { roundrobin: true, ..PLAIN };
const HASH: Modes = Modes { hash: true, ..PLAIN };
const HASH_ONLY: Modes = Modes { hash_only: true, ..PLAIN };
const WEIGHT: Modes = Modes { weight: true, ..PLAIN };
const PRIO: Modes = Modes { prio: true, ..PLAIN };

/// A service as far as selection sees it, with one client.
struct Service {
    servers: Slots,
    modes: Modes,
    acls: Vec<Arc<Acl>>,
    turn: Turn,
    client: ClientAddr,
    port: u16,
    known: Option<ServerId>,
    session: Option<ServerId>,
    name: Option<&'static str>,
    slow_start: u32,
    last_resort: bool,
}

impl Service {
    fn new(count: u32, modes: Modes) -> Service {
        let refuse_all = Network::parse(&["0.0.0.0/0"]).unwrap();
        let refuse_all = Acl::new(vec![Entry { action: Action::Deny, network: refuse_all }]);
        Service {
            servers: (0..count).map(|slot| Some(Arc::new(server(slot, slot)))).collect::<Vec<_>>().into(),
            modes,
            acls: vec![Arc::new(Acl::default()), Arc::new(refuse_all)],
            turn: Turn::new(),
            client: client(7),
            port: 50_000,
            known: None,
            session: None,
            name: None,
            slow_start: 0,
            last_resort: false,
        }
    }

    fn query(&self) -> Query<'_> {
        Query {
            servers: &self.servers,
            modes: self.modes,
            acls: &self.acls,
            turn: &self.turn,
            client: self.client,
            port: self.port,
            known: self.known,
            session: self.session,
            name: self.name,
            slow_start: self.slow_start,
            last_resort: self.last_resort,
            now: NOW,
        }
    }

    fn set(&mut self, slot: usize, change: impl FnOnce(&mut Server)) {
        change(Arc::make_mut(self.servers[slot].as_mut().unwrap()));
    }

    fn state(&self, slot: usize) -> &Arc<ServerState> {
        &self.servers[slot].as_ref().unwrap().state
    }

    /// The first choices of so many connections that end at once.
    fn sequence(&self, connections: usize) -> Vec<u32> {
        (0..connections).filter_map(|_| slot(&Selection::new().next(&self.query())?)).collect()
    }

    /// All candidates of one connection.
    fn order(&self) -> Vec<u32> {
        self.candidates().iter().filter_map(slot).collect()
    }

    fn candidates(&self) -> Vec<Candidate> {
        let mut selection = Selection::new();
        std::iter::from_fn(|| selection.next(&self.query())).collect()
    }
}

fn server(slot: u32, host: u32) -> Server {
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0001 + host)), 80);
    Server::new(ServerAddr::Inet(address), ServerState::new(ServerId { slot, generation: 1 }))
}

fn client(number: u32) -> ClientAddr {
    ClientAddr::Ip(IpAddr::V4(Ipv4Addr::from_bits(0xc000_0200 + number)))
}

#[allow(clippy::unnecessary_wraps, reason = "fits filter_map")]
fn slot(candidate: &Candidate) -> Option<u32> {
    Some(candidate.server.id().slot)
}

#[test]
fn servers_take_turns() {
    assert_eq!(Service::new(3, ROUND_ROBIN).sequence(6), [0, 1, 2, 0, 1, 2]);
    assert_eq!(Service::new(3, PLAIN).sequence(6), [0, 1, 2, 0, 1, 2]);
}

#[test]
fn a_server_that_is_left_alone_misses_its_turn() {
    let service = Service::new(3, ROUND_ROBIN);
    service.state(1).blacklist(LATER);
    assert_eq!(service.sequence(4), [0, 2, 0, 2]);
    service.state(1).clear();
    assert_eq!(service.sequence(4), [0, 1, 2, 0]);
}

#[test]
fn empty_slots_refusing_and_full_servers_are_passed_over() {
    let mut service = Service::new(5, ROUND_ROBIN);
    service.servers[0] = None;
    service.set(1, |server| server.acl = 1);
    service.set(2, |server| server.max = 1);
    let held = Selection::new().next(&service.query()).unwrap();
    assert_eq!(slot(&held), Some(2));
    assert_eq!(service.sequence(4), [3, 4, 3, 4]);
    drop(held);
    assert_eq!(service.sequence(3), [2, 3, 4]);
}

#[test]
fn without_servers_there_is_no_candidate() {
    for modes in [PLAIN, ROUND_ROBIN, HASH, HASH_ONLY, WEIGHT, PRIO] {
        assert_eq!(Service::new(0, modes).order(), [0_u32; 0]);
        let mut service = Service::new(2, modes);
        service.servers = vec![None, None].into();
        service.known = Some(ServerId { slot: 1, generation: 1 });
        assert_eq!(service.order(), [0_u32; 0]);
        service.known = Some(ServerId { slot: u32::MAX, generation: 1 });
        assert_eq!(service.order(), [0_u32; 0]);
    }
}

#[test]
fn threads_share_one_rotation() {
    const EACH: u32 = 3000;
    let service = Service::new(3, ROUND_ROBIN);
    let chosen: [AtomicU32; 3] = Default::default();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for slot in service.sequence(EACH as usize) {
                    chosen[slot as usize].fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(chosen.map(AtomicU32::into_inner), [4 * EACH / 3; 3]);
}

#[test]
fn a_known_client_returns_to_its_server_and_fails_over_to_the_slots_after_it() {
    let mut service = Service::new(4, PLAIN);
    service.known = Some(ServerId { slot: 2, generation: 1 });
    assert_eq!(service.sequence(2), [2, 2]);
    assert_eq!(service.order(), [2, 3, 0, 1]);
    service.state(2).blacklist(LATER);
    assert_eq!(service.order(), [3, 0, 1]);
}

#[test]
fn a_new_occupant_of_the_slot_is_not_the_known_server() {
    let mut service = Service::new(3, PLAIN);
    service.known = Some(ServerId { slot: 2, generation: 0 });
    assert_eq!(service.order(), [0, 1, 2]);
}

#[test]
fn what_was_used_last_does_not_count_in_round_robin_and_hash_only_mode() {
    let mut service = Service::new(3, ROUND_ROBIN);
    service.known = Some(ServerId { slot: 2, generation: 1 });
    assert_eq!(service.sequence(3), [0, 1, 2]);
    service.modes = HASH_ONLY;
    let by_hash = service.order();
    service.known = Some(ServerId { slot: by_hash[2], generation: 1 });
    assert_eq!(service.order(), by_hash);
}

#[test]
fn known_clients_get_in_up_to_the_hard_limit_and_new_ones_up_to_the_soft_one() {
    let mut service = Service::new(1, PLAIN);
    service.set(0, |server| (server.max, server.hard) = (2, 3));
    let _held: Vec<Candidate> =
        (0..2).map(|_| Selection::new().next(&service.query()).expect("room for two")).collect();
    assert!(Selection::new().next(&service.query()).is_none());
    service.known = Some(ServerId { slot: 0, generation: 1 });
    let third = Selection::new().next(&service.query());
    assert!(third.is_some());
    assert!(Selection::new().next(&service.query()).is_none());
}

#[test]
fn the_mode_with_precedence_decides() {
    let mut service = Service::new(3, Modes { prio: true, weight: true, hash: true, ..PLAIN });
    for (slot, (prio, weight)) in [(5, 1), (3, 2), (4, 3)].into_iter().enumerate() {
        service.set(slot, |server| (server.prio, server.weight) = (prio, weight));
    }
    assert_eq!(service.order(), [1, 2, 0]);
    service.modes.prio = false;
    assert_eq!(service.order(), [2, 1, 0]);
    service.modes.weight = false;
    let by_hash = service.order();
    service.modes = Modes { hash_only: true, prio: true, weight: true, ..PLAIN };
    assert_eq!(service.order(), by_hash);
}

#[test]
fn equal_priorities_go_by_slot() {
    assert_eq!(Service::new(3, PRIO).sequence(2), [0, 0]);
    assert_eq!(Service::new(3, PRIO).order(), [0, 1, 2]);
}

#[test]
fn connections_divide_by_weight() {
    let mut service = Service::new(3, WEIGHT);
    for (slot, weight) in [1, 2, 3].into_iter().enumerate() {
        service.set(slot, |server| server.weight = weight);
    }
    let _held: Vec<Candidate> =
        (0..600).map(|_| Selection::new().next(&service.query()).expect("no limits")).collect();
    assert_eq!([0, 1, 2].map(|slot| service.state(slot).connections()), [100, 200, 300]);
}

#[test]
fn idle_servers_of_equal_weight_take_turns() {
    let mut service = Service::new(3, WEIGHT);
    assert_eq!(service.sequence(6), [0, 1, 2, 0, 1, 2]);
    for slot in 0..3 {
        service.set(slot, |server| server.weight = 5);
    }
    assert_eq!(service.sequence(6), [0, 1, 2, 0, 1, 2]);
}

#[test]
fn weight_zero_is_not_selected_unless_all_are_zero() {
    let mut service = Service::new(3, WEIGHT);
    service.servers[2] = None;
    assert_eq!(service.order(), [0, 1]);
    service.set(1, |server| server.weight = 1);
    assert_eq!(service.order(), [1]);
    service.state(1).blacklist(LATER);
    assert_eq!(service.order(), [0_u32; 0]);
    service.known = Some(ServerId { slot: 0, generation: 1 });
    assert_eq!(service.order(), [0]);
}

#[test]
fn huge_loads_and_weights_compare_exactly() {
    let mut service = Service::new(2, WEIGHT);
    service.set(0, |server| server.weight = u32::MAX);
    service.set(1, |server| server.weight = u32::MAX - 1);
    assert_eq!(service.order(), [0, 1]);
}

#[test]
fn the_port_counts_in_the_hash_only_in_round_robin_mode() {
    let varied = |modes| {
        let mut service = Service::new(8, modes);
        let chosen: BTreeSet<u32> = (1..200)
            .flat_map(|port| {
                service.port = port;
                service.sequence(1)
            })
            .collect();
        chosen.len()
    };
    assert_eq!(varied(HASH), 1);
    assert_eq!(varied(HASH_ONLY), 1);
    assert_eq!(varied(Modes { roundrobin: true, ..HASH_ONLY }), 1);
    assert_eq!(varied(Modes { roundrobin: true, ..HASH }), 8);
}

#[test]
fn a_stubborn_service_has_one_candidate() {
    for modes in [PLAIN, ROUND_ROBIN, HASH, HASH_ONLY, WEIGHT, PRIO] {
        let service = Service::new(3, Modes { stubborn: true, ..modes });
        assert_eq!(service.order().len(), 1, "{modes:?}");
    }
}

#[test]
fn a_stubborn_service_closes_when_the_clients_own_server_cannot_take_it() {
    let mut service = Service::new(3, Modes { stubborn: true, ..HASH });
    let own = service.order()[0];
    service.state(own as usize).blacklist(LATER);
    assert_eq!(service.order(), [0_u32; 0]);

    service.modes = Modes { stubborn: true, ..PLAIN };
    service.known = Some(ServerId { slot: own, generation: 1 });
    assert_eq!(service.order(), [0_u32; 0]);
    service.known = None;
    assert_eq!(service.order().len(), 1);
}

#[test]
fn reservations_end_with_their_candidates() {
    let service = Service::new(3, ROUND_ROBIN);
    let candidates = service.candidates();
    assert_eq!([0, 1, 2].map(|slot| service.state(slot).connections()), [1, 1, 1]);
    drop(candidates);
    assert_eq!([0, 1, 2].map(|slot| service.state(slot).connections()), [0, 0, 0]);
}

#[test]
fn a_selection_is_small() {
    assert!(size_of::<Selection>() <= 32, "{}", size_of::<Selection>());
}

proptest! {
    #[test]
    fn removing_a_server_moves_only_its_clients(count in 2u32..20, gone in 0usize..20, number: u32) {
        let mut service = Service::new(count, HASH);
        service.client = ClientAddr::Ip(IpAddr::V4(number.into()));
        let before = service.order();
        let gone = gone % count as usize;
        service.servers[gone] = None;
        let expected: Vec<u32> = before.into_iter().filter(|&slot| slot as usize != gone).collect();
        prop_assert_eq!(service.order(), expected);
    }

    #[test]
    fn the_hash_knows_servers_whatever_slot_they_are_in(
        hosts in Just((0..12u32).collect::<Vec<u32>>()).prop_shuffle(),
        number: u32,
    ) {
        let by_host = |hosts: &[u32]| {
            let mut service = Service::new(0, HASH);
            service.client = ClientAddr::Ip(IpAddr::V4(number.into()));
            service.servers =
                (0..).zip(hosts).map(|(slot, &host)| Some(Arc::new(server(slot, host)))).collect::<Vec<_>>().into();
            service.order().into_iter().map(|slot| hosts[slot as usize]).collect::<Vec<u32>>()
        };
        let in_order: Vec<u32> = (0..12).collect();
        prop_assert_eq!(by_host(&hosts), by_host(&in_order));
    }
}

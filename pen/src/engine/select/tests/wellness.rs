//! Selection among servers that are down, drain, are kept away, come back, or are asked for by name.

use common::command::AdminState;

use super::super::super::health::{AgentReport, Condition};
use super::*;

const ALL_MODES: [Modes; 6] = [PLAIN, ROUND_ROBIN, HASH, HASH_ONLY, WEIGHT, PRIO];

impl Service {
    fn down(&self, slot: usize) {
        self.state(slot).fitness.note_check(Some(Condition::Down), NOW);
    }

    fn agent(&self, slot: usize, report: AgentReport) {
        self.state(slot).fitness.note_agent(&report, NOW);
    }

    fn call(&mut self, names: &[Option<&str>]) {
        for (slot, name) in names.iter().enumerate() {
            self.set(slot, |server| server.name = name.map(str::to_owned));
        }
    }

    /// How many of so many new clients each of the servers gets.
    fn spread(&mut self, clients: u32) -> Vec<u32> {
        let mut counts = vec![0; self.servers.len()];
        for number in 0..clients {
            self.client = client(number);
            counts[self.sequence(1)[0] as usize] += 1;
        }
        counts
    }
}

fn id(slot: u32) -> ServerId {
    ServerId { slot, generation: 1 }
}

#[test]
fn a_server_that_is_down_gets_nobody() {
    for modes in ALL_MODES {
        let mut service = Service::new(3, modes);
        (service.known, service.session) = (Some(id(1)), Some(id(1)));
        service.down(1);
        let mut order = service.order();
        order.sort_unstable();
        assert_eq!(order, [0, 2], "{modes:?}");
        service.state(1).fitness.note_check(Some(Condition::Up), NOW);
        assert_eq!(service.sequence(2), [1, 1], "{modes:?}");
        service.agent(1, AgentReport { condition: Condition::Down, ..AgentReport::default() });
        assert!(!service.order().contains(&1), "{modes:?}");
    }
}

#[test]
fn as_a_last_resort_only_servers_that_are_down_get_clients() {
    for modes in ALL_MODES {
        let mut service = Service::new(5, modes);
        service.last_resort = true;
        assert_eq!(service.order(), [0_u32; 0], "{modes:?}");
        (1..5).for_each(|slot| service.down(slot));
        service.set(2, |server| server.admin = AdminState::Maint);
        service.set(3, |server| server.admin = AdminState::Drain);
        service.state(4).blacklist(LATER);
        assert_eq!(service.order(), [1], "{modes:?}");
        service.session = Some(id(3));
        assert_eq!(service.order(), [3, 1], "{modes:?}");
    }
}

#[test]
fn a_server_that_drains_gets_its_own_clients_only() {
    let mut service = Service::new(2, HASH);
    let own = service.order()[0];
    service.set(own as usize, |server| server.admin = AdminState::Drain);
    assert_eq!(service.order(), [1 - own]);
    service.known = Some(id(own));
    assert_eq!(service.order(), [own, 1 - own]);
    // Where nobody has a server, all are new.
    for modes in [ROUND_ROBIN, HASH_ONLY] {
        service.modes = modes;
        assert_eq!(service.order(), [1 - own], "{modes:?}");
    }
    service.set(own as usize, |server| server.admin = AdminState::Ready);
    service.modes = HASH;
    for admin in [AdminState::Drain, AdminState::Maint] {
        service.agent(own as usize, AgentReport { admin, ..AgentReport::default() });
        let returning = if admin == AdminState::Drain { vec![own, 1 - own] } else { vec![1 - own] };
        assert_eq!(service.order(), returning);
    }
}

#[test]
fn a_server_in_maintenance_gets_not_even_its_own_clients() {
    for modes in ALL_MODES {
        let mut service = Service::new(2, modes);
        (service.known, service.session) = (Some(id(0)), Some(id(0)));
        service.set(0, |server| server.admin = AdminState::Maint);
        assert_eq!(service.order(), [1], "{modes:?}");
    }
}

#[test]
fn a_session_leads_to_its_server_in_every_mode() {
    for modes in ALL_MODES {
        let mut service = Service::new(4, modes);
        service.known = Some(id(1));
        service.session = Some(id(2));
        assert_eq!(service.sequence(3), [2, 2, 2], "{modes:?}");
        service.set(2, |server| (server.max, server.hard) = (1, 2));
        let _held: Vec<Candidate> =
            (0..2).map(|_| Selection::new().next(&service.query()).unwrap()).collect();
        assert_eq!(service.state(2).connections(), 2, "{modes:?}: the hard limit is for its own clients");
        assert_ne!(service.sequence(1), [2], "{modes:?}");
    }
}

#[test]
fn a_session_of_a_server_that_is_gone_counts_for_nothing() {
    let mut service = Service::new(3, PLAIN);
    service.known = Some(id(1));
    for session in [ServerId { slot: 2, generation: 0 }, id(3), id(u32::MAX)] {
        service.session = Some(session);
        assert_eq!(service.sequence(1), [1]);
    }
}

#[test]
fn an_agents_limit_holds_for_new_and_known_clients() {
    for known in [None, Some(id(0))] {
        let mut service = Service::new(1, PLAIN);
        service.known = known;
        service.set(0, |server| (server.max, server.hard) = (5, 5));
        service.agent(0, AgentReport { max: Some(2), ..AgentReport::default() });
        let held: Vec<Candidate> =
            std::iter::from_fn(|| Selection::new().next(&service.query())).take(10).collect();
        assert_eq!(held.len(), 2);
    }
}

#[test]
fn a_part_of_the_weight_is_a_weight() {
    let mut service = Service::new(3, WEIGHT);
    for slot in 0..3 {
        service.set(slot, |server| server.weight = 10);
    }
    service.agent(1, AgentReport { share: 50, ..AgentReport::default() });
    service.agent(2, AgentReport { share: 0, ..AgentReport::default() });
    let _held: Vec<Candidate> = (0..300).map(|_| Selection::new().next(&service.query()).unwrap()).collect();
    assert_eq!([0, 1, 2].map(|slot| service.state(slot).connections()), [200, 100, 0]);
}

#[test]
fn a_server_that_is_to_have_a_tenth_of_its_share_leaves_nine_tenths_to_others() {
    for modes in [PLAIN, ROUND_ROBIN, HASH, HASH_ONLY] {
        let mut service = Service::new(4, modes);
        service.slow_start = 3600;
        service.state(2).fitness.warm_up(NOW);
        let spread = service.spread(8000);
        assert!((120..280).contains(&spread[2]), "{modes:?}: {spread:?}");
        for slot in [0, 1, 3] {
            assert!((2400..2800).contains(&spread[slot]), "{modes:?}: {spread:?}");
        }
    }
    let mut service = Service::new(4, PRIO);
    service.agent(0, AgentReport { share: 30, ..AgentReport::default() });
    let spread = service.spread(1000);
    assert!((240..360).contains(&spread[0]) && spread[1] == 1000 - spread[0], "{spread:?}");
}

#[test]
fn who_returns_slowly_gets_all_that_nobody_else_can_have() {
    for modes in ALL_MODES {
        let mut service = Service::new(3, modes);
        service.slow_start = 3600;
        (0..3).for_each(|slot| service.state(slot).fitness.warm_up(NOW));
        for number in 0..50 {
            service.client = client(number);
            assert_eq!(service.order().len(), 3, "{modes:?}");
        }
        service.state(0).blacklist(LATER);
        service.down(1);
        assert_eq!(service.spread(50), [0, 0, 50], "{modes:?}");
    }
}

#[test]
fn a_client_that_a_hash_gives_to_a_server_which_comes_back_keeps_it_from_then_on() {
    let mut service = Service::new(3, HASH_ONLY);
    for number in 0..200 {
        service.client = client(number);
        let chosen = [1, 20, 50, 80, 100].map(|share| {
            service.agent(0, AgentReport { share, ..AgentReport::default() });
            service.sequence(1)[0] == 0
        });
        assert!(chosen.is_sorted(), "{number}: {chosen:?}");
    }
}

#[test]
fn a_stubborn_hash_leaves_no_client_to_others() {
    let service = Service::new(3, Modes { stubborn: true, ..HASH });
    let own = service.order()[0];
    service.agent(own as usize, AgentReport { share: 1, ..AgentReport::default() });
    assert_eq!(service.order(), [own]);
}

#[test]
fn only_servers_of_the_name_come_into_question() {
    let mut service = Service::new(5, ROUND_ROBIN);
    service.call(&[Some("a.test"), Some("*.test"), None, Some("A.TEST"), Some("*")]);
    let mut order = |name| {
        service.name = name;
        let mut order = service.order();
        order.sort_unstable();
        order
    };
    assert_eq!(order(Some("a.Test")), [0, 3]);
    assert_eq!(order(Some("b.test")), [1]);
    assert_eq!(order(Some("x.b.test")), [2, 4]);
    assert_eq!(order(Some("")), [2, 4]);
    assert_eq!(order(None), [0, 1, 2, 3, 4]);
}

#[test]
fn who_asks_for_a_name_is_not_taken_back_to_a_server_without_it() {
    let mut service = Service::new(3, PLAIN);
    service.call(&[Some("a.test"), Some("b.test"), Some("a.test")]);
    service.name = Some("a.test");
    service.known = Some(id(1));
    assert_eq!(service.order(), [0, 2]);
    service.known = Some(id(2));
    assert_eq!(service.order(), [2, 0]);
    service.down(0);
    service.down(2);
    assert_eq!(service.order(), [0_u32; 0], "nobody else comes into question");
    service.name = Some("c.test");
    assert_eq!(service.order(), [0_u32; 0]);
}

#[test]
fn each_name_has_its_own_turn() {
    for modes in [PLAIN, ROUND_ROBIN, WEIGHT] {
        let mut service = Service::new(6, modes);
        service.call(&[Some("a.test"), Some("a.test"), Some("b.test"), Some("b.test"), None, None]);
        for slot in 0..6 {
            service.set(slot, |server| server.weight = 1);
        }
        // All the others in between have no part in it.
        for expected in [[0, 2, 4], [1, 3, 5], [0, 2, 4], [1, 3, 5]] {
            let chosen = ["a.test", "b.test", "c.test"].map(|name| {
                service.name = Some(name);
                service.sequence(1)[0]
            });
            assert_eq!(chosen, expected, "{modes:?}");
        }
    }
}

#[test]
fn servers_of_a_name_that_weigh_nothing_weigh_the_same_whatever_others_weigh() {
    let mut service = Service::new(4, WEIGHT);
    service.call(&[Some("a.test"), Some("a.test"), Some("b.test"), Some("b.test")]);
    service.set(0, |server| server.weight = 5);
    service.name = Some("a.test");
    assert_eq!(service.order(), [0]);
    service.name = Some("b.test");
    assert_eq!(service.order(), [2, 3]);
}

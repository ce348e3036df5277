//! The search, stage by stage.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::super::health::Condition;
use super::super::servers::{ServerAddr, ServerState};
use super::*;

const NOW: Tick = Tick(1_000_000);
const LATER: Tick = Tick(1_030_000);

/// Two servers in slots, the emergency and the abuse server; the service has the latter two only if it is told so.
struct Service {
    servers: Slots,
    modes: Modes,
    fail_open: bool,
    emergency: Option<Arc<Server>>,
    abuse: Option<Arc<Server>>,
}

impl Service {
    fn new() -> Service {
        Service {
            servers: vec![Some(server(0)), Some(server(1))].into(),
            modes: Modes::default(),
            fail_open: true,
            emergency: None,
            abuse: None,
        }
    }

    fn with_fallbacks() -> Service {
        Service { emergency: Some(server(70)), abuse: Some(server(80)), ..Service::new() }
    }

    fn ground<'a>(&'a self, turn: &'a Turn) -> Ground<'a> {
        Ground {
            servers: &self.servers,
            modes: self.modes,
            acls: &[],
            turn,
            slow_start: 0,
            fail_open: self.fail_open,
            emergency: self.emergency.as_ref(),
            abuse: self.abuse.as_ref(),
            client: IpAddr::V4(Ipv4Addr::LOCALHOST).into(),
            port: 50_000,
            now: NOW,
        }
    }

    fn state(&self, slot: usize) -> &Arc<ServerState> {
        &self.servers[slot].as_ref().unwrap().state
    }

    fn down(&self, slot: usize) {
        self.state(slot).fitness.note_check(Some(Condition::Down), NOW);
    }

    /// Whom the search comes to, one after the other, where it is the turn of the first slot.
    fn walk(&self, mut search: Search) -> Vec<(u32, Role)> {
        let turn = Turn::new();
        let next = || search.next(&self.ground(&turn)).map(|chosen| (chosen.server.id().slot, chosen.role));
        std::iter::from_fn(next).take(10).collect()
    }

    fn walk_of(&self, known: Option<u32>) -> Vec<(u32, Role)> {
        self.walk(Search::new(known.map(id), None, false))
    }
}

fn server(slot: u32) -> Arc<Server> {
    let address = SocketAddr::from(([192, 0, 2, 1], u16::try_from(slot).unwrap() + 1));
    Arc::new(Server::new(ServerAddr::Inet(address), ServerState::new(id(slot))))
}

fn id(slot: u32) -> ServerId {
    ServerId { slot, generation: 1 }
}

use Role::{Abuse, Emergency, LastResort, Regular};

#[test]
fn the_emergency_server_follows_the_slots_and_nobody_follows_it() {
    let service = Service::with_fallbacks();
    assert_eq!(service.walk_of(None), [(0, Regular), (1, Regular), (70, Emergency)]);
    service.down(0);
    assert_eq!(service.walk_of(Some(0)), [(1, Regular), (70, Emergency)]);
    service.down(1);
    assert_eq!(service.walk_of(Some(0)), [(70, Emergency)]);
}

#[test]
fn without_an_emergency_server_those_that_are_down_are_tried() {
    let mut service = Service::new();
    service.down(0);
    assert_eq!(service.walk_of(None), [(1, Regular), (0, LastResort)]);
    service.down(1);
    assert_eq!(service.walk_of(None), [(0, LastResort), (1, LastResort)]);
    assert_eq!(service.walk_of(Some(1)), [(1, LastResort), (0, LastResort)]);
    service.state(0).blacklist(LATER);
    assert_eq!(service.walk_of(None), [(1, LastResort)]);
    service.fail_open = false;
    assert_eq!(service.walk_of(None), []);
}

#[test]
fn nobody_is_tried_twice() {
    // Without a blacklist, a server that fails could be.
    assert_eq!(Service::new().walk_of(Some(1)), [(1, Regular), (0, Regular)]);
}

#[test]
fn a_stubborn_service_ends_with_its_first_choice() {
    let mut service = Service::with_fallbacks();
    service.modes.stubborn = true;
    assert_eq!(service.walk_of(None), [(0, Regular)]);
    service.emergency = None;
    service.down(0);
    service.down(1);
    assert_eq!(service.walk_of(None), []);
    assert_eq!(service.walk_of(Some(0)), []);
}

#[test]
fn refused_clients_go_to_the_abuse_server_or_nowhere() {
    let mut service = Service::with_fallbacks();
    let refused = || Search::new(Some(id(0)), None, true);
    assert!(refused().is_refused());
    assert_eq!(service.walk(refused()), [(80, Abuse)]);
    service.abuse = None;
    assert_eq!(service.walk(refused()), []);
}

#[test]
fn what_the_first_bytes_ask_for_goes_before_what_the_address_used_last() {
    let mut service = Service::new();
    let asks = |request: Request| Search::new(Some(id(1)), Some(Box::new(request)), false);
    assert_eq!(service.walk(asks(Request::default()))[0], (1, Regular));
    let session = Some(id(0));
    assert_eq!(service.walk(asks(Request { session, ..Request::default() }))[0], (0, Regular));
    let stranger = Request { is_stranger: true, ..Request::default() };
    assert_eq!(service.walk(asks(stranger))[0], (0, Regular));
    let name = |name: &str| Request { name: Some(name.into()), ..Request::default() };
    Arc::make_mut(service.servers[0].as_mut().unwrap()).name = Some("a.test".to_owned());
    assert_eq!(service.walk(asks(name("a.test"))), [(0, Regular)]);
    assert_eq!(service.walk(asks(name("b.test"))), [(1, Regular)]);
    service.down(0);
    service.down(1);
    assert_eq!(service.walk(asks(name("a.test"))), [(0, LastResort)]);
}

#[test]
fn a_search_goes_on_after_the_server_that_failed() {
    let service = Service::with_fallbacks();
    let after = |role| {
        let server = if role == Regular { service.servers[0].clone().unwrap() } else { server(70) };
        let reservation = server.state.reserve(None).unwrap();
        Search::after(&Chosen { server, reservation, role })
    };
    assert_eq!(service.walk(after(Regular)), [(1, Regular), (70, Emergency)]);
    assert_eq!(service.walk(after(Emergency)), []);
    assert_eq!(service.walk(after(Abuse)), []);
}

#[test]
fn each_server_that_is_passed_has_its_place_back() {
    let service = Service::new();
    assert_eq!(service.walk_of(None).len(), 2);
    assert_eq!([0, 1].map(|slot| service.state(slot).connections()), [0, 0]);
}

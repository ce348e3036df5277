mod datagrams;
mod unix;

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};

use mio::{Events, Poll, Token};
use socket2::SockRef;

use super::*;
use crate::net::listener::{Accepted, Inherited};
use crate::net::stream::Stream;
use crate::net::testing::LIMIT;
use crate::settings::testing::initial_settings;
use crate::settings::{DEFAULT_SERVICE, Transport};
use crate::shared::testing::shared;

const PLAIN: TcpOptions =
    TcpOptions { backlog: 50, only_v6: false, inherited: Inherited { keepalive: false, nodelay: false } };

/// A registry, and what two workers would have been told.
struct Rig {
    registry: Registry,
    shared: Arc<Shared>,
    _polls: Vec<Poll>,
}

impl Rig {
    fn new() -> Rig {
        let (shared, polls) = shared(initial_settings(), 2);
        Rig { registry: Registry::new(Arc::clone(&shared)), shared, _polls: polls }
    }

    fn listen(&mut self, places: &[&str]) -> Result<(), String> {
        let wanted: Vec<Wanted> = places.iter().map(|place| wanted(place)).collect();
        self.listen_on(&wanted)
    }

    fn listen_on(&mut self, wanted: &[Wanted]) -> Result<(), String> {
        let mut plan = self.registry.plan(wanted).map_err(|error| error.to_string())?;
        plan.begin().map_err(|error| error.to_string())?;
        self.registry.carry_out(plan);
        Ok(())
    }

    /// The address that was bound for this one.
    fn bound(&self, asked: &str) -> Option<SocketAddr> {
        match self.registry.bound(DEFAULT_SERVICE, &place(asked))? {
            Place::Inet(address) => Some(*address),
            Place::Unix(_) => None,
        }
    }

    /// The sockets that the workers were told to accept on since the last call.
    fn told(&self) -> Vec<Vec<(ListenerId, Arc<ListenSocket>)>> {
        let listens = |message| match message {
            Message::Listen(id, DEFAULT_SERVICE, socket) => (id, socket),
            other => panic!("unexpected {other:?}"),
        };
        self.shared
            .mailboxes
            .iter()
            .map(|mailbox| mailbox.take().into_iter().map(listens).collect())
            .collect()
    }

    /// What the workers were told to let go of since the last call.
    fn let_go(&self) -> Vec<Vec<ListenerId>> {
        let unlistens = |message| match message {
            Message::Unlisten(id) => id,
            other => panic!("unexpected {other:?}"),
        };
        self.shared
            .mailboxes
            .iter()
            .map(|mailbox| mailbox.take().into_iter().map(unlistens).collect())
            .collect()
    }

    /// Closes all listeners, with the workers' help.
    fn close_all(&mut self) {
        self.registry.leave_all(Duration::ZERO);
        self.shared.mailboxes.iter().for_each(|mailbox| drop(mailbox.take()));
    }

    /// All sockets of the one listener that was just opened.
    fn sockets(&self) -> Vec<Arc<ListenSocket>> {
        let mut sockets: Vec<_> = self.told().into_iter().flatten().map(|(_, socket)| socket).collect();
        // Of a Unix listener each worker gets the same.
        sockets.dedup_by(|one, other| Arc::ptr_eq(one, other));
        sockets
    }
}

fn place(text: &str) -> Place {
    text.parse().map_or_else(|_| Place::Unix(text.into()), Place::Inet)
}

fn wanted(text: &str) -> Wanted {
    Wanted { service: DEFAULT_SERVICE, place: place(text), transport: Transport::Stream, options: PLAIN }
}

/// The next client of any of these sockets.
fn accept(sockets: &[Arc<ListenSocket>]) -> Accepted {
    let mut poll = Poll::new().unwrap();
    for socket in sockets {
        socket.register(poll.registry(), Token(0)).unwrap();
    }
    let mut events = Events::with_capacity(8);
    loop {
        if let Some(accepted) = sockets.iter().find_map(|socket| socket.accept().ok()) {
            return accepted;
        }
        poll.poll(&mut events, Some(LIMIT)).unwrap();
        assert!(!events.is_empty(), "nobody comes");
    }
}

fn refusal(address: SocketAddr) -> ErrorKind {
    TcpStream::connect(address).map(|_| ()).unwrap_err().kind()
}

#[test]
fn a_plan_opens_what_is_new_and_the_workers_hear_of_it_when_it_is_carried_out() {
    let mut rig = Rig::new();
    let mut plan = rig.registry.plan(&[wanted("127.0.0.1:0")]).unwrap();
    assert!(rig.told().iter().all(Vec::is_empty));
    let Some(Place::Inet(address)) = plan.bound(DEFAULT_SERVICE, &place("127.0.0.1:0")).cloned() else {
        panic!("the plan knows no address");
    };
    assert_eq!(refusal(address), ErrorKind::ConnectionRefused);
    plan.begin().unwrap();
    rig.registry.carry_out(plan);
    assert_eq!(rig.bound("127.0.0.1:0"), Some(address));
    let told = rig.told();
    let [(first_id, first)] = &told[0][..] else { panic!("{told:?}") };
    let [(second_id, second)] = &told[1][..] else { panic!("{told:?}") };
    assert_eq!(first_id, second_id);
    assert!(!Arc::ptr_eq(first, second));
    assert_eq!((first.local_address(), second.local_address()), (Some(address), Some(address)));
    let client = TcpStream::connect(address).unwrap();
    let accepted = accept(&[Arc::clone(first), Arc::clone(second)]);
    assert_eq!(accepted.peer.port, client.local_addr().unwrap().port());
    assert_eq!(accepted.peer.address.to_string(), "127.0.0.1");
}

#[test]
fn what_stays_is_kept() {
    let mut rig = Rig::new();
    rig.listen(&["127.0.0.1:0"]).unwrap();
    let (address, sockets) = (rig.bound("127.0.0.1:0").unwrap(), rig.sockets());
    rig.listen(&["127.0.0.1:0", "[::1]:0"]).unwrap();
    assert_eq!(rig.bound("127.0.0.1:0"), Some(address));
    let told = rig.sockets();
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|socket| socket.local_address().unwrap().is_ipv6()));
    let _client = TcpStream::connect(address).unwrap();
    accept(&sockets);
}

#[test]
fn a_port_that_was_found_can_be_asked_for_by_its_number() {
    let mut rig = Rig::new();
    rig.listen(&["127.0.0.1:0"]).unwrap();
    let address = rig.bound("127.0.0.1:0").unwrap();
    assert_ne!(address.port(), 0);
    rig.told();
    rig.listen(&[&address.to_string()]).unwrap();
    assert!(rig.told().iter().all(Vec::is_empty));
    assert_eq!(rig.registry.entries.len(), 1);
    let _client = TcpStream::connect(address).unwrap();
}

#[test]
fn a_plan_that_comes_to_nothing_takes_no_client_from_the_listener_in_force() {
    let mut rig = Rig::new();
    rig.listen(&["127.0.0.1:0"]).unwrap();
    let (address, sockets) = (rig.bound("127.0.0.1:0").unwrap(), rig.sockets());
    let elsewhere = Wanted { service: ServiceIndex(1), ..wanted(&address.to_string()) };
    let plan = rig.registry.plan(&[elsewhere]).unwrap();
    let clients: Vec<_> = (0..20).map(|_| TcpStream::connect(address).unwrap()).collect();
    drop(plan);
    for _ in clients {
        accept(&sockets);
    }
}

#[test]
fn an_address_can_be_had_again_while_its_old_queue_is_still_being_emptied() {
    let mut rig = Rig::new();
    rig.listen(&["127.0.0.1:0"]).unwrap();
    let address = rig.bound("127.0.0.1:0").unwrap();
    // The workers hold the sockets as long as there is somebody in their queues.
    let emptied = rig.sockets();
    rig.registry.leave_all(Duration::ZERO);
    assert!(rig.registry.entries.is_empty());
    rig.let_go();
    rig.listen(&[&address.to_string()]).unwrap();
    let _client = TcpStream::connect(address).unwrap();
    accept(&rig.sockets());
    drop(emptied);
}

#[test]
fn a_plan_that_fails_leaves_everything_as_it_was() {
    let mut rig = Rig::new();
    rig.listen(&["127.0.0.1:0"]).unwrap();
    let (address, sockets) = (rig.bound("127.0.0.1:0").unwrap(), rig.sockets());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let error = rig.listen(&[&taken.to_string(), &other.local_addr().unwrap().to_string()]);
    let expected = format!("cannot listen on {}: another process listens there", other.local_addr().unwrap());
    assert_eq!(error, Err(expected));
    assert_eq!(refusal(taken), ErrorKind::ConnectionRefused);
    assert!(rig.told().iter().all(Vec::is_empty));
    assert_eq!(rig.bound("127.0.0.1:0"), Some(address));
    let _client = TcpStream::connect(address).unwrap();
    accept(&sockets);
}

#[test]
fn errors_say_what_keeps_pen_from_listening() {
    let mut rig = Rig::new();
    let foreign = rig.listen(&["192.0.2.1:0"]);
    let expected = "cannot listen on 192.0.2.1:0: this machine does not have that address";
    assert_eq!(foreign, Err(expected.to_owned()));
    let missing = rig.listen(&["/nonexistent/directory/pen"]).unwrap_err();
    let expected = "cannot listen on /nonexistent/directory/pen: No such file or directory";
    assert!(missing.starts_with(expected), "{missing}");
    let denied = ListenError::new(place("0.0.0.0:80"), ErrorKind::PermissionDenied.into());
    let expected = "cannot listen on 0.0.0.0:80: pen's user is not permitted to (ports below 1024 need root)";
    assert_eq!(denied.to_string(), expected);
}

#[test]
fn nobody_else_can_listen_where_pen_does() {
    let mut rig = Rig::new();
    rig.listen(&["127.0.0.1:0"]).unwrap();
    let address = rig.bound("127.0.0.1:0").unwrap();
    assert_eq!(TcpListener::bind(address).unwrap_err().kind(), ErrorKind::AddrInUse);
    let another_pen = Rig::new().listen(&[&address.to_string()]);
    assert_eq!(another_pen, Err(format!("cannot listen on {address}: another process listens there")));
}

#[test]
fn whoever_leaves_refuses_new_clients_and_keeps_those_that_wait() {
    let mut rig = Rig::new();
    rig.listen(&["127.0.0.1:0"]).unwrap();
    let (address, sockets) = (rig.bound("127.0.0.1:0").unwrap(), rig.sockets());
    let early: Vec<TcpStream> = (0..5).map(|_| TcpStream::connect(address).unwrap()).collect();
    rig.listen(&[]).unwrap();
    assert_eq!(rig.bound("127.0.0.1:0"), None);
    assert_eq!(refusal(address), ErrorKind::ConnectionRefused);
    assert!(rig.let_go().iter().all(Vec::is_empty));
    let ports: Vec<u16> = early.iter().map(|client| client.local_addr().unwrap().port()).collect();
    let mut accepted: Vec<u16> = early.iter().map(|_| accept(&sockets).peer.port).collect();
    accepted.sort_by_key(|port| ports.iter().position(|other| other == port));
    assert_eq!(accepted, ports);
    assert!(sockets.iter().all(|socket| socket.accept().is_err()));
}

#[test]
fn a_farewell_that_is_over_lets_the_workers_let_go() {
    let mut rig = Rig::new();
    rig.listen(&["127.0.0.1:0", "[::1]:0"]).unwrap();
    let ids: Vec<ListenerId> = rig.told()[0].iter().map(|(id, _)| *id).collect();
    rig.listen(&["[::1]:0"]).unwrap();
    assert!(rig.registry.close_left().is_some());
    rig.registry.leave_all(Duration::ZERO);
    assert_eq!(rig.let_go(), [ids.clone(), ids]);
    assert_eq!(rig.registry.close_left(), None);
    assert!(rig.registry.entries.is_empty());
}

#[test]
fn the_end_of_pen_waits_for_no_longer_than_it_is_told() {
    let mut rig = Rig::new();
    rig.listen(&["127.0.0.1:0"]).unwrap();
    rig.told();
    rig.registry.leave_all(Duration::from_hours(1));
    let until = rig.registry.close_left().unwrap();
    assert!(until.since(rig.shared.now()) <= FAREWELL);
    assert!(rig.let_go().iter().all(Vec::is_empty));
}

#[test]
fn an_address_can_be_left_and_taken_again_at_once() {
    let mut rig = Rig::new();
    rig.listen(&["127.0.0.1:0"]).unwrap();
    let (address, mut before) = (rig.bound("127.0.0.1:0").unwrap(), rig.sockets());
    for round in 0..10 {
        let _early = TcpStream::connect(address).unwrap();
        rig.listen(&[]).unwrap();
        rig.listen(&[&address.to_string()]).unwrap();
        let after = rig.sockets();
        assert_eq!(after.len(), 2, "round {round}");
        let _late = TcpStream::connect(address).unwrap();
        accept(&before);
        accept(&after);
        before = after;
    }
}

#[test]
fn overlapping_addresses_can_be_listened_on_together() {
    for wildcard_first in [true, false] {
        let mut rig = Rig::new();
        // A port that nobody uses at any address.
        rig.listen(&["0.0.0.0:0"]).unwrap();
        let wildcard = rig.bound("0.0.0.0:0").unwrap().to_string();
        let exact = format!("127.0.0.1:{}", rig.bound("0.0.0.0:0").unwrap().port());
        rig.close_all();
        let places = if wildcard_first { [&*wildcard, &*exact] } else { [&*exact, &*wildcard] };
        rig.listen(&places).unwrap();
        assert_eq!(rig.registry.entries.len(), 2);
    }
}

#[test]
fn a_place_that_is_wanted_twice_is_opened_once() {
    let mut rig = Rig::new();
    rig.listen(&["127.0.0.1:0"]).unwrap();
    let address = rig.bound("127.0.0.1:0").unwrap().to_string();
    rig.close_all();
    rig.listen(&[&address, &address]).unwrap();
    assert_eq!(rig.registry.entries.len(), 1);
}

#[test]
fn the_wildcards_of_both_families_share_a_port() {
    let mut rig = Rig::new();
    rig.listen(&["0.0.0.0:0"]).unwrap();
    let port = rig.bound("0.0.0.0:0").unwrap().port();
    let v4 = rig.sockets();
    let only_v6 = TcpOptions { only_v6: true, ..PLAIN };
    let v6 = Wanted { options: only_v6, ..wanted(&format!("[::]:{port}")) };
    rig.listen_on(&[wanted("0.0.0.0:0"), v6]).unwrap();
    let v6 = rig.sockets();
    let _clients =
        [TcpStream::connect(("127.0.0.1", port)).unwrap(), TcpStream::connect(("::1", port)).unwrap()];
    assert_eq!(accept(&v4).peer.address.to_string(), "127.0.0.1");
    assert_eq!(accept(&v6).peer.address.to_string(), "::1");
}

#[test]
fn a_wildcard_leaves_ipv4_alone_only_beside_its_twin() {
    let places = |texts: &[&str]| texts.iter().map(|text| place(text)).collect::<Vec<_>>();
    let both = places(&["0.0.0.0:80", "[::]:80", "[::1]:80", "/run/pen"]);
    let needing: Vec<bool> = both.iter().map(|one| needs_only_v6(one, &both)).collect();
    assert_eq!(needing, [false, true, false, false]);
    let other_port = places(&["0.0.0.0:81", "[::]:80"]);
    assert!(!needs_only_v6(&other_port[1], &other_port));
    let one_address = places(&["127.0.0.1:80", "[::]:80"]);
    assert!(!needs_only_v6(&one_address[1], &one_address));
}

#[test]
fn what_connections_inherit_changes_without_reopening() {
    let mut rig = Rig::new();
    rig.listen(&["127.0.0.1:0"]).unwrap();
    let (address, sockets) = (rig.bound("127.0.0.1:0").unwrap(), rig.sockets());
    let inherits = |sockets: &[Arc<ListenSocket>]| {
        let _client = TcpStream::connect(address).unwrap();
        let Stream::Tcp(tcp) = accept(sockets).stream else { panic!("a TCP socket is expected") };
        let socket = SockRef::from(&tcp);
        (socket.keepalive().unwrap(), socket.tcp_nodelay().unwrap())
    };
    assert_eq!(inherits(&sockets), (false, false));
    let options = TcpOptions { inherited: Inherited { keepalive: true, nodelay: true }, ..PLAIN };
    rig.listen_on(&[Wanted { options, ..wanted("127.0.0.1:0") }]).unwrap();
    assert!(rig.told().iter().all(Vec::is_empty));
    assert_eq!(inherits(&sockets), (true, true));
}

#[test]
fn two_services_cannot_have_one_address_but_can_exchange_theirs() {
    const OTHER: ServiceIndex = ServiceIndex(1);
    let mut rig = Rig::new();
    rig.listen(&["127.0.0.1:0"]).unwrap();
    let bound = rig.bound("127.0.0.1:0").unwrap();
    let own = wanted("127.0.0.1:0");
    let same = Wanted { service: OTHER, ..wanted(&bound.to_string()) };
    let refusal = Err(format!("cannot listen on {bound}: another service listens there"));
    assert_eq!(rig.listen_on(&[own.clone(), same.clone()]), refusal);
    assert_eq!(rig.listen_on(&[same.clone(), own]), refusal, "whatever the order");
    let both_new = ["127.0.0.1:1", "127.0.0.1:1"].map(wanted);
    let [first, second] = both_new;
    assert!(rig.listen_on(&[first, Wanted { service: OTHER, ..second }]).is_err());
    assert_eq!(rig.listen_on(&[same]), Ok(()));
    assert!(!rig.registry.is_done_with(DEFAULT_SERVICE), "it says farewell");
    rig.shared.mailboxes.iter().for_each(|mailbox| drop(mailbox.take()));
    rig.registry.leave_all(Duration::ZERO);
    assert!(rig.registry.is_done_with(DEFAULT_SERVICE) && rig.registry.is_done_with(OTHER));
}

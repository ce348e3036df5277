//! Names that are looked up again, by a steward that is at work.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use common::addr::{Host, Port};
use parking_lot::Mutex;

use super::*;
use crate::net::testing::LIMIT;
use crate::settings::Transport;
use crate::settings::resolve::Resolver;
use crate::settings::testing::{ChangingNames, environment_with};

/// A name service that answers only while nobody holds the gate.
#[derive(Clone, Default)]
struct Gated {
    names: ChangingNames,
    gate: Arc<Mutex<()>>,
    arrived: Arc<AtomicUsize>,
}

impl Gated {
    fn arrived(&self) -> usize {
        self.arrived.load(Ordering::SeqCst)
    }
}

impl Resolver for Gated {
    fn resolve_all(&self, host: &Host, port: u16) -> Result<Vec<SocketAddr>, String> {
        self.arrived.fetch_add(1, Ordering::SeqCst);
        let _open = self.gate.lock();
        self.names.resolve_all(host, port)
    }

    fn port(&self, port: &Port, transport: Transport) -> Result<u16, String> {
        self.names.port(port, transport)
    }
}

/// A steward in its own thread, with a server 0 at `www1`.
struct AtWork {
    service: Gated,
    orders: Orders,
    replies: Replies,
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
    _polls: Vec<Poll>,
}

impl AtWork {
    fn new(address: &str) -> AtWork {
        let service = Gated::default();
        service.names.set("www1", &[address]);
        let rig = Rig::in_environment(environment_with(service.clone(), false), None);
        let Rig { steward, orders, replies, shared, _polls: polls } = rig;
        let thread = thread::spawn(|| steward.run());
        let at_work = AtWork { service, orders, replies, shared, thread, _polls: polls };
        assert_eq!(at_work.ask("server 0 address www1 port 80"), "");
        at_work
    }

    /// The steward's answer to a line.
    fn ask(&self, line: &str) -> String {
        self.orders.command(SessionId(0), Origin::Unix, parse(line).unwrap().unwrap());
        let mut answers = Vec::new();
        wait_until(|| {
            answers = self.replies.take();
            !answers.is_empty()
        });
        answers.remove(0).1.to_string()
    }

    fn address(&self) -> String {
        let settings = self.shared.settings.load();
        settings.service(DEFAULT_SERVICE).servers[0].as_ref().unwrap().address().to_string()
    }

    fn wait_until_at(&self, address: &str) {
        wait_until(|| self.address() == address);
    }

    fn stop(self) {
        self.orders.stop();
        self.thread.join().unwrap();
    }
}

/// Fails the test when the condition does not come to hold.
fn wait_until(mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < LIMIT, "waited in vain");
        thread::yield_now();
    }
}

#[test]
fn hup_looks_names_up_again_though_no_interval_is_set() {
    let pen = AtWork::new("10.0.0.1");
    pen.service.names.set("www1", &["10.0.0.2"]);
    assert_eq!(pen.ask("blacklist"), "30");
    assert_eq!((pen.address().as_str(), pen.service.arrived()), ("10.0.0.1:80", 1));
    pen.orders.reload();
    pen.wait_until_at("10.0.0.2:80");
    pen.stop();
}

#[test]
fn an_interval_takes_effect_at_once_and_round_follows_round() {
    let pen = AtWork::new("10.0.0.1");
    pen.ask("resolve 3600");
    pen.ask("resolve 1");
    for address in ["10.0.0.2", "10.0.0.3"] {
        pen.service.names.set("www1", &[address]);
        pen.wait_until_at(&format!("{address}:80"));
    }
    pen.ask("resolve 0");
    assert_eq!(pen.ask("resolve"), "0");
    pen.stop();
}

#[test]
fn a_name_service_that_is_dead_holds_up_no_command_and_gets_no_second_round() {
    let pen = AtWork::new("10.0.0.1");
    pen.service.names.set("www1", &["10.0.0.2"]);
    let gate = Arc::clone(&pen.service.gate);
    let closed = gate.lock();
    pen.orders.reload();
    wait_until(|| pen.service.arrived() == 2);
    for _ in 0..100 {
        pen.orders.reload();
        assert_eq!(pen.ask("conn_max 900"), "900");
    }
    assert_eq!((pen.address().as_str(), pen.service.arrived()), ("10.0.0.1:80", 2));
    drop(closed);
    pen.wait_until_at("10.0.0.2:80");
    // The hundred that came meanwhile are one.
    wait_until(|| pen.service.arrived() == 3);
    let service = pen.service.clone();
    pen.stop();
    assert_eq!(service.arrived(), 3);
}

#[test]
fn a_steward_that_stops_waits_for_no_name() {
    let pen = AtWork::new("10.0.0.1");
    pen.service.names.set("www1", &["10.0.0.2"]);
    let gate = Arc::clone(&pen.service.gate);
    let closed = gate.lock();
    pen.orders.reload();
    wait_until(|| pen.service.arrived() == 2);
    let shared = Arc::clone(&pen.shared);
    pen.stop();
    drop(closed);
    let settings = shared.settings.load();
    let server = settings.service(DEFAULT_SERVICE).servers[0].as_ref().unwrap();
    assert_eq!(server.address().to_string(), "10.0.0.1:80");
}

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use common::client_addr::ClientAddr;
use common::log_record::{Request, RequestLine};
use mio::Poll;

use super::*;
use crate::net::worker::Message;
use crate::settings::DEFAULT_SERVICE;
use crate::settings::draft::{Environment, Stage};
use crate::settings::testing::{environment, initial_settings, run};
use crate::shared::testing::shared;

/// A publisher for two workers that only exist as mailboxes.
struct Rig {
    publisher: Publisher,
    shared: Arc<Shared>,
    environment: Arc<Environment>,
    _polls: Vec<Poll>,
}

impl Rig {
    fn new() -> Rig {
        let (shared, polls) = shared(initial_settings(), 2);
        let publisher = Publisher::new(Arc::clone(&shared));
        Rig { publisher, shared, environment: environment(false), _polls: polls }
    }

    fn draft(&self) -> Draft {
        let settings = self.shared.settings.load().as_ref().clone();
        Draft::new(settings, Stage::Live, Arc::clone(&self.environment))
    }

    /// Publishes what the lines come to.
    fn publish(&mut self, lines: &[&str]) -> Result<(), String> {
        let mut draft = self.draft();
        run(&mut draft, lines);
        self.publisher.publish(draft)
    }

    fn service(&self) -> Arc<Service> {
        Arc::clone(self.shared.settings.load().service(DEFAULT_SERVICE))
    }

    fn listens_on(&self) -> Vec<String> {
        self.service().listen.iter().map(|on| on.text.clone()).collect()
    }

    fn messages(&self) -> Vec<Message> {
        self.shared.mailboxes.iter().flat_map(crate::shared::Mailbox::take).collect()
    }
}

#[test]
fn the_port_that_was_found_is_told_and_kept() {
    let mut rig = Rig::new();
    rig.publish(&["listen 127.0.0.1:0"]).unwrap();
    let told = rig.listens_on();
    assert_eq!(told.len(), 1);
    assert_ne!(told[0], "127.0.0.1:0");
    assert_eq!(rig.messages().len(), 2);
    let _client = TcpStream::connect(&told[0]).unwrap();
    for again in ["hash", "listen 127.0.0.1:0", &format!("listen {}", told[0])] {
        rig.publish(&[again]).unwrap();
        assert_eq!(rig.listens_on(), told, "{again}");
        assert!(rig.messages().is_empty(), "{again}");
    }
}

#[test]
fn a_draft_that_changes_nothing_is_not_published() {
    let mut rig = Rig::new();
    let before = rig.shared.settings.load_full();
    rig.publish(&["mode", "listen"]).unwrap();
    assert!(Arc::ptr_eq(&rig.shared.settings.load_full(), &before));
}

#[test]
fn if_one_address_cannot_be_opened_nothing_at_all_changes() {
    let mut rig = Rig::new();
    rig.publish(&["listen 127.0.0.1:0", "server 0 address 192.0.2.1 port 80"]).unwrap();
    let before = rig.shared.settings.load_full();
    let addresses = rig.listens_on();
    rig.messages();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap();
    let error = rig.publish(&[
        "conn_max 900",
        "server 0 blacklist 60",
        &format!("listen 127.0.0.1:0 [::1]:0 {taken}"),
    ]);
    assert_eq!(error, Err(format!("cannot listen on {taken}: another process listens there")));
    assert!(Arc::ptr_eq(&rig.shared.settings.load_full(), &before));
    assert!(rig.messages().is_empty());
    assert_eq!(rig.listens_on(), addresses);
    let server = before.service(DEFAULT_SERVICE).servers[0].as_ref().unwrap();
    assert_eq!(server.state.blacklisted(rig.shared.now()), None);
    let _client = TcpStream::connect(&addresses[0]).unwrap();
}

#[test]
fn effects_happen_with_the_publication() {
    let mut rig = Rig::new();
    rig.publish(&["server 0 address 192.0.2.1 port 80"]).unwrap();
    let state = Arc::clone(&rig.service().servers[0].as_ref().unwrap().state);
    rig.publish(&["server 0 blacklist 3600"]).unwrap();
    assert!(state.blacklisted(rig.shared.now()).is_some());
    rig.publish(&["server 0 blacklist 0"]).unwrap();
    assert_eq!(state.blacklisted(rig.shared.now()), None);
}

#[test]
fn wildcards_of_both_families_are_listened_on_together() {
    let mut rig = Rig::new();
    rig.publish(&["listen 0"]).unwrap();
    let port = rig.listens_on()[0].clone();
    rig.publish(&[&format!("listen {port} [::]:{port}")]).unwrap();
    let port: u16 = port.parse().unwrap();
    let _clients =
        [TcpStream::connect(("127.0.0.1", port)).unwrap(), TcpStream::connect(("::1", port)).unwrap()];
}

#[test]
fn listeners_that_are_not_wanted_any_more_refuse_new_clients() {
    let mut rig = Rig::new();
    rig.publish(&["listen 127.0.0.1:0"]).unwrap();
    let before = rig.listens_on().remove(0);
    rig.publish(&["listen [::1]:0"]).unwrap();
    assert!(TcpStream::connect(&before).is_err());
    let _client = TcpStream::connect(&rig.listens_on()[0]).unwrap();
}

#[test]
fn the_client_table_grows_with_clients_max() {
    let mut rig = Rig::new();
    rig.publish(&["clients_max 3000", "conn_max 700"]).unwrap();
    assert_eq!(rig.service().state.clients.lock().capacity(), 3000);
    assert_eq!(rig.shared.connection_numbers(), 700);
}

#[test]
fn request_logs_wait_for_pens_final_rights() {
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (directory.path().join("first"), directory.path().join("second"));
    let mut rig = Rig::new();
    rig.publish(&[&format!("log {}", first.display())]).unwrap();
    assert!(rig.service().request_log().is_none());
    assert!(!first.exists());
    rig.publisher.open_logs().unwrap();
    let log = rig.service().request_log().unwrap().clone();
    let request = RequestLine::of(b"GET / HTTP/1.0");
    log.record(Request { client: ClientAddr::Unix, time: 1, server: ClientAddr::Unix, request });
    assert!(log.drain(Duration::from_mins(1)));
    assert_eq!(std::fs::read_to_string(&first).unwrap(), "unix 1 unix GET / HTTP/1.0\n");
    rig.publish(&[&format!("log {}", second.display())]).unwrap();
    assert!(rig.service().request_log().is_some());
    assert!(second.exists());
    rig.publish(&["no log"]).unwrap();
    assert!(rig.service().request_log().is_none());
}

#[test]
fn a_log_that_cannot_be_opened_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("missing/log");
    let mut rig = Rig::new();
    rig.publisher.open_logs().unwrap();
    let before = rig.shared.settings.load_full();
    let error = rig.publish(&["hash", "listen 127.0.0.1:0", &format!("log {}", path.display())]).unwrap_err();
    assert!(
        error.starts_with(&format!("cannot open the request log {}: No such file", path.display())),
        "{error}"
    );
    assert!(Arc::ptr_eq(&rig.shared.settings.load_full(), &before));
    assert!(rig.messages().is_empty());
}

#[test]
fn the_clients_of_a_service_that_has_ended_are_gone_whoever_still_knows_it() {
    let mut rig = Rig::new();
    rig.publish(&["service web", "listen 127.0.0.1:0"]).unwrap();
    // A worker that sleeps holds the settings of before.
    let before = rig.shared.settings.load_full();
    let web = before.service(before.services.find("web").unwrap());
    web.state.clients.lock().open(ClientAddr::Unix, rig.shared.now(), None);
    rig.publish(&["no service web"]).unwrap();
    rig.publisher.listeners.leave_all(Duration::ZERO);
    drop(rig.messages());
    assert!(!rig.publisher.forget_drained());
    assert!(rig.shared.settings.load().services.find("web").is_none());
    assert_eq!(web.state.clients.lock().len(), 0);
}

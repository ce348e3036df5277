mod names;

use std::fs;
use std::net::TcpListener;
use std::sync::atomic::AtomicBool;

use common::command::parse;
use mio::{Poll, Token, Waker};

use super::*;
use crate::cli::Invocation;
use crate::control::orders::{Orders, orders};
use crate::settings::testing::{environment, initial_settings};
use crate::settings::{DEFAULT_SERVICE, Service};
use crate::shared::testing::shared;

/// A steward of two workers that only exist as mailboxes.
struct Rig {
    steward: Steward,
    orders: Orders,
    replies: Replies,
    shared: Arc<Shared>,
    _polls: Vec<Poll>,
}

impl Rig {
    fn new(config: Option<&Path>, exit_enabled: bool) -> Rig {
        Rig::in_environment(environment(exit_enabled), config)
    }

    fn in_environment(environment: Arc<Environment>, config: Option<&Path>) -> Rig {
        let (shared, mut polls) = shared(initial_settings(), 2);
        let poll = Poll::new().unwrap();
        let replies = Replies::new(Waker::new(poll.registry(), Token(0)).unwrap());
        polls.push(poll);
        let (orders, queue) = orders(Arc::new(AtomicBool::new(false)));
        let invocation = Invocation { config: config.map(Path::to_owned), ..Invocation::default() };
        let steward = Steward::new(
            Arc::clone(&shared),
            environment,
            Publisher::new(Arc::clone(&shared)),
            Start { invocation, services: Vec::new() },
            queue,
            replies.clone(),
            Vec::new(),
        );
        Rig { steward, orders, replies, shared, _polls: polls }
    }

    /// Orders what the line says, from a control socket.
    fn order(&self, line: &str) {
        self.order_from(Origin::Unix, line);
    }

    fn order_from(&self, origin: Origin, line: &str) {
        self.orders.command(SessionId(0), origin, parse(line).unwrap().unwrap());
    }

    /// Obeys all orders so far, and then stops. The answers, and what two workers were told.
    fn obey(self) -> (Vec<String>, Vec<Message>, Arc<Service>) {
        self.orders.stop();
        self.steward.run();
        assert!(self.replies.finished());
        let answers = self.replies.take().into_iter().map(|(_, answer)| answer.to_string()).collect();
        let told = self.shared.mailboxes.iter().flat_map(crate::shared::Mailbox::take).collect();
        (answers, told, Arc::clone(self.shared.settings.load().service(DEFAULT_SERVICE)))
    }
}

/// The answers to these lines.
fn answers(lines: &[&str]) -> Vec<String> {
    let rig = Rig::new(None, false);
    for line in lines {
        rig.order(line);
    }
    rig.obey().0
}

#[test]
fn orders_are_obeyed_one_after_the_other() {
    let lines = ["conn_max 700", "conn_max", "server 1 address www1 port 80", "no server 4", "mode", "exit"];
    let expected = [
        "700",
        "700",
        "",
        "error: there is no server 4: the slots are 0 to 1; usage: no server N",
        "no hash no roundrobin no stubborn no weight no prio",
        "Exit is not enabled; restart with -X flag",
    ];
    assert_eq!(answers(&lines), expected);
}

#[test]
fn listen_answers_the_addresses_with_the_ports_that_were_found() {
    let answers = answers(&["listen", "listen 127.0.0.1:0 [::1]:0", "listen"]);
    assert_eq!(answers[0], "");
    assert_eq!(answers[1], answers[2]);
    let (first, second) = answers[1].split_once(' ').unwrap();
    assert!(first.starts_with("127.0.0.1:") && !first.ends_with(":0"), "{first}");
    assert!(second.starts_with("[::1]:") && !second.ends_with(":0"), "{second}");
}

#[test]
fn a_listen_that_fails_leaves_the_addresses() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap();
    let answers = answers(&["listen 127.0.0.1:0", &format!("listen {taken}"), "listen"]);
    assert_eq!(answers[1], format!("error: cannot listen on {taken}: another process listens there"));
    assert_eq!(answers[2], answers[0]);
}

#[test]
fn a_connection_is_closed_by_the_worker_that_has_it() {
    let rig = Rig::new(None, false);
    rig.order("close 499");
    rig.order("close 500");
    let (answers, told, _) = rig.obey();
    assert_eq!(answers, ["Forcibly closing connection 499", "Connection 500 out of range\n"]);
    let ends = told.iter().filter(|message| matches!(message, Message::EndConnection(499))).count();
    assert_eq!(ends, 2);
    assert!(!told.iter().any(|message| matches!(message, Message::EndConnection(500))));
}

#[test]
fn a_file_is_included_whole_or_not_at_all() {
    let directory = tempfile::tempdir().unwrap();
    let (good, bad) = (directory.path().join("good"), directory.path().join("bad"));
    fs::write(&good, "conn_max 900\nhash\n").unwrap();
    fs::write(&bad, "no hash\nconn_max 1000\nconn_max many\n").unwrap();
    let rig = Rig::new(None, false);
    rig.order(&format!("include {}", good.display()));
    rig.order(&format!("include {}", bad.display()));
    let (answers, _, service) = rig.obey();
    assert_eq!(answers[0], "");
    let expected = format!("error: {}:3: bad conn_max 'many': a number from 1 to ", bad.display());
    assert!(answers[1].starts_with(&expected), "{}", answers[1]);
    assert_eq!(service.limits.conn_max, 900);
    assert!(service.modes.hash);
}

#[test]
fn a_file_is_not_included_for_tcp_peers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, "conn_max 900\n").unwrap();
    let rig = Rig::new(None, false);
    rig.order_from(Origin::Tcp, &format!("include {}", path.display()));
    let (answers, _, service) = rig.obey();
    let refused =
        "error: 'include' is refused over TCP, where any local user may ask: use a control socket, or HUP";
    assert_eq!(answers, [refused]);
    assert_eq!(service.limits.conn_max, 500);
}

#[test]
fn no_program_checks_servers_for_tcp_peers() {
    let rig = Rig::new(None, false);
    let wish = "health exec \"exit 0\"";
    rig.order("service web");
    for line in [wish, &format!("service web {wish}")] {
        rig.order_from(Origin::Tcp, line);
    }
    rig.order_from(Origin::Tcp, "health tcp interval 3600");
    let (answers, _, service) = rig.obey();
    let refused = "error: 'health exec' is refused over TCP, where any local user may ask: \
                   use a control socket, or the -F file";
    assert_eq!(answers[1..], [refused, refused, ""]);
    assert_eq!(service.health.check.as_ref().map(|check| check.probe.word()), Some("tcp"));
}

#[test]
fn hup_reads_the_file_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config");
    fs::write(&path, "acl 1 permit ::1\nserver 2 address www1 port 80 max 3\n").unwrap();
    let rig = Rig::new(Some(&path), false);
    rig.order("server 0 address www2 port 80");
    rig.order("acl 1 permit ::2");
    rig.orders.reload();
    let shared = Arc::clone(&rig.shared);
    let (_, _, service) = rig.obey();
    assert_eq!(shared.settings.load().acls[1].entries().len(), 1);
    assert_eq!(service.servers[2].as_ref().unwrap().max, 3);
    // The file does not name it, so it is kept.
    assert!(service.servers[0].is_some());
}

#[test]
fn a_broken_file_at_hup_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config");
    fs::write(&path, "conn_max 900\nlisten nonesuch:80\n").unwrap();
    let rig = Rig::new(Some(&path), false);
    rig.orders.reload();
    let (_, _, service) = rig.obey();
    assert_eq!(service.limits.conn_max, 500);
    assert!(service.listen.is_empty());
}

#[test]
fn a_storm_of_signals_is_one_order_each() {
    let (orders, queue) = orders(Arc::new(AtomicBool::new(false)));
    for _ in 0..2000 {
        orders.reload();
        orders.write_status();
    }
    let next = || queue.next(Some(Duration::ZERO));
    assert!(matches!(next(), Some(Order::Reload)));
    orders.reload();
    assert!(matches!(next(), Some(Order::WriteStatus)));
    assert!(matches!(next(), Some(Order::Reload)));
    assert!(next().is_none());
    drop(orders);
    assert!(matches!(next(), Some(Order::Stop)));
}

#[test]
fn a_steward_that_stops_ends_the_listeners_and_the_workers() {
    let rig = Rig::new(None, false);
    rig.order("listen 127.0.0.1:0");
    let (answers, told, _) = rig.obey();
    let count = |wanted: fn(&Message) -> bool| told.iter().filter(|message| wanted(message)).count();
    assert_eq!(count(|message| matches!(message, Message::Listen(..))), 2);
    assert_eq!(count(|message| matches!(message, Message::Unlisten(_))), 2);
    assert_eq!(count(|message| matches!(message, Message::Stop)), 2);
    assert!(std::net::TcpStream::connect(&answers[0]).is_err());
}

#[test]
fn exit_ends_pen_where_it_is_enabled() {
    let rig = Rig::new(None, true);
    rig.order("exit");
    rig.order("conn_max 900");
    let (answers, _, service) = rig.obey();
    assert_eq!(answers[0], "");
    assert_eq!(service.limits.conn_max, 500);
}

#[test]
fn write_goes_to_the_f_file_or_to_another() {
    let directory = tempfile::tempdir().unwrap();
    let [config, other] = ["pen.cfg", "other.cfg"].map(|name| directory.path().join(name));
    let rig = Rig::new(Some(&config), false);
    rig.order_from(Origin::Tcp, "write");
    rig.order_from(Origin::Tcp, "blacklist 77");
    rig.order_from(Origin::Tcp, &format!("write {}", other.display()));
    assert_eq!(rig.obey().0, ["", "77", ""]);
    let written = |path| fs::read_to_string(path).unwrap();
    assert!(written(&config).contains("\nblacklist 30\n"));
    assert!(written(&other).contains("\nblacklist 77\n"));
    let mut lines = written(&other).lines().map(str::to_owned).collect::<Vec<_>>().into_iter();
    assert!(lines.next().unwrap().starts_with("# Generated by pen 20"));
    assert_eq!(lines.next().unwrap(), format!("# pen -F {}", other.display()));
}

#[test]
fn a_write_that_fails_names_the_file_and_the_reason() {
    assert_eq!(
        answers(&["write", "write /nonexistent/pen.cfg"]),
        [
            "error: no file to write to: pen was started without -F, so 'write FILE' has to name one",
            "error: cannot write /nonexistent/pen.cfg: No such file or directory",
        ]
    );
}

#[test]
fn an_included_file_that_cannot_be_put_in_force_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("moved.cfg");
    fs::write(&file, "blacklist 7\nlisten 192.0.2.1:80\n").unwrap();
    let answers = answers(&[&format!("include {}", file.display()), "blacklist"]);
    let expected = format!(
        "error: {}: cannot listen on 192.0.2.1:80: this machine does not have that address",
        file.display()
    );
    assert_eq!(answers, [expected, "30".to_owned()]);
}

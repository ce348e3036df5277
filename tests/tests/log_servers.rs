//! Debian's Apache and nginx behind pen, with their logs merged by penlogd: twenty clients at addresses of their own say
//! who they are, the servers log it, and every merged line must name the client that it is about.
//!
//! The servers write the same lines into files, so nothing else about a line may differ, nor the order.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::Value;

use pen_tests::http::Answer;
use pen_tests::truth::named;
use pen_tests::{Address, Pen, Penlogd, Stream, WebServer, in_own_network, program, run, wait_until};

const CLIENTS: u8 = 20;
const ROUNDS: usize = 12;

/// Who is where.
struct Network {
    /// The clients' addresses, but for their number at the end.
    client: &'static str,
    /// Asks the servers without pen, as monitoring does.
    monitor: &'static str,
    pen: &'static str,
    apache: &'static str,
    by_syslog: &'static str,
    by_tail: &'static str,
    /// nginx's own datagrams come from the address where penlogd is, if that is an address of the same host.
    penlogd: &'static str,
    /// How Apache shows its peer, with the port and without.
    peer: [&'static str; 2],
}

const V4: Network = Network {
    client: "10.9.0.",
    monitor: "10.9.5.5",
    pen: "10.9.1.1:80",
    apache: "10.9.2.1:80",
    by_syslog: "10.9.2.2:80",
    by_tail: "10.9.2.3:80",
    penlogd: "10.9.2.2:10000",
    peer: ["%h:%{remote}p", "%h"],
};

const V6: Network = Network {
    client: "fd09::",
    monitor: "fd09::5:5",
    pen: "[fd09::1:1]:80",
    apache: "[fd09::2:1]:80",
    by_syslog: "[fd09::2:2]:80",
    by_tail: "[fd09::2:3]:80",
    penlogd: "[fd09::2:2]:10000",
    peer: ["[%h]:%{remote}p", "%h"],
};

impl Network {
    /// Gives this machine all these addresses.
    fn make(&self) {
        let add = |address: &str| run("ip", &["address", "add", address, "dev", "lo", "nodad"]);
        if self.pen.starts_with('[') {
            let servers =
                [self.pen, self.apache, self.by_syslog, self.by_tail].map(|it| address(it).ip().to_string());
            let clients = (1..=CLIENTS).map(|number| format!("{}{number}", self.client));
            clients
                .chain(servers)
                .chain([self.monitor.to_owned()])
                .for_each(|ip| _ = add(&format!("{ip}/128")));
        } else {
            // One is enough for all of its network, and it is the one that pen speaks from. nginx's datagrams come from
            // another, though.
            add(&format!("{}/16", address(self.pen).ip()));
            add(&format!("{}/32", address(self.penlogd).ip()));
        }
    }
}

/// What the servers log about their peer, and whether that is enough for requests that are all the same.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Logging {
    WithPorts,
    Common,
}

/// The servers and the files with what they logged.
struct Servers {
    apache: WebServer,
    by_syslog: WebServer,
    by_tail: WebServer,
    _follower: Follower,
}

impl Servers {
    fn start(network: &Network, logging: Logging, penlogd: &Penlogd) -> Self {
        let penlog = |server: &str| {
            let (own, to) = (address(server).ip(), penlogd.address());
            format!("{} {} {} {own}", program::penlog().display(), to.ip(), to.port())
        };
        let [with_port, without] = network.peer;
        let apache = WebServer::apache_logging(at(network.apache), |directory| {
            let peer = if logging == Logging::WithPorts { with_port } else { without };
            let penlog = penlog(network.apache);
            format!(
                "LogFormat \"{peer} %l %u %t \\\"%r\\\" %>s %b \\\"%{{X-Client}}i apache\\\"\" own\n\
                 CustomLog \"|$tee {directory}/log | {penlog}\" own"
            )
        });
        let by_syslog = WebServer::nginx_logging(at(network.by_syslog), |directory| {
            let port = if logging == Logging::WithPorts { " $remote_port" } else { "" };
            let format = format!(
                "log_format own '$remote_addr - $remote_user [$time_local] \"$request\" $status \
                 $body_bytes_sent \"$http_x_client syslog\"{port}';"
            );
            format!(
                "{format} access_log {directory}/log own; access_log syslog:server={} own;",
                network.penlogd
            )
        });
        let by_tail = WebServer::nginx_logging(at(network.by_tail), |directory| {
            let port = if logging == Logging::WithPorts { "\"remote_port\":\"$remote_port\"," } else { "" };
            format!(
                "log_format own escape=json '{{\"time\":\"$time_iso8601\",\"remote_addr\":\"$remote_addr\",{port}\
                 \"request\":\"$request\",\"status\":$status,\"client\":\"$http_x_client tail\"}}';
                 access_log {directory}/log own;"
            )
        });
        let follower = Follower::start(&log_of(&by_tail), &penlog(network.by_tail));
        Self { apache, by_syslog, by_tail, _follower: follower }
    }

    fn all(&self) -> [&WebServer; 3] {
        [&self.apache, &self.by_syslog, &self.by_tail]
    }

    /// All that they logged, each in the order in which it did.
    fn logged(&self) -> [Vec<String>; 3] {
        self.all().map(|server| {
            let text = fs::read_to_string(log_of(server)).expect("it has logged something");
            text.lines().map(str::to_owned).collect()
        })
    }
}

/// `tail -F FILE | penlog …`
struct Follower {
    tail: Child,
    penlog: Child,
}

impl Follower {
    fn start(file: &Path, penlog: &str) -> Self {
        let mut tail = Command::new("tail");
        tail.args(["-n", "+1", "--quiet", "-F"]).arg(file).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut tail = tail.spawn().expect("tail can be run");
        let mut words = penlog.split(' ');
        let mut penlog = Command::new(words.next().expect("a program"));
        let penlog = penlog.args(words).stdin(tail.stdout.take().expect("it is piped")).spawn();
        Self { tail, penlog: penlog.expect("penlog can be run") }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.tail.kill();
        let _ = self.tail.wait();
        // Its input has ended, and so does it.
        let _ = self.penlog.wait();
    }
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("it is an address")
}

fn at(text: &str) -> Address {
    Address::Ip(address(text))
}

fn log_of(server: &WebServer) -> PathBuf {
    server.directory().join("log")
}

/// Asks as one of the clients: alone, one after another on a connection, and several at once.
fn ask(network: &Network, client: u8, path: impl Fn(usize) -> String) {
    let source = format!("{}{client}", network.client).parse().expect("it is an address");
    let mut number = 0;
    for round in 0..ROUNDS {
        let stream = Stream::connect_from(source, &at(network.pen)).expect("pen accepts");
        let name = stream.local().expect("it is connected");
        let at_once = 1 + round % 3;
        for _ in 0..=round % 2 {
            let mut requests = Vec::new();
            for _ in 0..at_once {
                number += 1;
                let path = path(number);
                write!(requests, "GET {path} HTTP/1.1\r\nHost: www\r\nX-Client: true={name}\r\n\r\n")
                    .unwrap();
            }
            stream.send(requests);
            for _ in 0..at_once {
                Answer::read(&stream, true).and_then(Answer::or_error).expect("it is answered");
            }
        }
    }
}

/// Asks a server itself for the page that clients ask for, too.
fn check(network: &Network, server: &WebServer) {
    let source = network.monitor.parse().expect("it is an address");
    let stream = Stream::connect_from(source, server.address()).expect("the server accepts");
    for _ in 0..CHECKS {
        stream.send("GET /name?same HTTP/1.1\r\nHost: www\r\nX-Client: monitor\r\n\r\n");
        Answer::read(&stream, true).and_then(Answer::or_error).expect("it is answered");
    }
}

/// What the servers' lines end with.
const NAMES: [&str; 3] = ["apache", "syslog", "tail"];

fn is_of(line: &str, server: &str) -> bool {
    line.contains(&format!(" {server}\""))
}

const CHECKS: usize = 20;
const REQUESTS: usize = CLIENTS as usize * ROUNDS * 3;

fn merges(network: &Network, logging: Logging) {
    network.make();
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("merged");
    let penlogd = Penlogd::builder().at(address(network.penlogd)).log(&output).option("-n 5000").start();
    let servers = Servers::start(network, logging, &penlogd);
    let connections = if logging == Logging::WithPorts { " connections" } else { "" };
    let log = format!("log {}{connections}", network.penlogd);
    let pen = Pen::builder().listen_at(at(network.pen)).option("-r").command(&log);
    let pen = pen.servers(servers.all()).start();
    let ask_as = |client| match logging {
        Logging::WithPorts => ask(network, client, |_| "/name?same".to_owned()),
        Logging::Common => ask(network, client, |number| format!("/name?{client}.{number}")),
    };
    // Whose lines show pen's address is known from the first of them on.
    ask_as(1);
    wait_until("each server has a line that names its client", || {
        let lines = penlogd.lines();
        NAMES.iter().all(|name| lines.iter().any(|line| is_of(line, name) && truth(line).is_some()))
    });
    thread::scope(|scope| {
        for client in 2..=CLIENTS {
            scope.spawn(move || ask_as(client));
        }
        for server in servers.all() {
            scope.spawn(move || check(network, server));
        }
    });
    // Each has been asked once more at its start.
    let total = REQUESTS + servers.all().len() * (CHECKS + 1);
    wait_until("every request is logged", || servers.logged().iter().map(Vec::len).sum::<usize>() == total);
    let logged = servers.logged();
    wait_until("every line is merged", || penlogd.lines().len() >= total);
    assert_eq!(penlogd.dropped_by_the_kernel(), 0);
    pen.stop();
    let merged = penlogd.stop().lines();
    assert_eq!(merged.len(), total);
    for (name, logged) in NAMES.into_iter().zip(&logged) {
        assert!(logged.len() > REQUESTS / 4, "{name} was asked too little");
        let merged: Vec<_> = merged.iter().filter(|line| is_of(line, name)).collect();
        assert_eq!(merged.len(), logged.len(), "{name}");
        for (logged, merged) in logged.iter().zip(merged) {
            assert_names_its_client(logged, merged);
        }
    }
}

/// Compares a line with what became of it.
#[track_caller]
fn assert_names_its_client(logged: &str, merged: &str) {
    // The others asked the server without pen.
    let Some(client) = truth(logged) else { return assert_eq!(merged, logged) };
    let (address, port) = named(merged).unwrap_or_else(|| panic!("it names nobody: {merged}"));
    assert_eq!(address, client.ip(), "{merged}");
    assert!(port.is_none_or(|port| port == client.port()), "{merged}");
    assert_eq!(anonymous(merged), anonymous(logged), "nothing else may differ");
}

/// The client that a line is about.
fn truth(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("true=")?;
    rest.split(' ').next()?.parse().ok()
}

/// A line without what says whose it is.
fn anonymous(line: &str) -> String {
    if line.starts_with('{') {
        let mut line: Value = serde_json::from_str(line).expect("it is JSON");
        let object = line.as_object_mut().expect("it is an object");
        for name in ["remote_addr", "remote_port"] {
            object.remove(name);
        }
        return line.to_string();
    }
    let (_, rest) = line.split_once(' ').expect("a line has many fields");
    let (rest, _port) = rest.rsplit_once('"').expect("the client stands in quotes");
    rest.to_owned()
}

#[test]
fn every_line_of_apache_and_nginx_names_its_client_by_the_port() {
    in_own_network(|| merges(&V4, Logging::WithPorts));
}

#[test]
fn lines_without_ports_name_their_clients_when_every_request_is_another() {
    in_own_network(|| merges(&V4, Logging::Common));
}

#[test]
fn every_line_names_its_client_by_the_port_in_ipv6_too() {
    in_own_network(|| merges(&V6, Logging::WithPorts));
}

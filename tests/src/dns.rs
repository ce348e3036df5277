//! Debian's name servers, and the programs that ask them.

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::child::{Ended, run_patiently, run_to_the_end};
use crate::network::run;
use crate::program::{copy, find};
use crate::wait::{LIMIT, wait_until};

/// How many hosts every name server knows: `host0.example.test` and so on.
pub const HOSTS: usize = 500;
/// Bytes of text of `big.example.test`.
pub const BIG: usize = 3000;

/// A name server for `example.test` at port 53 of an address that it gives to the loopback interface: for networks of a test's
/// own.
///
/// `server.example.test` is a text with the server's name, `big.example.test` a text that only fits large datagrams.
pub struct NameServer {
    program: Child,
    command: Command,
    name: &'static str,
    address: SocketAddr,
    _directory: TempDir,
}

impl NameServer {
    /// Starts BIND.
    pub fn bind(name: &'static str, address: IpAddr) -> Self {
        Self::start(name, address, |directory| {
            let family = if address.is_ipv4() { "listen-on" } else { "listen-on-v6" };
            let other = if address.is_ipv4() { "listen-on-v6" } else { "listen-on" };
            let directory_name = directory.display();
            let config = format!(
                "options {{
                     directory \"{directory_name}\"; {family} {{ {address}; }}; {other} {{ none; }};
                     pid-file none; session-keyfile none; lock-file none; recursion no; notify no;
                     allow-query {{ any; }}; max-udp-size 4096; minimal-responses yes;
                 }};
                 controls {{ }};
                 logging {{ channel file {{ file \"log\"; }}; category default {{ file; }}; }};
                 zone \"example.test\" {{ type primary; file \"zone\"; }};"
            );
            let mut zone =
                String::from("$TTL 60\n@ SOA ns hostmaster 1 60 60 60 60\n@ NS ns\nns A 127.0.0.1\n");
            writeln!(zone, "server TXT {name}").expect("a string takes everything");
            writeln!(zone, "big TXT {}", big_text("\" \"")).expect("a string takes everything");
            for number in 0..HOSTS {
                writeln!(zone, "host{number} A {}", host(number)).expect("a string takes everything");
            }
            write(directory, "named.conf", &config);
            write(directory, "zone", &zone);
            let mut named = Command::new(copy("named", directory));
            named.args(["-f", "-n", "1", "-c"]).arg(directory.join("named.conf"));
            named
        })
    }

    /// Starts dnsmasq. It knows no `big.example.test`.
    pub fn dnsmasq(name: &'static str, address: IpAddr) -> Self {
        Self::start(name, address, |directory| {
            let mut config = format!(
                "listen-address={address}\nbind-interfaces\nno-resolv\nno-hosts\nuser=root\npid-file=\n\
                 log-facility={}/log\nlocal=/example.test/\ntxt-record=server.example.test,{name}\n",
                directory.display()
            );
            for number in 0..HOSTS {
                writeln!(config, "host-record=host{number}.example.test,{}", host(number))
                    .expect("a string takes everything");
            }
            write(directory, "dnsmasq.conf", &config);
            let mut dnsmasq = Command::new(copy("dnsmasq", directory));
            dnsmasq.args(["--keep-in-foreground", "-C"]).arg(directory.join("dnsmasq.conf"));
            dnsmasq
        })
    }

    fn start(name: &'static str, address: IpAddr, configure: impl FnOnce(&Path) -> Command) -> Self {
        run("ip", &["address", "add", &address.to_string(), "dev", "lo", "nodad"]);
        let directory = TempDir::new().expect("a directory can be made");
        let mut command = configure(directory.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let program = command.spawn().expect("the name server can be run");
        let server =
            Self { program, command, name, address: SocketAddr::new(address, 53), _directory: directory };
        server.wait_until_it_answers();
        server
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its name, which `server.example.test` tells.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Ends it with SIGKILL. Nobody listens any more when this returns.
    pub fn kill(&mut self) {
        // Dead already after an earlier call.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }

    /// Starts it once more, after [`NameServer::kill`].
    pub fn start_again(&mut self) {
        self.program = self.command.spawn().expect("the name server can be run");
        self.wait_until_it_answers();
    }

    #[track_caller]
    fn wait_until_it_answers(&self) {
        wait_until("the name server answers", || who(self.address).as_deref() == Some(self.name));
    }
}

impl std::fmt::Display for NameServer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.address.fmt(out)
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What every name server says of `host`NUMBER.
pub fn host(number: usize) -> Ipv4Addr {
    let [.., high, low] = number.to_be_bytes();
    Ipv4Addr::new(10, 1, high, low)
}

/// The text of `big.example.test`, in parts of 250 bytes.
pub fn big_text(between: &str) -> String {
    let parts: Vec<_> = (0..BIG / 250).map(|part| format!("{part:0>250}")).collect();
    format!("\"{}\"", parts.join(between))
}

/// The name of the name server that answers there, if any does.
pub fn who(address: SocketAddr) -> Option<String> {
    let answer = dig(address, &["+tries=1", "+time=1", "+short", "server.example.test", "TXT"]);
    (answer.code == Some(0)).then(|| answer.stdout.trim().trim_matches('"').to_owned())
}

/// Asks by Debian's dig, which takes an answer from no other address than the one that it has asked.
pub fn dig(address: SocketAddr, question: &[&str]) -> Ended {
    let mut dig = Command::new(find("dig"));
    // Not what is in the home directory of whoever runs the tests.
    dig.args(["-r", &format!("@{}", address.ip()), "-p", &address.port().to_string()]).args(question);
    run_to_the_end(dig)
}

/// What dnsperf did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Questions that it sent.
    pub sent: usize,
    /// Questions that were answered.
    pub completed: usize,
    /// Questions without an answer.
    pub lost: usize,
    /// Answers without an error.
    pub good: usize,
    /// Answers to nothing that was under way.
    pub unexpected: usize,
    /// Answers per second.
    pub rate: usize,
}

/// Runs dnsperf, which asks for each of the [`HOSTS`] names `rounds` times, with more options.
#[track_caller]
pub fn dnsperf(address: SocketAddr, rounds: usize, options: &[&str]) -> Tally {
    let directory = TempDir::new().expect("a directory can be made");
    let questions: Vec<_> = (0..HOSTS).map(|number| format!("host{number}.example.test A\n")).collect();
    write(directory.path(), "questions", &questions.concat());
    let mut dnsperf = Command::new(find("dnsperf"));
    dnsperf.args(["-s", &address.ip().to_string(), "-p", &address.port().to_string()]);
    dnsperf.args(["-n", &rounds.to_string(), "-t", &(LIMIT.as_secs() / 6).to_string()]).args(options);
    dnsperf.arg("-d").arg(directory.path().join("questions"));
    let ended = run_patiently(dnsperf);
    let text = &ended.stdout;
    let unexpected = ended.stderr.matches("received a response with an unexpected").count();
    assert_eq!((ended.code, ended.stderr.matches("Warning").count()), (Some(0), unexpected), "{ended:?}");
    let number = |label: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(label));
        // Where nothing is to be told of, the line is missing.
        line.and_then(|rest| rest.split([' ', '.']).find(|word| !word.is_empty())).unwrap_or("0")
    };
    let count = |label: &str| number(label).parse().unwrap_or_else(|_| panic!("no {label} in {text}"));
    Tally {
        sent: count("Queries sent:"),
        completed: count("Queries completed:"),
        lost: count("Queries lost:"),
        good: count("Response codes:       NOERROR"),
        unexpected,
        rate: count("Queries per second:"),
    }
}

fn write(directory: &Path, name: &str, text: &str) {
    fs::write(directory.join(name), text).expect("the directory is ours");
}

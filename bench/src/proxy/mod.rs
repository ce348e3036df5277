//! The programs that are compared, and how each is told to do the same.

mod haproxy;
mod nginx;
mod pen;

use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::resource::{Resource, getrlimit};

use crate::Result;

/// What a scenario wants of a proxy. Who cannot do it stays out.
#[derive(Clone, Copy, Debug)]
pub struct Demands {
    /// What passes.
    pub protocol: Protocol,
    /// Threads or processes that carry traffic.
    pub workers: u32,
    /// How many servers there are. They are taken in turn.
    pub servers: u32,
    /// Clients that come back to their server, at most; 0: nobody is remembered.
    pub tracked: u32,
    /// Entries of the access list that clients must pass, of which only the last lets them in; 0: no list.
    pub acl: u32,
    /// Seconds after which an idle connection ends; 0: never, or whatever is usual.
    pub idle_timeout: u32,
    /// Connections or flows at a time, at most.
    pub connections: u32,
}

/// What passes through a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Bytes.
    Tcp,
    /// TLS from the clients, bytes to the servers.
    Tls,
    /// Datagrams with one answer each, after which nobody needs to be remembered.
    SingleDatagrams,
    /// Datagrams of clients that go on.
    Datagrams,
}

impl Default for Demands {
    fn default() -> Demands {
        Demands {
            protocol: Protocol::Tcp,
            workers: 1,
            servers: 2,
            tracked: 0,
            acl: 0,
            idle_timeout: 0,
            connections: 9500,
        }
    }
}

impl Demands {
    /// Whether there may be a descriptor for each flow: some proxies need a socket each.
    fn have_sockets_for_all_flows(&self) -> bool {
        let descriptors = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(_, hard)| hard);
        !self.protocol.is_udp() || u64::from(self.connections) + 100 <= descriptors
    }
}

impl Protocol {
    /// Whether datagrams pass.
    pub fn is_udp(self) -> bool {
        matches!(self, Protocol::SingleDatagrams | Protocol::Datagrams)
    }
}

/// Where a proxy stands: what the configuration needs beside the demands.
#[derive(Clone, Debug)]
pub struct Place<'a> {
    /// Where it listens.
    pub listen: SocketAddrV4,
    /// The servers behind it.
    pub servers: &'a [SocketAddrV4],
    /// A certificate with its key, in one file.
    pub certificate: &'a Path,
    /// For its files.
    pub directory: &'a Path,
}

/// A program that is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// What it is called in tables.
    pub name: String,
    /// The program.
    pub program: PathBuf,
    /// How it is spoken to.
    pub kind: Kind,
}

/// The kinds of proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The one that all others are compared with.
    Pen,
    /// Another build of pen, which is no peer.
    OtherPen,
    /// haproxy.
    Haproxy,
    /// nginx with its module for streams.
    Nginx,
    /// pen 0.34.1.
    OldPen,
}

impl Proxy {
    /// The pen that this is about.
    pub fn pen(program: PathBuf) -> Proxy {
        Proxy { name: "pen".into(), program, kind: Kind::Pen }
    }

    /// Another build of it.
    pub fn other_pen(name: &str, program: PathBuf) -> Proxy {
        Proxy { name: name.into(), program, kind: Kind::OtherPen }
    }

    /// The peers that are installed, and what is to be told of those that are not.
    pub fn peers() -> (Vec<Proxy>, Vec<String>) {
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for (name, path, packages, kind) in [
            ("haproxy", find("haproxy"), "haproxy", Kind::Haproxy),
            (
                "nginx",
                find("nginx").filter(|_| nginx::has_module()),
                "nginx-light libnginx-mod-stream",
                Kind::Nginx,
            ),
            ("old-pen", find_old_pen(), "pen", Kind::OldPen),
        ] {
            match path {
                Some(program) => found.push(Proxy { name: name.into(), program, kind }),
                None => missing.push(format!("{name} is missing: apt-get install {packages}")),
            }
        }
        (found, missing)
    }

    /// Whether it is somebody else's.
    pub fn is_peer(&self) -> bool {
        !matches!(self.kind, Kind::Pen | Kind::OtherPen)
    }

    /// The command that starts it in the foreground, with its files written; nothing if it cannot do what is wanted.
    pub fn command(&self, demands: &Demands, place: &Place) -> Result<Option<Command>> {
        match self.kind {
            Kind::Pen | Kind::OtherPen => pen::ours(&self.program, demands, place).map(Some),
            Kind::OldPen => pen::old(&self.program, demands, place),
            Kind::Haproxy => haproxy::command(&self.program, demands, place),
            Kind::Nginx => nginx::command(&self.program, demands, place),
        }
    }

    /// What it says of its version.
    pub fn version(&self) -> String {
        let option = match self.kind {
            Kind::Pen | Kind::OtherPen => "--version",
            Kind::Haproxy | Kind::Nginx => "-v",
            // It has no option that would tell.
            Kind::OldPen => return "pen 0.34.1".into(),
        };
        let output = Command::new(&self.program).arg(option).output();
        let text = output.map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
        let first = String::from_utf8_lossy(&text).lines().next().unwrap_or_default().to_owned();
        first.split(" - ").next().unwrap_or_default().replace("nginx version: ", "")
    }
}

fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    directories.map(|directory| directory.join(name)).find(|path| path.is_file())
}

/// Debian's pen: `OLD_PEN_BIN`, or the one that the package installs. What else is called pen may be ours.
fn find_old_pen() -> Option<PathBuf> {
    let path = std::env::var_os("OLD_PEN_BIN").map_or_else(|| PathBuf::from("/usr/bin/pen"), PathBuf::from);
    path.is_file().then_some(path)
}

/// The addresses of an access list: so many that lets nobody in, and at the end the loopback network.
fn acl_addresses(entries: u32) -> impl Iterator<Item = (String, &'static str)> {
    let others = (0..entries.saturating_sub(1))
        .map(|number| (std::net::Ipv4Addr::from_bits((10 << 24) + number).to_string(), "255.255.255.255"));
    others.chain((entries > 0).then(|| ("127.0.0.0".to_owned(), "255.0.0.0")))
}

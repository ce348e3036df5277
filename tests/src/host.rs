//! Hosts of a test's own: each a network namespace, with cables between them.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::process;
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};

use crate::network::run;

/// A host, which lasts as long as this or anything that was started on it.
#[derive(Debug)]
pub struct Host {
    namespace: File,
}

impl Host {
    /// A host with a loopback interface. Needs root.
    pub fn new() -> Self {
        let make = || {
            unshare(CloneFlags::CLONE_NEWNET).expect("root can make a network namespace");
            run("ip", &["link", "set", "lo", "up"]);
            File::open("/proc/thread-self/ns/net").expect("a thread can name its namespace")
        };
        let namespace = thread::scope(|scope| scope.spawn(make).join());
        Self { namespace: namespace.expect("a host can be made") }
    }

    /// Does something on this host. The sockets, threads and processes that it makes stay there.
    #[track_caller]
    pub fn on<T: Send>(&self, body: impl FnOnce() -> T + Send) -> T {
        let enter = || {
            setns(&self.namespace, CloneFlags::CLONE_NEWNET).expect("root can enter a network namespace");
            body()
        };
        let result = thread::scope(|scope| scope.spawn(enter).join());
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Runs `ip` with each line of arguments.
    #[track_caller]
    pub fn ip(&self, lines: &str) {
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            self.on(|| run("ip", &line.split_whitespace().collect::<Vec<_>>()));
        }
    }

    /// Sets a parameter of the kernel, by its path below `/proc/sys`.
    #[track_caller]
    pub fn set(&self, parameter: &str, value: &str) {
        self.on(|| std::fs::write(format!("/proc/sys/{parameter}"), value))
            .expect("the parameter takes the value");
    }

    /// Lays a cable to another host. Both ends get the name of what they lead to.
    #[track_caller]
    pub fn connect(&self, name: &str, other: &Host, other_name: &str) {
        let there = format!("/proc/{}/fd/{}", process::id(), other.namespace.as_raw_fd());
        self.ip(&format!(
            "link add {name} type veth peer name {other_name} netns {there}\nlink set dev {name} up"
        ));
        other.ip(&format!("link set dev {other_name} up"));
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

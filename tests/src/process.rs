//! What the kernel says about a process.

use std::fs;
use std::path::PathBuf;
use std::sync::Once;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::wait::{LIMIT, settled, wait_until, within};

/// A process by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process(pub u32);

impl Process {
    /// Whether it exists and is no zombie.
    pub fn is_alive(self) -> bool {
        fs::read_to_string(self.path("status")).is_ok_and(|status| !field(&status, "State").starts_with('Z'))
    }

    /// How many descriptors are open.
    pub fn descriptors(self) -> usize {
        fs::read_dir(self.path("fd")).expect("the process lives").count()
    }

    /// How many descriptors are open when nothing happens: a control session is closed a moment after its answer.
    #[track_caller]
    pub fn descriptors_at_rest(self) -> usize {
        settled(Duration::from_millis(100), || self.descriptors())
    }

    /// Waits until so many descriptors are open; fails the test with the list of them when that does not happen.
    #[track_caller]
    pub fn expect_descriptors(self, count: usize) {
        if !within(LIMIT, || self.descriptors() == count) {
            let entries = fs::read_dir(self.path("fd")).expect("the process lives").flatten();
            let open: Vec<_> =
                entries.map(|entry| (entry.file_name(), fs::read_link(entry.path()))).collect();
            panic!("{count} descriptors expected, but there are {}: {open:#?}", open.len());
        }
    }

    /// How many threads there are.
    pub fn threads(self) -> usize {
        self.status("Threads").parse().expect("the kernel writes a number")
    }

    /// Resident memory in KiB.
    pub fn resident(self) -> usize {
        kib(&self.status("VmRSS"))
    }

    /// What it has allocated, in KiB. What it shares with other processes of the program, whose number changes, does not count.
    pub fn allocated(self) -> usize {
        let rollup = fs::read_to_string(self.path("smaps_rollup")).expect("the process lives");
        kib(&field(&rollup, "Pss_Anon"))
    }

    /// A field of `/proc/PID/status`, such as `Uid`.
    pub fn status(self, name: &str) -> String {
        let status = fs::read_to_string(self.path("status")).expect("the process lives");
        field(&status, name)
    }

    /// Processor time spent so far, in clock ticks.
    pub fn ticks(self) -> u64 {
        let stat = fs::read_to_string(self.path("stat")).expect("the process lives");
        let (_, fields) = stat.rsplit_once(") ").expect("the name stands in parentheses");
        let spent = fields.split(' ').skip(11).take(2);
        spent.map(|ticks| ticks.parse::<u64>().expect("the kernel writes numbers")).sum()
    }

    /// A link of `/proc/PID`, such as `root` or `cwd`.
    pub fn link(self, name: &str) -> PathBuf {
        fs::read_link(self.path(name)).expect("the process lives")
    }

    /// Sends a signal; to a process that has ended, it has no effect.
    pub fn signal(self, signal: Signal) {
        let pid = i32::try_from(self.0).expect("process ids are small");
        let _ = kill(Pid::from_raw(pid), signal);
    }

    /// Ends it with TERM and waits until it is gone.
    #[track_caller]
    pub fn end(self) {
        self.signal(Signal::SIGTERM);
        wait_until("the process ends", || !self.is_alive());
    }

    fn path(self, name: &str) -> String {
        format!("/proc/{}/{name}", self.0)
    }
}

fn field(text: &str, name: &str) -> String {
    let mut rows = text.lines().filter_map(|line| line.split_once(':'));
    let value = rows.find(|(key, _)| *key == name).map(|(_, value)| value.trim().to_owned());
    value.unwrap_or_else(|| panic!("no {name} in:\n{text}"))
}

fn kib(value: &str) -> usize {
    let number = value.strip_suffix(" kB").expect("the kernel writes kB");
    number.parse().expect("the kernel writes a number")
}

/// Lets this process hold thousands of connections; pen must care for its own limit.
pub fn raise_descriptor_limit() {
    static RAISED: Once = Once::new();
    RAISED.call_once(|| {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a process has limits");
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("the soft limit may be the hard one");
    });
}

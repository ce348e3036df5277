//! One run: a farm, a pen, and a penlogd or mergelogs behind them.

use std::fmt;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;

use super::clients::{Load, Mode, Sent, send};
use super::format::Formats;
use super::judge::{Verdict, judge};
use super::servers::{COUNT, LogTo, Manner, Servers};
use crate::pen::Pen;
use crate::penlogd::Penlogd;
use crate::process::{Process, raise_descriptor_limit};
use crate::program;

/// Which program merges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merger {
    /// As the lines come.
    Penlogd,
    /// From files, afterwards.
    Mergelogs,
}

/// Ours, or pen 0.34.1's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// The program under test.
    #[default]
    New,
    /// The one that Debian has.
    Old,
}

/// Which programs take part.
#[derive(Clone, Copy, Debug, Default)]
pub struct Programs {
    /// pen's version.
    pub pen: Version,
    /// The merging program's version.
    pub merger: Version,
    /// The version of the penlog that the servers write to; without one they send their lines to penlogd themselves.
    pub penlog: Option<Version>,
}

/// What is tried.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Which program merges.
    pub merger: Merger,
    /// Which programs take part.
    pub programs: Programs,
    /// Whether pen records connections, too.
    pub connections: bool,
    /// How the servers write their lines.
    pub formats: Formats,
    /// How clients use their connections.
    pub mode: Mode,
    /// Requests a second.
    pub rate: f64,
    /// For so long.
    pub duration: Duration,
    /// How long a request takes besides `least`, in the mean.
    pub service: Duration,
    /// How long a request takes at least.
    pub least: Duration,
    /// The share of requests that the servers never log.
    pub unlogged: f64,
    /// Whether each request is for a page of its own, else pages are as popular as in life.
    pub distinct: bool,
    /// Makes it another one.
    pub seed: u64,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What the clients did.
    pub sent: Sent,
    /// Lines that the servers logged.
    pub logged: usize,
    /// What is true of the merged lines.
    pub verdict: Verdict,
    /// Datagrams that the kernel dropped before penlogd.
    pub dropped: u64,
    /// The merging program's processor time for a datagram or a line.
    pub cost: Duration,
    /// All that pen and the merging program complained of.
    pub complaints: String,
}

impl Case {
    /// Runs it.
    pub fn run(&self) -> Outcome {
        raise_descriptor_limit();
        match self.merger {
            Merger::Penlogd => self.online(),
            Merger::Mergelogs => self.offline(),
        }
    }

    fn online(&self) -> Outcome {
        let penlogd = match self.programs.merger {
            Version::New => Penlogd::builder().option("-n 20000").start(),
            Version::Old => Penlogd::builder().old().start(),
        };
        let address = penlogd.address();
        let to = match self.programs.penlog {
            None => LogTo::Penlogd(address),
            Some(Version::New) => LogTo::Penlog(program::penlog(), address),
            Some(Version::Old) => LogTo::Penlog(program::old_penlog(), address),
        };
        let (sent, logged, mut complaints) = self.traffic(&address.to_string(), to);
        penlogd.wait_until_idle();
        let (dropped, spent) = (penlogd.dropped_by_the_kernel(), spent(penlogd.process()));
        let records = sent.requests + if self.connections { 2 * sent.connections } else { 0 };
        let said = penlogd.stderr();
        // The first line of ours is where it listens.
        let start =
            if self.programs.merger == Version::New { said.find('\n').map_or(0, |end| end + 1) } else { 0 };
        complaints.push_str(&said[start..]);
        let lines = penlogd.stop().lines();
        let verdict = judge(lines.iter().map(String::as_str));
        Outcome { sent, logged, verdict, dropped, cost: spent / (records + logged).max(1) as u32, complaints }
    }

    fn offline(&self) -> Outcome {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let pen_log = directory.path().join("pen.log");
        let servers = LogTo::Files(directory.path().to_owned());
        let (sent, logged, mut complaints) = self.traffic(&pen_log.display().to_string(), servers);
        let mut command = Command::new(match self.programs.merger {
            Version::New => program::mergelogs(),
            Version::Old => program::old_mergelogs(),
        });
        command.arg("-p").arg(&pen_log);
        for server in 0..usize::from(COUNT) {
            let file = directory.path().join(Servers::file(server));
            command.arg(format!("127.0.1.{}:{}", server + 1, file.display()));
        }
        let before = spent_by_children();
        let merged = command.env("TZ", "UTC").stdin(Stdio::null()).output().expect("mergelogs can be run");
        let spent = spent_by_children().saturating_sub(before);
        if !merged.status.success() {
            complaints.push_str("mergelogs did not succeed\n");
        }
        complaints.push_str(&String::from_utf8_lossy(&merged.stderr));
        let verdict = judge(String::from_utf8_lossy(&merged.stdout).lines());
        let records = fs::read_to_string(&pen_log).map_or(0, |log| log.lines().count());
        let cost = spent / (records + logged).max(1) as u32;
        Outcome { sent, logged, verdict, dropped: 0, cost, complaints }
    }

    /// Sends the load: what was sent, how many lines the servers logged, and what pen complained of.
    fn traffic(&self, pen_log: &str, log: LogTo) -> (Sent, usize, String) {
        let Case { formats, service, least, unlogged, .. } = *self;
        let manner = Manner { formats, service, least, unlogged, log };
        let servers = Servers::start(manner, self.seed);
        let builder = Pen::builder().option("-r").option("-x 5000").servers(servers.addresses());
        let pen = match self.programs.pen {
            Version::Old => builder.program(program::old_pen()).option(&format!("-l {pen_log}")),
            Version::New if self.connections => builder.command(&format!("log {pen_log} connections")),
            Version::New => builder.command(&format!("log {pen_log}")),
        };
        let pen = pen.start();
        let load = Load {
            mode: self.mode,
            rate: self.rate,
            duration: self.duration,
            distinct: self.distinct,
            seed: self.seed,
        };
        let sent = send(&load, pen.address().ip());
        pen.wait_until_idle();
        pen.signal(Signal::SIGTERM);
        let said = pen.wait().stderr;
        // The first two lines are where it listens.
        let complaints = said.splitn(3, '\n').nth(2).unwrap_or_default().to_owned();
        (sent, servers.stop(), complaints)
    }
}

impl Outcome {
    /// Whether every line is there once, in order, with the right client and, where it shows that, the client's port.
    pub fn is_perfect(&self) -> bool {
        self.names_every_client() && self.verdict.wrong_port == 0
    }

    /// Whether every line is there once, in order, with the right client.
    pub fn names_every_client(&self) -> bool {
        let Verdict { out, right, doubled, disordered, foreign, .. } = self.verdict;
        self.sent.failed == 0
            && self.dropped == 0
            && (out, right) == (self.logged, self.logged)
            && doubled + disordered + foreign == 0
    }
}

impl fmt::Display for Merger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Merger::Penlogd => "penlogd",
            Merger::Mergelogs => "mergelogs",
        })
    }
}

/// The processor time of all threads of a process.
fn spent(process: Process) -> Duration {
    let threads = fs::read_dir(format!("/proc/{}/task", process.0)).into_iter().flatten().flatten();
    let nanoseconds = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanoseconds.sum())
}

fn spent_by_children() -> Duration {
    use nix::sys::resource::{UsageWho, getrusage};
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("a process has children, or had none");
    let micros = |time: nix::sys::time::TimeVal| time.tv_sec() * 1_000_000 + time.tv_usec();
    Duration::from_micros((micros(usage.user_time()) + micros(usage.system_time())).unsigned_abs())
}

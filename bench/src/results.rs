//! What was measured: every round as it was, so that anybody can compute something else of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::load::Outcome;
use crate::{Error, Result};

/// A run of the benchmark.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Results {
    /// Where and how it was measured.
    pub about: About,
    /// What came out, in the order of the table of scenarios.
    pub scenarios: Vec<ScenarioResults>,
}

/// Where and how something was measured.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct About {
    /// The day, as 2026-11-22.
    pub date: String,
    /// The kernel's release.
    pub kernel: String,
    /// The model of the processor.
    pub processor: String,
    /// How many cores there are.
    pub cores: usize,
    /// How many rounds were wanted.
    pub rounds: u32,
    /// Which part of the usual units was done.
    pub scale: f64,
    /// The load average before it began: what others were doing meanwhile.
    #[serde(default)]
    pub load: Option<f64>,
    /// What people have to say about it.
    #[serde(default)]
    pub note: String,
    /// Whether in a network namespace of its own.
    pub isolated: bool,
    /// The proxies and their versions.
    pub versions: BTreeMap<String, String>,
}

/// A scenario.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScenarioResults {
    /// Its name.
    pub name: String,
    /// What is done, in a sentence.
    pub about: String,
    /// What is counted.
    pub unit: Unit,
    /// Its cases; most scenarios have one.
    pub cases: Vec<CaseResults>,
}

/// A scenario with one number of clients, servers or whatever it is about.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CaseResults {
    /// Such as "1000 servers"; empty if there is only one case.
    pub label: String,
    /// Requests a second, where the scenario has a rate.
    pub rate: Option<f64>,
    /// The proxies, ours first.
    pub proxies: Vec<ProxyResults>,
}

/// A proxy in a case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProxyResults {
    /// Its name.
    pub name: String,
    /// Whether it is somebody else's, so that it can be the best peer.
    pub peer: bool,
    /// By round; what failed is there, too.
    pub rounds: Vec<Round>,
}

/// What is counted, and how its cost is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Connections from begin to end.
    Connection,
    /// Requests with their answers.
    Request,
    /// Datagrams with their answers.
    Datagram,
    /// Bytes.
    Byte,
    /// Connections that are open: the cost is memory.
    OpenConnection,
}

/// A proxy in a case in a round.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Round {
    /// Units that were to be done.
    pub wanted: u64,
    /// Units that were done.
    pub done: u64,
    /// The proxy's processor time, in nanoseconds.
    pub cpu_ns: u64,
    /// How long it took.
    pub seconds: f64,
    /// Memory of all its processes after the work, in bytes.
    pub memory_bytes: u64,
    /// By how much the memory grew by connections that stayed open, in bytes.
    pub held_bytes: Option<u64>,
    /// Half of the units took so many microseconds at most.
    pub p50_us: Option<f64>,
    /// 99 % did.
    pub p99_us: Option<f64>,
    /// 99.9 % did.
    pub p999_us: Option<f64>,
    /// Why nothing was measured.
    pub error: Option<String>,
}

/// Bytes in which nobody can keep two sockets and what waits between them. Who grew by less has allocated all of it at the start,
/// and has no cost that could be seen.
const LEAST_STATE: f64 = 32.0;

impl Unit {
    /// What the cost is told in.
    pub fn cost(self) -> &'static str {
        match self {
            Unit::Connection => "CPU µs/connection",
            Unit::Request => "CPU µs/request",
            Unit::Datagram => "CPU µs/datagram",
            Unit::Byte => "CPU s/GB",
            Unit::OpenConnection => "bytes/connection",
        }
    }

    /// What throughput is told in.
    pub fn rate(self) -> &'static str {
        match self {
            Unit::Byte => "MB/s",
            _ => "1/s",
        }
    }
}

impl Round {
    /// What the load says, and what it has cost.
    pub fn new(outcome: &Outcome, cpu: Duration, seconds: f64, memory_bytes: u64) -> Round {
        Round {
            wanted: outcome.wanted,
            done: outcome.done,
            cpu_ns: u64::try_from(cpu.as_nanos()).unwrap_or(u64::MAX),
            seconds,
            memory_bytes,
            held_bytes: None,
            p50_us: outcome.timing.percentile(50.0),
            p99_us: outcome.timing.percentile(99.0),
            p999_us: outcome.timing.percentile(99.9),
            error: None,
        }
    }

    /// A round in which nothing was measured.
    pub fn failed(error: &Error) -> Round {
        Round { error: Some(error.to_string()), ..Round::default() }
    }

    /// So much of what should have been there before was missing. It counts as lost: the work was less than that of others.
    pub fn lack(&mut self, missing: u64) {
        self.wanted += missing;
    }

    /// What a unit cost, as `Unit::cost` says; nothing if none was done.
    pub fn cost(&self, unit: Unit) -> Option<f64> {
        let done = (self.done > 0).then_some(self.done as f64)?;
        match unit {
            Unit::Connection | Unit::Request | Unit::Datagram => Some(self.cpu_ns as f64 / 1e3 / done),
            Unit::Byte => Some(self.cpu_ns as f64 / done),
            Unit::OpenConnection => Some(self.held_bytes? as f64 / done).filter(|bytes| *bytes > LEAST_STATE),
        }
    }

    /// Units in a second, as `Unit::rate` says.
    pub fn rate(&self, unit: Unit) -> Option<f64> {
        let rate = (self.done > 0 && self.seconds > 0.0).then(|| self.done as f64 / self.seconds)?;
        Some(if unit == Unit::Byte { rate / 1e6 } else { rate })
    }
}

impl Results {
    /// Whether pen did all that it was asked for. What peers fail at is told, and is no fault of this benchmark.
    pub fn is_complete(&self) -> bool {
        let cases = self.scenarios.iter().flat_map(|scenario| &scenario.cases);
        let ours = cases.flat_map(|case| &case.proxies).filter(|proxy| !proxy.peer);
        let rounds: Vec<&Round> = ours.flat_map(|proxy| &proxy.rounds).collect();
        rounds.iter().all(|round| round.error.is_none() && round.done == round.wanted)
    }

    /// Reads what `write` has written.
    pub fn read(path: &Path) -> Result<Results> {
        let text = std::fs::read(path).map_err(Error::doing(path.display().to_string()))?;
        serde_json::from_slice(&text)
            .map_err(|error| Error::File { path: path.to_owned(), reason: error.to_string() })
    }

    /// Writes all of it as JSON.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| Error::File { path: path.to_owned(), reason: error.to_string() })?;
        std::fs::write(path, text + "\n").map_err(Error::doing(path.display().to_string()))
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_that_of_what_was_done() {
        let round = Round { wanted: 200, done: 100, cpu_ns: 5_000_000, seconds: 0.5, ..Round::default() };
        assert_eq!(round.cost(Unit::Connection), Some(50.0));
        assert_eq!(round.rate(Unit::Connection), Some(200.0));
        assert_eq!(Round { done: 0, ..round }.cost(Unit::Connection), None);
    }

    #[test]
    fn bytes_cost_seconds_by_the_gigabyte_and_open_connections_memory() {
        let bulk = Round { done: 2_000_000_000, cpu_ns: 1_000_000_000, seconds: 2.0, ..Round::default() };
        assert_eq!((bulk.cost(Unit::Byte), bulk.rate(Unit::Byte)), (Some(0.5), Some(1000.0)));
        let idle = Round { done: 1000, held_bytes: Some(600_000), ..Round::default() };
        assert_eq!(idle.cost(Unit::OpenConnection), Some(600.0));
        let allocated_before = Round { held_bytes: Some(4000), ..idle.clone() };
        assert_eq!(allocated_before.cost(Unit::OpenConnection), None);
        assert_eq!(Round { held_bytes: None, ..idle }.cost(Unit::OpenConnection), None);
    }
}

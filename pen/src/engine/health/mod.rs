//! How servers are: what checks and agents have said of them. Who is asked what is in `probe`, and the asking a shell's.

mod agent;
mod fitness;
mod record;
pub mod schedule;
#[cfg(test)]
mod simulation;

pub use agent::{AgentAnswer, AgentReport, AgentWord};
pub use fitness::Fitness;
pub use record::{Change, Condition, Record, Terms, Verdict};

use super::time::Tick;

/// What is told of a server's health. The selection reads its [`Fitness`] instead.
#[derive(Debug, Default)]
pub struct Reports {
    /// Of its checks, if it is checked and one has come to an end.
    pub check: Option<Record>,
    /// Of its agent, if it has one.
    pub agent: Option<AgentRecord>,
    /// Since when the administrator has wanted it drained or in maintenance, if that is so.
    pub administered: Option<Tick>,
}

/// What a server's agent has said.
#[derive(Clone, Debug)]
pub struct AgentRecord {
    /// Its latest answer that made sense.
    pub report: AgentReport,
    /// When that began to say what it says.
    pub since: Tick,
    /// Why it says so, as it has told people.
    pub reason: Option<std::sync::Arc<str>>,
    /// Why it could not be understood or reached since; `None`: it could.
    pub trouble: Option<std::sync::Arc<str>>,
}

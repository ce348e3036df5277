//! What a scenario's work has at hand: a proxy that runs, the clients' way to it, and the meter.

use std::thread;
use std::time::{Duration, Instant};

use crate::load::{Datagrams, Flows, Held, Kept, Outcome, Paced, Short, Target, Timing};
use crate::process::Program;
use crate::proxy::Protocol;
use crate::results::Round;
use crate::{Error, Result, stop};

/// How long a proxy may take to serve.
const START: Duration = Duration::from_secs(20);
/// How long a proxy is given to deal with what the clients have ended, at most.
const AFTERMATH: Duration = Duration::from_secs(1);

/// One proxy under one scenario.
#[derive(Debug)]
pub struct Arena<'a> {
    /// The proxy.
    pub proxy: &'a Program,
    /// Where the clients go.
    pub target: Target,
    /// How many of the usual units are done.
    pub scale: f64,
    /// Requests a second, where the scenario has a rate.
    pub rate: f64,
}

impl Arena<'_> {
    /// A number of units or clients, for the scale of this run; at least 10.
    pub fn scaled(&self, usual: u32) -> u32 {
        scaled(usual, self.scale)
    }

    /// Does some work, and measures what the proxy spends meanwhile.
    pub fn metered(&self, work: impl FnOnce(&Target) -> Result<Outcome>) -> Result<Round> {
        let tree = self.proxy.tree();
        let cpu = tree.run_time();
        let start = Instant::now();
        let outcome = work(&self.target)?;
        let seconds = start.elapsed().as_secs_f64();
        let cpu = self.settled_run_time().saturating_sub(cpu);
        Ok(Round::new(&outcome, cpu, seconds, tree.memory()))
    }

    /// Short connections, measured.
    pub fn short(&self, short: Short) -> Result<Round> {
        self.metered(|target| short.run(target))
    }

    /// Requests on kept connections, measured.
    pub fn kept(&self, kept: Kept) -> Result<Round> {
        self.metered(|target| kept.run(target))
    }

    /// Requests at a fixed rate, measured.
    pub fn paced(&self, paced: Paced) -> Result<Round> {
        self.metered(|target| paced.run(target))
    }

    /// Datagrams of ordinary sockets, measured.
    pub fn datagrams(&self, datagrams: Datagrams) -> Result<Round> {
        self.metered(|target| datagrams.run(target))
    }

    /// Datagrams of many clients, measured.
    pub fn flows(&self, flows: Flows) -> Result<Round> {
        self.metered(|target| flows.run(target))
    }

    /// Connections that stay open, and the memory that each takes.
    pub fn held(&self, connections: u32) -> Result<Round> {
        let tree = self.proxy.tree();
        let before = tree.memory();
        let start = (Instant::now(), tree.run_time());
        let held = Held::open(&self.target, connections)?;
        let seconds = start.0.elapsed().as_secs_f64();
        let cpu = self.settled_run_time().saturating_sub(start.1);
        let memory = tree.memory();
        let outcome = Outcome { wanted: held.wanted.into(), done: held.open.into(), timing: Timing::new() };
        let mut round = Round::new(&outcome, cpu, seconds, memory);
        round.held_bytes = Some(memory.saturating_sub(before));
        Ok(round)
    }

    /// Processor time, once it does not grow any more.
    fn settled_run_time(&self) -> Duration {
        let limit = Instant::now() + AFTERMATH;
        let mut last = self.proxy.tree().run_time();
        loop {
            thread::sleep(Duration::from_millis(20));
            let now = self.proxy.tree().run_time();
            if now == last || Instant::now() > limit {
                return now;
            }
            last = now;
        }
    }
}

/// A number of units or clients, at this scale; at least 10.
pub fn scaled(usual: u32, scale: f64) -> u32 {
    ((f64::from(usual) * scale) as u32).max(10.min(usual))
}

/// Waits until one request has gone through the proxy and come back.
pub fn wait_until_it_serves(
    name: &str,
    proxy: &mut Program,
    target: &Target,
    protocol: Protocol,
) -> Result<()> {
    let limit = Instant::now() + START;
    loop {
        stop::unless_asked()?;
        proxy.expect_alive()?;
        let outcome = if protocol.is_udp() {
            Datagrams { datagrams: 1, at_once: 1, per_port: 1 }.run(target)?
        } else {
            Kept { requests: 1, connections: 1, answer: 512 }.run(target)?
        };
        if outcome.done == 1 {
            return Ok(());
        }
        if Instant::now() > limit {
            let last_words = proxy.last_words();
            return Err(Error::Silent { program: name.to_owned(), seconds: START.as_secs(), last_words });
        }
        thread::sleep(Duration::from_millis(20));
    }
}

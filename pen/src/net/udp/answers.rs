//! Answers on their way to clients: collected from several ports, and sent together. What a socket does not take is kept, and
//! tried again soon; meanwhile nothing more is received from the service's ports, so that the system keeps it.

use std::io::{self, ErrorKind};
use std::time::Duration;

use nix::errno::Errno;
use system::datagrams::{Batch, Local, Name, Outbox, Outgoing};

use super::Surroundings;
use super::payload::Payload;
use super::receiving::Receiving;
use crate::engine::flows::{Endpoint, FlowKey};
use crate::engine::time::Tick;
use crate::settings::ServiceIndex;

/// Answers that are sent with one system call.
const RUN: usize = 32;
/// When a socket that was full is tried again. The poll would tell sooner, but of every datagram that leaves; and it does not tell
/// when the system has memory again, nor when a Unix client has read something.
const PAUSE: Duration = Duration::from_millis(1);
/// How long an answer is kept at most.
const PATIENCE: Duration = Duration::from_secs(1);
/// The same towards a Unix client, whose queue is its own: others are not kept waiting for it.
const PATIENCE_UNIX: Duration = Duration::from_millis(50);
/// So many answers are kept at most.
const MOST_KEPT: usize = 1024;

/// Answers that were received and not yet sent.
#[derive(Debug)]
pub struct Answers {
    /// What was received.
    pub batch: Batch,
    /// Which of it goes to whom.
    addressed: Vec<(usize, FlowKey)>,
    kept: Vec<Kept>,
    /// When what is kept is tried again.
    retry_at: Tick,
}

/// An answer that its listener's socket did not take.
#[derive(Debug)]
struct Kept {
    service: ServiceIndex,
    to: FlowKey,
    bytes: Box<[u8]>,
    segment: Option<usize>,
    until: Tick,
}

/// What became of the first of several answers.
enum Sent {
    /// So many were sent.
    Some(usize),
    /// There is no room now.
    Full,
    /// It cannot be sent.
    Never,
}

impl Answers {
    /// Room for so many.
    pub fn new(most: usize) -> Answers {
        let kept = Vec::new();
        Answers { batch: Batch::new(most), addressed: Vec::with_capacity(most), kept, retry_at: Tick(0) }
    }

    /// Whether there is no room for another.
    pub fn is_full(&self) -> bool {
        self.batch.room() == 0
    }

    /// Whether the service's answers have to wait.
    pub fn is_blocked(&self, service: ServiceIndex) -> bool {
        self.kept.iter().any(|kept| kept.service == service && !is_unix(&kept.to))
    }

    /// When there is something to try again.
    pub fn next_deadline(&self) -> Option<Tick> {
        (!self.kept.is_empty()).then_some(self.retry_at)
    }

    /// The datagram at `index` goes to the client of that flow.
    pub fn address(&mut self, index: usize, to: FlowKey) {
        self.addressed.push((index, to));
    }

    /// Sends all, as far as there is room for them.
    pub fn send(&mut self, listeners: &[Receiving], outbox: &mut Outbox, around: &Surroundings<'_>) {
        if !self.kept.is_empty() && self.retry_at <= around.now {
            self.try_again(listeners, outbox, around);
        }
        if self.addressed.is_empty() {
            self.batch.clear();
            return;
        }
        let mut addressed = std::mem::take(&mut self.addressed);
        if let [_, _, ..] = listeners {
            addressed.sort_by_key(|(_, key)| key.listener);
        }
        for run in addressed.chunk_by(|(_, a), (_, b)| a.listener == b.listener) {
            let id = run[0].1.listener;
            if let Some(listener) = listeners.iter().find(|listener| listener.id.0 == id) {
                self.send_run(run, listener, outbox, around);
            }
        }
        addressed.clear();
        self.addressed = addressed;
        self.batch.clear();
    }

    /// Sends answers of one listener.
    fn send_run(
        &mut self,
        mut run: &[(usize, FlowKey)],
        listener: &Receiving,
        outbox: &mut Outbox,
        around: &Surroundings<'_>,
    ) {
        let is_behind = self.kept.iter().any(|kept| kept.to.listener == listener.id.0);
        while let [first, rest @ ..] = run {
            let sent = if is_behind { Sent::Full } else { self.send_some(run, listener, outbox, around) };
            match sent {
                Sent::Some(sent) => run = &run[sent..],
                Sent::Never => {
                    self.drop_one(first.0, listener, around);
                    run = rest;
                }
                Sent::Full => {
                    self.keep(first, listener, around);
                    run = rest;
                }
            }
        }
    }

    fn send_some(
        &self,
        run: &[(usize, FlowKey)],
        listener: &Receiving,
        outbox: &mut Outbox,
        around: &Surroundings<'_>,
    ) -> Sent {
        let mut outgoing = [Outgoing { bytes: &[], to: None, from: None, segment: None }; RUN];
        let mut count = 0;
        for ((index, key), place) in run.iter().zip(&mut outgoing) {
            *place = address(Payload::of(&self.batch.get(*index)), key);
            count += 1;
        }
        let sent = send(&outgoing[..count], listener, outbox);
        if let Sent::Some(sent) = sent {
            note_sent(&outgoing[..sent], outbox.unsent(), listener, around);
        }
        sent
    }

    fn drop_one(&self, index: usize, listener: &Receiving, around: &Surroundings<'_>) {
        let count = Payload::of(&self.batch.get(index)).count();
        around.service(listener.service).state.counters.datagrams.dropped.add(count.into());
    }

    fn keep(&mut self, (index, to): &(usize, FlowKey), listener: &Receiving, around: &Surroundings<'_>) {
        if self.kept.len() >= MOST_KEPT {
            return self.drop_one(*index, listener, around);
        }
        if self.kept.is_empty() {
            self.retry_at = around.now.plus(PAUSE);
        }
        let datagram = self.batch.get(*index);
        let patience = if is_unix(to) { PATIENCE_UNIX } else { PATIENCE };
        self.kept.push(Kept {
            service: listener.service,
            to: to.clone(),
            bytes: datagram.bytes.into(),
            segment: datagram.segment,
            until: around.now.plus(patience),
        });
    }

    /// Sends what was kept, in its order; behind an answer that still finds no room others of that way are not tried.
    fn try_again(&mut self, listeners: &[Receiving], outbox: &mut Outbox, around: &Surroundings<'_>) {
        let mut full: Vec<FlowKey> = Vec::new();
        self.kept.retain(|kept| {
            let Some(listener) = listeners.iter().find(|listener| listener.id.0 == kept.to.listener) else {
                return false;
            };
            let counters = &around.service(listener.service).state.counters.datagrams;
            let payload = Payload { bytes: &kept.bytes, segment: kept.segment };
            let shares_way = |other: &FlowKey| {
                other.listener == kept.to.listener && (!is_unix(other) || other.client == kept.to.client)
            };
            let sent = if full.iter().any(shares_way) {
                Sent::Full
            } else {
                send(&[address(payload, &kept.to)], listener, outbox)
            };
            match sent {
                Sent::Some(_) => counters.answered.add(payload.count().into()),
                Sent::Full if around.now < kept.until => {
                    if !full.iter().any(shares_way) {
                        full.push(kept.to.clone());
                    }
                    return true;
                }
                Sent::Full | Sent::Never => counters.dropped.add(payload.count().into()),
            }
            false
        });
        self.retry_at = around.now.plus(PAUSE);
    }
}

/// Counts what was sent; of the last one, if it was several, so many bytes were not.
fn note_sent(sent: &[Outgoing<'_>], unsent: usize, listener: &Receiving, around: &Surroundings<'_>) {
    let counters = &around.service(listener.service).state.counters.datagrams;
    let total: u64 = sent.iter().map(|answer| u64::from(Payload::of_outgoing(answer).count())).sum();
    let lost = sent.last().map_or(0, |last| Payload::of_outgoing(last).count_of(unsent).into());
    counters.answered.add(total.saturating_sub(lost));
    if lost > 0 {
        counters.dropped.add(lost);
    }
}

fn send(datagrams: &[Outgoing<'_>], listener: &Receiving, outbox: &mut Outbox) -> Sent {
    loop {
        return match listener.fragments.send(datagrams, &*listener.socket, outbox) {
            Ok(0) => Sent::Never,
            Ok(sent) => Sent::Some(sent),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if is_full(&error) => Sent::Full,
            // This client cannot be reached.
            Err(_) => Sent::Never,
        };
    }
}

/// Whether there may be room soon.
fn is_full(error: &io::Error) -> bool {
    let short = [Errno::EAGAIN, Errno::ENOBUFS, Errno::ENOMEM];
    error.raw_os_error().is_some_and(|code| short.contains(&Errno::from_raw(code)))
}

fn is_unix(to: &FlowKey) -> bool {
    matches!(to.client, Endpoint::Unix(_))
}

/// An answer to the client, from the address that it had sent to.
fn address<'a>(payload: Payload<'a>, key: &'a FlowKey) -> Outgoing<'a> {
    let to = match &key.client {
        Endpoint::Inet(address) => Name::Inet(*address),
        Endpoint::Unix(name) => Name::Unix(name),
    };
    let from = key.local.map(|local| Local { address: local.address, interface: local.interface });
    Outgoing { bytes: payload.bytes, to: Some(to), from, segment: payload.segment }
}

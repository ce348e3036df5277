//! The loop: what comes in, what is due, what goes out.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use common::reason;
use mio::{Events, Interest, Poll, Token};
use system::signals::{Signal, Signals};

use super::clock::{Clock, until};
use super::merger::Merger;
use super::output::Output;
use super::receiver::Receiver;
use super::report::Report;
use crate::matching::Moment;

const DATAGRAMS: Token = Token(0);
const SIGNALS: Token = Token(1);

/// So much later than the end may a datagram seem to have come that came before it: there are two clocks.
const SLACK: i64 = 10_000;
/// After a turn there is a pause in which datagrams gather: they have their times from the kernel, so nothing is lost by it.
const PAUSE: Duration = Duration::from_millis(2);
/// So long are batches taken, one at least, before signals and deadlines have their turn.
const TURN: Duration = Duration::from_millis(5);

/// All that penlogd has open.
#[derive(Debug)]
pub(super) struct Daemon {
    poll: Poll,
    signals: SignalSource,
    receiver: Receiver,
    merger: Merger,
    output: Output,
    report: Report,
    clock: Clock,
    /// When the last datagram came.
    last: Moment,
    /// Lines on their way from the merger to the output.
    lines: Vec<u8>,
}

/// What happens after the signals of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    GoOn,
    Stop,
}

struct SignalSource(Signals);

impl std::fmt::Debug for SignalSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signals")
    }
}

impl Daemon {
    pub(super) fn new(mut receiver: Receiver, merger: Merger, output: Output) -> io::Result<Daemon> {
        let (poll, mut signals) = (Poll::new()?, Signals::new()?);
        receiver.register(poll.registry(), DATAGRAMS)?;
        poll.registry().register(&mut signals, SIGNALS, Interest::READABLE)?;
        let (report, clock) = (Report::default(), Clock::start());
        let signals = SignalSource(signals);
        let (last, lines) = (clock.now(), Vec::new());
        Ok(Daemon { poll, signals, receiver, merger, output, report, clock, last, lines })
    }

    /// Works until it is told to stop. Then everything is written.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(8);
        let mut is_drained = true;
        loop {
            let timeout = if is_drained { self.timeout() } else { Some(Duration::ZERO) };
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                polled => polled?,
            }
            let has_datagrams = !is_drained || events.iter().any(|event| event.token() == DATAGRAMS);
            if has_datagrams {
                is_drained = self.receive();
                self.report.note_news();
            }
            let has_signals = events.iter().any(|event| event.token() == SIGNALS);
            if has_signals && self.obey_signals() == Next::Stop {
                self.finish();
                return Ok(());
            }
            self.do_what_is_due(is_drained);
            if has_datagrams && is_drained {
                thread::sleep(PAUSE);
            }
        }
    }

    /// How long nothing is due.
    fn timeout(&mut self) -> Option<Duration> {
        let now = Instant::now();
        let merger = self.merger.due().map(|due| until(due, self.clock.now()));
        let others = [self.output.due(), self.report.due(now)].into_iter().flatten();
        let others = others.map(|due| due.saturating_duration_since(now));
        merger.into_iter().chain(others).min()
    }

    /// Takes what has come. True: that was all.
    fn receive(&mut self) -> bool {
        let Daemon { receiver, merger, output, clock, last, lines, .. } = self;
        let start = Instant::now();
        let mut now = start;
        while now.duration_since(start) < TURN {
            let more = receiver.receive(clock, |source, bytes, moment| {
                *last = moment;
                merger.take(source, bytes, moment, lines);
            });
            now = Instant::now();
            output.append(lines, now);
            output.tick(now);
            match more {
                Ok(true) => {}
                Ok(false) => return true,
                Err(error) => {
                    log::warn!("cannot receive: {}", reason(&error));
                    return true;
                }
            }
        }
        false
    }

    fn obey_signals(&mut self) -> Next {
        let signals: Vec<Signal> = self.signals.0.pending().collect();
        for signal in signals {
            match signal {
                Signal::Reload => self.output.reopen(Instant::now()),
                Signal::WriteStatus => {
                    self.count();
                    log::info!("{}", self.merger.counters);
                }
                Signal::Stop => return Next::Stop,
            }
        }
        Next::GoOn
    }

    fn do_what_is_due(&mut self, is_drained: bool) {
        let now = Instant::now();
        // As long as there are datagrams left, a record that a line waits for may be among them.
        let moment = if is_drained { self.clock.now() } else { self.last };
        self.merger.tick(moment, &mut self.lines);
        self.output.append(&mut self.lines, now);
        self.output.tick(now);
        if self.report.due(now).is_some_and(|due| due <= now) {
            self.count();
            self.report.look(&self.merger, now);
        }
    }

    /// Takes what others count into the counters.
    fn count(&mut self) {
        self.merger.counters.overrun += self.receiver.newly_lost();
        self.merger.counters.dropped = self.output.dropped;
    }

    /// Takes what has come until now, and writes everything.
    fn finish(&mut self) {
        let stop = Moment(self.clock.now().0 + SLACK);
        // More may come faster than it is taken, so that there is no end to it.
        while !self.receive() && self.last <= stop {}
        self.merger.finish(self.clock.now(), &mut self.lines);
        let now = Instant::now();
        self.output.append(&mut self.lines, now);
        self.output.finish(now);
        self.count();
        self.report.tell(&self.merger);
        log::debug!("{}", self.merger.counters);
    }
}

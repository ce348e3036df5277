//! TERM, which must not lose lines: Apache sends it to its loggers on every restart and closes the pipe only then, with
//! requests of before still to be logged.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// How long after TERM the input is awaited to end.
const PATIENCE: Duration = Duration::from_mins(1);

/// The signal as an event. It stops nothing as long as this lives.
#[derive(Debug)]
pub struct Stop {
    signals: SignalFd,
    deadline: Option<Instant>,
}

impl Stop {
    /// To be called before there are other threads, which would be stopped by it.
    pub fn new() -> io::Result<Stop> {
        let set = SigSet::from(Signal::SIGTERM);
        set.thread_block()?;
        let signals = SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        Ok(Stop { signals, deadline: None })
    }

    /// Looks for the signal. The first one starts the time that is left, a second one ends it.
    pub fn look(&mut self, now: Instant) {
        while let Ok(Some(_)) = self.signals.read_signal() {
            self.deadline = Some(if self.deadline.is_none() { now + PATIENCE } else { now });
        }
    }

    /// When it is time to end.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Ends the process by the signal, as it would have ended at once.
    pub fn obey() -> io::Error {
        let obeyed = SigSet::from(Signal::SIGTERM).thread_unblock().and_then(|()| raise(Signal::SIGTERM));
        obeyed.err().map_or_else(|| io::Error::other("TERM is ignored"), Into::into)
    }
}

impl AsFd for Stop {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.signals.as_fd()
    }
}

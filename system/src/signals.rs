//! The signals that pen answers to, as events of the control plane's poll. What they set off is the caller's.
#![allow(unsafe_code)]

use std::io;

use mio::event::Source;
use mio::{Interest, Registry, Token};
use nix::sys::signal::{SigHandler, Signal as Number, signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// HUP: reopen the log, read the configuration again.
    Reload,
    /// USR1: write the status.
    WriteStatus,
    /// TERM or INT: stop accepting, wait for the connections, exit.
    Stop,
}

/// A source of signals, to be registered as readable with a `mio::Poll`.
///
/// While it lives, none of these signals ends the process. After an event, [`pending`](Signals::pending) is to be read
/// to its end. SIGPIPE is ignored from the start by Rust's runtime. A signal may arrive in any thread: a poll there
/// returns `Interrupted`, which is no error.
pub struct Signals(signal_hook_mio::v1_0::Signals);

impl Signals {
    /// Takes over the four signals of the process. XFSZ does nothing from then on, so that a file that has reached the limit of
    /// sizes is an error of whoever writes to it, as a full disk is; it is not ignored, because programs that pen starts would
    /// ignore it, too. CHLD does what it does by default: whoever started pen may have had it ignored, and then nobody can
    /// learn how a program has ended.
    pub fn new() -> io::Result<Signals> {
        // SAFETY: the handler does nothing.
        unsafe { signal(Number::SIGXFSZ, SigHandler::Handler(do_nothing)) }?;
        // SAFETY: what is done by default runs no code of ours.
        unsafe { signal(Number::SIGCHLD, SigHandler::SigDfl) }?;
        signal_hook_mio::v1_0::Signals::new([SIGHUP, SIGUSR1, SIGTERM, SIGINT]).map(Signals)
    }

    /// The signals that arrived since the last call; several of one kind may count as one.
    pub fn pending(&mut self) -> impl Iterator<Item = Signal> + '_ {
        self.0.pending().map(|number| match number {
            SIGHUP => Signal::Reload,
            SIGUSR1 => Signal::WriteStatus,
            _ => Signal::Stop,
        })
    }
}

extern "C" fn do_nothing(_: libc::c_int) {}

impl Source for Signals {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.0.register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.0.reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.0.deregister(registry)
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::raise;

    use super::*;

    fn next(poll: &mut mio::Poll, signals: &mut Signals) -> Vec<Signal> {
        let mut events = mio::Events::with_capacity(4);
        loop {
            match poll.poll(&mut events, None) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled.unwrap(),
            }
            assert!(events.iter().all(|event| event.token() == Token(7)));
            let pending: Vec<_> = signals.pending().collect();
            if !pending.is_empty() {
                return pending;
            }
        }
    }

    #[test]
    fn each_signal_wakes_the_poll_and_says_what_it_asks_for() {
        let mut poll = mio::Poll::new().unwrap();
        let mut signals = Signals::new().unwrap();
        poll.registry().register(&mut signals, Token(7), Interest::READABLE).unwrap();
        for (number, meaning) in [
            (Number::SIGHUP, Signal::Reload),
            (Number::SIGUSR1, Signal::WriteStatus),
            (Number::SIGTERM, Signal::Stop),
            (Number::SIGINT, Signal::Stop),
        ] {
            raise(number).unwrap();
            assert_eq!(next(&mut poll, &mut signals), [meaning]);
        }
    }
}

//! The loop: from standard input to penlogd.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::time::Instant;

use common::streams::complain;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::destination::Destination;
use crate::input::Input;
use crate::losses::Losses;
use crate::stop::Stop;
use crate::way::Way;

/// Why forwarding ended before the input did.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The input cannot be read.
    #[error("cannot read standard input: {}", common::reason(.0))]
    Input(io::Error),
    /// Signals or events are not to be had.
    #[error("cannot wait for lines: {}", common::reason(.0))]
    Events(io::Error),
}

/// Forwards all lines, until the input ends or TERM wants it to end.
pub fn run(destination: Destination) -> Result<(), Failure> {
    let mut stop = Stop::new().map_err(Failure::Events)?;
    let mut losses = Losses::new(destination.server.to_string());
    let mut way = Way::new(destination);
    let mut input = Input::default();
    let mut is_open = true;
    while is_open {
        let events = wait(&way, &stop, &losses).map_err(Failure::Events)?;
        let now = Instant::now();
        stop.look(now);
        if events.refusals {
            way.heed_refusals(&mut losses, now);
        }
        if events.input {
            is_open = read(&mut input)?;
            send(&mut input, &mut way, &mut losses, now);
        }
        if !is_open {
            way.heed_refusals(&mut losses, now);
        }
        let is_over = stop.deadline().is_some_and(|deadline| deadline <= now);
        let report = if is_open && !is_over { losses.report(now) } else { losses.last_report() };
        tell(report);
        if is_over && is_open {
            input.end();
            send(&mut input, &mut way, &mut losses, now);
            return Err(Failure::Events(Stop::obey()));
        }
    }
    Ok(())
}

/// What is to be done.
#[derive(Debug, Default)]
struct Events {
    /// The input can be read.
    input: bool,
    /// A datagram was refused.
    refusals: bool,
}

/// Waits until something is to be done.
fn wait(way: &Way, stop: &Stop, losses: &Losses) -> io::Result<Events> {
    let stdin = io::stdin();
    let (stdin, signals) = (stdin.as_fd(), stop.as_fd());
    let mut polled = vec![PollFd::new(stdin, PollFlags::POLLIN), PollFd::new(signals, PollFlags::POLLIN)];
    // Errors wake it without being asked for.
    polled.extend(way.as_fd().map(|socket| PollFd::new(socket, PollFlags::empty())));
    let now = Instant::now();
    let moment = [stop.deadline(), losses.due(now)].into_iter().flatten().min();
    match poll(&mut polled, timeout(moment, now)) {
        Ok(_) => {
            let is_ready = |index: usize| polled.get(index).and_then(PollFd::any).unwrap_or(false);
            Ok(Events { input: is_ready(0), refusals: is_ready(2) })
        }
        Err(Errno::EINTR) => Ok(Events::default()),
        Err(error) => Err(error.into()),
    }
}

fn timeout(moment: Option<Instant>, now: Instant) -> PollTimeout {
    // Rounded up, so that the moment has come then.
    let millis = moment.map(|moment| moment.saturating_duration_since(now).as_millis() + 1);
    millis.map_or(PollTimeout::NONE, |millis| PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX))
}

/// Reads what there is. Tells whether there may be more.
fn read(input: &mut Input) -> Result<bool, Failure> {
    match input.read_from(Stdin) {
        Ok(0) => {
            input.end();
            Ok(false)
        }
        Err(error) if !is_passing(&error) => Err(Failure::Input(error)),
        Ok(_) | Err(_) => Ok(true),
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock)
}

/// Standard input without the buffer that Rust puts before it.
struct Stdin;

impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(nix::unistd::read(io::stdin(), buffer)?)
    }
}

fn send(input: &mut Input, way: &mut Way, losses: &mut Losses, now: Instant) {
    let mut datagrams = Vec::new();
    input.datagrams(way.longest(), &mut datagrams);
    let count = datagrams.iter().map(|datagram| datagram.len()).sum();
    if !datagrams.is_empty() {
        way.send(&datagrams, losses, now);
    }
    input.forget(count);
}

/// Tells what is lost, unless standard error has no room because nobody reads it: the next report has it in its sum.
fn tell(report: Option<String>) {
    let Some(report) = report else { return };
    let stderr = io::stderr();
    let mut room = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
    if poll(&mut room, PollTimeout::ZERO).is_ok_and(|ready| ready > 0) {
        complain("penlog", report);
    }
}

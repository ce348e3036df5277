//! `penlogd`: receives pen's records and web servers' lines as datagrams, and writes one log.

mod clock;
mod counters;
mod daemon;
mod holding;
mod merger;
mod options;
mod output;
mod parts;
mod receiver;
mod report;

use std::io;
use std::process::ExitCode;
use std::time::Instant;

use common::reason;
use common::streams::{complain, print};
use system::daemon::{Ready, Side, background};
use system::diagnostics::{self, Destination};
use system::pid_file::PidFile;
use system::privileges::{self, User};

use self::daemon::Daemon;
use self::merger::Merger;
use self::options::{Invocation, Request};
use self::output::{Buffering, Output};
use self::receiver::Receiver;
use crate::matching::{Limits, Matcher};

/// The exit status when the command line is wrong.
const USAGE: u8 = 2;
/// The exit status when the world is not as it should be.
const WORLD: u8 = 1;

/// So many connections are remembered at least: pen may have more at a time than requests are remembered.
const CONNECTIONS: usize = 100_000;

/// The program: does what its command line says, and gives its exit status.
pub fn main() -> ExitCode {
    match options::parse(std::env::args_os().skip(1)) {
        Ok(Request::Run(invocation)) => run(*invocation).unwrap_or_else(|error| fail(&error, WORLD)),
        Ok(Request::Print(text)) => {
            print(&text).map_or_else(|error| fail(&error, WORLD), |()| ExitCode::SUCCESS)
        }
        Err(error) => fail(&error, USAGE),
    }
}

fn run(invocation: Invocation) -> Result<ExitCode, String> {
    let user =
        invocation.user.as_deref().map(User::resolve).transpose().map_err(|error| error.to_string())?;
    if invocation.foreground {
        diagnostics::init("penlogd", Destination::Stderr);
        serve(invocation, user.as_ref(), None)?;
    } else {
        match background().map_err(failed("cannot go to the background"))? {
            Side::Parent(outcome) => return Ok(ExitCode::from(outcome.exit_code())),
            Side::Child(ready) => {
                diagnostics::init("penlogd", Destination::Syslog);
                serve(invocation, user.as_ref(), Some(ready))?;
            }
        }
    }
    diagnostics::flush();
    Ok(ExitCode::SUCCESS)
}

/// Opens the port with root's rights and the files with the final ones, tells `ready`, and works until it is told to stop.
fn serve(invocation: Invocation, user: Option<&User>, ready: Option<Ready>) -> Result<(), String> {
    diagnostics::set_level(invocation.debug);
    let receiver = Receiver::open(&invocation.listen)?;
    if let Some(root) = &invocation.chroot {
        privileges::chroot(root).map_err(|error| error.to_string())?;
    }
    if let Some(user) = user {
        privileges::become_user(user, &[]).map_err(|error| error.to_string())?;
    }
    let buffering = if invocation.unbuffered { Buffering::Lines } else { Buffering::Batches };
    let output = Output::open(invocation.log, buffering, Instant::now())?;
    let address = receiver.address().map_err(failed("cannot receive"))?;
    let limits = Limits { requests: invocation.cache, connections: CONNECTIONS.max(invocation.cache) };
    let wait = i64::try_from(invocation.wait.as_micros()).unwrap_or(0);
    let merger = Merger::new(invocation.format, Matcher::new(limits), invocation.allow, wait);
    let daemon = Daemon::new(receiver, merger, output).map_err(failed("cannot watch the port"))?;
    let pid_file = invocation.pid_file.as_deref().map(PidFile::create).transpose().map_err(|error| {
        let path = invocation.pid_file.as_deref().unwrap_or("".as_ref());
        format!("cannot write the pid file {}: {}", path.display(), reason(&error))
    })?;
    log::info!("penlogd {} receives at {address}", env!("CARGO_PKG_VERSION"));
    diagnostics::start_writer().map_err(failed("cannot start a thread"))?;
    if let Some(ready) = ready {
        diagnostics::flush();
        diagnostics::leave_terminal();
        ready.tell().map_err(failed("whoever started penlogd is gone"))?;
    }
    daemon.run().map_err(failed("cannot wait for datagrams"))?;
    drop(pid_file);
    Ok(())
}

/// Says what failed, and why.
fn failed(what: &str) -> impl Fn(io::Error) -> String {
    move |error| format!("{what}: {}", reason(&error))
}

fn fail(error: &str, status: u8) -> ExitCode {
    diagnostics::flush();
    complain("penlogd", error);
    ExitCode::from(status)
}

//! pen: a load balancer. `docs/architecture.md` draws the whole. This is a library only so that fuzz targets can call its
//! parts; what it offers is the program.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod cli;
mod control;
mod engine;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod net;
mod publish;
mod request_log;
mod settings;
mod shared;
mod startup;
mod status;
mod tls;
mod web;

use std::process::ExitCode;

use common::reason;
use common::streams::{complain, print};

use cli::Request;
use shared::Clock;
use startup::Failure;
use system::daemon::{self, Side};
use system::diagnostics::{self, Destination};
use system::fatal;

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
compile_error!("pen is for 64-bit Linux: it packs connections into the 64 bits of an epoll event");

/// Counts what a worker allocates.
#[cfg(test)]
#[global_allocator]
static ALLOCATOR: system::allocations::Counted = system::allocations::Counted;

/// What it calls itself when it complains.
const NAME: &str = "pen";

/// The program: does what its command line says, and gives its exit status.
pub fn main() -> ExitCode {
    match cli::parse(std::env::args_os().skip(1)) {
        Ok(Request::Run(invocation)) => run(invocation).unwrap_or_else(|failure| fail(&failure)),
        Ok(Request::Print(text)) => show(&text),
        Err(error) => fail(&Failure::Usage(error.to_string())),
    }
}

fn run(invocation: cli::Invocation) -> Result<ExitCode, Failure> {
    for note in &invocation.notes {
        complain(NAME, note);
    }
    let clock = Clock::start();
    let (foreground, check) = (invocation.foreground, invocation.check);
    let prepared = startup::prepare(invocation)?;
    if check {
        diagnostics::init("pen", Destination::Stderr);
        prepared.check()?;
        return Ok(show("ok\n"));
    }
    if foreground {
        diagnostics::init("pen", Destination::Stderr);
        prepared.run(clock, None)?;
    } else {
        match daemon::background()
            .map_err(|error| format!("cannot go to the background: {}", reason(&error)))?
        {
            Side::Parent(outcome) => return Ok(ExitCode::from(outcome.exit_code())),
            Side::Child(ready) => {
                diagnostics::init("pen", Destination::Syslog);
                prepared.run(clock, Some(ready))?;
            }
        }
    }
    diagnostics::flush();
    Ok(ExitCode::SUCCESS)
}

fn fail(failure: &Failure) -> ExitCode {
    diagnostics::flush();
    complain(NAME, failure);
    fatal::abort_if_asked();
    ExitCode::from(failure.exit_code())
}

fn show(text: &str) -> ExitCode {
    print(text).map_or_else(|error| fail(&Failure::RunTime(error)), |()| ExitCode::SUCCESS)
}

//! penlog: sends the lines of its standard input to penlogd, a datagram each.
//!
//! It is where a web server pipes its log to, so nothing that goes wrong on the way to penlogd may hold the lines up or
//! end it: what cannot be sent is counted and told.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::process::ExitCode;

use common::streams::{complain, print};

mod connection;
mod destination;
mod forward;
mod input;
mod look_up;
mod losses;
mod options;
mod stop;
mod way;

use options::Invocation;

/// The exit status after a wrong command line.
const USAGE_ERROR: u8 = 2;
/// The exit status when something is not as it should be.
const RUN_TIME_ERROR: u8 = 1;

fn main() -> ExitCode {
    let (outcome, failure) = match options::parse(std::env::args_os().skip(1)) {
        Ok(Invocation::Print(text)) => (print(&text), RUN_TIME_ERROR),
        Ok(Invocation::Forward(destination)) => {
            (forward::run(destination).map_err(|error| error.to_string()), RUN_TIME_ERROR)
        }
        Err(error) => (Err(error.to_string()), USAGE_ERROR),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain("penlog", error);
            failure.into()
        }
    }
}

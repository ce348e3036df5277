//! penlog: sends the lines of its standard input to penlogd, a datagram each.
//!
//! It is where a web server pipes its log to, so nothing that goes wrong on the way to penlogd may hold the lines up or
//! end it: what cannot be sent is counted and told.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::io::{self, Write};
use std::process::ExitCode;

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

fn main() -> ExitCode {
    match options::parse(std::env::args_os().skip(1)) {
        Ok(Invocation::Help) => show(&options::help()),
        Ok(Invocation::Version) => show(concat!("penlog ", env!("CARGO_PKG_VERSION"), "\n")),
        Ok(Invocation::Manual) => show(&options::manual()),
        Ok(Invocation::Forward(destination)) => match forward::run(destination) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                complain(&error.to_string());
                ExitCode::FAILURE
            }
        },
        Err(error) => {
            complain(&error.to_string());
            USAGE_ERROR.into()
        }
    }
}

fn show(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        // Who reads only the first lines has what they want.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(&format!("cannot write: {}", common::reason(&error)));
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

fn complain(text: &str) {
    // There is nobody left to tell if this fails.
    let _ = writeln!(io::stderr(), "penlog: {text}");
}

//! penctl: sends a command to a running pen and prints the answer.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::io::{self, Write};
use std::process::ExitCode;

mod answer;
mod args;
mod connect;
mod generate;
mod manual;

use answer::{Failure, Verdict};
use args::{Invocation, USAGE};

/// Exit statuses, which scripts rely on.
const REFUSED: u8 = 1;
const USAGE_ERROR: u8 = 2;
const UNREACHABLE: u8 = 3;

fn main() -> ExitCode {
    let invocation = args::parse(std::env::args_os().skip(1), std::env::var_os("PEN_CONTROL"));
    match invocation {
        Ok(Invocation::Help) => show(args::HELP),
        Ok(Invocation::Generate(kind)) => show(&(kind.render)()),
        Ok(Invocation::Version) => show(concat!("penctl ", env!("CARGO_PKG_VERSION"), "\n")),
        Ok(Invocation::Send { address, command }) => match send(&address, &command) {
            Ok(Verdict::Done) => ExitCode::SUCCESS,
            Ok(Verdict::Refused) => REFUSED.into(),
            Err(problem) => complain(&problem.to_string(), problem.status()),
        },
        Err(error) => complain(&format!("{error}\n{USAGE}"), USAGE_ERROR),
    }
}

fn send(address: &args::ControlAddr, command: &str) -> Result<Verdict, Problem> {
    let mut pen = connect::connect(address)?;
    Ok(answer::ask(&mut pen, command, &mut io::stdout(), &mut io::stderr())?)
}

/// Why a command could not be sent or its answer not be had.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error(transparent)]
    Unreachable(#[from] connect::Unreachable),
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Problem {
    fn status(&self) -> u8 {
        match self {
            Problem::Unreachable(_) | Problem::Failed(Failure::Silent | Failure::Broken(_)) => UNREACHABLE,
            Problem::Failed(Failure::Output(_)) => REFUSED,
        }
    }
}

fn show(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(&format!("cannot write: {error}"), REFUSED)
        }
        _ => ExitCode::SUCCESS,
    }
}

fn complain(text: &str, status: u8) -> ExitCode {
    // There is nobody left to tell if this fails; the exit status still speaks.
    let _ = writeln!(io::stderr(), "penctl: {text}");
    status.into()
}

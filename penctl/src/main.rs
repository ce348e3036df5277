//! penctl: sends commands to a running pen and prints the answers.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use common::escape::Line;
use common::streams::print;

mod address;
mod answer;
mod args;
mod connect;
mod generate;
mod manual;
mod options;
mod report;
mod script;
mod top;

use address::ControlAddr;
use answer::{Failure, Verdict};
use args::Invocation;
use report::{Form, NoStatus, Subject};
use script::{Answer, Outcome, Problem};

/// Exit statuses, which scripts rely on.
const REFUSED: u8 = 1;
const USAGE_ERROR: u8 = 2;
const UNREACHABLE: u8 = 3;

fn main() -> ExitCode {
    let invocation = args::parse(std::env::args_os().skip(1), std::env::var_os("PEN_CONTROL"));
    match invocation {
        Ok(Invocation::Help) => show(&options::help()),
        Ok(Invocation::Version) => show(concat!("penctl ", env!("CARGO_PKG_VERSION"), "\n")),
        Ok(Invocation::Generate(kind)) => show(&(kind.render)()),
        Ok(Invocation::Send { address, command }) => send(&address, &command),
        Ok(Invocation::Script { address }) => run_script(&address),
        Ok(Invocation::Report { address, subject, form }) => report(&address, &subject, form),
        Ok(Invocation::Top { address }) if io::stdout().is_terminal() => watch(&address),
        Ok(Invocation::Top { .. }) => usage_error("'top' needs a terminal as its standard output"),
        Err(error) => usage_error(&error.to_string()),
    }
}

fn send(address: &ControlAddr, command: &str) -> ExitCode {
    let ask = || -> Result<Verdict, Problem> {
        let mut pen = connect::connect(address)?;
        Ok(answer::ask(&mut pen, command, &mut io::stdout(), &mut io::stderr())?)
    };
    match ask() {
        Ok(Verdict::Done) => ExitCode::SUCCESS,
        Ok(Verdict::Refused) => REFUSED.into(),
        Err(Problem::Failed(error @ Failure::Output(_))) => complain(&error.to_string(), REFUSED),
        Err(problem) => complain(&problem.to_string(), UNREACHABLE),
    }
}

fn run_script(address: &ControlAddr) -> ExitCode {
    let ask = |command: &str| {
        let mut text = Vec::new();
        let received = connect::connect(address)
            .map_err(Problem::from)
            .and_then(|mut pen| Ok(answer::receive(&mut pen, command, &mut text)?));
        let verdict = received.map(|()| answer::verdict(&text));
        Answer { text, verdict }
    };
    let is_terminal = io::stdin().is_terminal();
    if is_terminal {
        let address = address.to_string();
        // Only a courtesy.
        _ = writeln!(
            io::stderr(),
            "Commands for the pen at {}: 'help' lists them, 'quit' ends.",
            Line(address)
        );
    }
    let prompt = is_terminal.then_some("pen> ");
    match script::run(io::stdin().lock(), prompt, ask, &mut io::stdout(), &mut io::stderr()) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Refused) => REFUSED.into(),
        Ok(Outcome::Unreachable) => UNREACHABLE.into(),
        // Who reads only the first answers has what they want.
        Err(error) if script::is_reader_gone(&error) => ExitCode::SUCCESS,
        Err(error) => complain(&format!("cannot go on: {}", common::reason(&error)), REFUSED),
    }
}

fn report(address: &ControlAddr, subject: &Subject, form: Form) -> ExitCode {
    let status = match report::fetch(address) {
        Ok(status) => status,
        Err(error) => return complain(&error.to_string(), status_of(&error)),
    };
    let is_terminal = io::stdout().is_terminal();
    let text = match form {
        Form::Json => report::json(&status, subject, is_terminal),
        Form::Table => {
            let width = is_terminal.then(top::terminal_width).flatten();
            match status.snapshot(address) {
                Ok(snapshot) => report::table(&snapshot, subject, width).map(Into::into),
                Err(error) => return complain(&error.to_string(), status_of(&error)),
            }
        }
    };
    match text {
        Ok(text) => show(&text),
        Err(error) => complain(&error.to_string(), REFUSED),
    }
}

fn watch(address: &ControlAddr) -> ExitCode {
    match top::run(address) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&format!("cannot use the terminal: {}", common::reason(&error)), REFUSED),
    }
}

fn status_of(error: &NoStatus) -> u8 {
    match error {
        NoStatus::Unreachable(_) | NoStatus::Failed(_) | NoStatus::Nothing => UNREACHABLE,
        NoStatus::Refused(_) | NoStatus::OldPen(_) | NoStatus::Strange(..) | NoStatus::Newer(..) => REFUSED,
    }
}

fn show(text: &str) -> ExitCode {
    print(text).map_or_else(|error| complain(&error, REFUSED), |()| ExitCode::SUCCESS)
}

fn usage_error(text: &str) -> ExitCode {
    complain(&format!("{text}\n{}", options::USAGE), USAGE_ERROR)
}

fn complain(text: &str, status: u8) -> ExitCode {
    // There is nobody left to tell if this fails; the exit status still speaks.
    let _ = writeln!(io::stderr(), "penctl: {text}");
    status.into()
}

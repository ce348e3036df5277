//! `mergelogs`: merges the logs of several web servers by time, and puts the clients in from pen's log.

mod input;
mod lines;
mod merge;
mod options;
mod output;
mod pen_log;
mod report;
mod sources;
mod waiting;
mod web_log;

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::reason;
use common::streams::{complain, print};

use input::{Identity, Input, Place};
use merge::{Merge, Records};
use options::{Invocation, Job};
use output::{Output, Rejects, Stop};
use pen_log::{PenLog, Servers};
use sources::LookUpError;
use waiting::Waiting;
use web_log::WebLog;

use crate::line::Yearless;

/// What it calls itself when it complains.
const NAME: &str = "mergelogs";

/// Exit statuses, which scripts rely on.
const INCOMPLETE: u8 = 1;
const USAGE_ERROR: u8 = 2;

/// The program.
pub fn main() -> ExitCode {
    match options::parse(std::env::args_os().skip(1)) {
        Ok(Invocation::Usage) => {
            // Somebody who only wants to know how it goes.
            let _ = writeln!(io::stderr(), "{}; --help lists the options", options::usage());
            USAGE_ERROR.into()
        }
        Ok(Invocation::Print(text)) => print(&text).map_or_else(|error| fail(&error), |()| ExitCode::SUCCESS),
        Ok(Invocation::Merge(job)) => merge(*job),
        Err(error) => {
            complain(NAME, error);
            USAGE_ERROR.into()
        }
    }
}

/// Why nothing is merged.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error("cannot read {place}: {}", reason(.error))]
    Unreadable { place: Place, error: io::Error },
    #[error(transparent)]
    LookUp(#[from] LookUpError),
    #[error("{input} is to be read, and also to be written {as_what}")]
    InputIsOutput { input: Place, as_what: &'static str },
    #[error(transparent)]
    Write(#[from] Stop),
}

fn merge(job: Job) -> ExitCode {
    let tells_counts = job.tells_counts;
    let mut merge = match open(job) {
        Ok(merge) => merge,
        Err(error) => return fail(&error),
    };
    match merge.run() {
        Ok(()) => {}
        // Who reads only the first lines has what they want.
        Err(Stop::ReaderGone) => return ExitCode::SUCCESS,
        Err(error) => return fail(&error),
    }
    for line in report::lines(&merge, tells_counts) {
        complain(NAME, line);
    }
    if report::is_complete(&merge) { ExitCode::SUCCESS } else { INCOMPLETE.into() }
}

/// Opens everything, so that nothing is written when something is missing.
fn open(job: Job) -> Result<Merge, StartError> {
    let output = Output::standard()?;
    let mut inputs = Inputs::default();
    let mut servers = Servers::default();
    let pen_log = inputs.open(&job.pen_log)?;
    let mut logs = Vec::new();
    for source in job.sources {
        let addresses = source.server.addresses()?;
        servers.add(&addresses);
        // A server has an address, and that has a representative now.
        let server = addresses.first().and_then(|address| servers.representative(*address));
        let input = inputs.open(&source.log)?;
        logs.extend(server.map(|server| WebLog::new(source.log, server, input)));
    }
    inputs.refuse(output.identity(), "as standard output")?;
    let rejects = match &job.rejects {
        None => Rejects::nowhere(),
        Some(place) => {
            let (mut rejects, identity) = Rejects::open(place)?;
            inputs.refuse(identity, "with -r")?;
            rejects.empty()?;
            rejects
        }
    };
    let log = PenLog::new(job.pen_log, pen_log, servers, job.skew);
    let records = Records::of(log, job.window);
    let (format, waiting) = (job.format.with_yearless_times(local_times()), Waiting::default());
    Ok(Merge { logs, records, format, output, rejects, waiting })
}

/// Syslog's times are those of a clock on a wall, supposedly one like ours.
fn local_times() -> Yearless {
    system::local_time::read_zone();
    let now = SystemTime::now();
    let micros = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    let east = |moment: i64| {
        let since = Duration::from_secs(u64::try_from(moment).unwrap_or(0));
        UNIX_EPOCH.checked_add(since).map_or(0, system::local_time::seconds_east)
    };
    Yearless { now: i64::try_from(micros).unwrap_or(0), east }
}

/// What has been opened for reading.
#[derive(Default)]
struct Inputs(Vec<(Place, Identity)>);

impl Inputs {
    fn open(&mut self, place: &Place) -> Result<Input, StartError> {
        let unreadable = |error| StartError::Unreadable { place: place.clone(), error };
        let (input, identity) = place.open().map_err(unreadable)?;
        self.0.push((place.clone(), identity));
        Ok(input)
    }

    /// A file that is read and written would grow for ever, or be lost.
    fn refuse(&self, output: Identity, as_what: &'static str) -> Result<(), StartError> {
        match self.0.iter().find(|(_, input)| input.is_same(output)) {
            Some((input, _)) => Err(StartError::InputIsOutput { input: input.clone(), as_what }),
            None => Ok(()),
        }
    }
}

fn fail(error: &impl Display) -> ExitCode {
    complain(NAME, error);
    INCOMPLETE.into()
}

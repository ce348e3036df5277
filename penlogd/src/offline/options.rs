//! `mergelogs`' options: a table, and what a command line asks for.

use std::ffi::OsString;

use common::options::{self, Asked, Program, Row, Words};

use super::input::Place;
use super::sources::{Source, SourceError};
use crate::line::{Format, PatternError};

/// The window without `-j`, in seconds.
const JITTER: i64 = 600;
/// Most of `-j` and `-t`: a hundred years, in seconds.
const MOST: u64 = 100 * 366 * 86400;

/// What to do.
#[derive(Debug)]
pub enum Invocation {
    /// Print the usage: there are no words at all.
    Usage,
    /// Print this text, and nothing else.
    Print(String),
    /// Merge logs.
    Merge(Box<Job>),
}

/// What to merge, and how.
#[derive(Debug)]
pub struct Job {
    /// pen's request log.
    pub pen_log: Place,
    /// How much of it is looked at.
    pub window: Window,
    /// pen's clock minus UTC, in microseconds.
    pub skew: i64,
    /// Where lines without a time go.
    pub rejects: Option<Place>,
    /// How web logs' lines are read.
    pub format: Format,
    /// Whether to tell how many lines found their clients.
    pub tells_counts: bool,
    /// The web servers' logs.
    pub sources: Vec<Source>,
}

/// How much of pen's log a line may have its record in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// All of it.
    Everything,
    /// So many microseconds before and behind the line's second.
    Around(i64),
}

/// Why a command line cannot be followed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// Its form is wrong.
    #[error(transparent)]
    Form(#[from] options::UsageError),
    /// `-p` is missing.
    #[error("pen's log is missing: -p PENLOG is expected")]
    NoPenLog,
    /// There is nothing to merge.
    #[error("no log to merge: SERVER:LOGFILE is expected")]
    NoSource,
    /// A log that cannot be meant.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Standard input can be read once.
    #[error("'-' stands for several files: standard input is one")]
    InputTwice,
    /// `-r -`.
    #[error("-r '-': a file is expected, since standard output is the merged log")]
    RejectsToOutput,
    /// Not a number, or none that fits.
    #[error("bad number '{word}' of {option}: seconds are expected, {range}")]
    Number {
        /// As it was given.
        word: String,
        /// `-j`.
        option: &'static str,
        /// What would be right.
        range: &'static str,
    },
    /// `-e` with a pattern by which no line could be put in order.
    #[error("-e: the regular expression has no group (?<time>...), and logs are merged by time")]
    NoTime,
    /// `-e` with something that is no pattern.
    #[error("-e: {0}")]
    Pattern(#[from] PatternError),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    PenLog,
    Everything,
    Debug,
    Pattern,
    Jitter,
    Rejects,
    Skew,
}

static PROGRAM: Program<Key> = Program {
    name: "mergelogs",
    usage: HELP,
    end: END,
    options: OPTIONS,
    manual: include_str!("../../../man/mergelogs.1.in"),
};

/// The command line in short.
pub fn usage() -> &'static str {
    PROGRAM.usage.lines().next().unwrap_or_default()
}

const HELP: &str = "\
usage: mergelogs -p PENLOG [options] SERVER:LOGFILE ...

Merges logs of web servers behind a pen by time, and puts the clients in from pen's log.
SERVER is the server's address as pen has it, LOGFILE its log, plain or packed by gzip; - is
standard input.
";

const END: &str = "
Exit status: 0 all merged, 1 something could not be read or written, 2 usage.
";

static OPTIONS: &[Row<Key>] = &[
    Row {
        key: Key::Everything,
        short: Some('c'),
        long: "whole-log",
        value: None,
        about: "Looks for a line's record in all of pen's log, not in a window",
        details: "All of it is kept in memory then. It is for clocks that differ by nobody knows how much.",
    },
    Row {
        key: Key::Debug,
        short: Some('d'),
        long: "debug",
        value: None,
        about: "Tells on standard error how many lines of each log found their clients",
        details: "",
    },
    Row {
        key: Key::Pattern,
        short: Some('e'),
        long: "pattern",
        value: Some("REGEX"),
        about: "Reads lines of any format by this pattern",
        details: "It is a regular expression with named groups, of which `addr` must be there: \
                  `(?<addr>...)` is the address that the client's replaces, `port` its port, `request` what \
                  was asked, and `time` when. A line whose time cannot be read is a reject.",
    },
    Row {
        key: Key::Jitter,
        short: Some('j'),
        long: "jitter",
        value: Some("SECONDS"),
        about: "How far a line and its record may be apart (600)",
        details: "A smaller window needs less memory. A server that logs the beginning of a request when it \
                  has ended, as Apache does, needs one that is longer than its longest request.",
    },
    Row {
        key: Key::PenLog,
        short: Some('p'),
        long: "pen-log",
        value: Some("PENLOG"),
        about: "pen's request log, with connection records or without",
        details: "",
    },
    Row {
        key: Key::Rejects,
        short: Some('r'),
        long: "rejects",
        value: Some("FILE"),
        about: "Writes lines without a time to this file",
        details: "They are written as they are, and have no place in the merged log. Without this option they \
                  are only counted.",
    },
    Row {
        key: Key::Skew,
        short: Some('t'),
        long: "skew",
        value: Some("SECONDS"),
        about: "The time on pen's clock minus UTC (0)",
        details: "It is 0 wherever pen's clock is right, in whatever time zone: pen's log counts seconds of UTC. \
                  It may be negative and have a fraction.",
    },
];

/// Reads the words after the program's name.
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Invocation, UsageError> {
    let Words { options, arguments } = match PROGRAM.parse(words)? {
        Asked::Print(text) => return Ok(Invocation::Print(text)),
        Asked::Work(words) => words,
    };
    if options.is_empty() && arguments.is_empty() {
        return Ok(Invocation::Usage);
    }
    let (mut pen_log, mut rejects, mut format) = (None, None, Format::web());
    let (mut window, mut skew, mut tells_counts) = (Window::Around(JITTER * 1_000_000), 0, false);
    for (key, value) in options {
        match key {
            Key::PenLog => pen_log = Some(Place::of(&value)),
            Key::Everything => window = Window::Everything,
            Key::Debug => tells_counts = true,
            Key::Pattern => format = Format::pattern(&value)?,
            // -c goes beyond any window, wherever it stands.
            Key::Jitter => {
                let range = "from 0 to 3162240000";
                let jitter = jitter(&value).ok_or(UsageError::Number { word: value, option: "-j", range })?;
                if window != Window::Everything {
                    window = Window::Around(jitter);
                }
            }
            Key::Rejects => rejects = Some(Place::of(&value)),
            Key::Skew => {
                let range = "such as 7200 or -0.5";
                skew = micros(&value).ok_or(UsageError::Number { word: value, option: "-t", range })?;
            }
        }
    }
    if !format.finds_time() {
        return Err(UsageError::NoTime);
    }
    let pen_log = pen_log.ok_or(UsageError::NoPenLog)?;
    if rejects == Some(Place::StandardInput) {
        return Err(UsageError::RejectsToOutput);
    }
    let sources: Vec<Source> = arguments.iter().map(|word| Source::parse(word)).collect::<Result<_, _>>()?;
    if sources.is_empty() {
        return Err(UsageError::NoSource);
    }
    let places = sources.iter().map(|source| &source.log).chain([&pen_log]);
    if places.filter(|place| **place == Place::StandardInput).count() > 1 {
        return Err(UsageError::InputTwice);
    }
    Ok(Invocation::Merge(Box::new(Job { pen_log, window, skew, rejects, format, tells_counts, sources })))
}

fn jitter(word: &str) -> Option<i64> {
    micros(word).filter(|micros| *micros >= 0)
}

/// `[-]SECONDS[.FRACTION]` in microseconds.
fn micros(word: &str) -> Option<i64> {
    let (sign, digits) = match word.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, word),
    };
    let (seconds, fraction) = match digits.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (digits, ""),
    };
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if seconds.is_empty() || !are_digits(seconds) || !are_digits(fraction) {
        return None;
    }
    let seconds = seconds.parse().ok().filter(|seconds: &u64| *seconds <= MOST)?;
    let fraction: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    Some(sign * (i64::try_from(seconds).ok()? * 1_000_000 + fraction))
}

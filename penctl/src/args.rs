//! What penctl's command line asks for. Options stand before the command, before or after the address: what follows the
//! command's first word is the command's own.

use std::ffi::OsString;

use common::addr::AddrError;
use common::wire::MAX_LINE;

use crate::address::{ControlAddr, EnvironmentError};
use crate::generate::{self, Kind};
use crate::options::{self, Flag, TOP};
use crate::report::{Form, Subject, SubjectError};

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Invocation {
    /// Print the help text.
    Help,
    /// Print the version.
    Version,
    /// Print a file of this kind.
    Generate(&'static Kind),
    /// Send a command, which is one line without its newline.
    Send { address: ControlAddr, command: String },
    /// Send the commands that standard input holds.
    Script { address: ControlAddr },
    /// Print a part of the status in another form.
    Report { address: ControlAddr, subject: Subject, form: Form },
    /// Show the live view.
    Top { address: ControlAddr },
}

/// Why the command line cannot be followed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    #[error("no command")]
    NoCommand,
    #[error("unknown option '{0}': {known} are known", known = known_options())]
    UnknownOption(String),
    #[error("option '{0}' takes no value")]
    SuperfluousValue(&'static str),
    #[error("option '{name}' needs a value: {expected}")]
    MissingValue { name: &'static str, expected: String },
    #[error("bad kind '{word}' of --generate: {expected} is expected")]
    UnknownKind { word: String, expected: String },
    #[error("--json and --table exclude each other")]
    TwoForms,
    #[error("{} {error}", form.option())]
    Subject { form: Form, error: SubjectError },
    #[error("'top' takes no words: '{0}' is superfluous")]
    TopWithWords(String),
    #[error("{word:?} is not UTF-8 text")]
    NotText { word: OsString },
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    #[error(transparent)]
    Address(#[from] AddrError),
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// Why words cannot be sent as one line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    #[error("the command contains a line break: one command is sent at a time")]
    LineBreak,
    #[error("the command has {0} bytes: {MAX_LINE} are the most")]
    TooLong(usize),
}

/// Reads the words after the program's name; `environment` is `$PEN_CONTROL`.
pub fn parse(
    words: impl IntoIterator<Item = OsString>,
    environment: Option<OsString>,
) -> Result<Invocation, UsageError> {
    let words = words.into_iter().map(text).collect::<Result<Vec<_>, _>>()?;
    if words.is_empty() {
        return Err(UsageError::NoCommand);
    }
    let mut words = words.into_iter().peekable();
    let (mut address, mut form) = (None, None);
    loop {
        if let Some(option) = words.next_if(|word| word.starts_with('-')) {
            match read_option(&option, &mut words)? {
                Given::Invocation(invocation) => return Ok(invocation),
                Given::Form(given) if form.is_some_and(|form| form != given) => {
                    return Err(UsageError::TwoForms);
                }
                Given::Form(given) => form = Some(given),
            }
        } else if let Some(word) = words.next_if(|word| address.is_none() && ControlAddr::is_meant_by(word)) {
            address = Some(ControlAddr::parse(&word)?);
        } else {
            break;
        }
    }
    let explicit = address.is_some();
    let address = address.map_or_else(|| ControlAddr::from_environment(environment), Ok)?;
    let words: Vec<String> = words.collect();
    match form {
        None if words.is_empty() && explicit => Ok(Invocation::Script { address }),
        None if words.first().is_some_and(|word| word == TOP) => match words.get(1) {
            None => Ok(Invocation::Top { address }),
            Some(word) => Err(UsageError::TopWithWords(word.clone())),
        },
        None => Ok(Invocation::Send { address, command: command(&words)? }),
        Some(form) => {
            let command = command(&words)?;
            let subject = Subject::of(&command).map_err(|error| UsageError::Subject { form, error })?;
            Ok(Invocation::Report { address, subject, form })
        }
    }
}

fn text(word: OsString) -> Result<String, UsageError> {
    word.into_string().map_err(|word| UsageError::NotText { word })
}

/// What an option says.
enum Given {
    Invocation(Invocation),
    Form(Form),
}

fn read_option(word: &str, rest: &mut impl Iterator<Item = String>) -> Result<Given, UsageError> {
    let (name, value) = match word.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (word, None),
    };
    let row = options::find(name).ok_or_else(|| UsageError::UnknownOption(word.to_owned()))?;
    if row.value.is_none() && value.is_some() {
        return Err(UsageError::SuperfluousValue(row.name));
    }
    Ok(match row.flag {
        Flag::Help => Given::Invocation(Invocation::Help),
        Flag::Version => Given::Invocation(Invocation::Version),
        Flag::Json => Given::Form(Form::Json),
        Flag::Table => Given::Form(Form::Table),
        Flag::Generate => {
            let missing = || UsageError::MissingValue { name: row.name, expected: generate::names() };
            let word = value.or_else(|| rest.next()).ok_or_else(missing)?;
            match generate::find(&word) {
                Some(kind) => Given::Invocation(Invocation::Generate(kind)),
                None => return Err(UsageError::UnknownKind { word, expected: generate::names() }),
            }
        }
    })
}

fn known_options() -> String {
    options::OPTIONS.iter().map(|row| row.name).collect::<Vec<_>>().join(", ")
}

fn command(words: &[String]) -> Result<String, UsageError> {
    let command = words.join(" ");
    if command.trim().is_empty() {
        return Err(UsageError::NoCommand);
    }
    check(&command)?;
    Ok(command)
}

/// Whether a command can be sent: it is one line, and not too long.
pub fn check(command: &str) -> Result<(), CommandError> {
    if command.contains(['\n', '\r']) {
        return Err(CommandError::LineBreak);
    }
    if command.len() > MAX_LINE {
        return Err(CommandError::TooLong(command.len()));
    }
    Ok(())
}

#[cfg(test)]
mod tests;

//! From a line to a [`Command`].

use std::path::PathBuf;

use super::later::later;
use super::typed::{Command, Setting, Toggle};
use super::words::{Problem, Words};
use super::{Form, Row, Scope};

/// Why a line is not a command. Displays as the one-line answer on the control port.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// No command begins like this.
    #[error("do_cmd: ignoring command starting with '{0}'")]
    Unknown(String),
    /// The command exists, its words are wrong.
    #[error("error: {problem}; usage: {usage}")]
    Usage {
        /// What is wrong and what would be right.
        problem: String,
        /// The command's usage.
        usage: String,
    },
    /// The words ask for a capability of a later version.
    #[error("error: '{words}' is not available in this version of pen: {capability} support comes later")]
    Later {
        /// The words that ask for it.
        words: String,
        /// The capability.
        capability: &'static str,
    },
    /// The line is not plain text.
    #[error("error: control character 0x{code:02x} at byte {position} of the line: a command is plain text")]
    ControlCharacter {
        /// The character's code.
        code: u32,
        /// Where it is, counted from 1.
        position: usize,
    },
}

impl CommandError {
    /// The same for a file or an option, where an unknown command is not ignored, and errors have a place before them.
    pub fn reason(&self) -> String {
        if let CommandError::Unknown(word) = self {
            return format!("unknown command '{word}': penctl's 'help' lists the commands");
        }
        let answer = self.to_string();
        answer.strip_prefix("error: ").unwrap_or(&answer).to_owned()
    }
}

/// Reads one line of the language, without its newline. `None` for an empty line or a comment.
pub fn parse(line: &str) -> Result<Option<Command>, CommandError> {
    let line = line.strip_suffix('\r').unwrap_or(line);
    if Words::new(line).next().is_none_or(|word| word.starts_with('#')) {
        return Ok(None);
    }
    refuse_control_characters(line)?;
    let (row, toggle, words) = first_words(line)?;
    read(row, toggle, words).map(Some)
}

/// Reads the rest of a line as a command that speaks of one service; `None`: there is none.
pub(super) fn parse_within_service(words: &mut Words<'_>) -> Result<Option<Command>, Problem> {
    let Some(line) = words.rest() else { return Ok(None) };
    let (row, toggle, words) = first_words(line).map_err(Problem::Within)?;
    if row.scope == Scope::Process {
        let error = format!("'{}' speaks of the whole process, not of one service", row.name);
        return Err(Problem::Wrong(error));
    }
    read(row, toggle, words).map(Some).map_err(Problem::Within)
}

/// The command that a line begins with, whether in its `no` form, and the rest of its words.
fn first_words(line: &str) -> Result<(&'static Row, Toggle, Words<'_>), CommandError> {
    let mut words = Words::new(line);
    let first = words.next().unwrap_or_default();
    let (toggle, name) = match first {
        "no" => (Toggle::Off, words.next().ok_or_else(|| CommandError::Unknown(first.to_owned()))?),
        _ => (Toggle::On, first),
    };
    match Row::find(name) {
        Some(row) => Ok((row, toggle, words)),
        None => Err(unknown(toggle, name)),
    }
}

fn read(row: &'static Row, toggle: Toggle, mut words: Words<'_>) -> Result<Command, CommandError> {
    command(row, toggle, &mut words).map_err(|problem| explain(row, toggle, problem))
}

fn refuse_control_characters(line: &str) -> Result<(), CommandError> {
    match line.char_indices().find(|&(_, character)| character.is_control() && character != '\t') {
        None => Ok(()),
        Some((at, character)) => {
            Err(CommandError::ControlCharacter { code: character.into(), position: at + 1 })
        }
    }
}

fn command(row: &'static Row, toggle: Toggle, words: &mut Words<'_>) -> Result<Command, Problem> {
    let command = match (&row.form, toggle) {
        (Form::Switch(switch), _) => Command::Switch(*switch, toggle),
        (Form::Number(number, range), Toggle::On) => Command::Number(*number, words.number(row.name, range)?),
        (Form::TlsFile(which), Toggle::On) => Command::TlsFile(*which, words.setting(PathBuf::from)),
        (Form::TlsFile(which), Toggle::Off) => Command::TlsFile(*which, Setting::Remove),
        (Form::Plain(parse) | Form::Negatable { parse, .. }, Toggle::On) => parse(words)?,
        (Form::Negatable { no, .. }, Toggle::Off) => no(words)?,
        (Form::IgnoredNumber(range), Toggle::On) => {
            words.need_number("number", range)?;
            Command::Ignored
        }
        (Form::Ignored, _) => Command::Ignored,
        (Form::Number(..) | Form::Plain(_) | Form::IgnoredNumber(_), Toggle::Off) => {
            return Err(Problem::Wrong(format!("'{}' cannot be negated", row.name)));
        }
    };
    words.end()?;
    Ok(command)
}

fn unknown(toggle: Toggle, name: &str) -> CommandError {
    let words = match toggle {
        Toggle::On => name.to_owned(),
        Toggle::Off => format!("no {name}"),
    };
    match later(name) {
        Some(capability) => CommandError::Later { words, capability },
        None => CommandError::Unknown(words),
    }
}

fn explain(row: &Row, toggle: Toggle, problem: Problem) -> CommandError {
    match problem {
        Problem::Within(error) => error,
        Problem::Later { words, capability } => CommandError::Later { words: words.to_owned(), capability },
        Problem::Wrong(problem) => {
            let usage = match toggle {
                Toggle::On => row.usage(),
                Toggle::Off => row.negated_usage().unwrap_or_else(|| row.usage()),
            };
            CommandError::Usage { problem, usage }
        }
    }
}

#[cfg(test)]
mod tests;

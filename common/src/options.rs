//! The options of the small programs: a table each, from which the parser, `--help` and the manual page come. (pen's own
//! options are commands mostly, and have a table of their own kind.)

use std::ffi::OsString;
use std::fmt::Write as _;

use lexopt::Arg;

use crate::mdoc::{prose, usage};

/// An option.
#[derive(Debug)]
pub struct Row<Key: 'static> {
    /// What the program calls it.
    pub key: Key,
    /// `-n`.
    pub short: Option<char>,
    /// `--cache`, without the dashes.
    pub long: &'static str,
    /// What its value is called, if it takes one.
    pub value: Option<&'static str>,
    /// What it does, on one line, for `--help`.
    pub about: &'static str,
    /// What the manual adds, as [`prose`]; nothing, if empty.
    pub details: &'static str,
}

/// What a command line says.
#[derive(Debug, PartialEq, Eq)]
pub struct Words<Key> {
    /// The options from left to right, each with its value, which is empty for one that takes none.
    pub options: Vec<(Key, String)>,
    /// What is no option.
    pub arguments: Vec<String>,
}

/// Why a command line cannot be followed. Each text names the word at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// There is no such option.
    #[error("unknown option '{0}': --help lists the options")]
    Unknown(String),
    /// The value is not there, or empty.
    #[error("{option}: a value is missing, {value} is expected")]
    Missing {
        /// As it was written.
        option: String,
        /// What its value is called.
        value: &'static str,
    },
    /// A value where none belongs.
    #[error("{option}: this option takes no value, but got '{value}'")]
    Superfluous {
        /// As it was written.
        option: String,
        /// The value.
        value: String,
    },
    /// Not text.
    #[error("bad word '{0}': it is not valid UTF-8")]
    NotText(String),
}

/// Reads the words after the program's name. Options may stand anywhere; after `--` all is arguments.
pub fn parse<Key: Copy>(
    table: &[Row<Key>],
    words: impl IntoIterator<Item = OsString>,
) -> Result<Words<Key>, UsageError> {
    let mut parser = lexopt::Parser::from_args(words);
    let mut read = Words { options: Vec::new(), arguments: Vec::new() };
    while let Some(arg) = parser.next().map_err(superfluous)? {
        let (option, row) = match arg {
            Arg::Value(argument) => {
                read.arguments.push(text(argument)?);
                continue;
            }
            Arg::Short(letter) => (format!("-{letter}"), table.iter().find(|row| row.short == Some(letter))),
            Arg::Long(name) => (format!("--{name}"), table.iter().find(|row| row.long == name)),
        };
        let Some(row) = row else { return Err(UsageError::Unknown(option)) };
        let value = match row.value {
            None => String::new(),
            Some(value) => match parser.value().map(text) {
                Ok(given) => given?,
                Err(_) => return Err(UsageError::Missing { option, value }),
            },
        };
        if let Some(value) = row.value.filter(|_| value.is_empty()) {
            return Err(UsageError::Missing { option, value });
        }
        read.options.push((row.key, value));
    }
    Ok(read)
}

fn text(word: OsString) -> Result<String, UsageError> {
    word.into_string().map_err(|word| UsageError::NotText(word.to_string_lossy().into_owned()))
}

fn superfluous(error: lexopt::Error) -> UsageError {
    match error {
        lexopt::Error::UnexpectedValue { option, value } => {
            UsageError::Superfluous { option, value: value.to_string_lossy().into_owned() }
        }
        other => UsageError::Unknown(other.to_string()),
    }
}

/// The options for `--help`, a line each.
pub fn help<Key>(table: &[Row<Key>]) -> String {
    let mut lines = String::new();
    for row in table {
        let short = row.short.map_or("   ".to_owned(), |letter| format!("-{letter},"));
        let value = row.value.map_or(String::new(), |value| format!(" {value}"));
        let head = format!("{short} --{}{value}", row.long);
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "  {head:<24}{}", row.about);
    }
    lines
}

/// The options for the manual page, items of a list in mdoc(7).
pub fn manual<Key>(table: &[Row<Key>]) -> String {
    let mut items = String::new();
    for row in table {
        let value = row.value.map_or(String::new(), |value| format!(" {}", usage(value)));
        let short = row.short.map(|letter| format!("Fl {letter}{value}"));
        let long = format!("Fl Fl {}{value}", row.long.replace('-', "\\-"));
        let head: Vec<String> = short.into_iter().chain([long]).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(items, ".It {}", head.join(" , "));
        items.push_str(&prose(&format!("{}.", row.about)));
        if !row.details.is_empty() {
            items.push_str(&prose(row.details));
        }
    }
    items
}

#[cfg(test)]
mod tests;

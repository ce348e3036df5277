//! The command lines of the small programs: a table of options each, from which the parser, `--help` and the manual page
//! come, and the options that all of them have. (pen's options are commands mostly, and have a table of their own kind.)

use std::ffi::OsString;

use lexopt::Arg;

use crate::mdoc::{fill, prose, usage};

/// A program, as its command line knows it.
#[derive(Debug)]
pub struct Program<Key: 'static> {
    /// What it is called.
    pub name: &'static str,
    /// What `--help` says before the options.
    pub usage: &'static str,
    /// What `--help` says behind them.
    pub end: &'static str,
    /// Its own options. Those that all programs have come behind them.
    pub options: &'static [Row<Key>],
    /// Its manual page as mdoc(7), with a line `@OPTIONS@` in place of these.
    pub manual: &'static str,
}

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

/// The options that all programs have.
#[derive(Clone, Copy, Debug)]
enum Standard {
    Generate,
    Help,
    Version,
}

static STANDARD: &[Row<Standard>] = &[
    Row {
        key: Standard::Generate,
        short: None,
        long: "generate",
        value: Some("KIND"),
        about: "Prints a file that belongs to the program: man, its manual page",
        details: "",
    },
    Row {
        key: Standard::Help,
        short: Some('h'),
        long: "help",
        value: None,
        about: "Prints a short help",
        details: "",
    },
    Row {
        key: Standard::Version,
        short: Some('V'),
        long: "version",
        value: None,
        about: "Prints the version",
        details: "",
    },
];

/// What a command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked<Key> {
    /// To print this text, and nothing else.
    Print(String),
    /// What the program is there for.
    Work(Words<Key>),
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
    /// Nothing that `--generate` makes.
    #[error("--generate: bad kind '{0}': man is expected")]
    Kind(String),
    /// Not text.
    #[error("bad word '{0}': it is not valid UTF-8")]
    NotText(String),
}

impl<Key: Copy> Program<Key> {
    /// Reads the words after the program's name. Options may stand anywhere; after `--` all is arguments. Of those that ask
    /// for a text the first counts.
    pub fn parse(&self, words: impl IntoIterator<Item = OsString>) -> Result<Asked<Key>, UsageError> {
        let mut parser = lexopt::Parser::from_args(words);
        let mut read = Words { options: Vec::new(), arguments: Vec::new() };
        let mut asked = None;
        while let Some(arg) = parser.next().map_err(superfluous)? {
            let (option, found) = match arg {
                Arg::Value(argument) => {
                    read.arguments.push(text(argument)?);
                    continue;
                }
                Arg::Short(letter) => (format!("-{letter}"), self.find(|short, _| short == Some(letter))),
                Arg::Long(name) => (format!("--{name}"), self.find(|_, long| long == name)),
            };
            let Some((key, value)) = found else { return Err(UsageError::Unknown(option)) };
            let value = match value {
                None => String::new(),
                Some(value) => {
                    let given = parser.value().ok().map(text).transpose()?;
                    given.filter(|given| !given.is_empty()).ok_or(UsageError::Missing { option, value })?
                }
            };
            match key {
                Found::Own(key) => read.options.push((key, value)),
                Found::Standard(option) => asked = asked.or(Some((option, value))),
            }
        }
        match asked {
            Some((option, value)) => self.text_for(option, value).map(Asked::Print),
            None => Ok(Asked::Work(read)),
        }
    }

    /// The option of which this is true, and what its value is called.
    fn find(&self, is_it: impl Fn(Option<char>, &str) -> bool) -> Option<(Found<Key>, Option<&'static str>)> {
        let own = self.options.iter().find(|row| is_it(row.short, row.long));
        let standard = || STANDARD.iter().find(|row| is_it(row.short, row.long));
        own.map(|row| (Found::Own(row.key), row.value))
            .or_else(|| standard().map(|row| (Found::Standard(row.key), row.value)))
    }

    fn text_for(&self, option: Standard, value: String) -> Result<String, UsageError> {
        match option {
            Standard::Generate if value == "man" => Ok(self.manual()),
            Standard::Generate => Err(UsageError::Kind(value)),
            Standard::Help => Ok(self.help()),
            Standard::Version => Ok(format!("{} {}\n", self.name, env!("CARGO_PKG_VERSION"))),
        }
    }
}

/// An option that stands on the command line.
enum Found<Key> {
    Own(Key),
    Standard(Standard),
}

impl<Key> Program<Key> {
    /// The text of `--help`.
    pub fn help(&self) -> String {
        let lines = self.options.iter().map(Row::help).chain(STANDARD.iter().map(Row::help));
        format!("{}\n{}{}", self.usage, lines.collect::<String>(), self.end)
    }

    /// Its manual page.
    pub fn manual(&self) -> String {
        let items = self.options.iter().map(Row::manual).chain(STANDARD.iter().map(Row::manual));
        fill(self.manual, &[("OPTIONS", items.collect())])
    }
}

impl<Key> Row<Key> {
    /// A line of `--help`.
    fn help(&self) -> String {
        let short = self.short.map_or("   ".to_owned(), |letter| format!("-{letter},"));
        let value = self.value.map_or(String::new(), |value| format!(" {value}"));
        let head = format!("{short} --{}{value}", self.long);
        format!("  {head:<24}{}\n", self.about)
    }

    /// An item of a list in mdoc(7).
    fn manual(&self) -> String {
        let value = self.value.map_or(String::new(), |value| format!(" {}", usage(value)));
        let short = self.short.map(|letter| format!("Fl {letter}{value}"));
        let long = format!("Fl Fl {}{value}", self.long.replace('-', "\\-"));
        let heads: Vec<String> = short.into_iter().chain([long]).collect();
        let mut item = format!(".It {}\n{}", heads.join(" , "), prose(&format!("{}.", self.about)));
        if !self.details.is_empty() {
            item.push_str(&prose(self.details));
        }
        item
    }
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

#[cfg(test)]
mod tests;

//! The command line: words to an [`Invocation`]. What an option means beyond its spelling (is 30 a number, is the
//! server's name known) is decided where the commands and addresses are parsed: options that equal a command come out
//! as the command's text.

mod comment;
mod help;
mod manual;
mod table;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::Arg;

use self::table::{Kind, OptionRow, Own};

/// What pen is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Balance.
    Run(Invocation),
    /// Print this text on standard output, and exit with status 0.
    Print(String),
}

/// A command line that asks pen to balance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invocation {
    /// The first positional argument: where to listen. There is one, or a `config`.
    pub listen: Option<String>,
    /// The other positional arguments: server specifications.
    pub servers: Vec<String>,
    /// Options that are commands, from left to right.
    pub steps: Vec<Step>,
    /// `-C`: the control address.
    pub control: Option<String>,
    /// `-F`: the file of commands.
    pub config: Option<PathBuf>,
    /// `-f`: stay in the foreground.
    pub foreground: bool,
    /// `--check`: check everything up to opening sockets, then exit.
    pub check: bool,
    /// `-X`: the `exit` command is allowed.
    pub enable_exit: bool,
    /// `-j`: the root directory to be.
    pub chroot: Option<PathBuf>,
    /// `-p`: where the process id goes.
    pub pidfile: Option<PathBuf>,
    /// `-u`: name or number of the user to be.
    pub user: Option<String>,
    /// What to tell on stderr at start, a line each.
    pub notes: Vec<String>,
}

/// A command from the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// How it was written, for error messages: `-b 30`, `-O 'weight'`.
    pub origin: String,
    /// The command: `blacklist 30`, `weight`.
    pub line: String,
}

/// A command line that cannot be followed. Each text names the word at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    #[error("unknown option '{0}': pen --help lists the options")]
    UnknownOption(String),
    #[error("{option}: a value is missing, {value} is expected")]
    MissingValue { option: String, value: &'static str },
    #[error("{option}: this option takes no value, but got '{value}'")]
    UnexpectedValue { option: String, value: String },
    #[error("{0}: the value is empty")]
    EmptyValue(String),
    #[error("{option}: bad value '{value}': one word without white space is expected")]
    SeveralWords { option: String, value: String },
    #[error("{option}: bad command '{value}': one line is expected")]
    SeveralLines { option: String, value: String },
    #[error("{option}: bad value '{value}': it is not valid UTF-8")]
    NotUtf8 { option: String, value: String },
    #[error("bad argument '{0}': it is not valid UTF-8")]
    ArgumentNotUtf8(String),
    #[error("--generate: bad kind '{0}': man is expected")]
    UnknownKind(String),
    #[error("{option}: {reason}")]
    Refused { option: String, reason: &'static str },
    #[error("no listening address: '[host:]port server ...' or '-F file' is expected, pen --help tells more")]
    NoListeningAddress,
}

/// Parses the words of a command line, without the program's own name.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Request, UsageError> {
    let mut words = args.into_iter().peekable();
    if words.peek().is_none() {
        return Ok(Request::Print(help::usage()));
    }
    let mut parser = lexopt::Parser::from_args(words);
    let mut draft = Draft::default();
    while let Some(word) = next(&mut parser)? {
        match word {
            Word::Positional(argument) => draft.add_positional(argument),
            Word::Option(found) => {
                if let Some(text) = draft.apply(&found)? {
                    return Ok(Request::Print(text));
                }
            }
        }
    }
    draft.finish().map(Request::Run)
}

enum Word {
    Positional(String),
    Option(Found),
}

/// An option as it stands on the command line.
struct Found {
    row: &'static OptionRow,
    /// `-b` or `--blacklist`, whichever was written.
    name: String,
    value: OsString,
}

fn next(parser: &mut lexopt::Parser) -> Result<Option<Word>, UsageError> {
    let (row, name) = match parser.next().map_err(unexpected_value)? {
        None => return Ok(None),
        Some(Arg::Value(argument)) => {
            let argument = argument
                .into_string()
                .map_err(|argument| UsageError::ArgumentNotUtf8(argument.to_string_lossy().into_owned()))?;
            return Ok(Some(Word::Positional(argument)));
        }
        Some(Arg::Short(short)) => (table::rows().find(|row| row.short == Some(short)), format!("-{short}")),
        Some(Arg::Long(long)) => (table::rows().find(|row| row.long == Some(long)), format!("--{long}")),
    };
    let row = row.ok_or_else(|| UsageError::UnknownOption(name.clone()))?;
    refuse(row, &name)?;
    let value = match row.value {
        None => OsString::new(),
        Some(expected) => match parser.value() {
            Err(_) => return Err(UsageError::MissingValue { option: name, value: expected }),
            Ok(value) if value.is_empty() && row.kind != Kind::CommandText => {
                return Err(UsageError::EmptyValue(name));
            }
            Ok(value) => value,
        },
    };
    Ok(Some(Word::Option(Found { row, name, value })))
}

fn unexpected_value(error: lexopt::Error) -> UsageError {
    match error {
        lexopt::Error::UnexpectedValue { option, value } => {
            UsageError::UnexpectedValue { option, value: value.to_string_lossy().into_owned() }
        }
        other => UsageError::UnknownOption(other.to_string()),
    }
}

fn refuse(row: &OptionRow, name: &str) -> Result<(), UsageError> {
    let option = match (row.short, row.long) {
        (Some(short), Some(long)) => format!("-{short} (--{long})"),
        _ => name.to_owned(),
    };
    match row.kind {
        Kind::Refused(reason) => Err(UsageError::Refused { option, reason }),
        _ => Ok(()),
    }
}

/// What `--generate KIND` prints.
fn generated(kind: &str) -> Result<String, UsageError> {
    match kind {
        "man" => Ok(manual::manual()),
        _ => Err(UsageError::UnknownKind(kind.to_owned())),
    }
}

impl Found {
    /// The value as the one word of a command: the language separates words at white space.
    fn word(&self) -> Result<&str, UsageError> {
        let value = self.text()?;
        if value.contains(|c: char| c.is_whitespace() || c.is_control()) {
            let value = value.escape_debug().to_string();
            return Err(UsageError::SeveralWords { option: self.name.clone(), value });
        }
        Ok(value)
    }

    /// The value as a command of its own.
    fn line(&self) -> Result<&str, UsageError> {
        let value = self.text()?;
        if value.contains(['\n', '\r', '\0']) {
            let value = value.escape_debug().to_string();
            return Err(UsageError::SeveralLines { option: self.name.clone(), value });
        }
        Ok(value)
    }

    fn text(&self) -> Result<&str, UsageError> {
        self.value.to_str().ok_or_else(|| UsageError::NotUtf8 {
            option: self.name.clone(),
            value: self.value.to_string_lossy().into_owned(),
        })
    }

    fn path(&self) -> PathBuf {
        PathBuf::from(&self.value)
    }
}

#[derive(Default)]
struct Draft {
    invocation: Invocation,
    debug: u32,
}

impl Draft {
    fn add_positional(&mut self, argument: String) {
        match self.invocation.listen {
            None => self.invocation.listen = Some(argument),
            Some(_) => self.invocation.servers.push(argument),
        }
    }

    /// Takes an option in; gives a text to print if that is all that pen is to do.
    fn apply(&mut self, found: &Found) -> Result<Option<String>, UsageError> {
        let name = &found.name;
        match found.row.kind {
            Kind::Command(command) if found.row.value.is_some() => {
                let value = found.word()?;
                self.add_step(format!("{name} {value}"), format!("{command} {value}"));
            }
            Kind::Command(command) => self.add_step(name.clone(), command.to_owned()),
            Kind::CommandText => {
                let line = found.line()?;
                self.add_step(format!("{name} '{line}'"), line.to_owned());
            }
            Kind::DebugLevel => {
                self.debug = self.debug.saturating_add(1);
                self.add_step(name.clone(), format!("debug {}", self.debug));
            }
            Kind::Own(own) => return self.apply_own(own, found),
            Kind::Inert => self.add_note(format!("{name}: accepted for old command lines, does nothing")),
            Kind::Refused(_) => {}
        }
        Ok(None)
    }

    fn apply_own(&mut self, own: Own, found: &Found) -> Result<Option<String>, UsageError> {
        let invocation = &mut self.invocation;
        match own {
            Own::Control => invocation.control = Some(found.text()?.to_owned()),
            Own::Config => invocation.config = Some(found.path()),
            Own::Chroot => invocation.chroot = Some(found.path()),
            Own::PidFile => invocation.pidfile = Some(found.path()),
            Own::User => invocation.user = Some(found.text()?.to_owned()),
            Own::Foreground => invocation.foreground = true,
            Own::EnableExit => invocation.enable_exit = true,
            Own::Check => invocation.check = true,
            Own::Generate => return generated(found.text()?).map(Some),
            Own::Help => return Ok(Some(help::help())),
            Own::Version => return Ok(Some(help::version())),
        }
        Ok(None)
    }

    fn add_step(&mut self, origin: String, line: String) {
        self.invocation.steps.push(Step { origin, line });
    }

    fn add_note(&mut self, note: String) {
        if !self.invocation.notes.contains(&note) {
            self.invocation.notes.push(note);
        }
    }

    fn finish(self) -> Result<Invocation, UsageError> {
        match self.invocation {
            Invocation { listen: None, config: None, .. } => Err(UsageError::NoListeningAddress),
            invocation => Ok(invocation),
        }
    }
}

//! What penctl's command line asks for.

use std::ffi::OsString;
use std::path::PathBuf;

use common::addr::{AddrError, Host, ListenAddr, ListenPlace, Port};
use common::wire::MAX_LINE;

use crate::generate::{self, Kind};

/// Where pen listens for commands when nobody says otherwise.
const DEFAULT_CONTROL: &str = "/run/pen/control";

pub const USAGE: &str = "usage: penctl [host:port|/path/to/socket] command [word ...]";

pub const HELP: &str = "\
usage: penctl [host:port|/path/to/socket] command [word ...]

Sends a command to a running pen and prints the answer. `penctl ADDRESS help` lists the commands.
Without an address (a first word without ':' or '/') it is $PEN_CONTROL, else /run/pen/control.

  --generate KIND  print a manual page: man, man-pen.conf
  --help           print this text
  --version        print the version

Exit status: 0 done, 1 refused by pen, 2 usage, 3 cannot connect or no answer.
";

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
}

/// Where pen listens for commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlAddr {
    /// By TCP.
    Inet { host: Host, port: Port },
    /// By a Unix socket.
    Unix(PathBuf),
}

/// Why the command line cannot be followed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    #[error("no command")]
    NoCommand,
    #[error("--generate: bad kind '{0}': man or man-pen.conf is expected")]
    UnknownKind(String),
    #[error("unknown option '{0}': --generate, --help and --version are known")]
    UnknownOption(String),
    #[error("{word:?} is not UTF-8 text")]
    NotText { word: OsString },
    #[error("$PEN_CONTROL: {0}")]
    Environment(AddrError),
    #[error(transparent)]
    Address(#[from] AddrError),
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
    let mut words = words.into_iter().map(text).collect::<Result<Vec<_>, _>>()?;
    let first = words.first().ok_or(UsageError::NoCommand)?;
    match first.as_str() {
        "--help" => return Ok(Invocation::Help),
        "--generate" => {
            let kind = words.get(1).cloned().unwrap_or_default();
            return generate::find(&kind).map(Invocation::Generate).ok_or(UsageError::UnknownKind(kind));
        }
        "--version" => return Ok(Invocation::Version),
        option if option.starts_with('-') => return Err(UsageError::UnknownOption(option.to_owned())),
        _ => {}
    }
    let address =
        if is_address(first) { control_addr(&words.remove(0))? } else { default_addr(environment)? };
    Ok(Invocation::Send { address, command: command(&words)? })
}

fn text(word: OsString) -> Result<String, UsageError> {
    word.into_string().map_err(|word| UsageError::NotText { word })
}

/// A command may stand in one word with blanks, and then have colons and slashes of its own.
fn is_address(word: &str) -> bool {
    word.starts_with('/') || (word.contains([':', '/']) && !word.contains([' ', '\t']))
}

fn default_addr(environment: Option<OsString>) -> Result<ControlAddr, UsageError> {
    match environment.filter(|value| !value.is_empty()) {
        None => Ok(ControlAddr::Unix(DEFAULT_CONTROL.into())),
        Some(value) => control_addr(&text(value)?).map_err(UsageError::Environment),
    }
}

fn control_addr(word: &str) -> Result<ControlAddr, AddrError> {
    Ok(match word.parse::<ListenAddr>()?.place().clone() {
        // What pen calls a bare port, in $PEN_CONTROL only.
        ListenPlace::Inet { host: None, port } => ControlAddr::Inet { host: "127.0.0.1".parse()?, port },
        ListenPlace::Inet { host: Some(host), port } => ControlAddr::Inet { host, port },
        ListenPlace::Unix(path) => ControlAddr::Unix(path),
    })
}

fn command(words: &[String]) -> Result<String, UsageError> {
    let command = words.join(" ");
    if command.trim().is_empty() {
        return Err(UsageError::NoCommand);
    }
    if command.contains(['\n', '\r']) {
        return Err(UsageError::LineBreak);
    }
    if command.len() > MAX_LINE {
        return Err(UsageError::TooLong(command.len()));
    }
    Ok(command)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    fn run(words: &[&str], environment: Option<&str>) -> Result<Invocation, UsageError> {
        parse(words.iter().map(OsString::from), environment.map(OsString::from))
    }

    fn sent(words: &[&str], environment: Option<&str>) -> (ControlAddr, String) {
        match run(words, environment) {
            Ok(Invocation::Send { address, command }) => (address, command),
            other => panic!("{words:?}: {other:?}"),
        }
    }

    fn inet(host: &str, port: u16) -> ControlAddr {
        ControlAddr::Inet { host: host.parse().unwrap(), port: Port::Number(port) }
    }

    fn unix(path: &str) -> ControlAddr {
        ControlAddr::Unix(path.into())
    }

    #[test]
    fn a_first_word_with_a_colon_or_a_slash_is_the_address() {
        assert_eq!(sent(&["www:8888", "mode"], None), (inet("www", 8888), "mode".into()));
        assert_eq!(sent(&["::1:8888", "mode"], None), (inet("::1", 8888), "mode".into()));
        assert_eq!(sent(&["[::1]:8888", "mode"], None), (inet("::1", 8888), "mode".into()));
        assert_eq!(sent(&["/run/a b", "mode"], None), (unix("/run/a b"), "mode".into()));
        assert_eq!(sent(&["/run/x", "mode"], Some("www:1")), (unix("/run/x"), "mode".into()));
    }

    #[test]
    fn without_an_address_the_environment_names_it() {
        assert_eq!(sent(&["mode"], Some("www:8888")), (inet("www", 8888), "mode".into()));
        assert_eq!(sent(&["mode"], Some("8888")), (inet("127.0.0.1", 8888), "mode".into()));
        assert_eq!(sent(&["mode"], Some("")), (unix(DEFAULT_CONTROL), "mode".into()));
        assert_eq!(sent(&["mode"], None), (unix(DEFAULT_CONTROL), "mode".into()));
    }

    #[test]
    fn words_are_joined_by_blanks() {
        assert_eq!(sent(&["www:1", "server", "0", "address", "::1"], None).1, "server 0 address ::1");
        assert_eq!(
            sent(&["server 0 address ::1"], None),
            (unix(DEFAULT_CONTROL), "server 0 address ::1".into())
        );
        assert_eq!(sent(&["www:1", "close", "--help"], None).1, "close --help");
    }

    #[test]
    fn help_and_version_come_first() {
        assert_eq!(run(&["--help"], None), Ok(Invocation::Help));
        assert_eq!(run(&["--version", "x"], None), Ok(Invocation::Version));
    }

    #[test]
    fn every_wrong_command_line_is_explained() {
        let long = "x".repeat(MAX_LINE + 1);
        for (words, environment, error) in [
            (&[][..], None, "no command"),
            (&["www:1"], None, "no command"),
            (&["www:1", "", " "], None, "no command"),
            (&["-x"], None, "unknown option '-x': --generate, --help and --version are known"),
            (&["www:1", "a\nb"], None, "the command contains a line break: one command is sent at a time"),
            (&["a\r"], None, "the command contains a line break: one command is sent at a time"),
            (&[&*long], None, "the command has 4096 bytes: 4095 are the most"),
            (
                &["www:99999", "mode"],
                None,
                "bad port '99999' in 'www:99999': a number from 0 to 65535 or a service name is expected",
            ),
            (
                &["a/b", "mode"],
                None,
                "bad port 'a/b': a number from 0 to 65535 or a service name is expected",
            ),
            (
                &["mode"],
                Some("www:"),
                "$PEN_CONTROL: bad port '' in 'www:': a number from 0 to 65535 or a service name is expected",
            ),
        ] {
            assert_eq!(run(words, environment).unwrap_err().to_string(), error);
        }
        let error = parse([OsString::from_vec(b"a\xff".to_vec())], None).unwrap_err();
        assert_eq!(error.to_string(), "\"a\\xFF\" is not UTF-8 text");
    }

    #[test]
    fn the_longest_command_is_sent() {
        let longest = "x".repeat(MAX_LINE);
        assert_eq!(sent(&[&longest], None).1, longest);
    }
}

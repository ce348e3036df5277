//! penlogd's options: a table, and the command line that comes of it.

use std::ffi::OsString;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use common::acl::Network;
use common::addr::{AddrError, Host, ListenAddr, ListenPlace};
use common::options::{Asked, Program, Row};

use crate::line::Format;

/// So many request records are remembered.
const CACHE: usize = 1000;
/// And no more than that.
const CACHE_MOST: usize = 10_000_000;
/// How long a line waits for its record.
const WAIT: u64 = 200;
/// And no longer than that.
const WAIT_MOST: u64 = 1000;

/// What penlogd is asked to do.
#[derive(Clone, Debug)]
pub enum Request {
    /// Merge.
    Run(Box<Invocation>),
    /// Print this text on standard output.
    Print(String),
}

/// A command line that asks penlogd to merge.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Where datagrams come in.
    pub listen: Listen,
    /// `-a`: whose datagrams count; everybody's if empty.
    pub allow: Vec<Network>,
    /// `-b`: each line is written at once.
    pub unbuffered: bool,
    /// `-d`: how often.
    pub debug: u32,
    /// `-e`: how lines are read.
    pub format: Format,
    /// `-f`: stay in the foreground.
    pub foreground: bool,
    /// `-j`: the root directory to be.
    pub chroot: Option<PathBuf>,
    /// `-l`: where lines go; standard output without it.
    pub log: Option<PathBuf>,
    /// `-n`: how many request records are remembered.
    pub cache: usize,
    /// `-p`: where the process id goes.
    pub pid_file: Option<PathBuf>,
    /// `-u`: name or number of the user to be.
    pub user: Option<String>,
    /// `-w`: how long a line waits for its record.
    pub wait: Duration,
}

/// Where datagrams come in: a port, of one host's address or of all addresses. Displays as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// As it was written.
    pub text: String,
    /// The host, if one was given.
    pub host: Option<Host>,
    /// The port; 0 takes a free one.
    pub port: u16,
}

/// What an option is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Allow,
    Unbuffered,
    Debug,
    Pattern,
    Foreground,
    Chroot,
    Log,
    Cache,
    PidFile,
    User,
    Wait,
}

static PROGRAM: Program<Key> = Program {
    name: "penlogd",
    usage: "\
usage: penlogd [-bdf] [-a ADDR[/LEN]]... [-e REGEX] [-j DIR] [-l FILE] [-n N] [-p FILE] [-u USER] [-w MS]
               [ADDR:]PORT
",
    end: "",
    options: OPTIONS,
    manual: include_str!("../../../man/penlogd.1.in"),
};

static OPTIONS: &[Row<Key>] = &[
    Row {
        key: Key::Allow,
        short: Some('a'),
        long: "allow",
        value: Some("ADDR[/LEN]"),
        about: "Accepts datagrams from there only; may be given several times",
        details: "\
            Datagrams from elsewhere are ignored, and counted. Without it they are accepted from everybody who reaches the \
            port: anybody may then write into the log.",
    },
    Row {
        key: Key::Unbuffered,
        short: Some('b'),
        long: "unbuffered",
        value: None,
        about: "Writes each line at once",
        details: "Otherwise lines are gathered for a tenth of a second.",
    },
    Row {
        key: Key::Debug,
        short: Some('d'),
        long: "debug",
        value: None,
        about: "Tells more; twice, even more",
        details: "",
    },
    Row {
        key: Key::Pattern,
        short: Some('e'),
        long: "pattern",
        value: Some("REGEX"),
        about: "Reads lines of another kind",
        details: "\
            The regular expression has named groups: `(?<addr>...)` for the address that the client's replaces, and perhaps \
            `(?<port>...)` for its port and `(?<request>...)` for what was asked.",
    },
    Row {
        key: Key::Foreground,
        short: Some('f'),
        long: "foreground",
        value: None,
        about: "Stays in the foreground, with messages on standard error",
        details: "\
            Without it penlogd goes to the background as soon as all is open, and messages go to syslog.",
    },
    Row {
        key: Key::Chroot,
        short: Some('j'),
        long: "chroot",
        value: Some("DIR"),
        about: "Makes this its root directory",
        details: "The paths of the log and of the pid file are then paths in there.",
    },
    Row {
        key: Key::Log,
        short: Some('l'),
        long: "log",
        value: Some("FILE"),
        about: "Appends the lines to this file",
        details: "Without it they go to standard output, which needs `-f`.",
    },
    Row {
        key: Key::Cache,
        short: Some('n'),
        long: "cache",
        value: Some("N"),
        about: "Remembers so many records of requests (1000)",
        details: "The oldest make room for new ones.",
    },
    Row {
        key: Key::PidFile,
        short: Some('p'),
        long: "pidfile",
        value: Some("FILE"),
        about: "Writes the process id to this file",
        details: "It is removed at the end.",
    },
    Row {
        key: Key::User,
        short: Some('u'),
        long: "user",
        value: Some("USER"),
        about: "Runs as this user",
        details: "A name or a number. The port is opened before, files are opened as that user.",
    },
    Row {
        key: Key::Wait,
        short: Some('w'),
        long: "wait",
        value: Some("MS"),
        about: "Lets a line wait so long for its record (200)",
        details: "\
            Milliseconds, up to 1000. A line may overtake its record on the way here. While it waits, so do later lines of its \
            server.",
    },
];

/// Reads the words after the program's name. What is wrong is told on one line.
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Request, String> {
    let mut words = words.into_iter().peekable();
    if words.peek().is_none() {
        return Ok(Request::Print(PROGRAM.help()));
    }
    let words = match PROGRAM.parse(words).map_err(|error| error.to_string())? {
        Asked::Print(text) => return Ok(Request::Print(text)),
        Asked::Work(words) => words,
    };
    let mut invocation = Invocation::new();
    for (key, value) in words.options {
        invocation.take(key, value)?;
    }
    invocation.listen = match &words.arguments[..] {
        [] => return Err("no port: '[ADDR:]PORT' is expected, --help tells more".to_owned()),
        [listen] => Listen::parse(listen)?,
        [_, extra, ..] => {
            return Err(format!("superfluous argument '{extra}': one '[ADDR:]PORT' is expected"));
        }
    };
    if invocation.log.is_none() && !invocation.foreground {
        return Err("no log: '-l FILE' is expected, or '-f' for lines on standard output".to_owned());
    }
    Ok(Request::Run(Box::new(invocation)))
}

impl Invocation {
    fn new() -> Invocation {
        Invocation {
            listen: Listen { text: String::new(), host: None, port: 0 },
            allow: Vec::new(),
            unbuffered: false,
            debug: 0,
            format: Format::web(),
            foreground: false,
            chroot: None,
            log: None,
            cache: CACHE,
            pid_file: None,
            user: None,
            wait: Duration::from_millis(WAIT),
        }
    }

    /// Takes an option in.
    fn take(&mut self, key: Key, value: String) -> Result<(), String> {
        match key {
            Key::Allow => {
                let network = Network::parse(&[&value]).map_err(|error| format!("-a: {error}"))?;
                self.allow.push(network);
            }
            Key::Unbuffered => self.unbuffered = true,
            Key::Debug => self.debug = self.debug.saturating_add(1),
            Key::Pattern => self.format = Format::pattern(&value).map_err(|error| format!("-e: {error}"))?,
            Key::Foreground => self.foreground = true,
            Key::Chroot => self.chroot = Some(value.into()),
            Key::Log => self.log = Some(value.into()),
            Key::Cache => self.cache = number("-n", &value, &(1..=CACHE_MOST))?,
            Key::PidFile => self.pid_file = Some(value.into()),
            Key::User => self.user = Some(value),
            Key::Wait => self.wait = Duration::from_millis(number("-w", &value, &(0..=WAIT_MOST))?),
        }
        Ok(())
    }
}

fn number<T>(option: &str, value: &str, range: &RangeInclusive<T>) -> Result<T, String>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    let is_decimal = value.bytes().all(|byte| byte.is_ascii_digit());
    let number = value.parse().ok().filter(|number| is_decimal && range.contains(number));
    number.ok_or_else(|| {
        format!("{option}: bad number '{value}': {} to {} is expected", range.start(), range.end())
    })
}

impl Listen {
    fn parse(text: &str) -> Result<Listen, String> {
        let (host, port) = text.rsplit_once(':').map_or((None, text), |(host, port)| (Some(host), port));
        if host == Some("") || text.starts_with('/') || text.ends_with(']') {
            let expected = "'PORT', 'ADDR:PORT' or '[IPv6 address]:PORT' is expected";
            return Err(format!("bad address '{text}': {expected}"));
        }
        let number = port.parse().ok().filter(|_| port.bytes().all(|byte| byte.is_ascii_digit()));
        let expected = "a number from 0 to 65535 is expected";
        let port = number.ok_or_else(|| format!("bad port '{port}' in '{text}': {expected}"))?;
        let parsed: ListenAddr = text.parse().map_err(|error: AddrError| error.to_string())?;
        let host = match parsed.place() {
            ListenPlace::Inet { host, .. } => host.clone(),
            ListenPlace::Unix(_) => None,
        };
        Ok(Listen { text: text.to_owned(), host, port })
    }
}

impl std::fmt::Display for Listen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Request, String> {
        parse(line.split(' ').map(OsString::from))
    }

    fn invocation(line: &str) -> Invocation {
        match read(line) {
            Ok(Request::Run(invocation)) => *invocation,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn a_port_alone_is_one_of_all_addresses() {
        let Listen { host, port, .. } = invocation("-f 10888").listen;
        assert_eq!((host, port), (None, 10888));
        for (text, host) in [("127.0.0.1:1", "127.0.0.1"), ("[::1]:1", "::1"), ("loghost:1", "loghost")] {
            let listen = invocation(&format!("-f {text}")).listen;
            assert_eq!((listen.host.unwrap().as_str(), listen.port), (host, 1), "{text}");
        }
    }

    #[test]
    fn old_command_lines_mean_what_they_meant() {
        let read = invocation("-bdf -j /var/log -l log -n 77 -p pid -u nobody 10888");
        assert!(read.unbuffered && read.foreground);
        assert_eq!((read.debug, read.cache, read.user.as_deref()), (1, 77, Some("nobody")));
        assert_eq!(read.chroot, Some("/var/log".into()));
        assert_eq!((read.log, read.pid_file), (Some("log".into()), Some("pid".into())));
    }

    #[test]
    fn the_defaults_are_those_that_the_help_names() {
        let Invocation { cache, wait, .. } = invocation("-f 1");
        for number in [cache.to_string(), wait.as_millis().to_string()] {
            assert!(PROGRAM.help().contains(&format!("({number})")), "{number}");
        }
    }

    #[test]
    fn the_manual_names_every_option() {
        for row in OPTIONS {
            assert!(PROGRAM.manual().contains(&format!("Fl Fl {}", row.long)), "{}", row.long);
        }
    }
}

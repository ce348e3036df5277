//! Where messages end up: stderr, or syslog's socket in the form of RFC 3164. (The syslog crate neither connects again
//! after a restart of syslogd nor knows the local time once there are threads.)

use std::fmt::Arguments;
use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::reason;
use log::Level;

use super::Message;
use crate::local_time::LocalTime;

/// Where the messages of the program go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Lines on standard error.
    Stderr,
    /// The system's log, facility `daemon`; until [`super::leave_terminal`] warnings and errors are told on stderr as well.
    Syslog,
}

const SYSLOG_SOCKET: &str = "/dev/log";

/// The number of `daemon` among syslog's facilities.
const DAEMON: u8 = 3;

/// How long a syslogd that reads nothing is waited for.
const SYSLOG_LIMIT: Duration = Duration::from_secs(1);

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A destination in use.
pub(super) enum Sink {
    Lines(Box<dyn Write + Send>),
    Syslog(Syslog),
}

impl Sink {
    pub(super) fn open(destination: Destination, program: &'static str) -> Sink {
        match destination {
            Destination::Stderr => Sink::Lines(Box::new(io::stderr())),
            Destination::Syslog => {
                let mut syslog = Syslog::new(Path::new(SYSLOG_SOCKET), program);
                // Whoever starts the program is told when they would otherwise miss something: at `leave_terminal`.
                let _ = syslog.connect();
                Sink::Syslog(syslog)
            }
        }
    }

    /// From now on nobody reads stderr.
    pub(super) fn leave_terminal(&mut self) {
        let Sink::Syslog(syslog) = self else { return };
        syslog.on_terminal = false;
        if syslog.connected.is_none()
            && let Err(error) = syslog.connect()
        {
            tell(format_args!(
                "{}: cannot reach syslog at {SYSLOG_SOCKET}: {}; messages are lost until it is there",
                syslog.program,
                reason(&error)
            ));
        }
    }

    pub(super) fn write(&mut self, message: &Message) -> io::Result<()> {
        match self {
            Sink::Lines(lines) => lines.write_all(line(message).as_bytes()),
            Sink::Syslog(syslog) if syslog.on_terminal => {
                if message.level <= Level::Warn {
                    tell(format_args!("{}: {}", syslog.program, message.text));
                }
                // Once the program is up, failures to reach syslog count.
                let _ = syslog.send(message);
                Ok(())
            }
            Sink::Syslog(syslog) => syslog.send(message),
        }
    }
}

/// A line on stderr. (`eprintln!` would panic where nobody reads it any more, in the midst of a message.)
fn tell(line: Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// A message as a line for people: `2026-11-20 11:02:05: text`.
fn line(message: &Message) -> String {
    let LocalTime { year, month, day, hour, minute, second } = LocalTime::at(message.time);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}: {}\n", message.text)
}

/// A message as syslogd wants it: `<30>Nov 20 11:02:05 pen[123]: text`.
fn packet(program: &str, message: &Message) -> String {
    let LocalTime { month, day, hour, minute, second, .. } = LocalTime::at(message.time);
    let severity = match message.level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    };
    let priority = DAEMON * 8 + severity;
    let month = MONTHS[(month as usize - 1) % MONTHS.len()];
    let pid = std::process::id();
    let time = format_args!("{month} {day:2} {hour:02}:{minute:02}:{second:02}");
    format!("<{priority}>{time} {program}[{pid}]: {}", message.text)
}

/// A connection to syslogd that outlives the syslogd.
pub(super) struct Syslog {
    path: PathBuf,
    program: &'static str,
    connected: Option<UnixDatagram>,
    on_terminal: bool,
}

impl Syslog {
    pub(super) fn new(path: &Path, program: &'static str) -> Syslog {
        Syslog { path: path.to_owned(), program, connected: None, on_terminal: true }
    }

    fn connect(&mut self) -> io::Result<&UnixDatagram> {
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(SYSLOG_LIMIT))?;
        socket.connect(&self.path)?;
        Ok(self.connected.insert(socket))
    }

    fn send(&mut self, message: &Message) -> io::Result<()> {
        let packet = packet(self.program, message);
        if let Some(socket) = &self.connected {
            match socket.send(packet.as_bytes()) {
                Ok(_) => return Ok(()),
                // It is there but reads nothing: a new connection would change nothing.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
                Err(_) => self.connected = None,
            }
        }
        self.connect()?.send(packet.as_bytes()).map(|_| ())
    }
}

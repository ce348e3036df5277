//! One errand by a program: what it writes is read, of which the first line may say why it fails, and the rest is thrown away; when
//! it ends, or takes too long, everything that it has started is killed with it.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};

use common::escape::Line;
use common::quoted::Quoted;
use common::reason;
use mio::unix::SourceFd;
use mio::unix::pipe::Receiver;
use mio::{Interest, Registry};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use system::child;

use super::speech::{Finding, failed, passed};
use super::task::{Number, Step};
use crate::engine::servers::{Server, ServerAddr};
use crate::net::upstream::is_shortage;
use crate::settings::Service;
use crate::shared::SpareDescriptor;

const SHELL: &str = "/bin/sh";
/// Where pen itself has none.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Reads at one go.
const READS_PER_TURN: usize = 4;
/// So much of the first line is told.
const REASON_MOST: usize = 200;

/// A program under way, in a process group of its own.
#[derive(Debug)]
pub struct Program {
    child: Child,
    /// Readable when the program has ended.
    _end: OwnedFd,
    /// `None`: nobody writes any more.
    output: Option<Receiver>,
    /// The first line, as far as it is told.
    first: Vec<u8>,
    first_is_whole: bool,
    _descriptors: [SpareDescriptor; 2],
}

/// What a program is told of the server, as variables of its environment.
#[derive(Debug)]
pub struct Setting([(&'static str, OsString); 5]);

impl Setting {
    /// `address`: what is to be checked.
    pub fn new(service: &Service, server: &Server, address: &ServerAddr) -> Setting {
        let (place, port) = match address {
            ServerAddr::Inet(address) => (address.ip().to_string().into(), address.port().to_string()),
            ServerAddr::Unix(path) => (path.as_os_str().to_owned(), String::new()),
        };
        Setting([
            ("PEN_SERVICE", (*service.name).into()),
            ("PEN_SERVER", server.id().slot.to_string().into()),
            ("PEN_NAME", server.name.as_deref().unwrap_or_default().into()),
            ("PEN_ADDRESS", place),
            ("PEN_PORT", port.into()),
        ])
    }
}

impl Program {
    /// Starts it. A finding, if that cannot be done.
    pub fn start(
        command: &Quoted,
        setting: &Setting,
        (registry, number): (&Registry, Number),
        descriptors: [SpareDescriptor; 2],
    ) -> Result<Program, Finding> {
        let explain = |error: io::Error| {
            if is_shortage(&error) {
                Finding::Shortage
            } else {
                failed(&format!("cannot run {SHELL}: {}", reason(&error)))
            }
        };
        let (reader, writer) = io::pipe().map_err(explain)?;
        let mut output = Receiver::from(OwnedFd::from(reader));
        output.set_nonblocking(true).map_err(explain)?;
        let other_writer = writer.try_clone().map_err(explain)?;
        let mut command_line = Command::new(SHELL);
        command_line
            .arg("-c")
            .arg(OsStr::from_bytes(command.bytes()))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_else(|| PATH.into()))
            .envs(setting.0.iter().map(|(name, value)| (name, value)))
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(writer)
            .stderr(other_writer);
        let child = command_line.spawn().map_err(explain)?;
        // Its copies of the writing end would keep the pipe open.
        drop(command_line);
        let mut started = Started(Some(child));
        let end = child::end_of(started.id()).map_err(explain)?;
        registry.register(&mut output, number.token(), Interest::READABLE).map_err(explain)?;
        registry
            .register(&mut SourceFd(&end.as_raw_fd()), number.token_of_end(), Interest::READABLE)
            .map_err(explain)?;
        let Some(child) = started.0.take() else { return Err(Finding::Shortage) };
        Ok(Program {
            child,
            _end: end,
            output: Some(output),
            first: Vec::new(),
            first_is_whole: false,
            _descriptors: descriptors,
        })
    }

    /// It has written something.
    pub fn hear(&mut self, scratch: &mut [u8]) -> Step {
        for _ in 0..READS_PER_TURN {
            let Some(output) = &mut self.output else { return Step::Wait };
            match output.read(scratch) {
                Ok(0) => self.output = None,
                Ok(length) => self.note(&scratch[..length]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Step::Wait,
                Err(_) => self.output = None,
            }
        }
        Step::GoOn
    }

    /// It has ended. What it has started ends with it.
    pub fn ended(&mut self, scratch: &mut [u8]) -> Step {
        match self.bury() {
            Ok(None) => Step::Wait,
            Ok(Some(status)) => {
                // It may have said why just before.
                self.hear(scratch);
                Step::Found(self.judge(status))
            }
            Err(error) => Step::Found(failed(&format!("cannot wait for its end: {}", reason(&error)))),
        }
    }

    /// Kills it and all that it has started. Then its end is to be awaited: [`Program::is_buried`].
    pub fn kill(&mut self) {
        self.kill_group();
        self.output = None;
    }

    /// Whether this is its process.
    pub fn is_process(&self, pid: u32) -> bool {
        self.child.id() == pid
    }

    /// Whether it has ended, and nothing is left of it.
    pub fn is_buried(&mut self) -> bool {
        !matches!(self.bury(), Ok(None))
    }

    /// Waits for its end, however long that takes.
    pub fn await_end(mut self) {
        // It was somebody else's child, or never one: there is nothing to wait for.
        let _ = self.child.wait();
    }

    /// How it has ended, if it has. Until then its number is its own, so that nobody else's group is killed.
    fn bury(&mut self) -> io::Result<Option<ExitStatus>> {
        if !child::has_ended(self.child.id())? {
            return Ok(None);
        }
        self.kill_group();
        self.child.try_wait()
    }

    fn kill_group(&self) {
        kill_group(&self.child);
    }

    fn note(&mut self, data: &[u8]) {
        if self.first_is_whole {
            return;
        }
        let line = data.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let room = REASON_MOST - self.first.len();
        self.first.extend_from_slice(&line[..line.len().min(room)]);
        self.first_is_whole = line.len() < data.len() || self.first.len() == REASON_MOST;
    }

    fn judge(&self, status: ExitStatus) -> Finding {
        if status.success() {
            return passed();
        }
        let said = String::from_utf8_lossy(&self.first);
        match (said.trim(), status.code(), status.signal()) {
            ("", Some(code), _) => failed(&format!("exit status {code}")),
            ("", None, signal) => failed(&format!("ended by signal {}", signal.unwrap_or_default())),
            (said, ..) => failed(&Line(said).to_string()),
        }
    }
}

/// A child that is not waited for yet by anything but this.
struct Started(Option<Child>);

impl Started {
    fn id(&self) -> u32 {
        self.0.as_ref().map_or(0, Child::id)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            kill_group(child);
            let _ = child.wait();
        }
    }
}

fn kill_group(child: &Child) {
    if let Ok(group) = i32::try_from(child.id()) {
        // Nobody may be left in it.
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
}

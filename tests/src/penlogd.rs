//! A running penlogd, ours or the old one, and hosts that send to it.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::address::private_address;
use crate::child::{Ended, Transcript, run_to_the_end};
use crate::process::Process;
use crate::program;
use crate::udp;
use crate::wait::{LIMIT, settled, wait_until, within};

/// What a penlogd is started with.
#[derive(Debug)]
pub struct PenlogdBuilder {
    program: PathBuf,
    wrapper: Vec<String>,
    directory: TempDir,
    listen: SocketAddr,
    /// Whether the command line names its host.
    has_host: bool,
    words: Vec<String>,
    log: PathBuf,
    is_old: bool,
}

impl PenlogdBuilder {
    /// Starts this program instead of the penlogd under test.
    #[must_use]
    pub fn program(mut self, program: PathBuf) -> Self {
        self.program = program;
        self
    }

    /// Starts penlogd 0.34.1, which takes a port only, and says nothing.
    #[must_use]
    pub fn old(self) -> Self {
        Self { is_old: true, ..self.program(program::old_penlogd()).on_all_addresses() }
    }

    /// Starts it by another program, whose command line this is: `prlimit`, `strace`.
    #[must_use]
    pub fn under<const N: usize>(mut self, wrapper: [&str; N]) -> Self {
        self.wrapper = wrapper.map(str::to_owned).to_vec();
        self
    }

    /// Receives at this address.
    #[must_use]
    pub fn at(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Receives at a port of `::1`.
    #[must_use]
    pub fn at_ipv6(mut self) -> Self {
        let probe = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).expect("::1 has free ports");
        self.listen = probe.local_addr().expect("a bound socket has an address");
        self
    }

    /// Receives at a port of all addresses; where it is asked for, that is one of 127.0.0.1.
    #[must_use]
    pub fn on_all_addresses(mut self) -> Self {
        self.listen = crate::udp::unused_address();
        self.has_host = false;
        self
    }

    /// Writes to this file; a relative path is one of its directory.
    #[must_use]
    pub fn log(mut self, path: impl AsRef<Path>) -> Self {
        self.log = self.directory.path().join(path);
        self
    }

    /// Appends an option, with its value after a space if it has one: `-w 1000`.
    #[must_use]
    pub fn option(mut self, option: &str) -> Self {
        match option.split_once(' ') {
            Some((name, value)) => self.words.extend([name.to_owned(), value.to_owned()]),
            None => self.words.push(option.to_owned()),
        }
        self
    }

    /// Its directory, where everybody may write.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Starts it in the foreground and waits until it receives.
    #[track_caller]
    pub fn start(self) -> Penlogd {
        let mut command = self.command_line();
        command.arg("-f").arg("-l").arg(&self.log).arg(self.place());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("penlogd can be run");
        let stderr = Transcript::of(child.stderr.take().expect("stderr is piped"));
        let (address, is_old) = (self.listen, self.is_old);
        let is_up = within(LIMIT, || {
            let receives = if is_old {
                udp::receive_queue(address).is_some()
            } else {
                stderr.so_far().contains(" receives at ")
            };
            receives || child.try_wait().is_ok_and(|status| status.is_some())
        });
        if !is_up || child.try_wait().is_ok_and(|status| status.is_some()) {
            let _ = child.kill();
            let _ = child.wait();
            panic!("no penlogd from {command:?}: {}", stderr.end());
        }
        let process = Process(child.id());
        let (log, directory) = (self.log, self.directory);
        Penlogd { child, process, address, log, stderr: Some(stderr), directory, is_old }
    }

    /// Starts it in the background: its process and its directory, or how the start failed.
    #[track_caller]
    pub fn start_in_background(self) -> Result<(Process, TempDir), Ended> {
        let pid_file = self.directory.path().join("pid");
        let mut command = self.command_line();
        command.arg("-l").arg(&self.log).arg("-p").arg(&pid_file).arg(self.place());
        let ended = run_to_the_end(command);
        if ended.code != Some(0) {
            return Err(ended);
        }
        let pid = fs::read_to_string(&pid_file).expect("the pid file is there when the parent has ended");
        Ok((Process(pid.parse().expect("the pid file holds a number")), self.directory))
    }

    fn place(&self) -> String {
        if self.has_host { self.listen.to_string() } else { self.listen.port().to_string() }
    }

    fn command_line(&self) -> Command {
        let program = self.program.to_string_lossy().into_owned();
        let mut words = self.wrapper.iter().cloned().chain([program]);
        let mut command = Command::new(words.next().expect("the program is one word at least"));
        command.args(words).args(&self.words).current_dir(&self.directory);
        command
    }
}

/// A penlogd in the foreground that runs until it is stopped or dropped.
pub struct Penlogd {
    child: Child,
    process: Process,
    address: SocketAddr,
    log: PathBuf,
    stderr: Option<Transcript>,
    directory: TempDir,
    is_old: bool,
}

impl Penlogd {
    /// One that writes each line at once to a file in a directory of its own.
    pub fn builder() -> PenlogdBuilder {
        let directory = TempDir::new().expect("a directory can be made");
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).expect("it is ours");
        let log = directory.path().join("log");
        PenlogdBuilder {
            program: program::penlogd(),
            wrapper: Vec::new(),
            directory,
            listen: private_address(),
            has_host: true,
            words: Vec::new(),
            log,
            is_old: false,
        }
    }

    /// Starts one without further options.
    #[track_caller]
    pub fn start() -> Penlogd {
        Penlogd::builder().start()
    }

    /// Runs it with these words until it ends by itself.
    #[track_caller]
    pub fn run<'a>(words: impl IntoIterator<Item = &'a str>) -> Ended {
        let mut command = Command::new(program::penlogd());
        command.args(words);
        run_to_the_end(command)
    }

    /// Where it receives.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its directory, where everybody may write.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The process.
    pub fn process(&self) -> Process {
        self.process
    }

    /// A host that sends datagrams to it.
    #[track_caller]
    pub fn peer(&self, host: &str) -> Peer {
        Peer::to(self.address, host)
    }

    /// Ends it as [`stop`](Penlogd::stop) does: its log, which is not read.
    #[track_caller]
    pub fn stop_and_open_log(mut self) -> File {
        let file = File::open(&self.log).expect("the log is there");
        self.end();
        file
    }

    /// What is in the log; of a device or a FIFO, nothing.
    pub fn logged(&self) -> Vec<u8> {
        match fs::metadata(&self.log) {
            Ok(file) if file.is_file() => fs::read(&self.log).unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    /// The lines in the log.
    pub fn lines(&self) -> Vec<String> {
        lines(&self.logged())
    }

    /// How many datagrams the kernel dropped because they were not taken in time.
    pub fn dropped_by_the_kernel(&self) -> u64 {
        udp::receive_queue(self.address).map_or(0, |queue| queue.drops)
    }

    /// Waits until it has taken every datagram. Ours writes them all when it is stopped; what is known of the old one is only
    /// that it writes no more.
    #[track_caller]
    pub fn wait_until_idle(&self) {
        let queued = || udp::receive_queue(self.address).map_or(0, |queue| queue.bytes);
        wait_until("every datagram is taken", || queued() == 0);
        if self.is_old {
            let written = || fs::metadata(&self.log).map_or(0, |file| file.len());
            settled(Duration::from_millis(2500), || (queued(), written()));
        }
    }

    /// Waits until the log is this, and nothing else.
    #[track_caller]
    pub fn expect(&self, lines: impl AsRef<[u8]>) {
        let lines = lines.as_ref();
        if within(LIMIT, || self.logged() == lines) {
            return;
        }
        let log = self.logged();
        let same = log.iter().zip(lines).take_while(|(logged, expected)| logged == expected).count();
        // Where they begin to differ, and not all of 64 KiB.
        let shown = |text: &[u8]| {
            let rest = &text[same.saturating_sub(500)..];
            String::from_utf8_lossy(&rest[..rest.len().min(1000)]).into_owned()
        };
        let (expected, logged, said) = (shown(lines), shown(&log), self.stderr());
        panic!("different from byte {same} on; expected:\n{expected}\nlogged:\n{logged}\nsaid: {said}");
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// All that it said so far.
    pub fn stderr(&self) -> String {
        self.stderr.as_ref().map(Transcript::so_far).unwrap_or_default()
    }

    /// Waits until it has said this.
    #[track_caller]
    pub fn expect_word(&self, word: &str) {
        assert!(within(LIMIT, || self.stderr().contains(word)), "{word}: expected in: {}", self.stderr());
    }

    /// Ends it with TERM, which it must obey with exit status 0.
    #[track_caller]
    pub fn stop(mut self) -> Stopped {
        let said = self.end();
        Stopped { said, logged: self.logged() }
    }

    /// What it said.
    #[track_caller]
    fn end(&mut self) -> String {
        self.signal(Signal::SIGTERM);
        wait_until("penlogd ends", || {
            if self.is_old {
                self.nudge();
            }
            self.child.try_wait().expect("it is our child").is_some()
        });
        let status = self.child.wait().expect("it is our child");
        let said = self.stderr.take().map(Transcript::end).unwrap_or_default();
        assert_eq!((status.code(), status.signal()), (Some(0), None), "penlogd's end: {said}");
        assert!(!said.contains("defect"), "{said}");
        said
    }

    /// The old one looks at its signals when a datagram has come.
    fn nudge(&self) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        // Nobody is there any more after the last of them.
        let _ = socket.send_to(b"+ 192.0.2.1 192.0.2.2 nothing\n", self.address);
    }
}

impl Drop for Penlogd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is left of a penlogd.
#[derive(Debug)]
pub struct Stopped {
    /// All that it said on standard error.
    pub said: String,
    /// What is in its log.
    pub logged: Vec<u8>,
}

impl Stopped {
    /// The lines in its log.
    pub fn lines(&self) -> Vec<String> {
        lines(&self.logged)
    }
}

fn lines(log: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(log).lines().map(str::to_owned).collect()
}

/// A host that sends datagrams: a pen, or a web server.
#[derive(Debug)]
pub struct Peer {
    socket: UdpSocket,
}

impl Peer {
    /// One at this address of this machine, that sends to `address`.
    #[track_caller]
    pub fn to(address: SocketAddr, host: &str) -> Peer {
        let host: IpAddr = host.parse().expect("it is an address");
        let socket = UdpSocket::bind((host, 0)).expect("the host is this machine");
        socket.connect(address).expect("a UDP socket can be connected");
        Peer { socket }
    }

    /// Sends a datagram.
    #[track_caller]
    pub fn send(&self, datagram: impl AsRef<[u8]>) {
        self.socket.send(datagram.as_ref()).expect("a datagram can be sent");
    }
}

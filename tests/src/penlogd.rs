//! A running penlogd, ours or the old one.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::address::private_address;
use crate::child::{Ended, Transcript};
use crate::process::Process;
use crate::program;
use crate::udp;
use crate::wait::{settled, wait_until};

/// A penlogd in the foreground, with an address and a file of its own, until it is stopped or dropped.
pub struct Penlogd {
    child: Child,
    address: SocketAddr,
    stderr: Option<Transcript>,
    output: PathBuf,
    /// Whether it looks at its signals only when a datagram has come, as 0.34.1 does.
    deaf: bool,
    /// Removed with it.
    directory: Option<TempDir>,
}

impl Penlogd {
    /// Starts the penlogd under test.
    #[track_caller]
    pub fn start(options: &[&str]) -> Self {
        let directory = TempDir::new().expect("a directory can be made");
        let mut penlogd = Self::start_at(private_address(), &directory.path().join("merged"), options);
        penlogd.directory = Some(directory);
        penlogd
    }

    /// Starts the penlogd under test at this address, with this file.
    #[track_caller]
    pub fn start_at(address: SocketAddr, output: &Path, options: &[&str]) -> Self {
        let mut command = Command::new(program::penlogd());
        command.args(["-f", "-l"]).arg(output).args(options).arg(address.to_string());
        Self::run(command, address, output)
    }

    /// Starts penlogd 0.34.1, which takes a port only.
    #[track_caller]
    pub fn start_old() -> Self {
        let directory = TempDir::new().expect("a directory can be made");
        let output = directory.path().join("merged");
        let address = udp::unused_address();
        let mut command = Command::new(program::old_penlogd());
        command.args(["-f", "-l"]).arg(&output).arg(address.port().to_string());
        let mut penlogd = Self::run(command, address, &output);
        (penlogd.deaf, penlogd.directory) = (true, Some(directory));
        penlogd
    }

    #[track_caller]
    fn run(mut command: Command, address: SocketAddr, output: &Path) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("penlogd can be run");
        let stderr = Some(Transcript::of(child.stderr.take().expect("stderr is piped")));
        let output = output.to_owned();
        let mut penlogd = Self { child, address, stderr, output, deaf: false, directory: None };
        wait_until("penlogd takes datagrams", || {
            let ended = penlogd.child.try_wait().expect("it is our child");
            assert!(ended.is_none(), "penlogd ended ({ended:?}): {}", penlogd.stderr());
            udp::receive_queue(address).is_some()
        });
        penlogd
    }

    /// Where it takes datagrams.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The file that it writes.
    pub fn output(&self) -> &Path {
        &self.output
    }

    /// The process.
    pub fn process(&self) -> Process {
        Process(self.child.id())
    }

    /// All that it said so far.
    pub fn stderr(&self) -> String {
        self.stderr.as_ref().map(Transcript::so_far).unwrap_or_default()
    }

    /// The lines that it has written so far.
    pub fn lines(&self) -> Vec<String> {
        let text = fs::read(&self.output).unwrap_or_default();
        String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
    }

    /// How many datagrams the kernel dropped because penlogd did not take them in time.
    pub fn dropped_by_the_kernel(&self) -> u64 {
        udp::receive_queue(self.address).map_or(0, |queue| queue.drops)
    }

    /// Waits until it has taken every datagram, and writes no more.
    #[track_caller]
    pub fn wait_until_idle(&self) {
        let queued = || udp::receive_queue(self.address).map_or(0, |queue| queue.bytes);
        let written = || fs::metadata(&self.output).map_or(0, |file| file.len());
        // A line waits for its record for a second at most, and then for the next flush, which comes each second.
        settled(Duration::from_millis(2500), || (queued(), written()));
    }

    /// Ends it with TERM, which it must obey with exit status 0: all lines that it has written.
    #[track_caller]
    pub fn stop(mut self) -> Vec<String> {
        let ended = self.end();
        assert_eq!((ended.code, ended.signal), (Some(0), None), "penlogd's end: {}", ended.stderr);
        self.lines()
    }

    /// Ends it with TERM.
    #[track_caller]
    pub fn end(&mut self) -> Ended {
        self.process().signal(Signal::SIGTERM);
        wait_until("penlogd ends", || {
            if self.deaf {
                self.nudge();
            }
            self.child.try_wait().expect("it is our child").is_some()
        });
        let status = self.child.wait().expect("it is our child");
        let stderr = self.stderr.take().map(Transcript::end).unwrap_or_default();
        Ended { code: status.code(), signal: status.signal(), stdout: String::new(), stderr }
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

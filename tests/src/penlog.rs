//! A running penlog, ours or the old one, and a socket for what it sends.

use std::io::Write;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::address::private_address;
use crate::child::{Ended, Transcript};
use crate::process::Process;
use crate::program;
use crate::wait::{LIMIT, wait_until};

/// A penlog that gets its lines from the test, until it is finished or dropped.
pub struct Penlog {
    child: Child,
    stdin: Option<ChildStdin>,
    stderr: Option<Transcript>,
}

impl Penlog {
    /// Starts the penlog under test.
    #[track_caller]
    pub fn start(arguments: &[&str]) -> Self {
        Self::run(&program::penlog(), arguments)
    }

    /// Starts this program, which is a penlog or runs one.
    #[track_caller]
    pub fn run(program: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("penlog can be run");
        let stdin = child.stdin.take();
        let stderr = child.stderr.take().map(Transcript::of);
        Self { child, stdin, stderr }
    }

    /// The process.
    pub fn process(&self) -> Process {
        Process(self.child.id())
    }

    /// All that it said so far.
    pub fn stderr(&self) -> String {
        self.stderr.as_ref().map(Transcript::so_far).unwrap_or_default()
    }

    /// Puts this on its input, which it must read.
    #[track_caller]
    pub fn write(&self, input: &[u8]) {
        let mut stdin = self.stdin.as_ref().expect("the input is open until the end");
        stdin.write_all(input).expect("penlog reads its input");
    }

    /// Ends the input and waits until it has ended by itself.
    #[track_caller]
    pub fn finish(mut self) -> Ended {
        drop(self.stdin.take());
        self.end()
    }

    /// Waits until it has ended by itself.
    #[track_caller]
    pub fn end(&mut self) -> Ended {
        wait_until("penlog ends", || self.child.try_wait().expect("it is our child").is_some());
        let status = self.child.wait().expect("it is our child");
        let stderr = self.stderr.take().map(Transcript::end).unwrap_or_default();
        Ended { code: status.code(), signal: status.signal(), stdout: String::new(), stderr }
    }
}

impl Drop for Penlog {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A socket in the place of penlogd's.
pub struct Datagrams(UdpSocket);

impl Datagrams {
    /// At an address of its own.
    pub fn anywhere() -> Self {
        Self::at(private_address())
    }

    /// At this address.
    #[track_caller]
    pub fn at(address: SocketAddr) -> Self {
        let socket =
            Socket::new(Domain::for_address(address), Type::DGRAM, None).expect("a socket can be had");
        // More than the system's limit only root may have; then there is less.
        let _ = nix::sys::socket::setsockopt(&socket, nix::sys::socket::sockopt::RcvBufForce, &(64 << 20));
        socket.bind(&address.into()).expect("the address is free");
        socket.set_read_timeout(Some(LIMIT)).expect("a socket has timeouts");
        Self(socket.into())
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("it is bound")
    }

    /// The next datagram, with its sender.
    #[track_caller]
    pub fn receive_from(&self) -> (Vec<u8>, SocketAddr) {
        let mut buffer = vec![0; 70_000];
        let (length, sender) = self.0.recv_from(&mut buffer).expect("a datagram comes");
        buffer.truncate(length);
        (buffer, sender)
    }

    /// The next datagram.
    #[track_caller]
    pub fn receive(&self) -> Vec<u8> {
        self.receive_from().0
    }

    /// What is in the queue now.
    pub fn drain(&self) -> Vec<Vec<u8>> {
        self.0.set_read_timeout(Some(Duration::from_millis(1))).expect("a socket has timeouts");
        let mut buffer = vec![0; 70_000];
        let mut drained = Vec::new();
        while let Ok(length) = self.0.recv(&mut buffer) {
            drained.push(buffer[..length].to_vec());
        }
        self.0.set_read_timeout(Some(LIMIT)).expect("a socket has timeouts");
        drained
    }
}

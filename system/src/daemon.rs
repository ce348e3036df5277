//! Going to the background, with a parent that tells the truth: it ends when the child is up, or with the child's
//! own exit status when the child could not start. Everything between fork and ready is the caller's.
#![allow(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};

use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, dup2_stderr, dup2_stdin, dup2_stdout, fork, pipe2, setsid};

/// On which side of the fork the caller finds itself.
#[derive(Debug)]
pub enum Side {
    /// The process that was started: all that is left to do is to exit with this outcome's code.
    Parent(Outcome),
    /// The daemon to be: it opens everything, then calls [`Ready::tell`].
    Child(Ready),
}

/// How the child's start went, as the parent saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The child said that all is open.
    Up,
    /// The child exited before it was up; it has printed the reason itself.
    Exited(u8),
    /// The child was killed before it was up, and could not say why.
    Killed(Signal),
}

impl Outcome {
    /// The exit status that tells this outcome to whoever started pen.
    pub fn exit_code(self) -> u8 {
        match self {
            Outcome::Up => 0,
            // Whatever the child meant by it: without its word, nothing is up.
            Outcome::Exited(0) => 1,
            Outcome::Exited(code) => code,
            Outcome::Killed(signal) => 128_u8.saturating_add(u8::try_from(signal as i32).unwrap_or(0)),
        }
    }
}

/// The child's promise to tell its parent. Dropped without a word, the parent waits for the child's exit status.
#[derive(Debug)]
pub struct Ready {
    parent: File,
    null: File,
}

impl Ready {
    /// Lets go of standard input, output and error, and tells the parent that all is open.
    ///
    /// # Errors
    /// When the parent is gone: whoever killed it was told that pen did not start, so it should not.
    pub fn tell(mut self) -> io::Result<()> {
        dup2_stdin(&self.null)?;
        dup2_stdout(&self.null)?;
        dup2_stderr(&self.null)?;
        self.parent.write_all(b"+")
    }
}

/// Forks. The child returns at once, in a session of its own; the parent returns when the child's start is decided.
///
/// To be called before any thread exists: a fork takes only the calling thread along.
pub fn background() -> io::Result<Side> {
    // Opened here because a chroot may have no /dev.
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    let (from_child, to_parent) = pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    // SAFETY: pen is still single-threaded here, so the child may go on as a normal process.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => {
            drop(to_parent);
            Ok(Side::Parent(wait_for(child, File::from(from_child))?))
        }
        ForkResult::Child => {
            drop(from_child);
            setsid()?;
            Ok(Side::Child(Ready { parent: File::from(to_parent), null }))
        }
    }
}

fn wait_for(child: Pid, mut word: File) -> io::Result<Outcome> {
    let mut byte = [0];
    loop {
        match word.read(&mut byte) {
            Ok(1..) => return Ok(Outcome::Up),
            Ok(0) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    loop {
        match waitpid(child, None) {
            Ok(WaitStatus::Exited(_, code)) => return Ok(Outcome::Exited(u8::try_from(code).unwrap_or(1))),
            Ok(WaitStatus::Signaled(_, signal, _)) => return Ok(Outcome::Killed(signal)),
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_childs_word_is_a_success() {
        assert_eq!(Outcome::Up.exit_code(), 0);
        assert_eq!(Outcome::Exited(2).exit_code(), 2);
        assert_eq!(Outcome::Exited(0).exit_code(), 1);
        assert_eq!(Outcome::Killed(Signal::SIGKILL).exit_code(), 137);
    }
}

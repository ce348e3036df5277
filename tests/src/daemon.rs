//! A pen in the background, known by its pid file.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::address::Address;
use crate::control::Control;
use crate::process::Process;

/// A pen in the background that runs until it is stopped or dropped.
#[derive(Debug)]
pub struct Daemon {
    pub(crate) process: Process,
    pub(crate) control: Control,
    pub(crate) listen: Address,
    pub(crate) pid_file: PathBuf,
    pub(crate) directory: TempDir,
}

impl Daemon {
    /// The process.
    pub fn process(&self) -> Process {
        self.process
    }

    /// Where it listens.
    pub fn address(&self) -> &Address {
        &self.listen
    }

    /// The directory of sockets, logs and files.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The file with the process id.
    pub fn pid_file(&self) -> &Path {
        &self.pid_file
    }

    /// Ends it with TERM and waits until it is gone.
    #[track_caller]
    pub fn stop(&self) {
        self.process.end();
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }
}

impl Deref for Daemon {
    type Target = Control;

    fn deref(&self) -> &Control {
        &self.control
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.process.is_alive() {
            self.signal(Signal::SIGKILL);
        }
    }
}

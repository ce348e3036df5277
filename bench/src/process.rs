//! Programs that the benchmark starts, and ends again whatever happens.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::accounting::ProcessTree;
use crate::{Error, Result};

/// How long a program may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(5);

/// A running program. It ends with the value: asked first, and then by force with all processes that it has started.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    output: PathBuf,
}

impl Program {
    /// Starts it. What it prints goes to a file in `directory`, for the case that it fails.
    pub fn start(name: &str, mut command: Command, directory: &Path) -> Result<Program> {
        let output = directory.join(format!("{name}.output"));
        let file = File::create(&output).map_err(Error::doing(output.display().to_string()))?;
        let errors = file.try_clone().map_err(Error::doing(output.display().to_string()))?;
        command.stdin(Stdio::null()).stdout(file).stderr(errors);
        let child = command.spawn().map_err(Error::doing(format!("{name} cannot be started")))?;
        Ok(Program { name: name.to_owned(), child, output })
    }

    /// Its processes.
    pub fn tree(&self) -> ProcessTree {
        ProcessTree::of(self.child.id())
    }

    /// An error with its last words, if it has ended.
    pub fn expect_alive(&mut self) -> Result<()> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            _ => Err(Error::Ended { program: self.name.clone(), last_words: self.last_words() }),
        }
    }

    /// The last line that it has printed.
    pub fn last_words(&self) -> String {
        let printed = fs::read(&self.output).unwrap_or_default();
        let printed = String::from_utf8_lossy(&printed);
        let line = printed.lines().rev().find(|line| !line.trim().is_empty());
        line.map_or("it said nothing".to_owned(), |line| line.trim().escape_debug().to_string())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Asked now, because who is killed has no chance to end its children.
        let processes = self.tree().processes();
        signal(self.child.id(), Signal::SIGTERM);
        let limit = Instant::now() + GRACE;
        while Instant::now() < limit {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        for process in processes {
            signal(process, Signal::SIGKILL);
        }
        let _ = self.child.wait();
    }
}

fn signal(process: u32, signal: Signal) {
    if let Ok(id) = i32::try_from(process) {
        let _ = kill(Pid::from_raw(id), signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_program_ends_with_its_value() {
        let directory = tempfile::tempdir().unwrap();
        let mut program = Program::start("sleeper", shell("exec sleep 60"), directory.path()).unwrap();
        program.expect_alive().unwrap();
        let id = program.child.id();
        drop(program);
        assert!(!Path::new(&format!("/proc/{id}")).exists());
    }

    #[test]
    fn who_ends_early_is_told_with_its_last_words() {
        let directory = tempfile::tempdir().unwrap();
        let mut program =
            Program::start("mute", shell("echo first; echo no such file >&2; exit 1"), directory.path())
                .unwrap();
        program.child.wait().unwrap();
        let error = program.expect_alive().unwrap_err().to_string();
        assert_eq!(error, "mute ended at once: no such file");
    }

    #[test]
    fn a_program_that_is_missing_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let error = Program::start("nobody", Command::new("/does/not/exist"), directory.path()).unwrap_err();
        assert!(error.to_string().starts_with("nobody cannot be started: "), "{error}");
    }
}

//! Programs that are run to their end, and what they say meanwhile.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::wait::{LIMIT, within};

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit status; none after a signal.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// All that it said on standard output, where that was collected.
    pub stdout: String,
    /// All that it said on standard error.
    pub stderr: String,
}

impl Ended {
    /// The lines on standard error.
    pub fn complaints(&self) -> Vec<&str> {
        self.stderr.lines().collect()
    }
}

/// Runs a command until it ends by itself.
#[track_caller]
pub fn run_to_the_end(command: Command) -> Ended {
    run_within(ENDS_WITHIN, command, b"")
}

/// [`run_to_the_end`] with this on its standard input, which is less than a pipe holds.
#[track_caller]
pub fn run_with_input(command: Command, input: &[u8]) -> Ended {
    run_within(ENDS_WITHIN, command, input)
}

/// [`run_to_the_end`] for programs that take long to start on a busy machine, such as browsers.
#[track_caller]
pub fn run_patiently(command: Command) -> Ended {
    run_within(4 * LIMIT, command, b"")
}

#[track_caller]
fn run_within(limit: Duration, mut command: Command, input: &[u8]) -> Ended {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program can be run");
    // It need not read it.
    let _ = child.stdin.take().expect("stdin is piped").write_all(input);
    let stdout = Transcript::of(child.stdout.take().expect("stdout is piped"));
    let stderr = Transcript::of(child.stderr.take().expect("stderr is piped"));
    let ended = within(limit, || child.try_wait().expect("it is our child").is_some());
    if !ended {
        let _ = child.kill();
    }
    let status = child.wait().expect("it is our child");
    let (stdout, stderr) = (stdout.end(), stderr.end());
    assert!(ended, "{command:?} should have ended; it said: {stderr}");
    Ended { code: status.code(), signal: status.signal(), stdout, stderr }
}

/// Less than [`LIMIT`], because tables of wrong command lines wait for each.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// What a process says, collected while it runs.
pub struct Transcript {
    text: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

impl Transcript {
    /// Starts to collect.
    pub fn of(output: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let sink = Arc::clone(&text);
        let reader = thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                let mut text = sink.lock().expect("readers of the transcript do not panic");
                text.push_str(&String::from_utf8_lossy(&line));
                text.push('\n');
            }
        });
        Self { text, reader }
    }

    /// All so far.
    pub fn so_far(&self) -> String {
        self.text.lock().expect("the reader does not panic").clone()
    }

    /// All, once every process that held the output has let go of it.
    #[track_caller]
    pub fn end(self) -> String {
        let ended = within(LIMIT, || self.reader.is_finished());
        assert!(ended, "somebody holds the output open; so far: {}", self.so_far());
        self.reader.join().expect("the reader does not panic");
        self.text.lock().expect("the reader does not panic").clone()
    }
}

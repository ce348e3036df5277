//! `mergelogs`: merges the logs of several web servers by time, and puts the clients in from pen's log.

use std::process::ExitCode;

/// The program.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}

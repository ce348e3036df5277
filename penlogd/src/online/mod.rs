//! `penlogd`: receives pen's records and web servers' lines as datagrams, and writes one log.

use std::process::ExitCode;

/// The program.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}

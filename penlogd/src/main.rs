//! penlogd: merges log lines of web servers with the records of a pen, as they come.

use std::process::ExitCode;

fn main() -> ExitCode {
    merging::online::main()
}

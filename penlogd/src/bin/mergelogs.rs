//! mergelogs: merges log files of web servers with the request log of a pen.

use std::process::ExitCode;

fn main() -> ExitCode {
    merging::offline::main()
}

//! The program `pen`. All of it is in the library, where fuzz targets can reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    pen::main()
}

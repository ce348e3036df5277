//! The texts of `pen`, `pen --help` and `pen --version`, from the table of options.

use std::fmt::Write as _;

use super::table::{GROUPS, OptionRow};

/// Where the second column of `--help` begins.
const COLUMN: usize = 36;

const SYNOPSIS: &str = "\
usage: pen [options] [host:]port|/path/to/socket server [server ...]
       pen [options] -F file

A server is host[:port[:max[:hard[:weight[:prio]]]]], [v6addr]:port:... or /path/to/socket.
";

const EXAMPLE: &str = "
For example: pen 80 www1:8000:10 www2:80:10 www3

pen --help explains the options.
";

const SERVERS: &str = "\
max is how many connections it takes, hard how many when they are from clients that it knows;
weight and prio say what it gets in the modes of these names.
";

/// What `pen` alone prints.
pub fn usage() -> String {
    [SYNOPSIS, EXAMPLE].concat()
}

/// What `pen --help` prints.
pub fn help() -> String {
    let mut text = [SYNOPSIS, SERVERS].concat();
    for group in GROUPS {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{}:\n", group.title);
        for row in group.rows {
            let _ = writeln!(text, "{:COLUMN$}{}", spelling(row), row.about);
        }
    }
    text
}

/// What `pen --version` prints.
pub fn version() -> String {
    concat!("pen ", env!("CARGO_PKG_VERSION"), "\n").to_owned()
}

fn spelling(row: &OptionRow) -> String {
    let names = match (row.short, row.long) {
        (Some(short), Some(long)) => format!("  -{short}, --{long}"),
        (Some(short), None) => format!("  -{short}"),
        (None, long) => format!("      --{}", long.unwrap_or_default()),
    };
    match row.value {
        Some(value) => format!("{names} {value}"),
        None => names,
    }
}

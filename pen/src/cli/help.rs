//! The texts of `pen`, `pen --help` and `pen --version`, from the table of options.

use std::fmt::Write as _;

use super::table::{GROUPS, OptionRow};

/// Where the second column of `--help` begins.
const COLUMN: usize = 36;

/// What `pen` alone prints.
pub fn usage() -> String {
    "usage: pen [options] [host:]port|/path/to/socket server [server ...]\n\
     \x20      pen [options] -F file\n\
     \n\
     A server is host[:port[:max[:hard[:weight[:prio]]]]], [v6addr]:port:... or /path/to/socket.\n\
     \n\
     For example: pen 80 www1:8000:10 www2:80:10 www3\n"
        .to_owned()
        + "\npen --help explains the options.\n"
}

/// What `pen --help` prints.
pub fn help() -> String {
    let mut text = "usage: pen [options] [host:]port|/path/to/socket server [server ...]\n\
                    \x20      pen [options] -F file\n\
                    \n\
                    pen takes connections and passes each on to one of several servers.\n\
                    \n\
                    A server is host[:port[:max[:hard[:weight[:prio]]]]], [v6addr]:port:... or /path/to/socket: max is\n\
                    how many connections it takes, hard how many of clients that it knows; of lower prio is better.\n"
        .to_owned();
    for group in GROUPS {
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

//! What a program says to whoever started it, before it does anything else or instead of it.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use crate::escape::Line;
use crate::reason;

/// Prints a text that was asked for. The error is one line that says why that fails; a reader who has gone is none, since
/// who reads only the first lines has what they want.
pub fn print(text: &str) -> Result<(), String> {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(format!("cannot write: {}", reason(&error)))
        }
        _ => Ok(()),
    }
}

/// Says on standard error what is wrong: one line, in the name of the program.
pub fn complain(program: &str, what: impl Display) {
    // There is nobody left to tell if this fails; the exit status still speaks.
    let _ = writeln!(io::stderr(), "{program}: {}", Line(what));
}

//! Lines of commands in the making: none can be forged by the text within it.

use std::fmt::{Display, Write};

use common::command::{Command, parse};
use common::escape::Line;

/// Lines, each with its newline.
#[derive(Debug, Default)]
pub struct Lines(String);

impl Lines {
    /// Appends a line that is made of words, numbers and addresses.
    pub fn say(&mut self, line: impl Display) {
        // A string takes whatever is written.
        let _ = writeln!(self.0, "{line}");
    }

    /// Appends a switch, on or off.
    pub fn switch(&mut self, name: &str, on: bool) {
        self.say(format_args!("{}{name}", if on { "" } else { "no " }));
    }

    /// Appends a line with text from outside in it, such as a path, if it is read as what it is meant to be.
    pub fn say_as(&mut self, line: String, is_meant: impl FnOnce(&Command) -> bool) -> Result<(), String> {
        let is_one_line = !line.contains(['\n', '\r']);
        match parse(&line) {
            Ok(Some(command)) if is_one_line && is_meant(&command) => {
                self.say(line);
                Ok(())
            }
            _ => Err(format!(
                "'{}' would be read as something else: a file of commands cannot say such a name",
                Line(line)
            )),
        }
    }

    /// The whole.
    pub fn into_text(self) -> String {
        self.0
    }
}

//! penctl's options: one table, from which the parser, the help text, completion and manual come.

use std::fmt::Write;

use crate::generate::KINDS;
use crate::report;

pub const USAGE: &str = "usage: penctl [options] [host:port|/path/to/socket] [command [word ...]]";

/// What an option asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    Json,
    Table,
    Generate,
    Help,
    Version,
}

/// An option.
#[derive(Debug)]
pub struct Row {
    pub flag: Flag,
    /// With its dashes.
    pub name: &'static str,
    /// What its value is called, if it has one.
    pub value: Option<&'static str>,
    /// What it does, on one line.
    pub about: &'static str,
}

pub static OPTIONS: &[Row] = &[
    Row { flag: Flag::Json, name: "--json", value: None, about: "Prints the answer as JSON" },
    Row { flag: Flag::Table, name: "--table", value: None, about: "Prints the answer as tables" },
    Row {
        flag: Flag::Generate,
        name: "--generate",
        value: Some("KIND"),
        about: "Prints a file that belongs to penctl",
    },
    Row { flag: Flag::Help, name: "--help", value: None, about: "Prints a short help" },
    Row { flag: Flag::Version, name: "--version", value: None, about: "Prints the version" },
];

/// The only command that is penctl's own.
pub const TOP: &str = "top";

/// The option of this name.
pub fn find(name: &str) -> Option<&'static Row> {
    OPTIONS.iter().find(|row| row.name == name)
}

impl Row {
    /// `--name VALUE`.
    pub fn usage(&self) -> String {
        format!("{} {}", self.name, self.value.unwrap_or_default()).trim_end().to_owned()
    }
}

/// The text of `--help`.
pub fn help() -> String {
    let mut text = format!("{USAGE}\n{INTRODUCTION}\n");
    let mut line = |name: &str, about: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name:<24}{about}");
    };
    for row in OPTIONS {
        line(&row.usage(), row.about);
        for kind in KINDS.iter().filter(|_| row.flag == Flag::Generate) {
            line(&format!("    {}", kind.name), kind.about);
        }
    }
    _ = writeln!(text, "\n--json and --table go with {},\nalso after 'service NAME'.", report::COMMANDS);
    text + ENVIRONMENT
}

const INTRODUCTION: &str = "
Sends a command to a running pen and prints the answer.

  penctl ADDRESS help     lists the commands
  penctl ADDRESS top      shows a live view, which '?' explains and 'q' leaves
  penctl ADDRESS          sends commands from standard input, one a line

Without an address (a first word without ':' or '/') it is $PEN_CONTROL, else /run/pen/control.
";

const ENVIRONMENT: &str = "\
$NO_COLOR, if it is not empty, has 'top' do without colours.

Exit status: 0 done, 1 refused by pen, 2 usage, 3 cannot connect or no complete answer.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_names_every_option_and_kind_within_a_terminal_of_usual_width() {
        let help = help();
        for name in OPTIONS.iter().map(|row| row.name).chain(KINDS.iter().map(|kind| kind.name)) {
            assert!(help.contains(&format!(" {name} ")), "{name}");
        }
        assert!(help.lines().all(|line| line.len() <= 100 && line.trim_end() == line), "{help}");
    }

    #[test]
    fn names_are_unique_and_begin_with_dashes() {
        for row in OPTIONS {
            assert!(row.name.starts_with("--"));
            assert_eq!(find(row.name).unwrap().flag, row.flag);
        }
    }
}

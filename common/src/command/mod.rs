//! pen's language: every command is one row of one table, from which the parser and the help text come.
//!
//! What a command does is not here: pen matches [`Command`] exhaustively. To add a command, write its row in the
//! file of its family, a variant of [`Command`] (or of one of its enums), and the arm in pen that the compiler asks for.

use std::ops::RangeInclusive;

mod access;
mod forwarding;
mod health;
mod help;
mod http;
mod inspect;
mod later;
mod limits;
mod manual;
mod parse;
mod process;
mod selection;
mod servers;
mod services;
mod tls;
mod typed;
mod udp;
mod words;

pub use health::CHECKS;
pub use help::help;
pub use manual::manual;
pub use parse::{CommandError, parse};
pub use typed::*;

use words::{Problem, Words};

/// One command of the language.
#[derive(Debug)]
pub struct Row {
    /// Its first word.
    pub name: &'static str,
    /// What follows the name, as usage shows it.
    pub args: &'static str,
    /// How its words are read.
    form: Form,
    /// What it speaks of.
    pub scope: Scope,
    /// When it can be given.
    pub when: When,
    /// What it does, on one line; the default value of a setting in parentheses.
    pub about: &'static str,
    /// What an admin needs to know beyond that: paragraphs, a line each. A line `* TERM: TEXT` is an item of a list, and
    /// words in backquotes are meant literally.
    pub details: &'static str,
}

/// What a command speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole process.
    Process,
    /// One service.
    Service,
}

/// When a command can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At any time.
    Live,
    /// Only on the command line and in the file that pen starts with.
    AtStart,
}

/// Rows that belong together, under the title that they have in help and manual.
#[derive(Debug)]
pub struct Family {
    /// The title.
    pub title: &'static str,
    /// The rows, sorted by name.
    pub rows: &'static [Row],
}

/// The table.
pub static FAMILIES: &[Family] = &[
    Family { title: "Servers", rows: servers::ROWS },
    Family { title: "Selecting a server", rows: selection::ROWS },
    Family { title: "Health of servers", rows: health::ROWS },
    Family { title: "Forwarding", rows: forwarding::ROWS },
    Family { title: "What servers are told of clients", rows: http::ROWS },
    Family { title: "TLS", rows: tls::ROWS },
    Family { title: "UDP", rows: udp::ROWS },
    Family { title: "Several services", rows: services::ROWS },
    Family { title: "Times and limits", rows: limits::ROWS },
    Family { title: "Who may do what", rows: access::ROWS },
    Family { title: "Looking inside", rows: inspect::ROWS },
    Family { title: "The process", rows: process::ROWS },
    Family { title: "Accepted for old files, without effect", rows: process::IGNORED },
];

/// A year, the longest time that can be set.
const LONGEST: u32 = 365 * 86_400;

/// How the words after a command's name are read.
#[derive(Clone, Debug)]
enum Form {
    /// `NAME` and `no NAME` turn something on and off.
    Switch(Switch),
    /// `NAME` asks, `NAME N` sets.
    Number(Number, RangeInclusive<u32>),
    /// `NAME` asks, `NAME PATH` sets, `no NAME` removes.
    TlsFile(TlsFile),
    /// `NAME …` only.
    Plain(Parse),
    /// `NAME …` and `no NAME …`.
    Negatable {
        parse: Parse,
        no: Parse,
        /// What follows `no NAME`, as usage shows it.
        no_args: &'static str,
    },
    /// `NAME` and `no NAME` do nothing.
    Ignored,
    /// `NAME N` does nothing.
    IgnoredNumber(RangeInclusive<u32>),
}

type Parse = fn(&mut Words<'_>) -> Result<Command, Problem>;

impl Row {
    /// The row of this name.
    pub fn find(name: &str) -> Option<&'static Row> {
        FAMILIES.iter().flat_map(|family| family.rows).find(|row| row.name == name)
    }

    /// Whether it does nothing, and is there for old files only.
    pub fn is_ignored(&self) -> bool {
        matches!(self.form, Form::Ignored | Form::IgnoredNumber(_))
    }

    /// `NAME ARGS`.
    pub fn usage(&self) -> String {
        format!("{} {}", self.name, self.args).trim_end().to_owned()
    }

    /// What follows `no NAME`, of a row that has this form.
    pub fn negated_args(&self) -> Option<&'static str> {
        match self.form {
            Form::Switch(_) | Form::TlsFile(_) | Form::Ignored => Some(""),
            Form::Negatable { no_args, .. } => Some(no_args),
            Form::Number(..) | Form::Plain(_) | Form::IgnoredNumber(_) => None,
        }
    }

    /// `no NAME ARGS`, of a row that has this form.
    pub fn negated_usage(&self) -> Option<String> {
        let args = self.negated_args()?;
        Some(format!("no {} {args}", self.name).trim_end().to_owned())
    }

    /// The default value of a setting, in words.
    pub fn default(&self) -> Option<&'static str> {
        self.about_and_default().1
    }

    fn about_and_default(&self) -> (&'static str, Option<&'static str>) {
        match self.about.strip_suffix(')').and_then(|about| about.rsplit_once(" (")) {
            Some((about, default)) => (about, Some(default)),
            None => (self.about, None),
        }
    }

    /// The least and the greatest value of a number.
    fn range(&self) -> Option<&RangeInclusive<u32>> {
        match &self.form {
            Form::Number(_, range) => Some(range),
            _ => None,
        }
    }
}

impl PartialEq for Row {
    /// Names are unique in the table.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Row {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn rows() -> impl Iterator<Item = &'static Row> {
        FAMILIES.iter().flat_map(|family| family.rows)
    }

    #[test]
    fn names_are_unique() {
        let mut seen = BTreeSet::new();
        for name in rows().map(|row| row.name).chain(later::LATER.iter().map(|(name, _)| *name)) {
            assert!(seen.insert(name), "{name} stands twice in the table");
        }
    }

    #[test]
    fn families_are_sorted_by_name() {
        for family in FAMILIES {
            assert!(family.rows.is_sorted_by_key(|row| row.name), "{}", family.title);
        }
        assert!(later::LATER.is_sorted());
    }

    #[test]
    fn names_are_words_and_no_is_none_of_them() {
        for row in rows() {
            assert!(row.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{}", row.name);
            assert_ne!(row.name, "no");
        }
    }

    #[test]
    fn every_row_is_explained_on_one_line() {
        for row in rows() {
            let about = row.about;
            assert!(!about.is_empty() && about.len() <= 90, "{}: {} bytes", row.name, about.len());
            assert!(!about.contains('\n') && !about.ends_with('.') && about.trim() == about, "{}", row.name);
        }
    }

    #[test]
    fn details_are_plain_paragraphs() {
        for row in rows() {
            let details = row.details;
            assert!(
                details.is_ascii() && details.trim() == details && !details.contains("  "),
                "{}",
                row.name
            );
            assert_eq!(details.matches('`').count() % 2, 0, "{}", row.name);
            for line in details.lines().filter(|line| !line.starts_with("* ")) {
                assert!(line.ends_with('.'), "{}: {line}", row.name);
            }
            for item in details.lines().filter_map(|line| line.strip_prefix("* ")) {
                assert!(item.contains(": "), "{}: {item}", row.name);
            }
        }
    }

    #[test]
    fn the_page_of_commands_knows_every_row() {
        let page = include_str!("../../../docs/commands.md");
        for row in rows() {
            let is_there = [" ", "`", "\\|"].iter().any(|end| page.contains(&format!("`{}{end}", row.name)));
            assert!(is_there, "docs/commands.md does not mention '{}'", row.name);
        }
    }

    #[test]
    fn the_words_of_a_form_fit_its_usage() {
        for row in rows() {
            match row.form {
                Form::Switch(_) | Form::Ignored => assert_eq!(row.args, "", "{}", row.name),
                Form::Number(_, ref range) => {
                    assert!(row.args == "[N]" || row.args == "[T]", "{}", row.name);
                    assert!(!range.is_empty(), "{}", row.name);
                }
                Form::TlsFile(_) => assert!(row.args == "[FILE]" || row.args == "[DIR]", "{}", row.name),
                Form::IgnoredNumber(_) => assert_eq!(row.args.len(), 1, "{}", row.name),
                Form::Plain(_) | Form::Negatable { .. } => {}
            }
        }
    }
}

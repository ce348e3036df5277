//! Files that are made from the table of commands and the table of options, so that they cannot be wrong about them.

mod bash;
mod completion;
mod fish;
mod grammar;
mod zsh;

use crate::manual;

/// A kind of file.
#[derive(Debug)]
pub struct Kind {
    /// The value of `--generate`.
    pub name: &'static str,
    /// What it is, on one line.
    pub about: &'static str,
    /// Renders it.
    pub render: fn() -> String,
}

pub static KINDS: &[Kind] = &[
    Kind { name: "complete-bash", about: "completion for bash", render: bash::render },
    Kind { name: "complete-fish", about: "completion for fish", render: fish::render },
    Kind { name: "complete-zsh", about: "completion for zsh", render: zsh::render },
    Kind { name: "man", about: "the manual page penctl(1)", render: manual::penctl },
    Kind { name: "man-pen.conf", about: "the manual page pen.conf(5)", render: manual::pen_conf },
];

/// The kind of this name.
pub fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// All names, for people.
pub fn names() -> String {
    let names: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

impl PartialEq for Kind {
    /// Names are unique.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Kind {}

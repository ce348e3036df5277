//! Files that are made from tables, so that they cannot be wrong about them.

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
    Kind { name: "man", about: "the manual page penctl(1)", render: manual::penctl },
    Kind { name: "man-pen.conf", about: "the manual page pen.conf(5)", render: manual::pen_conf },
];

/// The kind of this name.
pub fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

impl PartialEq for Kind {
    /// Names are unique.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Kind {}

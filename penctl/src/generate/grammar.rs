//! What may stand where in a command, read from the usage that the table of commands shows: lower-case words stand for
//! themselves, upper-case ones for values. Completion is made from this.

use common::command::{CHECKS, FAMILIES, Row, Scope};

use crate::options::TOP;
use crate::report::Subject;

/// A command, or a command's `no` form.
#[derive(Debug)]
pub struct Entry {
    /// `blacklist`, `no server`.
    pub name: String,
    /// What it does.
    pub about: &'static str,
    /// What it speaks of; `None`: it is penctl's own.
    pub scope: Option<Scope>,
    pub syntax: Syntax,
}

/// What follows the name.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Syntax {
    /// What may stand in each place, one after the other.
    pub places: Vec<Place>,
    /// Words that follow then, each with a value after it, in any order.
    pub attributes: Vec<&'static str>,
}

/// What may stand in a place.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// These words.
    pub words: Vec<&'static str>,
    /// The name of a file or directory.
    pub file: bool,
    /// A command.
    pub command: bool,
}

/// All commands that do something, and their `no` forms.
pub fn entries() -> Vec<Entry> {
    let rows = FAMILIES.iter().flat_map(|family| family.rows).filter(|row| !row.is_ignored());
    let entry = |row: &'static Row, name, args: &'static str| Entry {
        name,
        about: row.about,
        scope: Some(row.scope),
        syntax: Syntax::read(args),
    };
    let positive = rows.clone().map(|row| entry(row, row.name.to_owned(), row.args));
    let negative = rows.filter_map(|row| Some(entry(row, format!("no {}", row.name), row.negated_args()?)));
    let top =
        Entry { name: TOP.to_owned(), about: "Shows a live view", scope: None, syntax: Syntax::default() };
    positive.chain(negative).chain([top]).collect()
}

impl Entry {
    /// Whether `--json` and `--table` go with it.
    pub fn has_forms(&self) -> bool {
        Subject::of(&self.name).is_ok()
    }

    /// The command without its `no`, if it has one.
    pub fn negated(&self) -> Option<&str> {
        self.name.strip_prefix("no ")
    }
}

impl Syntax {
    fn read(args: &'static str) -> Syntax {
        let mut syntax = Syntax::default();
        for part in parts(args) {
            match inner(part).split_once(' ') {
                Some((attribute, _)) => syntax.attributes.push(attribute),
                None => syntax.add_place(part),
            }
        }
        syntax
    }

    /// In `accept ACL|send` the words beside a value are beside the word before it, whose value that is.
    fn add_place(&mut self, part: &'static str) {
        let mut place = Place::read(part);
        let has_value = inner(part).split('|').any(|word| !is_fixed(word));
        if let Some(before) = self.places.last_mut().filter(|before| has_value && !before.words.is_empty()) {
            before.words.append(&mut place.words);
        }
        self.places.push(place);
    }
}

impl Place {
    fn read(part: &'static str) -> Place {
        let mut place = Place::default();
        for word in inner(part).split('|') {
            match word {
                "FILE" | "DIR" => place.file = true,
                "COMMAND" => place.command = true,
                "CHECK" => place.words.extend(CHECKS),
                _ if is_fixed(word) => place.words.push(word),
                _ => {}
            }
        }
        place
    }
}

/// What blanks outside of brackets separate.
fn parts(args: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (at, c) in args.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            ' ' if depth == 0 => {
                parts.push(&args[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&args[start..]);
    parts.retain(|part| !part.is_empty());
    parts
}

/// Without the brackets of what may be left out.
fn inner(part: &str) -> &str {
    part.strip_prefix('[').and_then(|part| part.strip_suffix(']')).unwrap_or(part)
}

fn is_fixed(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || b"-_0123456789".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&'static str]) -> Place {
        Place { words: words.to_vec(), ..Place::default() }
    }

    #[test]
    fn fixed_words_files_commands_and_attributes_are_found_in_a_usage() {
        let read = |args| Syntax::read(args);
        let value = || words(&[]);
        let file = || Place { file: true, ..value() };
        let command = Place { command: true, ..value() };
        for (args, places, attributes) in [
            ("", vec![], vec![]),
            ("[html|json]", vec![words(&["html", "json"])], vec![]),
            ("[N|auto]", vec![words(&["auto"])], vec![]),
            (
                "N permit|deny ADDR[/LEN] [MASK]",
                vec![value(), words(&["permit", "deny"]), value(), value()],
                vec![],
            ),
            ("[FILE|HOST:PORT] [connections]", vec![file(), words(&["connections"])], vec![]),
            ("[DIR]", vec![file()], vec![]),
            ("accept ACL|send|send-v2", vec![words(&["accept", "send", "send-v2"]), value()], vec![]),
            ("NAME [COMMAND]", vec![value(), command], vec![]),
            ("[ADDR...]", vec![value()], vec![]),
            ("N [name NAME] [max M]", vec![value()], vec!["name", "max"]),
            ("CHECK [port P]", vec![words(CHECKS)], vec!["port"]),
            (
                "sni|rdp [fold] [short]",
                vec![words(&["sni", "rdp"]), words(&["fold"]), words(&["short"])],
                vec![],
            ),
        ] {
            assert_eq!(read(args), Syntax { places, attributes }, "{args}");
        }
    }

    #[test]
    fn every_command_is_there_with_its_no_form_but_those_that_do_nothing() {
        let entries = entries();
        let named = |name: &str| entries.iter().find(|entry| entry.name == name);
        for name in ["status", "server", "no server", "hash", "no hash", "top", "no acl"] {
            assert!(named(name).is_some(), "{name}");
        }
        for name in ["epoll", "no epoll", "no status", "no top"] {
            assert!(named(name).is_none(), "{name}");
        }
        assert!(named("servers").unwrap().has_forms() && !named("mode").unwrap().has_forms());
        assert!(named("server").unwrap().syntax.attributes.contains(&"weight"));
        assert_eq!(named("no server").unwrap().syntax.places.len(), 1);
    }
}

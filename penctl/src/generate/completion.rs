//! What completion has to say in any shell, by the names of the places for it in the templates.

use common::command::Scope;

use super::KINDS;
use super::grammar::{Entry, Place, Syntax, entries};
use crate::address::DEFAULT_CONTROL;
use crate::options::OPTIONS;

/// How a shell writes it.
pub struct Shell {
    pub template: &'static str,
    /// A list of words, each with what it means or with nothing.
    pub list: fn(&[(&str, &str)]) -> String,
    /// What `list` says in place `number` of a command, besides files if `files`.
    pub place: fn(name: &str, number: usize, list: Option<&str>, files: bool) -> String,
    /// The attributes of a command, of which the first stands in place `number`.
    pub attributes: fn(name: &str, number: usize, list: &str) -> String,
}

/// Fills a shell's template.
pub fn render(shell: &Shell) -> String {
    let entries = entries();
    let is_of_service = |entry: &&Entry| entry.scope == Some(Scope::Service);
    let positive = || entries.iter().filter(|entry| entry.negated().is_none());
    let negative = || entries.iter().filter_map(|entry| Some((entry.negated()?, entry)));
    let described = |entry: &'_ Entry| (entry.name.clone(), entry.about);
    let list = |words: Vec<(String, &str)>| {
        (shell.list)(&words.iter().map(|(word, about)| (word.as_str(), *about)).collect::<Vec<_>>())
    };
    let no = || ("no".to_owned(), "Takes something back");
    let fills = [
        ("commands", list(positive().map(described).chain([no()]).collect())),
        ("service_commands", list(positive().filter(is_of_service).map(described).chain([no()]).collect())),
        ("forms", list(positive().filter(|entry| entry.has_forms()).map(described).collect())),
        (
            "service_forms",
            list(positive().filter(is_of_service).filter(|entry| entry.has_forms()).map(described).collect()),
        ),
        ("negated", list(negative().map(|(name, entry)| (name.to_owned(), entry.about)).collect())),
        (
            "service_negated",
            list(
                negative()
                    .filter(|(_, entry)| is_of_service(entry))
                    .map(|(name, entry)| (name.to_owned(), entry.about))
                    .collect(),
            ),
        ),
        ("options", list(OPTIONS.iter().map(|row| (row.name.to_owned(), row.about)).collect())),
        ("kinds", list(KINDS.iter().map(|kind| (kind.name.to_owned(), kind.about)).collect())),
        ("places", entries.iter().map(|entry| places(shell, entry, &entries)).collect()),
        ("attributes", entries.iter().map(|entry| attributes(shell, entry)).collect()),
        ("control", DEFAULT_CONTROL.to_owned()),
    ];
    fill(shell.template, &fills)
}

/// Puts texts in the places of a template that are called `@NAME@`; one that has a line for itself is made of lines.
fn fill(template: &str, fills: &[(&str, String)]) -> String {
    fills.iter().fold(template.to_owned(), |text, (name, fill)| {
        text.replace(&format!("\n@{name}@\n"), &format!("\n{fill}")).replace(&format!("@{name}@"), fill)
    })
}

fn places(shell: &Shell, entry: &Entry, entries: &[Entry]) -> String {
    let Entry { name, syntax: Syntax { places, .. }, .. } = entry;
    let line = |(number, place): (usize, &Place)| {
        let mut words: Vec<(&str, &str)> = place.words.iter().map(|word| (*word, "")).collect();
        // What follows 'service NAME' begins anew, and is no matter of its place.
        if place.command && name != "service" {
            let commands = entries.iter().filter(|entry| entry.scope.is_some() && entry.negated().is_none());
            words.extend(commands.map(|entry| (entry.name.as_str(), entry.about)));
        }
        let list = (!words.is_empty()).then(|| (shell.list)(&words));
        match (list, place.file) {
            (None, false) => String::new(),
            (list, file) => (shell.place)(name, number, list.as_deref(), file),
        }
    };
    (1..).zip(places).map(line).collect()
}

fn attributes(shell: &Shell, entry: &Entry) -> String {
    let Entry { name, syntax: Syntax { places, attributes }, .. } = entry;
    if attributes.is_empty() {
        return String::new();
    }
    let words: Vec<(&str, &str)> = attributes.iter().map(|word| (*word, "")).collect();
    (shell.attributes)(name, places.len() + 1, &(shell.list)(&words))
}

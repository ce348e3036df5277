//! Completion for fish.

use super::completion::{self, Shell};

/// Renders it.
pub fn render() -> String {
    completion::render(&Shell {
        template: include_str!("penctl.fish.in"),
        list: |words| words.iter().map(item).collect::<Vec<_>>().join(" "),
        place: |name, number, list, files| {
            let list = list.map(|list| format!(" printf '{}' {list};", shape(list))).unwrap_or_default();
            let files = if files { " __fish_complete_path (commandline -ct);" } else { "" };
            let lines = format!("{list}{files}");
            format!("        case '{name}:{number}'\n           {}\n", lines.trim_end_matches(';'))
        },
        attributes: |name, number, list| {
            format!("        case '{name}'\n            printf '%s\\n' {number} {list}\n")
        },
    })
}

/// `word 'what it means'`
fn item((word, about): &(&str, &str)) -> String {
    if about.is_empty() {
        return (*word).to_owned();
    }
    format!("{word} '{}'", about.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// How a list of items is printed: with what they mean, or without.
fn shape(list: &str) -> &'static str {
    if list.contains('\'') { "%s\\t%s\\n" } else { "%s\\n" }
}

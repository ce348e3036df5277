//! Completion for bash.

use super::completion::{self, Shell};

/// Renders it.
pub fn render() -> String {
    completion::render(&Shell {
        template: include_str!("penctl.bash.in"),
        list: |words| words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(" "),
        place: |name, number, list, files| {
            let list = list.map(|list| format!(" candidates='{list}';")).unwrap_or_default();
            let files = if files { " files=yes;" } else { "" };
            format!("        '{name}:{number}'){list}{files};\n")
        },
        attributes: |name, number, list| format!("        '{name}') attributes='{list}' first={number};;\n"),
    })
}

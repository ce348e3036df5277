//! Completion for zsh.

use super::completion::{self, Shell};

/// Renders it.
pub fn render() -> String {
    completion::render(&Shell {
        template: include_str!("penctl.zsh.in"),
        list: |words| words.iter().map(item).collect::<Vec<_>>().join(" "),
        place: |name, number, list, files| {
            let list = list.map(|list| format!(" candidates=({list});")).unwrap_or_default();
            let files = if files { " files=yes;" } else { "" };
            format!("        '{name}:{number}'){list}{files};\n")
        },
        attributes: |name, number, list| format!("        '{name}') attributes=({list}) first={number};;\n"),
    })
}

/// `'word:what it means'`
fn item((word, about): &(&str, &str)) -> String {
    if about.is_empty() {
        return (*word).to_owned();
    }
    format!("'{word}:{}'", about.replace(':', "\\:").replace('\'', "'\\''"))
}

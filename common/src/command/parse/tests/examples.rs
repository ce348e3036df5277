//! The lines of pen's language that the documents show.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::parse;
use crate::command::Row;

/// The README and the pages of docs/.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let pages = fs::read_dir(root.join("docs")).expect("the documents are there");
    let pages = pages.map(|page| page.expect("it can be listed").path());
    pages
        .chain([root.join("README.md")])
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .collect()
}

/// Whether it is a line of pen's: not one of nginx's (`listen 80;`), nor of haproxy's, which are indented further, nor one of
/// pen's log (`server 2 of web: …`).
fn is_of_pen(line: &str) -> bool {
    let is_command = line.split(' ').next().is_some_and(|word| Row::find(word).is_some());
    is_command && !line.ends_with([';', '{']) && !line.contains(" of ")
}

#[test]
fn examples_can_be_copied() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for path in documents() {
        let text = fs::read_to_string(&path).expect("it can be read");
        for line in text.lines().filter_map(|line| line.strip_prefix("    ")).filter(|line| is_of_pen(line)) {
            seen += 1;
            if let Err(error) = parse(line) {
                wrong.push(format!("{}: {line}: {}", path.display(), error.reason()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(seen > 20, "{seen}");
}

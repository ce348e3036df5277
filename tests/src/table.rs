//! Tables of bad input: what is wrong on a line, and indented below it what is said of that. Lines with `#` are comments.

/// The rows of a table: an input and what is said of it.
#[track_caller]
pub fn rows(table: &str) -> Vec<(&str, &str)> {
    let mut lines = table.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut rows = Vec::new();
    while let Some(input) = lines.next() {
        let said = lines.next().and_then(|line| line.strip_prefix("    "));
        rows.push((input, said.unwrap_or_else(|| panic!("{input}: an indented line must follow"))));
    }
    assert!(!rows.is_empty());
    rows
}

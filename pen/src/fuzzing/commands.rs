//! A line of the language.

use common::command::{Command, CommandError, Row, parse};
use common::escape::Line;

use super::expect_one_plain_line;

/// Any text as a command: it is one, or nothing, or wrong, which one plain line says.
pub fn command(bytes: &[u8]) {
    let Ok(line) = std::str::from_utf8(bytes) else { return };
    match parse(line) {
        Ok(None) => assert!(is_silent(line), "{line:?} is taken for nothing"),
        Ok(Some(command)) => {
            assert!(!is_silent(line), "{line:?} is taken for a command");
            assert_eq!(parse(&format!(" \t{} \t", line.trim_end_matches('\r'))), Ok(Some(command)));
        }
        Err(error) => expect_explained(&error),
    }
    for word in line.split([' ', '\t', '\r']) {
        expect_help(word);
    }
}

/// Whether nothing is to be done: an empty line, a comment.
fn is_silent(line: &str) -> bool {
    let line = line.strip_suffix('\r').unwrap_or(line).trim_matches([' ', '\t']);
    line.is_empty() || line.starts_with('#')
}

/// The answer must be one that penctl and old scripts recognize.
fn expect_explained(error: &CommandError) {
    // What it quotes is escaped where it is said.
    let answer = Line(error).to_string();
    expect_one_plain_line(&answer);
    let is_unknown = matches!(error, CommandError::Unknown(_));
    let beginning = if is_unknown { "do_cmd: ignoring command starting with '" } else { "error: " };
    assert!(answer.starts_with(beginning), "{answer}");
    let reason = error.reason();
    assert!(!reason.is_empty() && !reason.contains(['\n', '\r']), "{reason:?}");
    assert!(!reason.starts_with("error: ") && !reason.starts_with("do_cmd: "), "{reason}");
}

/// `help WORD` must explain every command, and nothing else.
fn expect_help(word: &str) {
    let asked = parse(&format!("help {word}"));
    match Row::find(word) {
        Some(row) => {
            assert_eq!(asked, Ok(Some(Command::Help(Some(row)))));
            assert!(row.help().starts_with(&row.usage()), "{}", row.help());
        }
        None => assert!(!matches!(asked, Ok(Some(Command::Help(Some(_))))), "help for {word:?}: {asked:?}"),
    }
}

//! Commands that nobody waits for an answer of: in files (`-F`, HUP, `include`) and in options. A file goes into a draft whole, or
//! the draft is dropped.

use std::io::Read;
use std::path::Path;

use common::command::{Command, parse};
use common::reason;

use super::apply::{Action, Outcome, apply};
use super::draft::Draft;

/// How deep files may include each other.
const DEEPEST: usize = 8;
/// A configuration of this size is a mistake (as `/dev/zero` is).
const LARGEST: u64 = 16 * 1024 * 1024;

/// Applies the file's commands to the draft. The error names the file and the line.
pub fn read(path: &Path, draft: &mut Draft) -> Result<(), String> {
    draft.within_file(|draft| read_nested(path, draft, 1))
}

/// Runs a command of the command line, which speaks of the command line's service.
pub fn run(command: Command, draft: &mut Draft) -> Result<(), String> {
    draft.within_subject(|draft| run_nested(command, draft, 0))
}

fn read_nested(path: &Path, draft: &mut Draft, depth: usize) -> Result<(), String> {
    let text = contents(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    for (number, line) in (1..).zip(text.lines()) {
        run_line(line, draft, depth).map_err(|error| format!("{}:{number}: {error}", path.display()))?;
    }
    Ok(())
}

fn run_line(line: &str, draft: &mut Draft, depth: usize) -> Result<(), String> {
    match parse(line).map_err(|error| error.reason())? {
        Some(command) => run_nested(command, draft, depth),
        None => Ok(()),
    }
}

/// `depth`: of the files that the command stands in; 0 for none.
fn run_nested(command: Command, draft: &mut Draft, depth: usize) -> Result<(), String> {
    match apply(command, draft)? {
        // Nobody is there to be answered.
        Outcome::Done | Outcome::Answer(_) | Outcome::ListeningAddresses(_) | Outcome::WebAddress => Ok(()),
        Outcome::Action(Action::Include(_)) if depth == DEEPEST => {
            Err(format!("files include each other more than {DEEPEST} deep"))
        }
        Outcome::Action(Action::Include(file)) => {
            draft.within_file(|draft| read_nested(&file, draft, depth + 1))
        }
        Outcome::Action(Action::Close(_)) => Err("'close' is for the control port only".to_owned()),
        Outcome::Action(Action::Write(_)) => Err("'write' is for the control port only".to_owned()),
        Outcome::Action(Action::Exit) => Err("'exit' is for the control port only".to_owned()),
    }
}

fn contents(path: &Path) -> Result<String, String> {
    let plain = |error: std::io::Error| reason(&error);
    if !std::fs::metadata(path).map_err(plain)?.is_file() {
        return Err("not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(plain)?;
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(plain)?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("larger than {LARGEST} bytes"));
    }
    String::from_utf8(bytes)
        .map_err(|error| format!("not UTF-8 text after byte {}", error.utf8_error().valid_up_to()))
}

#[cfg(test)]
mod tests;

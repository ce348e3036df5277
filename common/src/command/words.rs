//! The words of a line, taken one by one; what is wrong with them.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use super::{AclNumber, CommandError, Setting};
use crate::addr::decimal;
use crate::quoted::Quoted;

/// What is left of a line.
pub(super) struct Words<'a> {
    rest: &'a str,
}

/// Why words are not a command.
#[derive(Debug)]
pub(super) enum Problem {
    /// What is wrong and what would be right.
    Wrong(String),
    /// The same of a command within the command.
    Within(CommandError),
    /// The words ask for a capability that comes later.
    Later { words: &'static str, capability: &'static str },
}

impl<'a> Words<'a> {
    pub(super) fn new(line: &'a str) -> Self {
        Words { rest: trimmed(line) }
    }

    /// The next word, which must be there; `what` names it for people.
    pub(super) fn need(&mut self, what: &str) -> Result<&'a str, Problem> {
        self.next().ok_or_else(|| Problem::Wrong(format!("missing {what}")))
    }

    /// The next word as a number, which must be there.
    pub(super) fn need_number(&mut self, what: &str, range: &RangeInclusive<u32>) -> Result<u32, Problem> {
        let word = self.need(what)?;
        number(what, word, range)
    }

    /// The next word as a number, if there is one.
    pub(super) fn number(&mut self, what: &str, range: &RangeInclusive<u32>) -> Result<Option<u32>, Problem> {
        self.next().map(|word| number(what, word, range)).transpose()
    }

    /// The next word as the number of an access list, which must be there.
    pub(super) fn need_acl(&mut self, what: &str) -> Result<AclNumber, Problem> {
        let word = self.need(what)?;
        acl_number(what, word)
    }

    /// The next word as something that reads itself, which must be there.
    pub(super) fn need_parsed<T>(&mut self, what: &str) -> Result<T, Problem>
    where
        T: FromStr<Err: Display>,
    {
        parsed(self.need(what)?)
    }

    /// The next word, or what stands in quotes there, which must be there.
    pub(super) fn text(&mut self, what: &str) -> Result<Quoted, Problem> {
        if !self.rest.starts_with('"') {
            return self.need(what).map(Quoted::new);
        }
        let (text, rest) = Quoted::read(self.rest).map_err(|error| Problem::Wrong(error.to_string()))?;
        if !rest.is_empty() && !rest.starts_with(BLANKS) {
            return Err(Problem::Wrong(format!("no blank before '{rest}', behind a text in quotes")));
        }
        self.rest = trimmed(rest);
        Ok(text)
    }

    /// All that is left: file names may have blanks inside.
    pub(super) fn rest(&mut self) -> Option<&'a str> {
        let rest = std::mem::take(&mut self.rest);
        (!rest.is_empty()).then_some(rest)
    }

    /// All that is left as the value of a setting; nothing asks for it.
    pub(super) fn setting<T>(&mut self, value: impl FnOnce(&'a str) -> T) -> Setting<T> {
        self.rest().map_or(Setting::Show, |rest| Setting::Set(value(rest)))
    }

    /// Takes these words, if they come next.
    pub(super) fn skip(&mut self, words: &str) -> bool {
        match self.rest.strip_prefix(words).filter(|rest| rest.is_empty() || rest.starts_with(BLANKS)) {
            Some(rest) => self.rest = trimmed(rest),
            None => return false,
        }
        true
    }

    /// All that is left as a file name, which must be there.
    pub(super) fn need_file(&mut self) -> Result<PathBuf, Problem> {
        self.rest().map(PathBuf::from).ok_or_else(|| Problem::Wrong("missing file name".to_owned()))
    }

    /// Refuses words that are left over.
    pub(super) fn end(&mut self) -> Result<(), Problem> {
        match self.next() {
            None => Ok(()),
            Some(word) => Err(Problem::Wrong(format!("superfluous word '{word}'"))),
        }
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let end = self.rest.find(BLANKS).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = trimmed(rest);
        (!word.is_empty()).then_some(word)
    }
}

/// What stands between words.
const BLANKS: [char; 2] = [' ', '\t'];

fn trimmed(text: &str) -> &str {
    text.trim_matches(BLANKS)
}

pub(super) fn parsed<T>(word: &str) -> Result<T, Problem>
where
    T: FromStr<Err: Display>,
{
    word.parse().map_err(|error: T::Err| Problem::Wrong(error.to_string()))
}

pub(super) fn acl_number(what: &str, word: &str) -> Result<AclNumber, Problem> {
    decimal(word).and_then(AclNumber::new).ok_or_else(|| out_of_range(what, word, 0, 9))
}

pub(super) fn number(what: &str, word: &str, range: &RangeInclusive<u32>) -> Result<u32, Problem> {
    decimal(word)
        .filter(|number| range.contains(number))
        .ok_or_else(|| out_of_range(what, word, *range.start(), *range.end()))
}

fn out_of_range(what: &str, word: &str, least: u32, most: u32) -> Problem {
    Problem::Wrong(format!("bad {what} '{word}': a number from {least} to {most} is expected"))
}

/// Takes the value of a word that may be given once.
pub(super) fn fill<T>(place: &mut Option<T>, word: &str, value: T) -> Result<(), Problem> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Problem::Wrong(format!("'{word}' is given twice"))),
    }
}

/// Words of which one is expected: `a, b or c`.
pub(super) fn one_of(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [others @ .., last] => format!("{} or {last}", others.join(", ")),
    }
}

//! The table of hostile requests, which the tests of the rewriter itself use too.

/// What a client sends, and what is to become of it.
pub struct Case {
    /// What it is.
    pub name: &'static str,
    /// What becomes of it.
    pub fate: Fate,
    /// Every byte.
    pub bytes: Vec<u8>,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is passed on as so many requests.
    Framed(usize),
    /// So many requests of it are passed on, and nothing of what follows.
    Refused { after: usize },
    /// The head of a request is passed on, and a part of its body.
    Cut,
    /// It is closed without an answer.
    Closed,
    /// It is no HTTP for pen, and passed on.
    Passed,
}

/// All of them.
pub fn cases() -> Vec<Case> {
    let mut lines = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with("##"));
    let mut cases = Vec::new();
    while let (Some(first), Some(second)) = (lines.next(), lines.next()) {
        let (fate, name) =
            first.split_once("  ").unwrap_or_else(|| panic!("two blanks are missing: {first}"));
        cases.push(Case { name, fate: Fate::parse(fate), bytes: unescape(second) });
    }
    assert!(cases.len() >= 60, "{} hostile requests", cases.len());
    cases
}

const TABLE: &str = include_str!("requests.txt");

impl Fate {
    fn parse(text: &str) -> Fate {
        let number = || text.rsplit(' ').next().and_then(|word| word.parse().ok());
        match text.split(' ').next() {
            Some("framed") => Fate::Framed(number().expect("a number of requests")),
            Some("refused") => Fate::Refused { after: number().unwrap_or(0) },
            Some("cut") => Fate::Cut,
            Some("closed") => Fate::Closed,
            Some("passed") => Fate::Passed,
            _ => panic!("no such fate: {text}"),
        }
    }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let escaped = (byte == b'\\').then(|| rest.next()).flatten();
        bytes.push(match escaped {
            None => byte,
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'\\') => b'\\',
            Some(b'x') => {
                let digits = [rest.next(), rest.next()].map(|digit| digit.map_or(' ', char::from));
                let digits = String::from_iter(digits);
                u8::from_str_radix(&digits, 16).unwrap_or_else(|_| panic!("\\x{digits} in {text}"))
            }
            Some(other) => panic!("\\{} in {text}", char::from(other)),
        });
    }
    bytes
}

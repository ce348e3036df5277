//! The table of hostile requests, which the end-to-end suite tries with real servers.

use super::*;
use crate::fuzzing;

const TABLE: &str = include_str!("../../../../../../tests/tests/smuggling/requests.txt");

pub(super) fn rows() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let lines: Vec<_> = TABLE.lines().filter(|line| !line.starts_with("##") && !line.is_empty()).collect();
    let row = |lines: &[&'static str]| {
        let (outcome, name) = lines[0].split_once("  ").expect("an outcome and a name");
        (outcome, name, unescaped(lines[1]))
    };
    lines.chunks(2).map(row).collect()
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        bytes.push(match character {
            '\\' => match rest.next() {
                Some('r') => b'\r',
                Some('n') => b'\n',
                Some('t') => b'\t',
                Some('\\') => b'\\',
                Some('x') => {
                    let digits: String = rest.by_ref().take(2).collect();
                    u8::from_str_radix(&digits, 16).unwrap()
                }
                other => panic!("no escape: {other:?} in {text}"),
            },
            character => u8::try_from(character).unwrap(),
        });
    }
    bytes
}

#[test]
fn hostile_requests_come_to_what_the_table_says() {
    assert!(rows().len() >= 60);
    for (outcome, name, bytes) in rows() {
        let found = reference::rewrite(&bytes, "unix", "http", false);
        let said = match (found.refusal, found.is_cut, found.requests.len()) {
            (None, _, 0) if found.output == bytes => "passed".to_owned(),
            (None, _, requests) => format!("framed {requests}"),
            (Some(Refusal::Malformed), true, 1) => "cut".to_owned(),
            (Some(Refusal::Malformed), _, 0) => "refused".to_owned(),
            (Some(Refusal::Malformed), false, requests) => format!("refused after {requests}"),
            (Some(Refusal::Silent), false, 0) => "closed".to_owned(),
            _ => format!("{found:?}"),
        };
        assert_eq!(said, outcome, "{name}");
        fuzzing::http(&bytes);
    }
}

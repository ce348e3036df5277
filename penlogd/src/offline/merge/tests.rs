use std::fs::File;
use std::io::{Cursor, Read, Seek};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::offline::input::Place;
use crate::offline::pen_log::Servers;

/// What is in a log: lines with a second of their minute and without a time.
#[derive(Clone, Debug)]
enum Entry {
    At(u32),
    Reject,
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    // Nearly in order, as the logs of servers are.
    let entry = prop_oneof![9 => (0..4_u32).prop_map(Some), 1 => Just(None)];
    vec(entry, 0..60).prop_map(|steps| {
        let mut second = 0;
        let at = |step: Option<u32>| match step {
            None => Entry::Reject,
            Some(step) => {
                second = (second + step / 2).min(50);
                Entry::At(second + 3 - step)
            }
        };
        steps.into_iter().map(at).collect()
    })
}

/// The text of an entry, which a word at its end tells from all others.
fn text(entry: &Entry, name: &str) -> String {
    match entry {
        Entry::At(second) => {
            format!("10.0.0.9 - - [14/Nov/2023:22:13:{second:02} +0000] \"GET / HTTP/1.1\" 200 {name}\n")
        }
        Entry::Reject => format!("no time {name}\n"),
    }
}

fn name(log: usize, number: usize) -> String {
    format!("{log}.{number}")
}

/// The names in the order of the merged log, and of the rejects.
fn naive(logs: &[Vec<Entry>]) -> (Vec<String>, Vec<String>) {
    let (mut lines, mut rejects) = (Vec::new(), Vec::new());
    for (log, entries) in logs.iter().enumerate() {
        let mut latest = 0;
        for (number, entry) in entries.iter().enumerate() {
            match entry {
                Entry::At(second) => {
                    latest = latest.max(*second);
                    lines.push((latest, log, number));
                }
                Entry::Reject => rejects.push(name(log, number)),
            }
        }
    }
    lines.sort_unstable();
    rejects.sort();
    (lines.into_iter().map(|(_, log, number)| name(log, number)).collect(), rejects)
}

/// The same by merging.
fn merged(logs: &[Vec<Entry>]) -> (Vec<String>, Vec<String>) {
    let server = "10.0.0.1".parse().unwrap();
    let place = |name: &str| Place::File(name.into());
    let logs = logs.iter().enumerate().map(|(log, entries)| {
        let text: String =
            entries.iter().enumerate().map(|(number, entry)| text(entry, &name(log, number))).collect();
        WebLog::new(place("log"), server, Box::new(Cursor::new(text)))
    });
    let pen_log = PenLog::new(place("pen.log"), Box::new(std::io::empty()), Servers::default(), 0);
    let mut output = tempfile::tempfile().unwrap();
    let rejects = tempfile::NamedTempFile::new().unwrap();
    let mut merge = Merge {
        logs: logs.collect(),
        records: Records::of(pen_log, Window::Around(1_000_000)),
        format: Format::web(),
        output: Output::to(output.try_clone().unwrap()),
        rejects: Rejects::open(&Place::File(rejects.path().into())).unwrap().0,
        waiting: Waiting::default(),
    };
    merge.run().unwrap();
    output.rewind().unwrap();
    let mut rejected = names(rejects.reopen().unwrap());
    rejected.sort();
    (names(output), rejected)
}

fn names(mut file: File) -> Vec<String> {
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    text.lines().map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect()
}

proptest! {
    #[test]
    fn logs_are_merged_as_a_stable_sort_would_and_no_line_is_lost(logs in vec(entries(), 0..6)) {
        prop_assert_eq!(merged(&logs), naive(&logs));
    }
}

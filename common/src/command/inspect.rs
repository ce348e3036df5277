//! What pen tells about itself, and connections one by one.

use std::ops::RangeInclusive;

use super::typed::{Question, StatusFormat};
use super::words::{Problem, Words};
use super::{Command, Form, LONGEST, Row, Scope, When};

pub(super) static ROWS: &[Row] = &[
    Row {
        name: "close",
        args: "N",
        form: Form::Plain(|words| Ok(Command::Close(words.need_number("connection", &NUMBERS)?))),
        scope: Scope::Process,
        when: When::Live,
        about: "Ends connection N",
        details: "",
    },
    Row {
        name: "connection",
        args: "N",
        form: Form::Plain(|words| {
            Ok(Command::Ask(Question::Connection(words.need_number("connection", &NUMBERS)?)))
        }),
        scope: Scope::Process,
        when: When::Live,
        about: "Tells the state of connection N",
        details: "",
    },
    Row {
        name: "connections",
        args: "",
        form: Form::Plain(|_| Ok(Command::Ask(Question::Connections))),
        scope: Scope::Service,
        when: When::Live,
        about: "Lists the open connections, a line each",
        details: "",
    },
    Row {
        name: "control",
        args: "",
        form: Form::Plain(|_| Ok(Command::Control)),
        scope: Scope::Process,
        when: When::Live,
        about: "Tells the control address",
        details: "",
    },
    Row {
        name: "pid",
        args: "",
        form: Form::Plain(|_| Ok(Command::Pid)),
        scope: Scope::Process,
        when: When::Live,
        about: "Tells the process id",
        details: "",
    },
    Row {
        name: "recent",
        args: "[T]",
        form: Form::Plain(|words| {
            Ok(Command::Ask(Question::Recent(words.number("time", &(0..=LONGEST))?.unwrap_or(300))))
        }),
        scope: Scope::Service,
        when: When::Live,
        about: "Lists the clients of the last T seconds, a line each (300)",
        details: "",
    },
    Row {
        name: "socket",
        args: "F",
        form: Form::Plain(|words| {
            Ok(Command::Ask(Question::Socket(words.need_number("descriptor", &NUMBERS)?)))
        }),
        scope: Scope::Process,
        when: When::Live,
        about: "Tells which connection file descriptor F belongs to",
        details: "",
    },
    Row {
        name: "status",
        args: "[html|json|text|prometheus]",
        form: Form::Plain(status),
        scope: Scope::Process,
        when: When::Live,
        about: "Tells everything, as a web page, for programs or for a terminal (html)",
        details: "",
    },
];

/// The system counts descriptors, and pen connections, in 31 bits.
const NUMBERS: RangeInclusive<u32> = 0..=0x7fff_ffff;

fn status(words: &mut Words<'_>) -> Result<Command, Problem> {
    Ok(Command::Ask(Question::Status(match words.next() {
        None | Some("html") => StatusFormat::Html,
        Some("text") => StatusFormat::Text,
        Some("json") => StatusFormat::Json,
        Some("prometheus") => StatusFormat::Prometheus,
        Some(word) => {
            return Err(Problem::Wrong(format!(
                "bad format '{word}': html, json, text or prometheus is expected"
            )));
        }
    })))
}

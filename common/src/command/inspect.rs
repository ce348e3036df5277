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
        details: "\
            Both sides see an ordinary close. The numbers are those that `connections` lists.",
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
        details: "\
            Five lines tell its state, its file descriptors towards client and server (`downfd`, \
            `upfd`), the numbers of client and server, and the bytes that wait to be written (`pend`). \
            The state is 0 for unused, 1 for connecting, 2 for connected, plus 4 when the server and 8 \
            when the client has finished sending.",
    },
    Row {
        name: "connections",
        args: "",
        form: Form::Plain(|_| Ok(Command::Ask(Question::Connections))),
        scope: Scope::Service,
        when: When::Live,
        about: "Lists the open connections, a line each",
        details: "\
            A line is `N client A index I server S state W downfd F upfd F down D up U age T`: its \
            number, the client's address and number, the slot of the server (-1: none yet), its state in \
            words, the file descriptors, the bytes that wait to be written to client and server, and its \
            age in seconds.",
    },
    Row {
        name: "control",
        args: "",
        form: Form::Plain(|_| Ok(Command::Control)),
        scope: Scope::Process,
        when: When::Live,
        about: "Tells the control address",
        details: "\
            It is told as `-C` was given, with the port that was taken where that was 0.",
    },
    Row {
        name: "pid",
        args: "",
        form: Form::Plain(|_| Ok(Command::Pid)),
        scope: Scope::Process,
        when: When::Live,
        about: "Tells the process id",
        details: "\
            In the background that is not the process that was started, but the one that serves: `-p` \
            writes the same number.",
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
        details: "\
            A line is `ADDR connects C sx S rx R`: the client, its connections so far, and the bytes \
            sent to it and received from it. Clients that the table has forgotten are missing.",
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
        details: "\
            The answer is `Socket F belongs to connection C`, where C is -1 when there is none. It \
            translates what lsof(8), ss(8) and strace(1) show.",
    },
    Row {
        name: "status",
        args: "[html|json|text|prometheus]",
        form: Form::Plain(status),
        scope: Scope::Process,
        when: When::Live,
        about: "Tells everything, as a web page, for programs or for a terminal (html)",
        details: "\
            * html: a page without outside references, for `penctl status > index.html`; it is also \
            written to the `web_stats` file if there is one\n\
            * json: the same numbers for programs; fields are only ever added\n\
            * text: the same numbers for a terminal\n\
            * prometheus: the same numbers, but for clients and connections, in Prometheus's exposition \
            format",
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

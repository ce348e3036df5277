//! Several services in one process.

use super::parse::parse_within_service;
use super::typed::{Question, ServiceName};
use super::words::{Problem, Words};
use super::{Command, Form, Row, Scope, When};

pub(super) static ROWS: &[Row] = &[
    Row {
        name: "service",
        args: "NAME [COMMAND]",
        form: Form::Negatable {
            parse: |words| {
                Ok(Command::Service(service_name(words)?, parse_within_service(words)?.map(Box::new)))
            },
            no: |words| Ok(Command::NoService(service_name(words)?)),
            no_args: "NAME",
        },
        scope: Scope::Process,
        when: When::Live,
        about: "Adds a service; in a file, what follows speaks of it; or runs a command for it",
        details: "\
            A service has its own listeners, servers, clients, modes and limits. The command line's is \
            called `default`. Names are at most 64 letters, digits, `-`, `.` and `_`.\n\
            Without a command it adds the service, unless it is there, and in a file everything that \
            follows speaks of this service, up to the next `service` line; `service default` goes back. \
            Each file begins with `default`, an included one too, and after an included file the \
            including one goes on where it was.\n\
            With a command, that command alone speaks of the service, which must exist; but `service \
            NAME listen ADDR` adds it.\n\
            `no service NAME` removes it: its listeners close, connections that are open go on until \
            they end. Connections of other services are never concerned.",
    },
    Row {
        name: "services",
        args: "",
        form: Form::Plain(|_| Ok(Command::Ask(Question::Services))),
        scope: Scope::Process,
        when: When::Live,
        about: "Lists the services, a line each",
        details: "\
            A line is `NAME state W servers N usable U conn C max M listen ADDR...`: its name, `up` or \
            `draining` (removed, but with open connections), its servers, how many of them clients can \
            get, its connections and their limit, and where it listens.",
    },
];

fn service_name(words: &mut Words<'_>) -> Result<ServiceName, Problem> {
    let word = words.need("name")?;
    ServiceName::new(word).ok_or_else(|| {
        Problem::Wrong(format!(
            "bad name '{word}': at most 64 letters, digits, '-', '.' and '_' are expected"
        ))
    })
}

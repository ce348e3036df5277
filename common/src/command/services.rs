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
        details: "",
    },
    Row {
        name: "services",
        args: "",
        form: Form::Plain(|_| Ok(Command::Ask(Question::Services))),
        scope: Scope::Process,
        when: When::Live,
        about: "Lists the services, a line each",
        details: "",
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

//! What a control session's request comes to: pure.

use common::command::{Command, Question, ServiceName, parse};
use common::escape::Line;
use common::wire::{MAX_LINE, Request};

/// What a request comes to.
#[derive(Debug)]
pub enum Heard {
    /// This is to be done.
    Command(Command),
    /// This is to be said.
    Answer(String),
    /// The session is to be closed without a word.
    Nothing,
}

/// What comes of a request of somebody who may command, or may not.
pub fn interpret(request: Request, may_command: bool) -> Heard {
    let line = match request {
        Request::Http => return Heard::Nothing,
        _ if !may_command => {
            return Heard::Answer(
                "error: you may not control this pen: 'acl N permit ADDRESS' and 'control_acl N' say who may"
                    .to_owned(),
            );
        }
        Request::TooLong => {
            let most = MAX_LINE;
            return Heard::Answer(format!("error: the command is too long: {most} bytes are the most"));
        }
        Request::NotText => return Heard::Answer("error: the command is not UTF-8 text".to_owned()),
        Request::Line(line) => line,
    };
    match parse(&line) {
        Ok(Some(command)) => Heard::Command(command),
        Ok(None) => Heard::Answer(String::new()),
        Err(error) => Heard::Answer(Line(error).to_string()),
    }
}

/// The question that a command is, if it is one, and the service that it is about.
pub fn question(command: &Command) -> Option<(Question, Option<ServiceName>)> {
    match command {
        Command::Ask(question) => Some((*question, None)),
        Command::Service(name, Some(command)) => match **command {
            Command::Ask(question) => Some((question, Some(name.clone()))),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: &str =
        "error: you may not control this pen: 'acl N permit ADDRESS' and 'control_acl N' say who may";

    #[test]
    fn requests_are_commands_or_answered_at_once_or_not_at_all() {
        let line = |text: &str| Request::Line(text.to_owned());
        let heard = |request, may| match interpret(request, may) {
            Heard::Command(command) => format!("{command:?}"),
            Heard::Answer(answer) => format!("answer {answer}"),
            Heard::Nothing => "nothing".to_owned(),
        };
        let table = [
            (line("mode"), true, "Mode"),
            (line("  # a comment"), true, "answer "),
            (line(""), true, "answer "),
            (line("frobnicate now"), true, "answer do_cmd: ignoring command starting with 'frobnicate'"),
            (
                line("debug 10"),
                true,
                "answer error: bad debug '10': a number from 0 to 9 is expected; usage: debug [N]",
            ),
            (Request::TooLong, true, "answer error: the command is too long: 4095 bytes are the most"),
            (Request::NotText, true, "answer error: the command is not UTF-8 text"),
            (Request::Http, true, "nothing"),
            (Request::Http, false, "nothing"),
        ];
        for (request, may, expected) in table {
            assert_eq!(heard(request.clone(), may), expected, "{request:?}");
        }
        for request in [line("mode"), line(""), line("frobnicate"), Request::TooLong, Request::NotText] {
            assert_eq!(heard(request, false), format!("answer {REFUSED}"));
        }
    }
}

//! Parts of the status in forms that penctl itself gives them: pen is asked for its status as JSON, once, and the part
//! is taken from that.

mod grid;
mod json;
mod status;
mod table;

pub use json::render as json;
pub use status::{NoStatus, Status, fetch};
pub use table::{bytes, render as table};

use common::command::{self, Command, CommandError, Question, ServiceName};

/// The commands whose answers have other forms.
pub const COMMANDS: &str = "status, servers, recent, connections and services";

/// In which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Json,
    Table,
}

/// What is to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    pub part: Part,
    /// Of which service; `None`: the default one.
    pub service: Option<ServiceName>,
}

/// A part of the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Everything.
    Status,
    /// The servers of a service.
    Servers,
    /// Its open connections.
    Connections,
    /// Its clients of the last so many seconds.
    Recent(u32),
    /// All services.
    Services,
}

/// Why a command has no other form than pen's answer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    #[error("goes with {COMMANDS}, not with '{0}'")]
    Other(String),
    #[error("goes with 'status' alone: '{0}' names another form")]
    Format(String),
    #[error("cannot show '{command}': {}", error.reason())]
    Wrong { command: String, error: CommandError },
}

impl Form {
    /// The option that asks for it.
    pub fn option(self) -> &'static str {
        match self {
            Form::Json => "--json",
            Form::Table => "--table",
        }
    }
}

impl Subject {
    /// What a command asks for.
    pub fn of(command: &str) -> Result<Subject, SubjectError> {
        let other = || SubjectError::Other(command.to_owned());
        match command::parse(command) {
            Ok(Some(Command::Service(name, Some(within)))) => match Part::of(&within) {
                Some(part) => Ok(Subject { part, service: Some(name) }),
                None => Err(other()),
            },
            Ok(Some(parsed)) => match Part::of(&parsed).ok_or_else(other)? {
                Part::Status if command.split_whitespace().count() > 1 => {
                    Err(SubjectError::Format(command.to_owned()))
                }
                part => Ok(Subject { part, service: None }),
            },
            Ok(None) | Err(CommandError::Unknown(_)) => Err(other()),
            Err(error) => Err(SubjectError::Wrong { command: command.to_owned(), error }),
        }
    }

    /// Whether the service is always there: pen tells nothing of the command line's where it is not in use.
    pub fn is_always_there(&self) -> bool {
        self.service() == ServiceName::DEFAULT
    }

    /// The name of the service.
    pub fn service(&self) -> &str {
        self.service.as_ref().map_or(ServiceName::DEFAULT, ServiceName::as_str)
    }
}

impl Part {
    fn of(command: &Command) -> Option<Part> {
        let Command::Ask(question) = command else { return None };
        match question {
            Question::Status(_) => Some(Part::Status),
            Question::Servers => Some(Part::Servers),
            Question::Connections => Some(Part::Connections),
            Question::Recent(seconds) => Some(Part::Recent(*seconds)),
            Question::Services => Some(Part::Services),
            Question::Connection(_) | Question::Socket(_) => None,
        }
    }
}

/// Whether a client of this age, in seconds, is one of those that `recent` tells.
fn is_recent(age: u64, seconds: u32) -> bool {
    age < u64::from(seconds)
}

/// pen has no such service.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("pen has no service '{name}': there {}", existing(there))]
pub struct NoService {
    pub name: String,
    pub there: Vec<String>,
}

fn existing(names: &[String]) -> String {
    match names {
        [] => "is none".to_owned(),
        [name] => format!("is {}", common::escape::Line(name)),
        names => format!("are {}", common::escape::Line(names.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(part: Part, service: Option<&str>) -> Subject {
        Subject { part, service: service.map(|name| ServiceName::new(name).unwrap()) }
    }

    #[test]
    fn questions_about_the_status_have_other_forms() {
        for (command, part) in [
            ("status", Part::Status),
            ("servers", Part::Servers),
            ("  connections ", Part::Connections),
            ("recent", Part::Recent(300)),
            ("recent 7", Part::Recent(7)),
            ("services", Part::Services),
        ] {
            assert_eq!(Subject::of(command), Ok(subject(part, None)), "{command}");
        }
        assert_eq!(Subject::of("service web servers"), Ok(subject(Part::Servers, Some("web"))));
        assert_eq!(Subject::of("service web recent 9"), Ok(subject(Part::Recent(9), Some("web"))));
    }

    #[test]
    fn other_commands_have_none() {
        for command in ["mode", "blacklist 5", "connection 3", "service web", "service web mode", "top", "#"]
        {
            assert_eq!(Subject::of(command), Err(SubjectError::Other(command.to_owned())));
        }
        assert!(matches!(Subject::of("status html"), Err(SubjectError::Format(_))));
        assert!(matches!(Subject::of("recent x"), Err(SubjectError::Wrong { .. })));
    }

    #[test]
    fn a_missing_service_is_told_with_those_that_there_are() {
        let error = |there: &[&str]| NoService {
            name: "mail".into(),
            there: there.iter().map(|&name| name.into()).collect(),
        };
        assert_eq!(
            error(&["default", "web"]).to_string(),
            "pen has no service 'mail': there are default, web"
        );
        assert_eq!(error(&["default"]).to_string(), "pen has no service 'mail': there is default");
    }
}

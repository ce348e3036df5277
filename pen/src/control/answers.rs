//! Answers to questions about the running state.

use std::sync::Arc;
use std::thread;

use common::command::{Question, ServiceName};
use common::escape::Line;
use common::reason;

use super::SessionId;
use super::replies::Replies;
use crate::settings::DEFAULT_SERVICE;
use crate::shared::Shared;
use crate::status::{answers, collect, renderings};

/// Answers a session from a thread of its own: asking the workers and writing it down takes as long as it takes. `service`:
/// the one that the question is about, where it is about one; `None` is the command line's.
pub fn answer_later(
    question: Question,
    service: Option<ServiceName>,
    session: SessionId,
    shared: &Arc<Shared>,
    replies: &Replies,
) {
    let later = replies.clone();
    let begun = if let Question::Status(format) = question {
        renderings::order_whole(shared, format, Box::new(move |rendering| later.send(session, rendering)))
    } else {
        let shared = Arc::clone(shared);
        let work = move || {
            let answer = answer(question, service.as_ref(), &shared);
            later.send(session, answer.unwrap_or_else(|error| format!("error: {}", Line(error))));
        };
        thread::Builder::new().name("answer".to_owned()).spawn(work).map(drop)
    };
    if let Err(error) = begun {
        replies.send(session, format!("error: cannot start a thread to answer: {}", reason(&error)));
    }
}

fn answer(question: Question, service: Option<&ServiceName>, shared: &Shared) -> Result<String, String> {
    let settings = shared.settings.load();
    let index = match service {
        None => DEFAULT_SERVICE,
        Some(name) => settings.services.find(name.as_str()).ok_or_else(|| settings.cannot_speak_of(name))?,
    };
    let service = settings.service(index);
    Ok(match question {
        Question::Servers => answers::server_lines(&collect::service_status(service, shared.now()).servers),
        Question::Connections => {
            let connections = collect::connections(shared);
            let own = connections.iter().filter(|(service, _)| *service == index);
            answers::connection_lines(own.map(|(_, connection)| connection))
        }
        Question::Connection(number) if out_of_range(number, shared) => range_error(number),
        Question::Connection(number) => {
            let connections = collect::connections(shared);
            let found = connections.iter().map(|(_, connection)| connection);
            answers::connection(number, { found }.find(|connection| connection.number == number))
        }
        Question::Socket(descriptor) => {
            let connections = collect::connections(shared);
            let owner = connections.iter().map(|(_, connection)| connection).find(|connection| {
                [connection.down_fd, connection.up_fd].iter().any(|&fd| u32::try_from(fd) == Ok(descriptor))
            });
            let number = owner.map_or(-1, |connection| i64::from(connection.number));
            format!("Socket {descriptor} belongs to connection {number}\n")
        }
        Question::Recent(seconds) => answers::recent_lines(&collect::clients(service, shared.now()), seconds),
        Question::Services => {
            let services = settings.services.values().filter(|service| service.is_in_use());
            let services = services.map(|service| collect::service_status(service, shared.now()));
            answers::service_lines(&services.collect::<Vec<_>>())
        }
        Question::Status(format) => renderings::now(shared, format),
    })
}

/// Whether there can be no such connection.
pub fn out_of_range(number: u32, shared: &Shared) -> bool {
    number as usize >= shared.connection_numbers()
}

/// The answer to a number that is out of range.
pub fn range_error(number: u32) -> String {
    format!("Connection {number} out of range\n")
}

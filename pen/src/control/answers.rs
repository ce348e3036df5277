//! Answers to questions about the running state.

use common::command::StatusFormat;

use crate::settings::apply::Question;
use crate::shared::Shared;
use crate::status::{answers, collect, html, text};

/// The answer. Takes as long as it takes to ask the workers and to write it down: not for the steward's thread.
pub fn answer(question: Question, shared: &Shared) -> String {
    match question {
        Question::Servers => answers::server_lines(&collect::service(shared).servers),
        Question::Connections => answers::connection_lines(&collect::connections(shared)),
        Question::Connection(number) if out_of_range(number, shared) => range_error(number),
        Question::Connection(number) => {
            let connections = collect::connections(shared);
            answers::connection(number, connections.iter().find(|connection| connection.number == number))
        }
        Question::Socket(descriptor) => {
            let connections = collect::connections(shared);
            let owner = connections.iter().find(|connection| {
                [connection.down_fd, connection.up_fd].iter().any(|&fd| u32::try_from(fd) == Ok(descriptor))
            });
            let number = owner.map_or(-1, |connection| i64::from(connection.number));
            format!("Socket {descriptor} belongs to connection {number}\n")
        }
        Question::Recent(seconds) => answers::recent_lines(&collect::service(shared).clients, seconds),
        Question::Status(StatusFormat::Html) => html::render(&collect::everything(shared)),
        Question::Status(StatusFormat::Text) => text::render(&collect::everything(shared)),
    }
}

/// Whether there can be no such connection.
pub fn out_of_range(number: u32, shared: &Shared) -> bool {
    number as usize >= shared.connection_numbers()
}

/// The answer to a number that is out of range.
pub fn range_error(number: u32) -> String {
    format!("Connection {number} out of range\n")
}

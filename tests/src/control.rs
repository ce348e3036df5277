//! A client of the control port, and the answers as values.

use std::io;
use std::process::{Command, Output};

use crate::address::Address;
use crate::program;
use crate::stream::Stream;

/// Asks one pen.
#[derive(Clone, Debug)]
pub struct Control {
    address: Address,
}

impl Control {
    /// A client of the control port at `address`.
    pub fn new(address: Address) -> Self {
        Self { address }
    }

    /// Where the control port is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Sends a command and returns the whole answer, as it came.
    #[track_caller]
    pub fn ask(&self, command: &str) -> String {
        self.try_ask(command).expect("the control port answers")
    }

    /// [`Control::ask`] where the control port may be closed.
    pub fn try_ask(&self, command: &str) -> io::Result<String> {
        let stream = Stream::connect(&self.address)?;
        stream.send(format!("{command}\n"));
        Ok(stream.drain().text())
    }

    /// Sends a command that should be obeyed in silence.
    #[track_caller]
    pub fn tell(&self, command: &str) {
        assert_eq!(self.ask(command), "", "the answer to {command}");
    }

    /// The whole status, as `status json` tells it.
    #[track_caller]
    pub fn status(&self) -> serde_json::Value {
        serde_json::from_str(&self.ask("status json")).expect("the status is JSON")
    }

    /// The rows of `servers`.
    #[track_caller]
    pub fn servers(&self) -> Vec<ServerRow> {
        self.ask("servers").lines().map(ServerRow::parse).collect()
    }

    /// Runs the penctl under test.
    pub fn penctl(&self, command: &str) -> Output {
        self.run(&program::penctl(), command)
    }

    /// Runs the penctl of pen 0.34.1.
    pub fn old_penctl(&self, command: &str) -> Output {
        self.run(&program::old_penctl(), command)
    }

    fn run(&self, penctl: &std::path::Path, command: &str) -> Output {
        let words = command.split(' ').filter(|word| !word.is_empty());
        let output = Command::new(penctl).arg(self.address.to_string()).args(words).output();
        output.expect("penctl can be run")
    }
}

/// A row of `servers`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerRow {
    /// The slot.
    pub slot: usize,
    /// The address, `0.0.0.0` for an empty slot.
    pub addr: String,
    /// The port.
    pub port: u16,
    /// Open connections.
    pub conn: usize,
    /// The limit for new clients; 0: none.
    pub max: usize,
    /// The limit for known clients.
    pub hard: usize,
    /// The weight.
    pub weight: i64,
    /// The priority.
    pub prio: i64,
    /// Bytes sent to the server.
    pub sx: u64,
    /// Bytes received from it.
    pub rx: u64,
}

impl ServerRow {
    #[track_caller]
    /// Reads a line of the answer to `servers`.
    pub fn parse(line: &str) -> Self {
        let words: Vec<_> = line.split(' ').collect();
        let labels: Vec<_> = words.iter().skip(1).step_by(2).copied().collect();
        let expected = ["addr", "port", "conn", "max", "hard", "weight", "prio", "sx", "rx"];
        assert_eq!(labels, expected, "the labels of {line:?}");
        Self {
            slot: number(words[0], line),
            addr: words[2].to_owned(),
            port: number(words[4], line),
            conn: number(words[6], line),
            max: number(words[8], line),
            hard: number(words[10], line),
            weight: number(words[12], line),
            prio: number(words[14], line),
            sx: number(words[16], line),
            rx: number(words[18], line),
        }
    }
}

#[track_caller]
fn number<T: std::str::FromStr>(word: &str, line: &str) -> T {
    word.parse().unwrap_or_else(|_| panic!("{word:?} is no number in {line:?}"))
}

//! A server's agent is asked how busy it is.

use super::super::health::AgentAnswer;

/// A conversation with an agent. An agent that speaks http has to be asked; one that says a plain line as soon as somebody
/// connects does not mind what is said meanwhile. So all are asked alike, and nobody has to configure which is which.
#[derive(Debug)]
pub struct Asking {
    opening: Vec<u8>,
}

/// How far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hearing {
    /// It goes on: more has to come.
    Pending,
    /// This is what the agent says.
    Said(AgentAnswer),
    /// It says nothing that could be understood, for this reason: one line, short and escaped.
    Failed(String),
}

impl Asking {
    /// `host`: the agent's address and port, as a Host field says them.
    pub fn new(host: &str) -> Asking {
        Asking { opening: host.as_bytes().to_vec() }
    }

    /// What is to be sent as soon as the agent is there.
    pub fn opening(&self) -> &[u8] {
        &self.opening
    }

    /// Takes in what the agent has sent. What comes after the answer changes nothing.
    pub fn take(&mut self, data: &[u8]) -> Hearing {
        let _ = data;
        Hearing::Pending
    }

    /// The agent has closed the connection, orderly or not (one that has not read the question resets it). Never pending.
    pub fn end(&mut self) -> Hearing {
        Hearing::Failed("the agent closed the connection without an answer".to_owned())
    }

    /// The time is up: why there is no answer. One line, short and escaped.
    pub fn overdue(&self) -> String {
        "no answer in time".to_owned()
    }
}

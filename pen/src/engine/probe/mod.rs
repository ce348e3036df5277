//! What is said to a server, or to its agent, to find out how it is, and what the answers come to: bytes in, bytes out. Each
//! protocol has a file. The sockets and the time are a shell's; so are checks that have nothing to say: a connection or a
//! handshake is enough for them, or they are a program.

mod agent;

pub use agent::{Asking, Hearing};

use common::command::Probe;

/// A conversation with a server, which it begins or pen does.
#[derive(Debug)]
pub struct Conversation {
    opening: Vec<u8>,
}

/// How far a conversation has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It goes on: more has to come.
    Pending,
    /// The server is well.
    Passed,
    /// It is not, for this reason: one line, short and escaped.
    Failed(String),
}

impl Conversation {
    /// `host`: the server's address and port, as a Host field says them (`localhost` for a Unix socket); `nonce`: a number that
    /// others cannot guess. `None`: such a check has nothing to say.
    pub fn new(probe: &Probe, host: &str, nonce: u16) -> Option<Conversation> {
        let _ = (probe, host, nonce);
        None
    }

    /// What is to be sent as soon as the server is there; may be empty.
    pub fn opening(&self) -> &[u8] {
        &self.opening
    }

    /// Takes in what the server has sent: a part of a stream, or a whole datagram. What comes after the outcome changes nothing.
    pub fn take(&mut self, data: &[u8]) -> Outcome {
        let _ = data;
        Outcome::Pending
    }

    /// The server has closed the connection, orderly or not. Never pending.
    pub fn end(&mut self) -> Outcome {
        Outcome::Failed("the server closed the connection".to_owned())
    }

    /// The time is up: why the check has failed, if nothing was decided before. One line, short and escaped, such as `no answer
    /// in time`.
    pub fn overdue(&self) -> String {
        "no answer in time".to_owned()
    }
}

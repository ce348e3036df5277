//! What is said to a server to find out how it is, and what its answers come to: bytes in, bytes out. The sockets and the time
//! are a shell's.

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
    /// It is not, for this reason.
    Failed(String),
}

impl Conversation {
    /// `host`: the server's address and port, as a Host field says them; `nonce`: a number that others cannot guess. `None`: such
    /// a check has nothing to say, a connection or a handshake is enough; or it is a program.
    pub fn new(probe: &Probe, host: &str, nonce: u16) -> Option<Conversation> {
        let _ = (probe, host, nonce);
        None
    }

    /// What is to be sent as soon as the server is there.
    pub fn opening(&self) -> &[u8] {
        &self.opening
    }

    /// Takes in what the server has sent: a part of a stream, or a whole datagram.
    pub fn take(&mut self, data: &[u8]) -> Outcome {
        let _ = data;
        Outcome::Pending
    }

    /// The server has closed the connection.
    pub fn end(&mut self) -> Outcome {
        Outcome::Failed("the server closed the connection".to_owned())
    }
}

//! What is said over a connection, whatever it is: bytes in, bytes out, and at last a finding.

use std::sync::Arc;

use super::handshake::Handshake;
use crate::engine::health::{AgentAnswer, Verdict};
use crate::engine::probe::{Asking, Conversation, Hearing, Outcome};

/// What an errand has found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Whether a server is well.
    Verdict(Verdict),
    /// What an agent says, or why it says nothing that could be understood.
    Agent(Result<AgentAnswer, String>),
    /// Nothing: pen lacks something.
    Shortage,
}

/// What is said.
#[derive(Debug)]
pub enum Speech {
    /// Nothing: a connection is enough.
    Silence,
    /// A TLS handshake.
    Handshake(Box<Handshake>),
    /// A check's words.
    Check(Box<Conversation>),
    /// A question to an agent.
    Agent(Asking),
}

impl Speech {
    /// The connection is open: appends what is to be said first. A finding, if that is all.
    pub fn open(&mut self, outgoing: &mut Vec<u8>) -> Option<Finding> {
        match self {
            Speech::Silence => return Some(passed()),
            Speech::Handshake(handshake) => handshake.send(outgoing),
            Speech::Check(conversation) => outgoing.extend_from_slice(conversation.opening()),
            Speech::Agent(asking) => outgoing.extend_from_slice(asking.opening()),
        }
        None
    }

    /// Takes in what the peer has said, and appends what is to be answered.
    pub fn take(&mut self, data: &[u8], outgoing: &mut Vec<u8>) -> Option<Finding> {
        match self {
            Speech::Silence => Some(passed()),
            Speech::Handshake(handshake) => {
                let finding = handshake.take(data);
                handshake.send(outgoing);
                finding
            }
            Speech::Check(conversation) => judge(conversation.take(data)),
            Speech::Agent(asking) => understand(asking.take(data)),
        }
    }

    /// The peer has closed the connection.
    pub fn end(&mut self) -> Finding {
        let finding = match self {
            Speech::Check(conversation) => judge(conversation.end()),
            Speech::Agent(asking) => understand(asking.end()),
            Speech::Silence | Speech::Handshake(_) => None,
        };
        finding.unwrap_or_else(|| self.failed("the server closed the connection"))
    }

    /// The time is up, and the connection was open.
    pub fn overdue(&self) -> Finding {
        match self {
            Speech::Check(conversation) => self.failed(&conversation.overdue()),
            Speech::Agent(asking) => self.failed(&asking.overdue()),
            Speech::Silence | Speech::Handshake(_) => self.failed("no TLS handshake in time"),
        }
    }

    /// It has failed for this reason.
    pub fn failed(&self, reason: &str) -> Finding {
        match self {
            Speech::Agent(_) => Finding::Agent(Err(reason.to_owned())),
            _ => failed(reason),
        }
    }
}

/// A check has passed.
pub fn passed() -> Finding {
    Finding::Verdict(Verdict::Passed)
}

/// A check has failed for this reason.
pub fn failed(reason: &str) -> Finding {
    Finding::Verdict(Verdict::Failed(Arc::from(reason)))
}

/// What a check's conversation has come to, if it is over.
pub fn judge(outcome: Outcome) -> Option<Finding> {
    match outcome {
        Outcome::Pending => None,
        Outcome::Passed => Some(passed()),
        Outcome::Failed(reason) => Some(failed(&reason)),
    }
}

fn understand(hearing: Hearing) -> Option<Finding> {
    match hearing {
        Hearing::Pending => None,
        Hearing::Said(answer) => Some(Finding::Agent(Ok(answer))),
        Hearing::Failed(reason) => Some(Finding::Agent(Err(reason))),
    }
}

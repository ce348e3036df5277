//! What is said to a server, or to its agent, to find out how it is, and what the answers come to: bytes in, bytes out. Each
//! protocol has a file. The sockets and the time are a shell's; so are checks that have nothing to say: a connection or a
//! handshake is enough for them, or they are a program.

mod agent;
mod answer;
mod dialogue;
mod dns;
mod http;
mod rdp;
mod reason;
mod search;
#[cfg(test)]
mod tests;
mod words;

pub use agent::{Asking, Hearing};

use common::command::Probe;

/// No server needs more than this to say what it has to say, in bytes: a body of which 64 KiB count may come in chunks of one
/// byte each.
const HEARD_MOST: usize = 1024 * 1024;

/// A conversation with a server, which it begins or pen does.
#[derive(Debug)]
pub struct Conversation {
    opening: Vec<u8>,
    protocol: Protocol,
    /// How much more is listened to, in bytes.
    patience: usize,
    outcome: Outcome,
}

#[derive(Debug)]
enum Protocol {
    Http(http::Check),
    Dns(dns::Check),
    Rdp(rdp::Check),
    Dialogue(dialogue::Check),
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
        let (opening, protocol) = match probe {
            Probe::Tcp | Probe::Tls { .. } | Probe::Exec { .. } => return None,
            Probe::Http { path, host: named, status, body } => (
                http::request(path, named.as_deref().unwrap_or(host)),
                Protocol::Http(http::Check::new(status.clone(), body.as_ref())),
            ),
            Probe::Dns { name } => {
                let query = dns::query(name, nonce);
                (query.clone(), Protocol::Dns(dns::Check::new(query)))
            }
            Probe::Rdp => (rdp::REQUEST.to_vec(), Protocol::Rdp(rdp::Check::default())),
            Probe::Dialogue { send, expect } => (
                send.as_ref().map(|text| text.bytes().to_vec()).unwrap_or_default(),
                Protocol::Dialogue(dialogue::Check::new(expect)),
            ),
        };
        Some(Conversation { opening, protocol, patience: HEARD_MOST, outcome: Outcome::Pending })
    }

    /// What is to be sent as soon as the server is there; may be empty.
    pub fn opening(&self) -> &[u8] {
        &self.opening
    }

    /// Takes in what the server has sent: a part of a stream, or a whole datagram. What comes after the outcome changes nothing.
    pub fn take(&mut self, data: &[u8]) -> Outcome {
        if self.outcome == Outcome::Pending {
            let data = data.get(..self.patience).unwrap_or(data);
            self.patience -= data.len();
            let outcome = match &mut self.protocol {
                Protocol::Http(check) => check.take(data),
                Protocol::Dns(check) => check.take(data),
                Protocol::Rdp(check) => check.take(data),
                Protocol::Dialogue(check) => check.take(data),
            };
            self.decide(match outcome {
                Outcome::Pending if self.patience == 0 => {
                    Outcome::Failed("1 MiB came that is no answer".to_owned())
                }
                outcome => outcome,
            });
        }
        self.outcome.clone()
    }

    /// The server has closed the connection, orderly or not. Never pending.
    pub fn end(&mut self) -> Outcome {
        if self.outcome == Outcome::Pending {
            let reason = match &self.protocol {
                Protocol::Http(check) => check.end(),
                Protocol::Dns(_) => "no answer".to_owned(),
                Protocol::Rdp(check) => check.end(),
                Protocol::Dialogue(check) => check.end(),
            };
            self.decide(Outcome::Failed(reason));
        }
        self.outcome.clone()
    }

    /// The time is up: why the check has failed, if nothing was decided before. One line, short and escaped, such as `no answer
    /// in time`.
    pub fn overdue(&self) -> String {
        reason::bounded(match &self.protocol {
            Protocol::Http(check) => check.overdue(),
            Protocol::Dialogue(check) => check.overdue(),
            Protocol::Dns(_) | Protocol::Rdp(_) => "no answer in time".to_owned(),
        })
    }

    fn decide(&mut self, outcome: Outcome) {
        self.outcome = match outcome {
            Outcome::Failed(reason) => Outcome::Failed(reason::bounded(reason)),
            outcome => outcome,
        };
    }
}

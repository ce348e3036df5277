//! Whose line it is: by the connection that it came over, wherever the line shows the peer's port, or by what was asked.

mod aligner;
mod alignment;
mod connections;
mod front;
mod habits;
mod histogram;
mod requests;
mod survey;
#[cfg(test)]
mod tests;
mod texts;
mod ways;
mod witness;

use std::net::IpAddr;

pub use aligner::Aligner;
use connections::Connections;
use requests::Requests;
use witness::{Confirmation, Witness};

use common::log_record::Connection;

/// A point in time in microseconds, on one clock of the caller's choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub i64);

/// Who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// The address.
    pub address: IpAddr,
    /// The port, where the connection is known.
    pub port: Option<u16>,
}

/// What a line tells about its client.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The server that wrote the line.
    pub server: IpAddr,
    /// The server's peer as the line has it: pen.
    pub peer: Option<IpAddr>,
    /// What may be the peer's port.
    pub ports: crate::line::Ports,
    /// What was asked.
    pub request: Option<&'a [u8]>,
    /// When the line came.
    pub at: Moment,
}

/// Whose a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It came over this client's connection.
    Exact(Client),
    /// This client's record fits best, and is used up now.
    Likely(Client),
    /// This client's record fits best, but it is not used up: the line shows a port, pen tells of its connections to this
    /// server, and this one has not been told of yet. Its record may come soon. Whoever waits no longer asks
    /// [`Matcher::client_at_last`].
    Untold(Client),
    /// All records that fit are used: this was the latest. A better one may come yet.
    Spent(Client),
    /// No record fits. One may come yet.
    Unknown,
    /// It did not come through pen: none of pen's addresses is the line's peer, though others of this server's lines show them.
    Direct,
}

/// How much is remembered.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Request records.
    pub requests: usize,
    /// Connection records.
    pub connections: usize,
}

/// What is known of pen's records, for lines that come one by one, each with its answer at once.
#[derive(Debug)]
pub struct Matcher {
    requests: Requests,
    connections: Connections,
}

impl Matcher {
    /// It knows nothing yet.
    pub fn new(limits: Limits) -> Matcher {
        Matcher {
            requests: Requests::new(limits.requests),
            connections: Connections::new(limits.connections),
        }
    }

    /// A client asked a server for this; `cut`: it is the beginning only.
    pub fn request(&mut self, client: IpAddr, server: IpAddr, request: &[u8], cut: bool, at: Moment) {
        self.requests.add(client, server, request, cut, at);
    }

    /// A connection was opened or closed.
    pub fn connection(&mut self, record: &Connection, at: Moment) {
        self.connections.add(record, at);
    }

    /// Whose this line is. Each request record is used once.
    pub fn client(&mut self, question: &Question<'_>) -> Answer {
        self.answer(question, Patience::Waits)
    }

    /// Whose this line is as far as it is known now, for one that waits no longer: never [`Answer::Untold`].
    pub fn client_at_last(&mut self, question: &Question<'_>) -> Answer {
        self.answer(question, Patience::Ended)
    }

    /// Forgets request records from before this moment, and connections that were closed before it.
    pub fn forget_before(&mut self, moment: Moment) {
        self.requests.forget_before(moment);
        self.connections.forget_before(moment);
    }

    fn answer(&mut self, question: &Question<'_>, patience: Patience) -> Answer {
        if self.connections.is_direct(question) {
            return Answer::Direct;
        }
        let Question { server, at, .. } = *question;
        let asked = question.request.map(|request| self.requests.asked(server, request, at));
        let witness = Witness::of(question, &self.connections, 0, |candidate| {
            asked.as_ref().and_then(|asked| self.requests.best(asked, Some(candidate)))
        });
        let fits = match (&asked, &witness) {
            (_, Some(Witness { confirmation: Some(_), .. })) | (None, _) => None,
            (Some(asked), _) => self.requests.best(asked, None),
        };
        let is_port = fits.is_none() || self.connections.are_shown_by(server);
        match verdict(question, witness.as_ref(), is_port, patience) {
            Verdict::Connection(client) => {
                if let (Some(asked), Some(Witness { confirmation: Some(record), .. })) = (&asked, &witness) {
                    self.requests.consume(asked, record);
                }
                self.connections.learn(question, true);
                return Answer::Exact(client);
            }
            Verdict::Wait(client) => return Answer::Untold(client),
            Verdict::Record => {}
        }
        let Some(asked) = asked else { return Answer::Unknown };
        let Some(choice) = fits else { return self.requests.spent(&asked) };
        let client = Client { address: choice.client, port: None };
        if self.connections.is_shown_by(question) && patience == Patience::Waits {
            return Answer::Untold(client);
        }
        self.connections.learn(question, false);
        self.requests.consume(&asked, &choice);
        Answer::Likely(client)
    }
}

/// Whether a line can wait for records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    Waits,
    Ended,
}

/// What a connection tells of a line.
enum Verdict {
    /// Whose it is.
    Connection(Client),
    /// Perhaps this client's, but a record that comes soon may tell better.
    Wait(Client),
    /// Nothing.
    Record,
}

/// Judges a witness. A record of the same request confirms it. Else the port must be the peer's for certain: then the line is its
/// client's if it came in time, and if not, it may be the line of a later connection that has not been told of yet. A number
/// that may be something else counts only where it is likely a port: no record fits, or this server uses to show it.
fn verdict<C>(
    question: &Question<'_>,
    witness: Option<&Witness<C>>,
    is_port: bool,
    patience: Patience,
) -> Verdict {
    let Some(witness) = witness else { return Verdict::Record };
    if witness.confirmation.is_some() {
        // An earlier connection of the same port may have a record of the same request left, which was never logged.
        return match (witness.is_near, patience) {
            (false, Patience::Waits) => Verdict::Wait(witness.client),
            (true, _) | (_, Patience::Ended) => Verdict::Connection(witness.client),
        };
    }
    match (question.ports.are_certain(), witness.is_in_time, patience) {
        (true, true, _) | (true, false, Patience::Ended) => Verdict::Connection(witness.client),
        (true, false, Patience::Waits) => Verdict::Wait(witness.client),
        (false, true, _) if question.peer.is_some() && is_port => Verdict::Connection(witness.client),
        (false, ..) => Verdict::Record,
    }
}

impl Confirmation for requests::Choice {
    fn likelihood(&self) -> f32 {
        self.likelihood
    }
}

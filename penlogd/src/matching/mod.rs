//! Whose line it is: by the connection that it came over, wherever the line shows the peer's port, or by what was asked.

mod aligner;

use std::net::IpAddr;

pub use aligner::Aligner;

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
}

/// How much is remembered.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Request records.
    pub requests: usize,
    /// Connection records.
    pub connections: usize,
}

/// What is known of pen's records.
#[derive(Debug)]
pub struct Matcher {
    limits: Limits,
}

impl Matcher {
    /// It knows nothing yet.
    pub fn new(limits: Limits) -> Matcher {
        Matcher { limits }
    }

    /// A client asked a server for this; `cut`: it is the beginning only.
    pub fn request(&mut self, client: IpAddr, server: IpAddr, request: &[u8], cut: bool, at: Moment) {
        let _ = (client, server, request, cut, at, self.limits);
    }

    /// A connection was opened or closed.
    pub fn connection(&mut self, record: &Connection, at: Moment) {
        let _ = (record, at);
    }

    /// Whose line this is. Each request record is used once.
    pub fn client(&mut self, question: &Question<'_>) -> Answer {
        let _ = question;
        Answer::Unknown
    }

    /// Whose this line is as far as it is known now, for one that waits no longer: never [`Answer::Untold`].
    pub fn client_at_last(&mut self, question: &Question<'_>) -> Answer {
        let _ = question;
        Answer::Unknown
    }

    /// Forgets request records from before this moment, and connections that were closed before it.
    pub fn forget_before(&mut self, moment: Moment) {
        let _ = moment;
    }
}

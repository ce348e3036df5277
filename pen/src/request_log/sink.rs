//! What takes records: a file or a penlogd. When it is told to write, and who hears of failures, is the writer's business.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use common::log_record::{Connection, Request};

use super::datagram::DatagramSink;
use super::file::FileSink;

/// Where records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// To the end of this file, a line each.
    File(PathBuf),
    /// To this penlogd, a datagram each.
    Penlogd {
        /// What the user calls it.
        name: String,
        /// Where it is.
        address: SocketAddr,
    },
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// Somebody asked for something.
    Request(Request),
    /// Somebody has a connection to a server, or had one.
    Connection(Connection),
}

/// An open destination, and the records that are not there yet.
#[derive(Debug)]
pub(super) enum Sink {
    File(FileSink),
    Penlogd(DatagramSink),
}

/// Writing failed, at least in part.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: io::Error,
    /// How many records are lost by it.
    pub(super) lost: u64,
}

impl Sink {
    pub(super) fn open(destination: &Destination) -> io::Result<Sink> {
        Ok(match destination {
            Destination::File(path) => Sink::File(FileSink::open(path.clone())?),
            Destination::Penlogd { address, .. } => Sink::Penlogd(DatagramSink::open(*address)?),
        })
    }

    /// Opens the destination anew; on failure the old one stays.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        match self {
            Sink::File(sink) => sink.reopen(),
            Sink::Penlogd(sink) => sink.reopen(),
        }
    }

    /// Adds a record to what the next flush writes.
    pub(super) fn append(&mut self, record: &Record) {
        match self {
            Sink::File(sink) => sink.append(record),
            Sink::Penlogd(sink) => sink.append(record),
        }
    }

    /// How many records wait for a flush.
    pub(super) fn pending(&self) -> u64 {
        match self {
            Sink::File(sink) => sink.pending(),
            Sink::Penlogd(sink) => sink.pending(),
        }
    }

    /// Whether a flush is due for the buffer's sake.
    pub(super) fn is_full(&self) -> bool {
        match self {
            Sink::File(sink) => sink.is_full(),
            Sink::Penlogd(sink) => sink.is_full(),
        }
    }

    /// Writes what is pending. Afterwards nothing is: what could not be written is lost.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        match self {
            Sink::File(sink) => sink.flush(),
            Sink::Penlogd(sink) => sink.flush(),
        }
    }
}

impl From<Request> for Record {
    fn from(request: Request) -> Record {
        Record::Request(request)
    }
}

impl From<Connection> for Record {
    fn from(connection: Connection) -> Record {
        Record::Connection(connection)
    }
}

impl Display for Destination {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Destination::File(path) => path.display().fmt(f),
            Destination::Penlogd { name, address } if *name == address.to_string() => name.fmt(f),
            Destination::Penlogd { name, address } => write!(f, "{name} ({address})"),
        }
    }
}

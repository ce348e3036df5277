//! One idle connection: its socket, and what it takes of pen's means.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use common::command::ProxyVersion;
use mio::event::Event;
use mio::{Registry, Token};

use crate::engine::proxy;
use crate::engine::servers::Server;
use crate::engine::time::Tick;
use crate::net::stream::Stream;
use crate::net::upstream::{DialError, dial};
use crate::settings::{Service, ServiceState};
use crate::shared::{Shared, SpareDescriptor};

/// Reads at one go.
const READS_PER_TURN: usize = 16;

/// A connection to a server that nobody uses.
pub struct Line {
    server: Arc<Server>,
    stream: Stream,
    /// When the connect is given up.
    deadline: Tick,
    /// The server had more to say than was read.
    has_more: bool,
    /// The PROXY header that the server expects, if it expects one.
    header: Option<ProxyVersion>,
    /// Since it is open.
    counted: Option<Counted>,
    _descriptor: SpareDescriptor,
}

/// Why there is no connection.
pub enum NoLine {
    /// pen lacks something.
    Shortage,
    /// The server refused, or cannot be reached.
    Failed(io::Error),
}

/// The server has ended the connection.
#[derive(Debug)]
pub struct Ended;

/// An open connection, as `Idlers: HAVE/WANTED` counts them.
struct Counted(Arc<ServiceState>);

impl Line {
    /// Starts to connect; `outcome` says what comes of it.
    pub fn dial(
        server: &Arc<Server>,
        service: &Service,
        shared: &Arc<Shared>,
        registry: &Registry,
        token: Token,
        now: Tick,
    ) -> Result<Line, NoLine> {
        let descriptor = shared.take_spare_descriptor().ok_or(NoLine::Shortage)?;
        let mut stream = dial(server, None, service).map_err(|error| match error {
            DialError::Shortage(_) => NoLine::Shortage,
            DialError::Server(error) | DialError::Full(error) => NoLine::Failed(error),
        })?;
        stream.register(registry, token).map_err(|_| NoLine::Shortage)?;
        Ok(Line {
            server: Arc::clone(server),
            stream,
            deadline: now.plus_seconds(service.limits.timeout),
            has_more: false,
            header: service.proxy.send,
            counted: None,
            _descriptor: descriptor,
        })
    }

    /// Where it goes.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Whether this is the server that it goes to, where it is now, and in the way that the service wants it.
    pub fn goes_to(&self, server: &Server, service: &Service) -> bool {
        let is_there = server.id() == self.server.id() && server.address() == self.server.address();
        is_there && self.header == service.proxy.send
    }

    /// What came of the connect, after an event; `None`: it is not over.
    pub fn outcome(&self, event: &Event) -> Option<io::Result<()>> {
        match self.stream.take_error() {
            Ok(None) => event.is_writable().then_some(Ok(())),
            Ok(Some(error)) | Err(error) => Some(Err(error)),
        }
    }

    /// Says, where a PROXY header is expected, that no client's connection is passed on.
    pub fn introduce(&self) -> io::Result<()> {
        let Some(version) = self.header else { return Ok(()) };
        let header = proxy::local(version, self.stream.route());
        match self.stream.write(&header)? {
            length if length == header.len() => Ok(()),
            // Nothing was sent before, so that there is room for far more.
            _ => Err(ErrorKind::WriteZero.into()),
        }
    }

    /// Whether the connect takes too long.
    pub fn is_late(&self, now: Tick) -> bool {
        self.deadline <= now
    }

    /// Counts it as open, as long as it lives.
    pub fn count(&mut self, state: &Arc<ServiceState>) {
        state.idlers.take(1, usize::MAX);
        self.counted = Some(Counted(Arc::clone(state)));
    }

    /// Reads and forgets what the server says. One that says a lot is heard in parts.
    pub fn hear(&mut self, scratch: &mut [u8]) -> Result<(), Ended> {
        for _ in 0..READS_PER_TURN {
            match self.stream.read(scratch) {
                Ok(1..) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.has_more = false;
                    return Ok(());
                }
                Ok(0) | Err(_) => return Err(Ended),
            }
        }
        self.has_more = true;
        Ok(())
    }

    /// Hears the next part of what the server has to say, if it had more than was heard.
    pub fn hear_more(&mut self, scratch: &mut [u8]) -> Result<(), Ended> {
        if self.has_more { self.hear(scratch) } else { Ok(()) }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.idlers.give_back(1);
    }
}

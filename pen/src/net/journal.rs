//! What the request log hears of one connection: its requests, and when the connection to its server began and ended.

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use common::log_record::{self, Millis};

use super::connection::{Connection, Peer};
use super::request_tap::{RequestTap, Witness};
use super::worker::Context;
use crate::engine::servers::ServerAddr;
use crate::request_log::RequestLog;
use crate::settings::Service;

/// One connection's journal; it exists only while there is a log, and only if there was one when the client came.
#[derive(Debug, Default)]
pub struct Journal {
    /// Finds its requests.
    pub requests: RequestTap,
    /// What the log was told of the connection to the server.
    told: Told,
}

/// The record of a connection, or flow, to a server, while it was told to the log as opened and not yet as closed.
#[derive(Debug, Default)]
pub struct Told(Option<Box<log_record::Connection>>);

impl Connection {
    /// Tells the log, if it wants to know, that the connection to the server is there. Unix sockets have no ports to tell
    /// connections by, so those to them are not told.
    pub fn tell_opened(&mut self, context: &Context<'_>) {
        let Some(log) = context.settings.service(self.service).connection_log() else { return };
        let (Some(journal), Some(up), Some(chosen)) = (&mut self.journal, &self.up, &self.server) else {
            return;
        };
        if let (ServerAddr::Inet(server), Some(pen)) = (chosen.server.address(), up.stream.local_address()) {
            journal.told.opened(&self.peer, pen, *server, log);
        }
    }

    /// Tells the log that the connection has come to its end.
    pub fn tell_closed(&mut self, context: &Context<'_>) {
        let service = context.settings.service(self.service);
        let (Some(journal), Some(log)) = (&mut self.journal, service.request_log()) else { return };
        if let Some(chosen) = &self.server {
            journal.requests.finish(Witness { peer: &self.peer, server: &chosen.server, log });
        }
        journal.told.closed(log);
    }

    /// The service has another log than before, or another one for connections. What was told to the one before as opened is
    /// told to it as closed, so that nobody takes it for open for ever. The next one hears of further requests, as far as
    /// every byte was seen.
    pub fn log_changed(&mut self, before: &Service, context: &Context<'_>) {
        let Some(journal) = &mut self.journal else { return };
        let now = context.settings.service(self.service);
        journal.told.log_changed(before, now);
        if now.request_log().is_none() {
            self.journal = None;
        }
    }
}

impl Told {
    /// Tells the log that `pen`, an address of ours, now speaks to the server for that client.
    pub fn opened(&mut self, peer: &Peer, pen: SocketAddr, server: SocketAddr, log: &RequestLog) {
        let record = log_record::Connection {
            client: peer.address,
            client_port: peer.port,
            pen: pen.ip().to_canonical(),
            pen_port: pen.port(),
            server: server.ip().to_canonical(),
            server_port: server.port(),
            opened: now(),
            closed: None,
        };
        log.record(record);
        self.0 = Some(Box::new(record));
    }

    /// Tells the log that it has come to its end.
    pub fn closed(&mut self, log: &RequestLog) {
        if let Some(record) = self.0.take() {
            // A clock may have been set back.
            let closed = Some(now().max(record.opened));
            log.record(log_record::Connection { closed, ..*record });
        }
    }

    /// Whether this server is the one that was told of last, as opened.
    pub fn is_about(&self, server: SocketAddr) -> bool {
        let address = (server.ip().to_canonical(), server.port());
        self.0.as_ref().is_some_and(|record| (record.server, record.server_port) == address)
    }

    /// The service was `before`, and is `now`: what was told to another log than now as opened is told to it as closed.
    pub fn log_changed(&mut self, before: &Service, now: &Service) {
        if let Some(log) = before.connection_log()
            && !now.connection_log().is_some_and(|now| now.is(log))
        {
            self.closed(log);
        }
    }
}

/// What a clock on the wall shows.
fn now() -> Millis {
    // Only a clock before 1970 fails.
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(since_1970.as_millis().try_into().unwrap_or(u64::MAX))
}

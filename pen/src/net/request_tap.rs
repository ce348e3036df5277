//! Finds the requests among the bytes that pass, for the request log: each time the client speaks after the server did, the
//! first line of what it says (SPEC 12).

use std::time::{SystemTime, UNIX_EPOCH};

use common::client_addr::ClientAddr;
use common::log_record::{Request, RequestLine};

use super::connection::Peer;
use crate::engine::servers::{Server, ServerAddr};
use crate::request_log::RequestLog;

/// One connection's tap; it exists only while requests are logged.
#[derive(Debug, Default)]
pub struct RequestTap {
    speech: Speech,
    line: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Speech {
    /// The client may begin a request.
    #[default]
    Awaited,
    /// The client has begun one whose first line is not complete.
    Begun,
    /// The request is logged; the client's further words belong to it until the server speaks.
    Logged,
}

impl RequestTap {
    /// The client sent `data`.
    pub fn client_spoke(&mut self, data: &[u8], peer: &Peer, server: &Server, log: &RequestLog) {
        if self.speech == Speech::Logged {
            return;
        }
        self.speech = Speech::Begun;
        let end = data.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        let room = RequestLine::MAX - self.line.len();
        let part = &data[..end.unwrap_or(data.len()).min(room)];
        self.line.extend_from_slice(part);
        if end.is_some() || self.line.len() == RequestLine::MAX {
            self.log(peer, server, log);
        }
    }

    /// The server sent something: what the client said before was a request, what it says next is another.
    pub fn server_spoke(&mut self, peer: &Peer, server: &Server, log: &RequestLog) {
        self.finish(peer, server, log);
        self.speech = Speech::Awaited;
    }

    /// Logs a request that was begun.
    pub fn finish(&mut self, peer: &Peer, server: &Server, log: &RequestLog) {
        if self.speech == Speech::Begun {
            self.log(peer, server, log);
        }
    }

    fn log(&mut self, peer: &Peer, server: &Server, log: &RequestLog) {
        let server = match server.address() {
            ServerAddr::Inet(address) => ClientAddr::from(address.ip()),
            ServerAddr::Unix(_) => ClientAddr::Unix,
        };
        // Only a clock before 1970 fails.
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        log.record(Request { client: peer.address, time, server, request: RequestLine::of(&self.line) });
        self.line.clear();
        self.speech = Speech::Logged;
    }
}

#[cfg(test)]
mod tests;

//! Finds the requests among the bytes that pass, for the request log: in HTTP/1.x each one, in other protocols each
//! time the client speaks after the server did the first line of what it says.

use std::time::{SystemTime, UNIX_EPOCH};

use common::client_addr::ClientAddr;
use common::log_record::{Request, RequestLine};

use super::connection::Peer;
use crate::engine::http::{Framer, Part, SwitchWatch, Verdict};
use crate::engine::servers::{Server, ServerAddr};
use crate::request_log::RequestLog;

/// One connection's tap; it exists only while requests are logged.
#[derive(Debug, Default)]
pub struct RequestTap {
    framer: Framer,
    /// What was said so far is HTTP/1.x, a request at least. Anything else may be another protocol.
    is_http: bool,
    stage: Stage,
    /// What is known of the line, as far as it is logged.
    line: Vec<u8>,
    /// Something was logged since the server spoke.
    turn_is_logged: bool,
    /// The client wishes for another protocol, and this is the server's answer.
    answer: Option<SwitchWatch>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// The next line is a new one.
    #[default]
    Between,
    /// In a line that is not logged yet.
    Begun,
    /// In a line that was logged, because it is longer than what is shown of it.
    Logged,
}

/// What a record needs besides the request.
#[derive(Clone, Copy)]
pub struct Witness<'a> {
    /// Who asks.
    pub peer: &'a Peer,
    /// Who is asked.
    pub server: &'a Server,
    /// Where the record goes.
    pub log: &'a RequestLog,
}

impl Witness<'_> {
    /// Tells the log what was asked: the first line of `request`.
    pub fn tell(self, request: &[u8]) {
        let server = match self.server.address() {
            ServerAddr::Inet(address) => ClientAddr::from(address.ip()),
            ServerAddr::Unix(_) => ClientAddr::Unix,
        };
        // Only a clock before 1970 fails.
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let request = RequestLine::of(request);
        self.log.record(Request { client: self.peer.address, time, server, request });
    }
}

impl RequestTap {
    /// The client sent `data`.
    pub fn client_spoke(&mut self, mut data: &[u8], witness: Witness<'_>) {
        while let Some((part, bytes)) = self.framer.next(&mut data) {
            match part {
                Part::Gap => self.gap(),
                Part::Line => self.line(bytes, witness),
                Part::Fields | Part::Body => self.end_line(witness),
                Part::Unframed => self.unframed(bytes, witness),
            }
        }
        if self.framer.upgrade_wished() {
            self.answer = Some(SwitchWatch::default());
        }
    }

    /// The server sent `data`: where there is no HTTP, what the client said before was a request, what it says next is another.
    pub fn server_spoke(&mut self, data: &[u8], witness: Witness<'_>) {
        if let Some(watch) = &mut self.answer {
            let verdict = watch.take(data);
            if verdict != Verdict::Open {
                self.answer = None;
            }
            if verdict == Verdict::Switched {
                self.framer.give_up();
                self.is_http = false;
            }
        }
        if !self.is_http && self.stage != Stage::Between {
            // No server of HTTP answers before the request is complete: so it is not, or will not be.
            self.framer.give_up();
            self.finish(witness);
        }
        self.turn_is_logged = false;
    }

    /// Logs a request that was begun.
    pub fn finish(&mut self, witness: Witness<'_>) {
        if self.stage == Stage::Begun {
            self.log(witness);
        }
        self.stage = Stage::Between;
    }

    /// An empty line may be all that is said in another protocol.
    fn gap(&mut self) {
        if !self.is_http && !self.turn_is_logged {
            self.stage = Stage::Begun;
        }
    }

    fn line(&mut self, bytes: &[u8], witness: Witness<'_>) {
        if self.stage == Stage::Between {
            self.stage = Stage::Begun;
        }
        self.keep(bytes, witness);
    }

    fn end_line(&mut self, witness: Witness<'_>) {
        self.is_http = true;
        self.finish(witness);
    }

    fn unframed(&mut self, bytes: &[u8], witness: Witness<'_>) {
        self.is_http = false;
        // The line of which the beginning is logged may have gone on while the server answered the request before.
        self.turn_is_logged |= self.stage == Stage::Logged;
        if self.turn_is_logged {
            // Also the beginning of what looked like another request belongs to the one before.
            self.line.clear();
            self.stage = Stage::Between;
            return;
        }
        self.stage = Stage::Begun;
        let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        self.keep(&bytes[..end.unwrap_or(bytes.len())], witness);
        if end.is_some() {
            self.finish(witness);
        }
    }

    /// Keeps what is logged of a line, and logs it when that is complete.
    fn keep(&mut self, bytes: &[u8], witness: Witness<'_>) {
        if self.stage == Stage::Begun {
            let room = RequestLine::MAX - self.line.len();
            self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
            if self.line.len() == RequestLine::MAX {
                self.log(witness);
            }
        }
    }

    fn log(&mut self, witness: Witness<'_>) {
        witness.tell(&self.line);
        self.line.clear();
        self.stage = Stage::Logged;
        self.turn_is_logged = true;
    }
}

#[cfg(test)]
mod tests;

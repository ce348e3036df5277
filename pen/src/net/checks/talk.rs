//! One errand over a connection: dials, says what is to be said, and listens until that comes to something. However much a server
//! says, it is heard in small parts.

use std::io::ErrorKind;

use common::command::ProxyVersion;
use common::reason;
use mio::event::Event;
use mio::{Registry, Token};

use super::speech::{Finding, Speech};
use super::task::Step;
use crate::engine::proxy;
use crate::engine::servers::ServerAddr;
use crate::net::stream::Stream;
use crate::net::upstream::{DialError, dial_address, is_shortage};
use crate::settings::Service;
use crate::shared::SpareDescriptor;

/// Reads at one go.
const READS_PER_TURN: usize = 4;

/// A connection to a server or its agent.
#[derive(Debug)]
pub struct Talk {
    stream: Stream,
    is_open: bool,
    /// The PROXY header that the server expects, if it expects one.
    header: Option<ProxyVersion>,
    speech: Speech,
    outgoing: Vec<u8>,
    /// Of `outgoing`.
    sent: usize,
    _descriptor: SpareDescriptor,
}

impl Talk {
    /// Starts to connect. A finding, if there is nothing to wait for.
    pub fn dial(
        address: &ServerAddr,
        header: Option<ProxyVersion>,
        speech: Speech,
        service: &Service,
        (registry, token): (&Registry, Token),
        descriptor: SpareDescriptor,
    ) -> Result<Talk, Finding> {
        let mut stream = dial_address(address, None, service).map_err(|error| match error {
            DialError::Shortage(_) => Finding::Shortage,
            DialError::Server(error) => speech.failed(&reason(&error)),
            DialError::Full(_) => speech.failed("its queue of connections is full"),
        })?;
        stream.register(registry, token).map_err(|_| Finding::Shortage)?;
        Ok(Talk {
            stream,
            is_open: false,
            header,
            speech,
            outgoing: Vec::new(),
            sent: 0,
            _descriptor: descriptor,
        })
    }

    /// The socket has news.
    pub fn progress(&mut self, event: &Event, scratch: &mut [u8]) -> Step {
        if !self.is_open {
            match self.stream.take_error() {
                Ok(None) if event.is_writable() => {}
                Ok(None) => return Step::Wait,
                Ok(Some(error)) | Err(error) if is_shortage(&error) => return Step::Found(Finding::Shortage),
                Ok(Some(error)) | Err(error) => {
                    return Step::Found(self.speech.failed(&reason(&error)));
                }
            }
            self.is_open = true;
            if let Some(version) = self.header {
                self.outgoing = proxy::local(version, self.stream.route());
            }
            if let Some(finding) = self.speech.open(&mut self.outgoing) {
                self.send();
                return Step::Found(finding);
            }
        }
        self.go_on(scratch)
    }

    /// Says and hears as much as is possible at one go.
    pub fn go_on(&mut self, scratch: &mut [u8]) -> Step {
        self.send();
        for _ in 0..READS_PER_TURN {
            let length = match self.stream.read(scratch) {
                Ok(0) => return Step::Found(self.speech.end()),
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Step::Wait,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return Step::Found(self.speech.end()),
            };
            let finding = self.speech.take(&scratch[..length], &mut self.outgoing);
            self.send();
            if let Some(finding) = finding {
                return Step::Found(finding);
            }
        }
        Step::GoOn
    }

    /// The time is up.
    pub fn overdue(&self) -> Finding {
        if self.is_open { self.speech.overdue() } else { self.speech.failed("no connection in time") }
    }

    /// Sends what is left. Where that fails, what the server has said before may still be an answer.
    fn send(&mut self) {
        while self.sent < self.outgoing.len() {
            match self.stream.write(&self.outgoing[self.sent..]) {
                Ok(length) => self.sent += length,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
        self.outgoing.clear();
        self.sent = 0;
    }
}

//! One errand by datagrams: asks, once more if no answer comes, and listens.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use common::reason;
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Socket, Type};

use super::speech::{Finding, failed, judge};
use super::task::Step;
use crate::engine::probe::Conversation;
use crate::net::transparent::Source;
use crate::net::upstream::{bind, is_shortage};
use crate::settings::Service;
use crate::shared::SpareDescriptor;

/// Datagrams at one go.
const READS_PER_TURN: usize = 16;
/// More than any server sends that is asked twice.
const HEARD_MOST: usize = 256;

/// A socket that is connected to the server, so that nobody else's datagrams arrive, and its errors do.
#[derive(Debug)]
pub struct Query {
    socket: UdpSocket,
    conversation: Conversation,
    /// Datagrams so far.
    heard: usize,
    _descriptor: SpareDescriptor,
}

impl Query {
    /// Asks. A finding, if there is nothing to wait for.
    pub fn ask(
        address: SocketAddr,
        conversation: Conversation,
        service: &Service,
        (registry, token): (&Registry, Token),
        descriptor: SpareDescriptor,
    ) -> Result<Query, Finding> {
        let mut socket = open(address, service).map_err(|error| explain(&error))?;
        registry.register(&mut socket, token, Interest::READABLE).map_err(|_| Finding::Shortage)?;
        let query = Query { socket, conversation, heard: 0, _descriptor: descriptor };
        query.send().map_err(|error| explain(&error))?;
        Ok(query)
    }

    /// Asks once more: the first datagram may have been lost.
    pub fn ask_again(&self) {
        // An error comes back when it is listened for an answer.
        let _ = self.send();
    }

    /// Hears as much as is possible at one go.
    pub fn go_on(&mut self, scratch: &mut [u8]) -> Step {
        for _ in 0..READS_PER_TURN {
            let length = match self.socket.recv(scratch) {
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Step::Wait,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Step::Found(explain(&error)),
            };
            self.heard += 1;
            if let Some(finding) = judge(self.conversation.take(&scratch[..length])) {
                return Step::Found(finding);
            }
            if self.heard > HEARD_MOST {
                return Step::Found(failed(&format!("no answer among {HEARD_MOST} datagrams")));
            }
        }
        Step::GoOn
    }

    /// The time is up.
    pub fn overdue(&self) -> Finding {
        failed(&self.conversation.overdue())
    }

    fn send(&self) -> io::Result<()> {
        match self.socket.send(self.conversation.opening()) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            // What does not fit now is asked again.
            _ => Ok(()),
        }
    }
}

fn open(address: SocketAddr, service: &Service) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM.nonblocking().cloexec(), None)?;
    let source = Source::towards(address.ip(), None, service);
    bind(&socket, source)?;
    socket.connect(&address.into())?;
    Ok(UdpSocket::from_std(socket.into()))
}

fn explain(error: &io::Error) -> Finding {
    if is_shortage(error) { Finding::Shortage } else { failed(&reason(error)) }
}

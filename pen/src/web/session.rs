//! A connection's life: a request, its answer, perhaps another one, and a polite end.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use common::client_addr::ClientAddr;

use super::door::{self, Visitor};
use super::pages;
use super::peers::{Activity, Onward, Place};
use super::request::{self, HEAD_MOST, Method, Problem, Request, Then};
use super::response::Response;
use super::routes;
use super::server::Context;

/// How long a request's head may take, from the connect or the answer before: as a whole, however it trickles.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// How long a peer may take nothing of its answer.
const WRITE_TIME: Duration = Duration::from_secs(10);
/// A body of more bytes is not copied behind its head, to go out with it.
const SEPARATE_FROM: usize = 64 * 1024;
/// How long, and how much, to go on reading after the last answer: closing with unread bytes would reset the connection, and the
/// peer might lose the answer.
const FAREWELL_TIME: Duration = Duration::from_secs(2);
const FAREWELL_MOST: usize = 1 << 20;

/// A connection.
#[derive(Debug)]
pub struct Session {
    stream: Arc<TcpStream>,
    peer: ClientAddr,
    over_loopback: bool,
    place: Place,
    context: Arc<Context>,
    /// What was read and not yet understood; the next request may be in it.
    heard: Vec<u8>,
}

/// What came of waiting for a request.
enum Heard {
    Request(Request),
    Nonsense(Problem),
    /// The peer has gone, or was too slow.
    Nothing,
}

impl Session {
    /// Begins one.
    pub fn new(stream: Arc<TcpStream>, peer: ClientAddr, place: Place, context: Arc<Context>) -> Session {
        let local = stream.local_addr();
        let over_loopback = local.is_ok_and(|address| door::is_loopback(address.ip()));
        Session { stream, peer, over_loopback, place, context, heard: Vec::new() }
    }

    /// Serves it to its end.
    pub fn run(mut self) {
        if self.stream.set_write_timeout(Some(WRITE_TIME)).is_err() {
            return;
        }
        loop {
            let (response, method, then) = match self.hear() {
                Heard::Nothing => return,
                Heard::Nonsense(problem) => (problem.into(), Method::Get, Then::Close),
                Heard::Request(request) => {
                    self.place.note(Activity::Working);
                    let (response, then) = self.answer(&request);
                    (response, request.method, then)
                }
            };
            self.place.note(Activity::Writing);
            if self.respond(&response, method, then).is_err() {
                return;
            }
            let onward = self.place.note(Activity::Idle);
            if then == Then::Close || onward == Onward::End {
                return self.leave();
            }
        }
    }

    /// Waits for a whole head.
    fn hear(&mut self) -> Heard {
        let deadline = Instant::now() + HEAD_TIME;
        loop {
            match request::parse(&self.heard) {
                Ok(Some((request, length))) => {
                    self.heard.drain(..length);
                    return Heard::Request(request);
                }
                Ok(None) => {}
                Err(problem) => return Heard::Nonsense(problem),
            }
            let room = HEAD_MOST - self.heard.len().min(HEAD_MOST);
            let mut buffer = [0; HEAD_MOST];
            match self.read_until(deadline, &mut buffer[..room]) {
                Ok(length) if length > 0 => self.heard.extend_from_slice(&buffer[..length]),
                _ => return Heard::Nothing,
            }
        }
    }

    fn answer(&self, request: &Request) -> (Response, Then) {
        let visitor =
            Visitor { permitted: self.context.permits(self.peer), over_loopback: self.over_loopback };
        if let Err(refused) = door::admit(request, visitor) {
            return (refused.into(), Then::Close);
        }
        let stopping = self.context.stopping.load(Ordering::Relaxed);
        match routes::route(request) {
            Ok(route) => (pages::page(route, stopping, &self.context.shared), request.then),
            Err(stray) => (stray.into(), request.then),
        }
    }

    fn respond(&self, response: &Response, method: Method, then: Then) -> io::Result<()> {
        let mut head = response.head(then, SystemTime::now());
        let body = match method {
            Method::Head => "",
            Method::Get | Method::Other => response.body.as_str(),
        };
        if body.len() > SEPARATE_FROM {
            self.write(head.as_bytes())?;
            return self.write(body.as_bytes());
        }
        head.push_str(body);
        self.write(head.as_bytes())
    }

    fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match (&*self.stream).write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(length) => bytes = &bytes[length..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Says that nothing more comes, and waits a little for the peer to say the same.
    fn leave(&self) {
        if self.stream.shutdown(Shutdown::Write).is_err() {
            return;
        }
        let deadline = Instant::now() + FAREWELL_TIME;
        let (mut buffer, mut read) = ([0; 4096], 0);
        while read < FAREWELL_MOST {
            match self.read_until(deadline, &mut buffer) {
                Ok(0) | Err(_) => return,
                Ok(length) => read += length,
            }
        }
    }

    fn read_until(&self, deadline: Instant, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            self.stream.set_read_timeout(Some(left))?;
            match (&*self.stream).read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

//! Datagrams from sockets of their own: a few at a time, each with a port that it keeps for some exchanges.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};

use super::{Endurance, GLANCE, Outcome, Target, Timing};
use crate::servers::request;
use crate::{Error, Result};

/// Without an answer for so long, a datagram is lost.
const LOST_AFTER: Duration = Duration::from_millis(500);

/// Datagrams, each sent when the one before it has come back. A unit is a datagram with its answer.
#[derive(Clone, Copy, Debug)]
pub struct Datagrams {
    /// How many altogether.
    pub datagrams: u64,
    /// How many are on their way at a time.
    pub at_once: u32,
    /// After so many, a client takes a new port.
    pub per_port: u32,
}

/// A client, with what it waits for.
struct Asker {
    socket: UdpSocket,
    exchanges_left: u32,
    sent: Instant,
    waiting: bool,
}

impl Datagrams {
    /// Goes through all of them.
    pub fn run(self, target: &Target) -> Result<Outcome> {
        self.exchange(target).map_err(Error::doing("clients"))?
    }

    fn exchange(self, target: &Target) -> io::Result<Result<Outcome>> {
        let mut poll = Poll::new()?;
        let mut events = Events::with_capacity(512);
        let mut timing = Timing::new();
        let mut askers = Vec::new();
        let (mut sent, mut done, mut lost) = (0, 0, 0);
        for number in 0..self.at_once as usize {
            let mut asker = self.asker(target, &poll, number)?;
            asker.ask(&mut sent, self.datagrams);
            askers.push(asker);
        }
        let mut endurance = Endurance::new();
        let mut swept = Instant::now();
        let mut buffer = [0; 2048];
        while done + lost < self.datagrams {
            match poll.poll(&mut events, Some(GLANCE)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
                let number = event.token().0;
                // A port that was given up may still have an event; its socket is another one now, and has nothing to read.
                if askers[number].socket.recv(&mut buffer).is_err() || !askers[number].waiting {
                    continue;
                }
                timing.record(askers[number].sent.elapsed());
                done += 1;
                self.next(&mut askers[number], target, &mut poll, number, &mut sent)?;
            }
            if swept.elapsed() > GLANCE {
                swept = Instant::now();
                for (number, asker) in askers.iter_mut().enumerate() {
                    if asker.waiting && asker.sent.elapsed() > LOST_AFTER {
                        lost += 1;
                        // What comes too late must not pass for the next answer.
                        asker.exchanges_left = 0;
                        self.next(asker, target, &mut poll, number, &mut sent)?;
                    }
                }
            }
            match endurance.lasts(!events.is_empty()) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(Outcome { wanted: self.datagrams, done, timing }))
    }

    fn next(
        &self,
        asker: &mut Asker,
        to: &Target,
        poll: &mut Poll,
        number: usize,
        sent: &mut u64,
    ) -> io::Result<()> {
        asker.waiting = false;
        if *sent < self.datagrams && asker.exchanges_left == 0 {
            poll.registry().deregister(&mut asker.socket)?;
            *asker = self.asker(to, poll, number)?;
        }
        asker.ask(sent, self.datagrams);
        Ok(())
    }

    fn asker(&self, target: &Target, poll: &Poll, number: usize) -> io::Result<Asker> {
        let mut socket = UdpSocket::bind(SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)))?;
        socket.connect(target.address.into())?;
        poll.registry().register(&mut socket, Token(number), Interest::READABLE)?;
        Ok(Asker { socket, exchanges_left: self.per_port, sent: Instant::now(), waiting: false })
    }
}

impl Asker {
    fn ask(&mut self, sent: &mut u64, wanted: u64) {
        if *sent < wanted {
            *sent += 1;
            self.exchanges_left = self.exchanges_left.saturating_sub(1);
            self.sent = Instant::now();
            self.waiting = true;
            // If it cannot be sent, it will be missed.
            let _ = self.socket.send(&request(0));
        }
    }
}

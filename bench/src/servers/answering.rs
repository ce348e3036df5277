//! The servers' loop: one thread, one poll.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::AsRawFd;

use mio::event::Event;
use mio::net::{TcpListener, TcpStream, UdpSocket};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;
use socket2::{Domain, Socket, Type};

use super::{DATAGRAM_SERVERS, REQUEST, address};

const INPUT: Token = Token(0);
const LISTENER: Token = Token(1);
const DATAGRAMS: usize = 2;
const CONNECTIONS: usize = DATAGRAMS + DATAGRAM_SERVERS as usize;

/// Bytes that are written at once.
const CHUNK: usize = 256 << 10;
/// Bytes of datagrams that may wait, as far as the system allows it.
const QUEUE: usize = 8 << 20;
const BACKLOG: i32 = 8192;

/// The servers with all their connections.
pub(super) struct Answering {
    poll: Poll,
    listener: TcpListener,
    datagrams: Vec<UdpSocket>,
    connections: Slab<Connection>,
    buffer: Vec<u8>,
}

/// A proxy's connection.
struct Connection {
    socket: TcpStream,
    /// The beginning of a request that is not complete yet.
    begun: Vec<u8>,
    /// Bytes of answers that are still to be sent.
    owed: u64,
}

impl Answering {
    pub(super) fn new() -> io::Result<Answering> {
        let poll = Poll::new()?;
        let mut listener = listener()?;
        poll.registry().register(&mut SourceFd(&io::stdin().as_raw_fd()), INPUT, Interest::READABLE)?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let port = listener.local_addr()?.port();
        let mut datagrams = Vec::new();
        for number in 0..DATAGRAM_SERVERS {
            let mut socket = datagram_socket(SocketAddrV4::new(address(number), port))?;
            let token = Token(DATAGRAMS + number as usize);
            poll.registry().register(&mut socket, token, Interest::READABLE)?;
            datagrams.push(socket);
        }
        Ok(Answering { poll, listener, datagrams, connections: Slab::new(), buffer: vec![b'r'; CHUNK] })
    }

    pub(super) fn port(&self) -> u16 {
        self.listener.local_addr().map_or(0, |address| address.port())
    }

    pub(super) fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(512);
        loop {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
                match event.token() {
                    INPUT => return Ok(()),
                    LISTENER => self.accept(),
                    Token(token) if token < CONNECTIONS => self.echo(token - DATAGRAMS),
                    Token(token) => self.converse(token - CONNECTIONS, event),
                }
            }
        }
    }

    fn accept(&mut self) {
        while let Ok((mut socket, _)) = self.listener.accept() {
            let _ = socket.set_nodelay(true);
            let entry = self.connections.vacant_entry();
            let token = Token(CONNECTIONS + entry.key());
            let interest = Interest::READABLE | Interest::WRITABLE;
            if self.poll.registry().register(&mut socket, token, interest).is_ok() {
                entry.insert(Connection { socket, begun: Vec::new(), owed: 0 });
            }
        }
    }

    fn converse(&mut self, number: usize, event: &Event) {
        let Some(connection) = self.connections.get_mut(number) else { return };
        let open = !event.is_error() && connection.turn(event, &mut self.buffer).is_ok();
        if !open {
            self.connections.remove(number);
        }
    }

    fn echo(&mut self, number: usize) {
        let Some(socket) = self.datagrams.get(number) else { return };
        while let Ok((length, from)) = socket.recv_from(&mut self.buffer) {
            let _ = socket.send_to(&self.buffer[..length], from);
        }
    }
}

impl Connection {
    /// Reads requests and answers them, until the socket has to be waited for; an error at the end.
    fn turn(&mut self, event: &Event, buffer: &mut [u8]) -> io::Result<()> {
        if event.is_readable() {
            loop {
                match self.socket.read(buffer) {
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(length) => {
                        self.take(&buffer[..length]);
                        // A short read has emptied the socket, and what comes later brings another event.
                        if length < buffer.len() && !event.is_read_closed() {
                            break;
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
        }
        while self.owed > 0 {
            let length = usize::try_from(self.owed).unwrap_or(CHUNK).min(CHUNK);
            match self.socket.write(&buffer[..length]) {
                Ok(length) => self.owed -= length as u64,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (part, rest) = bytes.split_at(bytes.len().min(REQUEST - self.begun.len()));
            self.begun.extend_from_slice(part);
            bytes = rest;
            if self.begun.len() == REQUEST {
                let length = self.begun.first_chunk().map_or(0, |length| u64::from_le_bytes(*length));
                self.owed += length;
                self.begun.clear();
            }
        }
    }
}

fn listener() -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking().cloexec(), None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into())?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}

fn datagram_socket(address: SocketAddrV4) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM.nonblocking().cloexec(), None)?;
    socket.set_recv_buffer_size(QUEUE)?;
    socket.bind(&SocketAddr::V4(address).into())?;
    Ok(UdpSocket::from_std(socket.into()))
}

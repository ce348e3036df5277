//! One connection of a client, plain or with TLS: it asks, and counts the bytes of the answer.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use mio::net::TcpStream;
use nix::sys::socket::{setsockopt, sockopt::IpBindAddressNoPort};
use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use socket2::{Domain, Socket, Type};

use super::Target;
use crate::servers::{REQUEST, request};

/// What an event has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing that would count.
    Waiting,
    /// The answer is there, to the last byte.
    Answered,
    /// It will not come any more.
    Lost,
}

pub(super) struct Client {
    pub(super) socket: TcpStream,
    session: Option<Box<ClientConnection>>,
    /// The request, as long as it has not been sent.
    unsent: Option<[u8; REQUEST]>,
    /// Bytes of the answer that have not come.
    missing: u64,
}

impl Client {
    /// Begins to connect, from that address if there is one.
    pub(super) fn dial(target: &Target, source: Option<Ipv4Addr>) -> io::Result<Client> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking().cloexec(), None)?;
        socket.set_tcp_nodelay(true)?;
        if let Some(source) = source {
            // Ports are chosen at the connect, so that all addresses have all of them.
            setsockopt(&socket, IpBindAddressNoPort, &true)?;
            socket.bind(&SocketAddr::V4(SocketAddrV4::new(source, 0)).into())?;
        }
        match socket.connect(&SocketAddr::V4(target.address).into()) {
            Err(error) if error.raw_os_error() != Some(nix::libc::EINPROGRESS) => return Err(error),
            _ => {}
        }
        let session = target.tls.as_ref().map(|config| {
            let name = ServerName::try_from("localhost").expect("localhost is a name");
            ClientConnection::new(config.clone(), name).map(Box::new).map_err(io::Error::other)
        });
        Ok(Client {
            socket: TcpStream::from_std(socket.into()),
            session: session.transpose()?,
            unsent: None,
            missing: 0,
        })
    }

    /// Asks for so many bytes. If the socket does not take the request yet, `advance` sends it.
    pub(super) fn ask(&mut self, answer: u64) -> Progress {
        self.missing = answer;
        self.unsent = Some(request(answer));
        self.send().map_or(Progress::Lost, |()| Progress::Waiting)
    }

    /// Sends and receives what there is.
    pub(super) fn advance(&mut self, buffer: &mut [u8], closed: bool) -> Progress {
        self.exchange(buffer, closed).unwrap_or(Progress::Lost)
    }

    fn exchange(&mut self, buffer: &mut [u8], closed: bool) -> io::Result<Progress> {
        self.send()?;
        if self.missing == 0 {
            return Ok(Progress::Waiting);
        }
        loop {
            let Some(length) = waited_for(self.receive(buffer))? else { return Ok(Progress::Waiting) };
            match length {
                0 => return Ok(Progress::Lost),
                length => self.missing = self.missing.saturating_sub(length as u64),
            }
            if self.missing == 0 {
                return Ok(Progress::Answered);
            }
            // A short read has emptied the socket. Under TLS a part of a record may wait in it.
            if self.session.is_none() && length < buffer.len() && !closed {
                return Ok(Progress::Waiting);
            }
        }
    }

    fn send(&mut self) -> io::Result<()> {
        let Some(request) = self.unsent else { return self.flush() };
        let Some(session) = &mut self.session else {
            if waited_for(self.socket.write(&request))?.is_some() {
                self.unsent = None;
            }
            return Ok(());
        };
        session.writer().write_all(&request)?;
        self.unsent = None;
        self.flush()
    }

    /// Sends what the TLS session has to say.
    fn flush(&mut self) -> io::Result<()> {
        let Some(session) = &mut self.session else { return Ok(()) };
        while session.wants_write() {
            if waited_for(session.write_tls(&mut self.socket))?.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(session) = &mut self.session else { return self.socket.read(buffer) };
        loop {
            match session.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
            if session.read_tls(&mut self.socket)? == 0 {
                return Ok(0);
            }
            session.process_new_packets().map_err(io::Error::other)?;
            while session.wants_write() && waited_for(session.write_tls(&mut self.socket))?.is_some() {}
        }
    }
}

/// Nothing where the socket has to be waited for.
fn waited_for(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(length) => Ok(Some(length)),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

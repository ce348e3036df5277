//! One connection, TCP or Unix, of a client or of a server, perhaps under TLS, and how it ended.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::IpBindAddressNoPort;
use rustls::ClientConfig;
use socket2::{Domain, Socket, Type};

use crate::address::Address;
use crate::records::Records;
use crate::wait::{LIMIT, wait_until};

/// A connected stream socket. Reads and writes fail after [`LIMIT`], so that a test never hangs.
#[derive(Debug)]
pub struct Stream {
    socket: Socket,
    /// What it speaks TLS with, if it does; handles of the same connection share it.
    records: Option<Arc<Records>>,
}

/// How a peer ended a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// In order.
    Eof,
    /// By a reset, or with another error.
    Reset,
    /// Under TLS: without a goodbye, so that something may be missing.
    Cut,
    /// Not at all within the limit.
    Open,
}

/// What arrived on a stream until it ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Received {
    /// Every byte.
    pub bytes: Vec<u8>,
    /// What came after the last byte.
    pub end: End,
}

impl Received {
    /// The bytes as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

impl Stream {
    /// Connects to `address`.
    pub fn connect(address: &Address) -> io::Result<Self> {
        Self::dial(address, None)
    }

    /// Connects to `address` from the local address `source`.
    pub fn connect_from(source: IpAddr, address: &Address) -> io::Result<Self> {
        Self::dial(address, Some(source))
    }

    fn dial(address: &Address, source: Option<IpAddr>) -> io::Result<Self> {
        let socket = Socket::new(address.domain(), Type::STREAM, None)?;
        if let Some(source) = source {
            // The port is chosen at the connect, so that only the whole pair of addresses has to be unique.
            setsockopt(&socket, IpBindAddressNoPort, &true)?;
            socket.bind(&SocketAddr::new(source, 0).into())?;
        }
        if address.domain() == Domain::UNIX {
            socket.set_write_timeout(Some(LIMIT))?;
            socket.connect(&address.to_sockaddr()?)?;
        } else {
            socket.connect_timeout(&address.to_sockaddr()?, LIMIT)?;
        }
        Self::new(socket)
    }

    pub(crate) fn new(socket: Socket) -> io::Result<Self> {
        socket.set_read_timeout(Some(LIMIT))?;
        socket.set_write_timeout(Some(LIMIT))?;
        if socket.domain()? != Domain::UNIX {
            socket.set_tcp_nodelay(true)?;
        }
        Ok(Self { socket, records: None })
    }

    /// Speaks TLS from now on, as a client of this server.
    pub fn secure(self, name: &str, config: &Arc<ClientConfig>) -> io::Result<Self> {
        let records = Records::shake_hands(&self.socket, name, config)?;
        Ok(Self { records: Some(Arc::new(records)), ..self })
    }

    /// What was agreed upon under TLS, at the end of the handshake.
    pub fn records(&self) -> &Records {
        self.records.as_ref().expect("the stream speaks TLS")
    }

    /// The connection that TLS is within, for what TLS knows nothing of.
    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// The address and port of the other end; none for Unix sockets.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.socket.peer_addr().ok().and_then(|peer| peer.as_socket())
    }

    /// The address and port of this end; none for Unix sockets.
    pub fn local(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok().and_then(|local| local.as_socket())
    }

    /// How long a read waits for bytes.
    pub fn patience(&self, limit: Duration) {
        self.socket.set_read_timeout(Some(limit)).expect("a limit above zero is valid");
    }

    /// Another handle of the same connection.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        let socket = self.socket.try_clone().expect("a descriptor is free");
        Self { socket, records: self.records.clone() }
    }

    /// Makes a write fail soon when the peer takes nothing.
    pub fn stop_writing_when_full(&self) {
        self.socket.set_write_timeout(Some(Duration::from_millis(500))).expect("a limit above zero is valid");
    }

    /// Undoes [`Stream::stop_writing_when_full`].
    pub fn write_patiently(&self) {
        self.socket.set_write_timeout(Some(LIMIT)).expect("a limit above zero is valid");
    }

    /// Makes the kernel's receive buffer small, so that a slow reader is felt soon.
    pub fn small_receive_buffer(&self) {
        self.socket.set_recv_buffer_size(4096).expect("a socket has a receive buffer");
    }

    /// Writes all of `bytes`.
    #[track_caller]
    pub fn send(&self, bytes: impl AsRef<[u8]>) {
        { self }.write_all(bytes.as_ref()).expect("the peer takes what is sent");
    }

    /// Under TLS, reads the tickets that pen sends after the handshake, and whatever comes with them: with anything unread a
    /// close would be a reset.
    pub fn take_tickets(&self) {
        let Some(records) = &self.records else { return };
        self.patience(Duration::from_millis(20));
        wait_until("tickets have come", || {
            let _ = { self }.read(&mut [0]);
            records.session().tls13_tickets_received() > 0
        });
        self.patience(LIMIT);
    }

    /// Says that nothing more will be sent: the half-close.
    pub fn finish(&self) {
        // The peer may have reset the connection already, and then there is nothing to finish.
        let _ = match &self.records {
            Some(records) => records.say_goodbye(&self.socket),
            None => self.socket.shutdown(Shutdown::Write),
        };
    }

    /// Ends both directions at once, whoever else holds this stream.
    pub fn abandon(&self) {
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    /// Makes the close of this stream a reset.
    pub fn reset_on_close(&self) {
        // Unix sockets know no reset: a close with unread bytes is the nearest.
        let _ = self.socket.set_linger(Some(Duration::ZERO));
    }

    /// Closes with a reset.
    pub fn reset(self) {
        self.reset_on_close();
    }

    /// Reads exactly `length` bytes.
    #[track_caller]
    pub fn receive(&self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        { self }.read_exact(&mut bytes).expect("the expected bytes arrive");
        bytes
    }

    /// Reads a line, and returns it without its end.
    #[track_caller]
    pub fn line(&self) -> String {
        let mut line = Vec::new();
        loop {
            match self.receive(1)[0] {
                b'\n' => return String::from_utf8_lossy(&line).into_owned(),
                byte => line.push(byte),
            }
        }
    }

    /// Sends a line and returns the line that comes back.
    #[track_caller]
    pub fn exchange(&self, line: &str) -> String {
        self.send(format!("{line}\n"));
        self.line()
    }

    /// Reads until the stream ends.
    pub fn drain(&self) -> Received {
        let mut bytes = Vec::new();
        let end = self.drain_with(|part| bytes.extend_from_slice(part));
        Received { bytes, end }
    }

    /// Reads until the stream ends, and hands every part to `take`.
    pub fn drain_with(&self, mut take: impl FnMut(&[u8])) -> End {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match { self }.read(&mut buffer) {
                Ok(0) => return End::Eof,
                Ok(count) => take(&buffer[..count]),
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => return End::Open,
                    io::ErrorKind::UnexpectedEof => return End::Cut,
                    _ => return End::Reset,
                },
            }
        }
    }
}

impl Read for &Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.records {
            Some(records) => records.read(&self.socket, buffer),
            None => (&self.socket).read(buffer),
        }
    }
}

impl Write for &Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &self.records {
            Some(records) => records.write(&self.socket, bytes),
            None => (&self.socket).write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

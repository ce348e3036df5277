//! TLS for a [`Stream`](crate::Stream), as a client. One thread may read while another one writes.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use socket2::Socket;

/// A client's side of TLS.
#[derive(Debug)]
pub struct Records {
    session: Mutex<ClientConnection>,
    /// What was read and the session has not taken yet. Locked before it, by whoever reads.
    undecrypted: Mutex<Vec<u8>>,
    /// What the peer has not taken yet. Locked before the session, by whoever writes.
    unsent: Mutex<Vec<u8>>,
}

impl Records {
    pub(crate) fn shake_hands(
        mut socket: &Socket,
        name: &str,
        config: &Arc<ClientConfig>,
    ) -> io::Result<Self> {
        let name = ServerName::try_from(name.to_owned()).expect("a test's name of a server is one");
        let mut session = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
        session.complete_io(&mut socket)?;
        Ok(Self { session: Mutex::new(session), undecrypted: Mutex::default(), unsent: Mutex::default() })
    }

    /// The session, while nobody else needs it.
    pub fn session(&self) -> MutexGuard<'_, ClientConnection> {
        self.session.lock().expect("nobody panics with it")
    }

    pub(crate) fn read(&self, mut socket: &Socket, buffer: &mut [u8]) -> io::Result<usize> {
        let mut undecrypted = self.undecrypted.lock().expect("nobody panics with it");
        loop {
            match self.session().reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                done => return done,
            }
            if undecrypted.is_empty() {
                undecrypted.resize(16 * 1024, 0);
                let received = socket.read(&mut undecrypted);
                undecrypted.truncate(*received.as_ref().unwrap_or(&0));
                received?;
            }
            // A session takes no more while it holds plain text.
            let mut session = self.session();
            let taken = session.read_tls(&mut &undecrypted[..])?;
            undecrypted.drain(..taken);
            session.process_new_packets().map_err(io::Error::other)?;
        }
    }

    pub(crate) fn write(&self, socket: &Socket, bytes: &[u8]) -> io::Result<usize> {
        let mut unsent = self.unsent.lock().expect("nobody panics with it");
        send(&mut unsent, socket)?;
        let length = self.session().writer().write(bytes)?;
        self.send_all(&mut unsent, socket).or_else(|error| match error.kind() {
            ErrorKind::WouldBlock => Ok(()),
            _ => Err(error),
        })?;
        Ok(length)
    }

    pub(crate) fn say_goodbye(&self, socket: &Socket) -> io::Result<()> {
        self.session().send_close_notify();
        self.flush(socket)
    }

    /// Sends what the session has to say.
    pub fn flush(&self, socket: &Socket) -> io::Result<()> {
        self.send_all(&mut self.unsent.lock().expect("nobody panics with it"), socket)
    }

    fn send_all(&self, unsent: &mut Vec<u8>, socket: &Socket) -> io::Result<()> {
        let mut session = self.session();
        while session.wants_write() {
            session.write_tls(unsent)?;
        }
        // Whoever reads must not wait for the peer to take this.
        drop(session);
        send(unsent, socket)
    }
}

fn send(unsent: &mut Vec<u8>, mut socket: &Socket) -> io::Result<()> {
    while !unsent.is_empty() {
        let length = socket.write(unsent)?;
        unsent.drain(..length);
    }
    Ok(())
}

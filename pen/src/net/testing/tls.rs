//! Peers that speak TLS, for tests: a session of pen's, and rustls as the client of it.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::{Arc, LazyLock, Mutex};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, ServerConfig, ServerConnection,
    SignatureScheme, SupportedProtocolVersion,
};
use socket2::Socket;

use crate::net::tls::Session;
use crate::settings::TlsCounters;

const PEM: &[u8] = include_bytes!("localhost.pem");

/// Whom pen's end talks to.
pub enum Peer {
    /// As it is.
    Plain(Socket),
    /// In records. One thread may read while another one writes.
    Tls(Socket, Box<Mutex<ClientConnection>>),
}

impl Peer {
    /// Says that nothing more will be sent.
    pub fn finish(&self) {
        match self {
            Peer::Plain(socket) => socket.shutdown(Shutdown::Write).unwrap(),
            Peer::Tls(_, session) => {
                session.lock().unwrap().send_close_notify();
                self.send_records().unwrap();
            }
        }
    }

    /// The socket.
    pub fn socket(&self) -> &Socket {
        match self {
            Peer::Plain(socket) | Peer::Tls(socket, _) => socket,
        }
    }

    /// What the session wants to send, if there is one.
    pub fn send_records(&self) -> io::Result<()> {
        let Peer::Tls(socket, session) = self else { return Ok(()) };
        let mut records = Vec::new();
        let mut session = session.lock().unwrap();
        while session.wants_write() {
            session.write_tls(&mut records).unwrap();
        }
        drop(session);
        { socket }.write_all(&records)
    }

    /// Everything until the end, and whether it was said in TLS that this is one.
    pub fn hear_out(&self) -> (Vec<u8>, bool) {
        let mut all = Vec::new();
        match { self }.read_to_end(&mut all) {
            Ok(_) => (all, true),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => (all, false),
            Err(error) => panic!("{error}"),
        }
    }
}

impl Read for &Peer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (mut socket, session) = match self {
            Peer::Plain(socket) => return { socket }.read(buffer),
            Peer::Tls(socket, session) => (socket, session),
        };
        loop {
            match session.lock().unwrap().reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            // A session takes no more while it holds plain text: so little at once is always taken.
            let mut record = [0; 256];
            let length = socket.read(&mut record)?;
            let mut session = session.lock().unwrap();
            session.read_tls(&mut &record[..length])?;
            session.process_new_packets().map_err(io::Error::other)?;
        }
    }
}

impl Write for &Peer {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self {
            Peer::Plain(socket) => { socket }.write(data),
            Peer::Tls(_, session) => {
                session.lock().unwrap().writer().write_all(data)?;
                self.send_records()?;
                Ok(data.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A session of this version whose handshake is done, and the client's side of it.
pub fn session(version: &'static SupportedProtocolVersion) -> (Box<Session>, ClientConnection) {
    let mut server = Session::new(ServerConnection::new(Arc::clone(&SERVER)).unwrap());
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(client_config(version), name).unwrap();
    while client.is_handshaking() || server.connection.is_handshaking() {
        let mut flight = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut flight).unwrap();
        }
        let mut rest = &flight[..];
        while !rest.is_empty() {
            server.connection.read_tls(&mut rest).unwrap();
            server.connection.process_new_packets().unwrap();
        }
        // Tickets of TLS 1.3 are left to the first answer, as the handshake leaves them if a request has come.
        if server.connection.is_handshaking() || !server.is_tls13() {
            let mut flight = Vec::new();
            server.send_records(&mut flight);
            let mut rest = &flight[..];
            while !rest.is_empty() {
                client.read_tls(&mut rest).unwrap();
                client.process_new_packets().unwrap();
            }
        }
    }
    server.begin(&TlsCounters::default());
    (Box::new(server), client)
}

static SERVER: LazyLock<Arc<ServerConfig>> = LazyLock::new(|| {
    let chain = CertificateDer::pem_slice_iter(PEM).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(PEM).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    config.ticketer = aws_lc_rs::Ticketer::new().unwrap();
    Arc::new(config)
});

fn client_config(version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer))
        .with_no_client_auth();
    Arc::new(config)
}

/// Whom a client talks to is not what these tests are about.
#[derive(Debug)]
struct AnyServer;

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

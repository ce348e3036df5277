//! TLS as a client of the test's own, where every ending can be told from the others: rustls over a [`Stream`].

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ALL_VERSIONS, ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion};

use crate::certificates::Authority;
use crate::stream::Stream;

/// The settings of a client that trusts this authority alone. Clones of them share the sessions to be resumed.
#[must_use]
pub fn trusting(authority: &Authority) -> Arc<ClientConfig> {
    trusting_with(authority, ALL_VERSIONS)
}

/// The same with these versions of TLS alone.
#[must_use]
pub fn trusting_with(
    authority: &Authority,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(authority.certificate()).expect("openssl has written it");
    roots.add(certificate).expect("an authority's certificate is one");
    let config = ClientConfig::builder_with_protocol_versions(versions)
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

/// The first message of a handshake, for those who mean to cut it or to spoil it.
#[must_use]
pub fn client_hello(config: &Arc<ClientConfig>, name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    session(config, name).write_tls(&mut bytes).expect("a vector takes everything");
    bytes
}

/// How a peer ended a stream under TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsEnd {
    /// It said `close_notify`.
    Goodbye,
    /// The connection ended in order, but nobody had said that it would: what came may be a part of the whole.
    Cut,
    /// By a reset, or with another error.
    Reset,
    /// Not at all within the limit.
    Open,
}

/// A client's connection under TLS. Reads and writes have the stream's limits.
#[derive(Debug)]
pub struct TlsStream {
    stream: Stream,
    session: ClientConnection,
}

impl TlsStream {
    /// Shakes hands over a connected stream, for a server of this name.
    pub fn over(stream: Stream, name: &str, config: &Arc<ClientConfig>) -> io::Result<Self> {
        let mut tls = Self { stream, session: session(config, name) };
        tls.session.complete_io(&mut (&tls.stream))?;
        Ok(tls)
    }

    /// The connection that it is within, for what TLS knows nothing of.
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// What was agreed upon.
    pub fn session(&self) -> &ClientConnection {
        &self.session
    }

    /// Says `close_notify`: nothing more will be sent, and the other direction goes on.
    pub fn finish(&mut self) -> io::Result<()> {
        self.session.send_close_notify();
        self.flush()
    }

    /// Sends with new keys from now on, and asks the peer to do so.
    pub fn refresh_keys(&mut self) -> io::Result<()> {
        self.session.refresh_traffic_keys().map_err(io::Error::other)
    }

    /// Ends in the middle, without a word in TLS.
    #[must_use]
    pub fn into_stream(self) -> Stream {
        self.stream
    }

    /// Reads until the end, and hands every part to `take`.
    pub fn drain_with(&mut self, mut take: impl FnMut(&[u8])) -> TlsEnd {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match self.read(&mut buffer) {
                Ok(0) => return TlsEnd::Goodbye,
                Ok(count) => take(&buffer[..count]),
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::UnexpectedEof => return TlsEnd::Cut,
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => return TlsEnd::Open,
                    _ => return TlsEnd::Reset,
                },
            }
        }
    }

    /// Reads until the end.
    pub fn drain(&mut self) -> (Vec<u8>, TlsEnd) {
        let mut bytes = Vec::new();
        let end = self.drain_with(|part| bytes.extend_from_slice(part));
        (bytes, end)
    }
}

impl Read for TlsStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                outcome => return outcome,
            }
            self.session.read_tls(&mut (&self.stream))?;
            let processed = self.session.process_new_packets();
            // An answer to new keys, or an alert.
            self.flush()?;
            processed.map_err(io::Error::other)?;
        }
    }
}

impl Write for TlsStream {
    /// What the stream does not take is kept, and goes first at the next write.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.flush()?;
        let count = self.session.writer().write(bytes)?;
        // It is taken, whatever happens now: a broken stream shows at the next write.
        let _ = self.flush();
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut (&self.stream)) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

fn session(config: &Arc<ClientConfig>, name: &str) -> ClientConnection {
    let name = ServerName::try_from(name.to_owned()).expect("a test's name of a server is one");
    ClientConnection::new(Arc::clone(config), name).expect("the settings are complete")
}

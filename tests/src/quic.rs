//! QUIC: servers and clients that exchange texts which can be checked.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{
    ClientConfig, Connection, Endpoint, EndpointConfig, Incoming, RecvStream, SendStream, ServerConfig,
    TokioRuntime, TransportConfig,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::address::private_address;
use crate::certificates::{Authority, Order};
use crate::content::Content;
use crate::tls::trusting;

const NAME: &str = "quic.example.com";
/// How long a peer may be silent before a connection is over.
const PATIENCE: Duration = Duration::from_secs(20);

/// What servers prove who they are with, and clients believe.
pub struct Identity {
    server: ServerConfig,
    client: ClientConfig,
}

impl Identity {
    /// A new one.
    pub fn new() -> Self {
        let authority = Authority::new("authority");
        let certificate = authority.issue(&Order::server(NAME));
        let leaf = CertificateDer::from_pem_file(certificate.leaf()).expect("openssl has written it");
        let key = PrivateKeyDer::from_pem_file(certificate.key()).expect("openssl has written it");
        let server = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(vec![leaf], key);
        let server = QuicServerConfig::try_from(server.expect("the key is the certificate's"));
        let client =
            QuicClientConfig::try_from(trusting(&authority)).expect("rustls has the ciphers of QUIC");
        let mut transport = TransportConfig::default();
        transport.max_idle_timeout(Some(PATIENCE.try_into().expect("it is short")));
        let transport = Arc::new(transport);
        let mut server = ServerConfig::with_crypto(Arc::new(server.expect("rustls has the ciphers of QUIC")));
        server.transport_config(Arc::clone(&transport));
        let mut client = ClientConfig::new(Arc::new(client));
        client.transport_config(transport);
        Self { server, client }
    }
}

impl Default for Identity {
    fn default() -> Self {
        Self::new()
    }
}

/// A server, which tells its number and then sends back a text for each that it gets.
pub struct QuicServer {
    number: u8,
    address: SocketAddr,
    config: ServerConfig,
    running: Mutex<Option<Running>>,
}

struct Running {
    thread: JoinHandle<()>,
    end: oneshot::Sender<()>,
}

impl QuicServer {
    /// Starts it.
    pub fn new(number: u8, identity: &Identity) -> Self {
        let config = identity.server.clone();
        let server = Self { number, address: private_address(), config, running: Mutex::default() };
        server.come_back();
        server
    }

    /// Dies, without a word to its clients: when this returns, nobody has the port.
    pub fn die(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Running { thread, end }) = running {
            let _ = end.send(());
            let _ = thread.join();
        }
    }

    /// Starts it again.
    #[track_caller]
    pub fn come_back(&self) {
        let socket = UdpSocket::bind(self.address).expect("the address is free");
        let (end, ended) = oneshot::channel();
        let (number, config) = (self.number, self.config.clone());
        let thread = thread::spawn(move || {
            let runtime = runtime();
            runtime.block_on(async {
                let endpoint = endpoint(socket, Some(config)).expect("the socket is a good one");
                tokio::select! {
                    () = serve(&endpoint, number) => (),
                    _ = ended => (),
                }
            });
            runtime.shutdown_timeout(Duration::ZERO);
        });
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(Running { thread, end });
    }
}

impl fmt::Display for QuicServer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(out)
    }
}

impl Drop for QuicServer {
    fn drop(&mut self) {
        self.die();
    }
}

async fn serve(endpoint: &Endpoint, number: u8) {
    while let Some(incoming) = endpoint.accept().await {
        tokio::spawn(converse(incoming, number));
    }
}

/// Answers on each stream; a client that goes away ends it.
async fn converse(incoming: Incoming, number: u8) {
    let Ok(connection) = incoming.await else { return };
    while let Ok((mut answer, mut question)) = connection.accept_bi().await {
        tokio::spawn(async move {
            let mut head = [0; 24];
            question.read_exact(&mut head).await.ok()?;
            let [seed, up, down] = numbers(&head);
            answer.write_all(&[number]).await.ok()?;
            receive(&mut question, Content::new(seed), up).await.ok()?;
            send(&mut answer, Content::new(seed + 1), down).await.ok()?;
            answer.finish().ok()
        });
    }
}

/// A client with one connection.
pub struct QuicClient {
    runtime: Runtime,
    endpoint: Endpoint,
    connection: Connection,
}

impl QuicClient {
    /// Connects from a port of this address.
    pub fn connect(from: Ipv4Addr, to: SocketAddr, identity: &Identity) -> io::Result<Self> {
        let runtime = runtime();
        let (endpoint, connection) = runtime.block_on(async {
            let endpoint = endpoint(UdpSocket::bind((from, 0))?, None)?;
            let connecting = endpoint.connect_with(identity.client.clone(), to, NAME);
            let connection = connecting.map_err(io::Error::other)?.await?;
            Ok::<_, io::Error>((endpoint, connection))
        })?;
        Ok(Self { runtime, endpoint, connection })
    }

    /// Sends a text of `up` bytes, whose arrival the server checks, and checks the one of `down` bytes that comes back. Returns
    /// the server's number.
    pub fn exchange(&self, seed: u64, up: u64, down: u64) -> io::Result<u8> {
        self.runtime.block_on(async {
            let (mut question, mut answer) = self.connection.open_bi().await?;
            let head: Vec<u8> = [seed, up, down].iter().flat_map(|number| number.to_be_bytes()).collect();
            question.write_all(&head).await?;
            send(&mut question, Content::new(seed), up).await?;
            question.finish()?;
            let mut number = [0];
            answer.read_exact(&mut number).await.map_err(io::Error::other)?;
            receive(&mut answer, Content::new(seed + 1), down).await?;
            Ok(number[0])
        })
    }

    /// Goes on from another port, as a client does behind a NAT that has forgotten it.
    pub fn migrate(&self, to: IpAddr) {
        let socket = UdpSocket::bind((to, 0)).expect("a port is free");
        let _runtime = self.runtime.enter();
        self.endpoint.rebind(socket).expect("the socket is a good one");
    }

    /// Ends the connection.
    pub fn abandon(&self) {
        self.connection.close(0_u8.into(), b"");
    }

    /// How many bytes a datagram of the connection has at most, by now.
    pub fn datagram_size(&self) -> u16 {
        self.connection.stats().path.current_mtu
    }
}

fn runtime() -> Runtime {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be made")
}

fn endpoint(socket: UdpSocket, server: Option<ServerConfig>) -> io::Result<Endpoint> {
    Endpoint::new(EndpointConfig::default(), server, socket, Arc::new(TokioRuntime))
}

async fn send(stream: &mut SendStream, content: Content, length: u64) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    let mut offset = 0;
    while offset < length {
        let part = &mut buffer[..(length - offset).min(64 << 10) as usize];
        content.fill(offset, part);
        stream.write_all(part).await?;
        offset += part.len() as u64;
    }
    Ok(())
}

/// Takes the rest of a stream, which must be this text.
async fn receive(stream: &mut RecvStream, content: Content, length: u64) -> io::Result<()> {
    let mut offset = 0;
    while let Some(part) = stream.read_chunk(64 << 10, true).await? {
        if !content.matches(offset, &part.bytes) {
            return Err(io::Error::other(format!("wrong bytes from {offset}")));
        }
        offset += part.bytes.len() as u64;
    }
    if offset == length { Ok(()) } else { Err(io::Error::other(format!("{offset} bytes of {length}"))) }
}

fn numbers(head: &[u8; 24]) -> [u64; 3] {
    let number =
        |index: usize| head[index * 8..][..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    [number(0), number(1), number(2)]
}

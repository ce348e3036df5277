//! A TLS handshake with a server, as bytes in and out.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock};

use common::addr::Host;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use super::speech::{Finding, failed, passed};
use crate::engine::servers::Server;
use crate::tls::unverified;

/// More than any handshake needs, in bytes.
const HEARD_MOST: usize = 256 * 1024;

/// A handshake under way.
#[derive(Debug)]
pub struct Handshake {
    connection: ClientConnection,
    heard: usize,
}

impl Handshake {
    /// `name`: what the server is to be called. Without one, it is what its address was looked up from, if that is a name.
    pub fn new(name: Option<&str>, server: &Server) -> Result<Handshake, Finding> {
        static CONFIG: LazyLock<Result<Arc<ClientConfig>, rustls::Error>> = LazyLock::new(unverified::config);
        let known = name.or(server.host.as_ref().map(Host::as_str));
        // An address is not sent.
        let nobody = ServerName::from(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let name = known.and_then(|name| ServerName::try_from(name.to_owned()).ok()).unwrap_or(nobody);
        let Ok(config) = &*CONFIG else { return Err(Finding::Shortage) };
        let connection = ClientConnection::new(Arc::clone(config), name).map_err(|_| Finding::Shortage)?;
        Ok(Handshake { connection, heard: 0 })
    }

    /// Takes in what the server has said.
    pub fn take(&mut self, mut data: &[u8]) -> Option<Finding> {
        self.heard += data.len();
        if self.heard > HEARD_MOST {
            return Some(failed("TLS handshake: 256 KiB came that are none"));
        }
        while !data.is_empty() {
            // Where it takes nothing, it says why.
            let taken = self.connection.read_tls(&mut data).unwrap_or(0);
            if let Err(error) = self.connection.process_new_packets() {
                return Some(failed(&format!("TLS handshake: {error}")));
            }
            if !self.connection.is_handshaking() {
                self.connection.send_close_notify();
                return Some(passed());
            }
            if taken == 0 {
                return Some(failed("TLS handshake: too much at once"));
            }
        }
        None
    }

    /// Appends what is to be sent.
    pub fn send(&mut self, outgoing: &mut Vec<u8>) {
        while self.connection.wants_write() && self.connection.write_tls(outgoing).is_ok() {}
    }
}

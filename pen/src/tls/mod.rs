//! TLS as it is set up: certificates, keys, whom to trust. Made of a service's settings and the files that they name, as a
//! whole or not at all, when these are put in force; workers only read it. Handshakes and records are in [`crate::net::tls`].

mod certificate;

use std::sync::Arc;

pub use certificate::Certificate;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::settings::tls::Tls;

/// Terminates TLS for one service.
#[derive(Debug)]
pub struct Terminator {
    /// What it was made of.
    settings: Tls,
    /// For clients that name no server, or one that there is no certificate for.
    default: Arc<ServerConfig>,
    /// Its certificates: first that of `default`, then those by server name.
    certificates: Vec<Certificate>,
}

impl Terminator {
    /// Reads the files that the settings name. `before`: the one in force, whose tickets stay good if it trusts the same CAs.
    ///
    /// # Errors
    /// One line that names the file and what is wrong with it.
    pub fn build(settings: &Tls, _before: Option<&Terminator>) -> Result<Terminator, String> {
        let Some(cert) = &settings.cert else { return Err("tls_cert is missing".to_owned()) };
        let key = settings.key.as_ref().unwrap_or(cert);
        let at =
            |path: &std::path::Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let chain = CertificateDer::pem_file_iter(cert)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| at(cert, &error))?;
        let certificates = chain.first().map(|first| Certificate::read(cert, first)).transpose()?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| at(key, &error))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| at(cert, &error))?;
        config.ticketer = aws_lc_rs::Ticketer::new().map_err(|error| error.to_string())?;
        let certificates = certificates.into_iter().collect();
        Ok(Terminator { settings: settings.clone(), default: Arc::new(config), certificates })
    }

    /// The certificates in force: first the one for clients that name no server, then those by server name.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// Whether it was made of these settings.
    pub fn is_of(&self, settings: &Tls) -> bool {
        self.settings == *settings
    }

    /// What to tell a client that asks for this server.
    pub fn config(&self, _server_name: Option<&str>) -> &Arc<ServerConfig> {
        &self.default
    }
}

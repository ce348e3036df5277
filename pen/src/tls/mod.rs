//! TLS as it is set up: certificates, keys, whom to trust. Made of a service's settings and the files that they name, as a
//! whole or not at all, when these are put in force; workers only read it. Handshakes and records are in [`crate::net::tls`].
//!
//! `files` reads, `certificate` takes apart; an `identity` is a `chain` with one of the `keys` and what `ocsp` says of it;
//! `authorities` are the CAs, `clients` whom they let in, after the `verifier` has looked; `names` the directory of further
//! identities; `ciphers` a language of its own.

mod authorities;
mod certificate;
mod chain;
pub mod ciphers;
mod clients;
mod files;
mod identity;
mod keys;
mod names;
mod ocsp;
pub mod unverified;
mod verifier;

use std::path::Path;
use std::sync::Arc;

use common::command::TlsOption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{NoServerSessionStorage, ServerConfig};
use rustls::version::{TLS12, TLS13};
use rustls::{ProtocolVersion, SupportedCipherSuite, SupportedProtocolVersion};

use self::authorities::Authorities;
use self::clients::{Clients, Door};
pub use self::identity::Served;
use self::identity::{Files, Identity, Named};
use self::keys::{KeyRing, Keys};
use self::names::{NameFiles, Names};
use crate::settings::tls::Tls;

/// Terminates TLS for one service.
#[derive(Debug)]
pub struct Terminator {
    /// What it was made of.
    settings: Tls,
    /// For clients that name no server, or one that there is no certificate for.
    default: Arc<ServerConfig>,
    names: Names,
    clients: Clients,
    keys: Keys,
    /// Its certificates: first that of `default`, then those by server name.
    certificates: Vec<Served>,
}

impl Terminator {
    /// Reads the files that the settings name. `before`: the one in force, whose tickets stay good if it trusts the same CAs.
    ///
    /// # Errors
    /// One line that names the file and what is wrong with it.
    pub fn build(settings: &Tls, before: Option<&Terminator>) -> Result<Terminator, String> {
        let Some(cert) = &settings.cert else { return Err("tls_cert is missing".to_owned()) };
        if before.is_none_or(|before| !before.is_of(settings)) {
            note_what_does_nothing(settings);
        }
        let authorities = Authorities::read(settings.ca_file.as_deref(), settings.ca_dir.as_deref())?;
        let mut builder = Builder::new(settings, authorities, before)?;
        let files = Files {
            chain: Named { command: "tls_cert", path: cert },
            key: settings.key.as_deref().map(|path| Named { command: "tls_key", path }),
            ocsp: settings.ocsp_response.as_deref().map(|path| Named { command: "ssl_ocsp_response", path }),
        };
        let default = builder.config(&files, Authorities::default())?;
        let names = match &settings.sni_path {
            Some(directory) => builder.names(directory)?,
            None => Names::default(),
        };
        let Builder { clients, keys, certificates, .. } = builder;
        Ok(Terminator { settings: settings.clone(), default, names, clients, keys: keys.keys, certificates })
    }

    /// The certificates in force: first the one for clients that name no server, then those by server name.
    pub fn certificates(&self) -> &[Served] {
        &self.certificates
    }

    /// Whether it was made of these settings.
    pub fn is_of(&self, settings: &Tls) -> bool {
        self.settings == *settings
    }

    /// What to tell a client that asks for this server.
    pub fn config(&self, server_name: Option<&str>) -> &Arc<ServerConfig> {
        server_name.and_then(|name| self.names.find(name)).unwrap_or(&self.default)
    }
}

/// What the configurations of all names have in common.
struct Builder<'a> {
    settings: &'a Tls,
    before: Option<&'a Clients>,
    provider: Arc<CryptoProvider>,
    versions: Vec<&'static SupportedProtocolVersion>,
    authorities: Authorities,
    clients: Clients,
    keys: KeyRing<'a>,
    certificates: Vec<Served>,
}

impl<'a> Builder<'a> {
    fn new(
        settings: &'a Tls,
        authorities: Authorities,
        before: Option<&'a Terminator>,
    ) -> Result<Self, String> {
        let mut provider = aws_lc_rs::default_provider();
        if let Some(list) = &settings.ciphers {
            provider.cipher_suites = list.suites().collect();
        }
        let versions = versions(settings, &provider.cipher_suites)?;
        Ok(Builder {
            settings,
            before: before.map(|before| &before.clients),
            provider: Arc::new(provider),
            versions,
            clients: Clients::new(settings.require_client_cert, authorities.clone()),
            authorities,
            keys: KeyRing { before: before.map(|before| &before.keys), keys: Keys::default() },
            certificates: Vec::new(),
        })
    }

    /// All names of a directory.
    fn names(&mut self, directory: &Path) -> Result<Names, String> {
        let mut names = Names::default();
        for (name, files) in names::list(directory)? {
            let NameFiles { chain, key, authorities, ocsp } = &files;
            let named = |path| Named { command: names::COMMAND, path };
            let Some(chain) = chain else {
                if let Some(stray) = [key, authorities, ocsp].into_iter().flatten().next() {
                    log::warn!("{}", named(stray).says(format!("there is no {name}.crt to it")));
                }
                continue;
            };
            let mut own = Authorities::default();
            if let Some(path) = authorities {
                own.read_file(named(path))?;
            }
            let files = Files {
                chain: named(chain),
                key: key.as_deref().map(named),
                ocsp: ocsp.as_deref().map(named),
            };
            names.add(&name, self.config(&files, own)?);
        }
        Ok(names)
    }

    /// What to tell the clients of one identity. `own`: the CAs that it has besides those of all.
    fn config(&mut self, files: &Files<'_>, own: Authorities) -> Result<Arc<ServerConfig>, String> {
        let (identity, served) = Identity::read(files, &own.and(&self.authorities), &mut self.keys)?;
        self.check_ciphers(files, &identity)?;
        self.certificates.push(served);
        let Door { verifier, tickets } = self.clients.door(own, self.before, &self.provider)?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&self.versions)
            .map_err(|error| format!("ssl_ciphers: {error}"))?;
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(identity));
        config.ticketer = tickets;
        // Tickets do the same, by themselves for all workers.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ignore_client_order = !self.settings.options.contains(&TlsOption::CipherClientPreference);
        if let Some(alpn) = &self.settings.alpn {
            config.alpn_protocols = alpn.0.iter().map(|name| name.clone().into_bytes()).collect();
        }
        Ok(Arc::new(config))
    }

    /// A suite of TLS 1.2 goes with one kind of key only.
    fn check_ciphers(&self, files: &Files<'_>, identity: &Identity) -> Result<(), String> {
        let speaks = |version| self.versions.iter().any(|spoken| spoken.version == version);
        let mut suites = self.provider.cipher_suites.iter().copied();
        if !speaks(ProtocolVersion::TLSv1_2) || suites.any(|suite| identity.goes_with(suite)) {
            return Ok(());
        }
        let why = format!("no suite of ssl_ciphers goes with the {} key of the certificate", identity.kind());
        if speaks(ProtocolVersion::TLSv1_3) {
            log::warn!("{}", files.chain.says(format!("{why}: TLS 1.2 will fail")));
            return Ok(());
        }
        Err(files.chain.says(why))
    }
}

/// The versions that are spoken: those that are not taken away, and have suites.
fn versions(
    settings: &Tls,
    suites: &[SupportedCipherSuite],
) -> Result<Vec<&'static SupportedProtocolVersion>, String> {
    let allowed = [(&TLS12, TlsOption::NoTlsv12), (&TLS13, TlsOption::NoTlsv13)];
    let versions: Vec<_> = allowed
        .into_iter()
        .filter(|(_, option)| !settings.options.contains(option))
        .map(|(version, _)| version)
        .filter(|version| suites.iter().any(|suite| suite.version() == *version))
        .collect();
    if versions.is_empty() {
        return Err(
            "ssl_ciphers and ssl_option together leave nothing: a suite of TLS 1.2 or 1.3 is expected"
                .to_owned(),
        );
    }
    Ok(versions)
}

/// Says which settings are there for old files only.
fn note_what_does_nothing(settings: &Tls) {
    for option in settings.options.iter().filter(|option| option.is_moot()) {
        log::info!("ssl_option {} does nothing: there is no such version here anyway", option.name());
    }
    if let Some(list) = settings.ciphers.as_ref().filter(|list| !list.left_out.is_empty()) {
        log::info!("ssl_ciphers: pen does not have {}, the rest is in force", list.left_out.join(", "));
    }
}

#[cfg(test)]
mod tests;

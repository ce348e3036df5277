//! Who a server is to clients: a chain of certificates, the key of its first one, and what is stapled to it.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use common::reason;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{SignatureAlgorithm, SupportedCipherSuite};

use super::certificate::Certificate;
use super::chain;
use super::files::{self, Pem};
use super::keys::KeyRing;
use super::ocsp::{self, Problem, Staple};

/// A file and the command that names it, for errors.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// `tls_cert`
    pub command: &'static str,
    /// Where it is.
    pub path: &'a Path,
}

impl Named<'_> {
    /// An error or a warning: what, where, why.
    pub fn says(&self, why: impl Display) -> String {
        format!("{} {}: {why}", self.command, self.path.display())
    }
}

/// The files of a server's identity.
#[derive(Clone, Copy, Debug)]
pub struct Files<'a> {
    /// The chain, the server's own certificate first; with the key, if `key` names no other file.
    pub chain: Named<'a>,
    /// The key.
    pub key: Option<Named<'a>>,
    /// An OCSP response.
    pub ocsp: Option<Named<'a>>,
}

/// A chain and its key. It staples its OCSP response as long as that is of use.
#[derive(Debug)]
pub struct Identity {
    plain: Arc<CertifiedKey>,
    stapled: Option<Stapled>,
}

#[derive(Debug)]
struct Stapled {
    key: Arc<CertifiedKey>,
    until: Option<SystemTime>,
}

/// What a certificate in force says of itself, for people and for whoever watches that it is renewed in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The file that it was read from.
    pub file: PathBuf,
    /// Whom it is for: names and addresses of hosts, or its common name if there are none.
    pub names: Vec<String>,
    /// When it expires, in seconds since 1970.
    pub not_after: u64,
}

impl Identity {
    /// Reads the files, and tells what the server's own certificate says. `authorities` may complete the chain.
    ///
    /// # Errors
    /// One line that names the file and what is wrong with it.
    pub fn read<'a>(
        files: &Files<'_>,
        authorities: &(impl Iterator<Item = &'a Arc<Certificate>> + Clone),
        keys: &mut KeyRing<'_>,
    ) -> Result<(Identity, Served), String> {
        let mut pem = Pem::read(files.chain.path).map_err(|why| files.chain.says(why))?;
        if pem.certificates.is_empty() {
            return Err(files.chain.says(pem.lacks_certificate()));
        }
        let mut certificates = take_apart(&mut pem, files.chain)?;
        let mut load = |file, pem: &Pem| load_key(file, pem, files.key.is_none(), keys, &certificates);
        let (key, owner) = match files.key {
            Some(file) => (load(file, &Pem::read(file.path).map_err(|why| file.says(why))?)?, file),
            None => (load(files.chain, &pem)?, files.chain),
        };
        let leaf = take_owner(&mut certificates, &*key).ok_or_else(|| {
            let whose = match files.key {
                Some(_) => format!("the one in {}", files.chain.path.display()),
                None => "the one beside it".to_owned(),
            };
            owner.says(format!("the key does not belong to the certificate, {whose}"))
        })?;
        let now = SystemTime::now();
        if let Some(wrong) = leaf.wrong_time(now) {
            log::warn!("{}", files.chain.says(format!("the certificate {wrong}")));
        }
        let chain = chain::complete(&leaf, certificates, authorities);
        let plain = CertifiedKey { cert: chain, key, ocsp: None };
        let staple = files.ocsp.map(|file| read_staple(file, &leaf, now)).transpose()?.flatten();
        let stapled = staple.map(|Staple { der, until }| {
            let key = Arc::new(CertifiedKey { ocsp: Some(der), ..plain.clone() });
            Stapled { key, until }
        });
        let not_after = leaf.not_after();
        let served = Served { file: files.chain.path.to_owned(), names: leaf.names, not_after };
        Ok((Identity { plain: Arc::new(plain), stapled }, served))
    }

    /// Whether a suite is one of TLS 1.2 that is of use with its key.
    pub fn goes_with(&self, suite: SupportedCipherSuite) -> bool {
        matches!(suite, SupportedCipherSuite::Tls12(_))
            && suite.usable_for_signature_algorithm(self.plain.key.algorithm())
    }

    /// The kind of its key, in words.
    pub fn kind(&self) -> &'static str {
        match self.plain.key.algorithm() {
            SignatureAlgorithm::RSA => "RSA",
            SignatureAlgorithm::ECDSA => "ECDSA",
            _ => "EdDSA",
        }
    }

    /// What to show at this time.
    fn shown(&self, now: SystemTime) -> &Arc<CertifiedKey> {
        let fresh = self.stapled.as_ref().filter(|stapled| stapled.until.is_none_or(|until| now < until));
        fresh.map_or(&self.plain, |stapled| &stapled.key)
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _client: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(self.shown(SystemTime::now())))
    }
}

fn take_apart(pem: &mut Pem, file: Named<'_>) -> Result<Vec<Certificate>, String> {
    let ders = std::mem::take(&mut pem.certificates);
    let numbered = (1..).zip(ders).map(|(number, der)| {
        let broken = || file.says(format!("its certificate number {number} is broken"));
        Certificate::new(der).ok_or_else(broken)
    });
    numbered.collect()
}

fn load_key(
    file: Named<'_>,
    pem: &Pem,
    beside_certificate: bool,
    keys: &mut KeyRing<'_>,
    certificates: &[Certificate],
) -> Result<Arc<dyn SigningKey>, String> {
    let Some(key) = pem.keys.first() else { return Err(file.says(pem.lacks_key(beside_certificate))) };
    keys.ready(key).ok_or_else(|| {
        let bits = certificates.first().and_then(Certificate::rsa_bits);
        file.says(match bits {
            Some(bits @ ..2048) => {
                format!("a key of {bits} bits is too weak: RSA of 2048 or more is expected")
            }
            _ => {
                "the key cannot be used: RSA of 2048 to 8192 bits, ECDSA (P-256, P-384, P-521) or Ed25519 is \
                  expected"
                    .to_owned()
            }
        })
    })
}

/// The certificate of this key, which is mostly the first.
fn take_owner(certificates: &mut Vec<Certificate>, key: &dyn SigningKey) -> Option<Certificate> {
    let Some(public) = key.public_key() else { return Some(certificates.remove(0)) };
    // The bits of the key are the last that its encoding has.
    let is_its = |bits: &[u8]| !bits.is_empty() && public.ends_with(bits);
    let place = certificates.iter().position(|certificate| is_its(&certificate.public_key))?;
    Some(certificates.remove(place))
}

/// Reads an OCSP response; one that is of no use is not stapled, and the log says so.
fn read_staple(file: Named<'_>, leaf: &Certificate, now: SystemTime) -> Result<Option<Staple>, String> {
    let der = files::read(file.path).map_err(|error| file.says(reason(&error)))?;
    match ocsp::staple(der, leaf, now) {
        Ok(staple) => Ok(Some(staple)),
        Err(Problem::NotOne(why)) => Err(file.says(why)),
        Err(Problem::Useless(why)) => {
            log::warn!("{}", file.says(format!("{why}; it is not stapled")));
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::KeyPair;
    use rustls::crypto::aws_lc_rs::sign::any_supported_type;
    use rustls::pki_types::PrivateKeyDer;

    use super::*;

    #[test]
    fn a_response_is_left_out_once_it_is_out_of_date() {
        let key = PrivateKeyDer::try_from(KeyPair::generate().unwrap().serialize_der()).unwrap();
        let plain = CertifiedKey { cert: Vec::new(), key: any_supported_type(&key).unwrap(), ocsp: None };
        let (now, second) = (SystemTime::now(), Duration::from_secs(1));
        let with_until = |until| {
            let key = Arc::new(CertifiedKey { ocsp: Some(vec![1]), ..plain.clone() });
            Identity { plain: Arc::new(plain.clone()), stapled: Some(Stapled { key, until }) }
        };
        let is_stapled = |until| with_until(until).shown(now).ocsp.is_some();
        assert!(is_stapled(None) && is_stapled(Some(now + second)));
        assert!(!is_stapled(Some(now)) && !is_stapled(Some(now - second)));
    }
}

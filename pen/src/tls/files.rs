//! Files that the settings name, as bytes and as PEM. Whatever is named, reading it neither hangs nor takes much memory; and
//! since the errors may go to whoever asks on the control port, they tell what kind of thing is in a file, never its text.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use common::reason;
use nix::fcntl::OFlag;
use rustls::pki_types::pem::{Error, PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The most that a file may hold, in bytes: many times what a system's bundle of all CAs does.
const LARGEST: u64 = 8 * 1024 * 1024;

/// Reads a regular file.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    // A FIFO is opened without waiting for its writer, and then refused.
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::other("a file is expected, this is a directory"));
    }
    if !metadata.is_file() {
        return Err(io::Error::other("a regular file is expected"));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other(format!("it is too large: at most {} MiB are expected", LARGEST >> 20)));
    }
    Ok(bytes)
}

/// What a PEM file holds.
#[derive(Debug)]
pub struct Pem {
    /// The certificates, as they follow each other.
    pub certificates: Vec<CertificateDer<'static>>,
    /// The private keys.
    pub keys: Vec<PrivateKeyDer<'static>>,
    rest: Rest,
}

/// What else is known of it, for errors.
#[derive(Debug, Default)]
struct Rest {
    empty: bool,
    der: bool,
    encrypted_key: bool,
    trusted_certificate: bool,
    request: bool,
}

impl Pem {
    /// Reads a file.
    ///
    /// # Errors
    /// The reason alone.
    pub fn read(path: &Path) -> Result<Pem, String> {
        Pem::parse(&read(path).map_err(|error| reason(&error))?)
    }

    /// Takes a file's bytes apart.
    ///
    /// # Errors
    /// The reason alone.
    pub fn parse(bytes: &[u8]) -> Result<Pem, String> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let rest = Rest::of(bytes);
        if let Some(number) = lines(bytes).position(is_run_together) {
            return Err(format!("broken PEM: in line {} a newline is missing before BEGIN", number + 1));
        }
        let mut pem = Pem { certificates: Vec::new(), keys: Vec::new(), rest };
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(bytes) {
            match section {
                Ok((SectionKind::Certificate, der)) => pem.certificates.push(der.into()),
                Ok((kind, der)) => pem.keys.extend(PrivateKeyDer::from_pem(kind, der)),
                // What is encrypted the old way has lines that are not base64.
                Err(Error::Base64Decode(_)) if pem.rest.encrypted_key => {}
                Err(error) => return Err(broken(&error)),
            }
        }
        Ok(pem)
    }

    /// Why there is no certificate in it.
    pub fn lacks_certificate(&self) -> String {
        let Rest { empty, der, encrypted_key, trusted_certificate, request } = self.rest;
        if empty {
            "it is empty".to_owned()
        } else if trusted_certificate {
            "a TRUSTED CERTIFICATE, as only OpenSSL knows it, is in it: 'openssl x509' makes it an ordinary one"
                .to_owned()
        } else if encrypted_key || !self.keys.is_empty() {
            "no certificate is in it, but a private key".to_owned()
        } else if request {
            "no certificate is in it, but the request for one".to_owned()
        } else if der {
            "it is in DER, PEM is expected: 'openssl x509 -inform der' converts it".to_owned()
        } else {
            "no certificate is in it: PEM is expected".to_owned()
        }
    }

    /// Why there is no key in it, which is, or is not, where the certificate was found.
    pub fn lacks_key(&self, beside_certificate: bool) -> String {
        let Rest { empty, der, encrypted_key, .. } = self.rest;
        if empty {
            "it is empty".to_owned()
        } else if encrypted_key {
            "the private key is encrypted, and nobody can be asked: 'openssl pkey' writes it without a password"
                .to_owned()
        } else if beside_certificate {
            "no private key is in it, and no other file is there for it".to_owned()
        } else if !self.certificates.is_empty() {
            "no private key is in it, but a certificate".to_owned()
        } else if der {
            "it is in DER, PEM is expected: 'openssl pkey -inform der' converts it".to_owned()
        } else {
            "no private key is in it: PEM is expected".to_owned()
        }
    }
}

impl Rest {
    fn of(bytes: &[u8]) -> Rest {
        let mut rest = Rest { empty: bytes.trim_ascii().is_empty(), ..Rest::default() };
        let mut begins = false;
        for line in lines(bytes) {
            let Some(label) = line.strip_prefix(b"-----BEGIN ") else {
                rest.encrypted_key |= line.starts_with(b"Proc-Type:") && line.ends_with(b"ENCRYPTED");
                continue;
            };
            begins = true;
            rest.encrypted_key |= label.starts_with(b"ENCRYPTED PRIVATE KEY-");
            rest.trusted_certificate |= label.starts_with(b"TRUSTED CERTIFICATE-");
            rest.request |= label.ends_with(b"CERTIFICATE REQUEST-----");
        }
        // A SEQUENCE, whose length takes several bytes.
        rest.der = !begins && bytes.starts_with(&[0x30]) && bytes.get(1).is_some_and(|byte| *byte >= 0x80);
        rest
    }
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end)
}

/// What `cat` makes of a file whose last line has no end. The second block would be overlooked.
fn is_run_together(line: &[u8]) -> bool {
    line.starts_with(b"-----END ") && line.windows(11).any(|part| part == b"-----BEGIN ")
}

fn broken(error: &Error) -> String {
    match error {
        Error::MissingSectionEnd { .. } => "broken PEM: it ends within a block".to_owned(),
        Error::IllegalSectionStart { .. } => "broken PEM: a BEGIN line does not end in -----".to_owned(),
        Error::Base64Decode(_) => "broken PEM: a block is not base64".to_owned(),
        _ => "broken PEM".to_owned(),
    }
}

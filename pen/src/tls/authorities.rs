//! The certificates of CAs that the settings name: they complete chains, and are trusted with clients.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use common::reason;

use super::certificate::Certificate;
use super::files::{self, Pem};
use super::identity::Named;

/// What CAs there are, each once, in an order that does not depend on where they were found.
#[derive(Clone, Debug, Default)]
pub struct Authorities(BTreeMap<Vec<u8>, Arc<Certificate>>);

impl Authorities {
    /// Reads `tls_ca_file` and `tls_ca_dir`.
    ///
    /// # Errors
    /// One line, which names the file.
    pub fn read(file: Option<&Path>, directory: Option<&Path>) -> Result<Authorities, String> {
        let mut authorities = Authorities::default();
        if let Some(path) = file {
            authorities.read_file(Named { command: "tls_ca_file", path })?;
        }
        if let Some(path) = directory {
            authorities.read_directory(Named { command: "tls_ca_dir", path })?;
        }
        Ok(authorities)
    }

    /// Reads one file, in which there must be some.
    pub fn read_file(&mut self, file: Named<'_>) -> Result<(), String> {
        let pem = Pem::read(file.path).map_err(|why| file.says(why))?;
        if pem.certificates.is_empty() {
            return Err(file.says(pem.lacks_certificate()));
        }
        if self.take(pem, file) == 0 {
            return Err(file.says("no certificate of a CA is in it"));
        }
        Ok(())
    }

    /// Those of both, each once.
    pub fn and<'a>(&'a self, other: &'a Authorities) -> impl Iterator<Item = &'a Arc<Certificate>> + Clone {
        let others = other.0.iter().filter(|(der, _)| !self.0.contains_key(*der));
        self.0.values().chain(others.map(|(_, certificate)| certificate))
    }

    /// Reads what a directory has. Whatever else is in it does no harm: keys, lists of what was revoked, links to what is gone. Of what
    /// may not be read nobody knows, so the log tells.
    fn read_directory(&mut self, directory: Named<'_>) -> Result<(), String> {
        let failed = |error: std::io::Error| directory.says(reason(&error));
        let mut found = 0;
        for entry in std::fs::read_dir(directory.path).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let file = Named { path: &path, ..directory };
            match files::read(&path) {
                Ok(bytes) => match Pem::parse(&bytes) {
                    Ok(pem) => found += self.take(pem, file),
                    Err(why) => log::warn!("{}; it is left out", file.says(why)),
                },
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    log::warn!("{}; it is left out", file.says(reason(&error)));
                }
                Err(_) => {}
            }
        }
        if found == 0 {
            return Err(directory.says("no file in it has a certificate of a CA: PEM files are expected"));
        }
        Ok(())
    }

    /// Tells how many of a file's certificates are those of CAs.
    fn take(&mut self, pem: Pem, file: Named<'_>) -> usize {
        let (mut found, now) = (0, SystemTime::now());
        for (number, der) in (1..).zip(pem.certificates) {
            let Some(certificate) = Certificate::new(der) else {
                log::warn!(
                    "{}",
                    file.says(format!("its certificate number {number} is broken, and left out"))
                );
                continue;
            };
            if !certificate.is_authority && !certificate.is_self_signed {
                log::warn!(
                    "{}",
                    file.says(format!("its certificate number {number} is no CA's, and left out"))
                );
                continue;
            }
            if let Some(wrong) = certificate.wrong_time(now) {
                log::debug!("{}", file.says(format!("its certificate number {number} {wrong}")));
            }
            found += 1;
            self.0.entry(certificate.der.to_vec()).or_insert_with(|| Arc::new(certificate));
        }
        found
    }
}

/// Two are the same if they have the same certificates.
impl PartialEq for Authorities {
    fn eq(&self, other: &Authorities) -> bool {
        self.0.keys().eq(other.0.keys())
    }
}

impl Eq for Authorities {}

impl Hash for Authorities {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.keys().for_each(|der| der.hash(state));
    }
}

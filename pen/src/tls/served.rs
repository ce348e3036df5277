//! What a certificate says of itself, for people and for whoever watches that it is renewed in time.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use x509_cert::certificate::{CertificateInner, Raw, TbsCertificateInner};
use x509_cert::der::Decode;
use x509_cert::der::oid::db::rfc4519::COMMON_NAME;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// A certificate in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The file that it was read from.
    pub file: PathBuf,
    /// Whom it is for: names and addresses of hosts, or its common name if there are none.
    pub names: Vec<String>,
    /// When it expires, in seconds since 1970.
    pub not_after: u64,
}

impl Served {
    /// What the certificate of this file says.
    ///
    /// # Errors
    /// One line that names the file.
    pub fn read(file: &Path, der: &CertificateDer<'_>) -> Result<Served, String> {
        // Those out there break the rules in small ways; none of these matters here.
        let certificate = CertificateInner::<Raw>::from_der(der)
            .map_err(|_| format!("{}: bad certificate: X.509 is expected", file.display()))?
            .tbs_certificate;
        Ok(Served {
            file: file.to_owned(),
            names: names(&certificate),
            not_after: certificate.validity.not_after.to_unix_duration().as_secs(),
        })
    }
}

fn names(certificate: &TbsCertificateInner<Raw>) -> Vec<String> {
    let hosts = match certificate.get::<SubjectAltName>() {
        Ok(Some((_, SubjectAltName(names)))) => names.iter().filter_map(host).collect(),
        _ => Vec::new(),
    };
    if hosts.is_empty() { common_names(certificate) } else { hosts }
}

fn host(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::IpAddress(bytes) => address(bytes.as_bytes()).map(|address| address.to_string()),
        _ => None,
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

fn common_names(certificate: &TbsCertificateInner<Raw>) -> Vec<String> {
    let attributes = certificate.subject.0.iter().flat_map(|part| part.0.iter());
    let common = attributes.filter(|attribute| attribute.oid == COMMON_NAME);
    // Of the kinds of strings there are, those in use are UTF-8 or part of it.
    common.filter_map(|attribute| str::from_utf8(attribute.value.value()).ok()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::pem::PemObject;

    use super::*;

    fn read(pem: &str) -> Served {
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        Served::read(Path::new("a.pem"), &der).unwrap()
    }

    #[test]
    fn the_hosts_that_it_is_for_and_when_it_expires() {
        let certificate = read(include_str!("served/hosts.pem"));
        assert_eq!(certificate.names, ["www.example.com", "*.example.org", "192.0.2.1", "2001:db8::1"]);
        assert_eq!(certificate.not_after, 1_893_456_000);
        assert_eq!(certificate.file, Path::new("a.pem"));
    }

    #[test]
    fn without_hosts_its_common_name_counts() {
        let certificate = read(include_str!("served/common_name.pem"));
        assert_eq!(certificate.names, ["www.example.com"]);
        assert_eq!(certificate.not_after, 2_840_140_800, "years from 2050 on are written in another form");
        assert_eq!(read(include_str!("served/nameless.pem")).names, [""; 0]);
    }

    #[test]
    fn what_is_no_certificate_is_an_error_that_names_the_file() {
        for bytes in [&b""[..], b"\x30\x82", b"no certificate"] {
            let error = Served::read(Path::new("a.pem"), &bytes.into()).unwrap_err();
            assert_eq!(error, "a.pem: bad certificate: X.509 is expected");
        }
    }
}

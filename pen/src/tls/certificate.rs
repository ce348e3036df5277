//! A certificate, and what is to be known of it where pen serves it, completes its chain or trusts it. Whether a client's
//! is valid is rustls' business.

use std::fmt::Display;
use std::net::IpAddr;
use std::time::SystemTime;

use rustls::pki_types::CertificateDer;
use x509_cert::certificate::{CertificateInner, Raw, TbsCertificateInner};
use x509_cert::der::asn1::{OctetString, UintRef};
use x509_cert::der::oid::db::rfc4519::COMMON_NAME;
use x509_cert::der::{Decode, DecodeValue, Encode, Header, SliceReader};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, BasicConstraints, SubjectAltName, SubjectKeyIdentifier};
use x509_cert::time::{Time, Validity};

/// A certificate that was taken apart.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// As it is sent.
    pub der: CertificateDer<'static>,
    /// Its number with its issuer.
    pub serial: Vec<u8>,
    /// The bits of its key.
    pub public_key: Vec<u8>,
    /// Whom it is for: names and addresses of hosts, or its common name if there are none.
    pub names: Vec<String>,
    /// Whether it may issue others; of version 1, which cannot tell, if it is self-signed.
    pub is_authority: bool,
    /// Whether it has issued itself: a root, or nobody's but its owner's.
    pub is_self_signed: bool,
    subject: Vec<u8>,
    issuer: Vec<u8>,
    key_id: Option<OctetString>,
    issuer_key_id: Option<OctetString>,
    validity: Validity,
}

impl Certificate {
    /// Takes it apart. `None`: it is not one. Those out there break the rules in small ways; none of these matters here.
    pub fn new(der: CertificateDer<'static>) -> Option<Certificate> {
        let certificate = CertificateInner::<Raw>::from_der(&der).ok()?;
        let tbs = certificate.tbs_certificate;
        let subject = tbs.subject.to_der().ok()?;
        let issuer = tbs.issuer.to_der().ok()?;
        let key_id = extension::<SubjectKeyIdentifier>(&tbs).map(|id| id.0);
        let issuer_key_id = extension::<AuthorityKeyIdentifier>(&tbs).and_then(|id| id.key_identifier);
        let is_self_signed = subject == issuer && may_be(key_id.as_ref(), issuer_key_id.as_ref());
        let is_authority = match extension::<BasicConstraints>(&tbs) {
            Some(constraints) => constraints.ca,
            None => is_self_signed,
        };
        let public_key = tbs.subject_public_key_info.subject_public_key.raw_bytes().to_vec();
        let serial = tbs.serial_number.as_bytes().to_vec();
        let names = names(&tbs);
        let validity = tbs.validity;
        Some(Certificate {
            der,
            serial,
            public_key,
            names,
            is_authority,
            is_self_signed,
            subject,
            issuer,
            key_id,
            issuer_key_id,
            validity,
        })
    }

    /// Whether this one seems to have been issued by `other`: by the names, and the identifiers of keys where there are any.
    pub fn is_issued_by(&self, other: &Certificate) -> bool {
        self.issuer == other.subject && may_be(other.key_id.as_ref(), self.issuer_key_id.as_ref())
    }

    /// When it expires, in seconds since 1970.
    pub fn not_after(&self) -> u64 {
        self.validity.not_after.to_unix_duration().as_secs()
    }

    /// What is wrong with the time at `now`: `expired on …`.
    pub fn wrong_time(&self, now: SystemTime) -> Option<impl Display> {
        let Validity { not_before, not_after } = &self.validity;
        if now > not_after.to_system_time() {
            Some(format!("expired on {}", day(*not_after)))
        } else if now < not_before.to_system_time() {
            Some(format!("is not valid before {}", day(*not_before)))
        } else {
            None
        }
    }

    /// The length of its key, if that is one of RSA.
    pub fn rsa_bits(&self) -> Option<usize> {
        // SEQUENCE { modulus INTEGER, exponent INTEGER }
        let mut reader = SliceReader::new(&self.public_key).ok()?;
        let header = Header::decode(&mut reader).ok()?;
        header.tag.assert_eq(x509_cert::der::Tag::Sequence).ok()?;
        let header = Header::decode(&mut reader).ok()?;
        header.tag.assert_eq(x509_cert::der::Tag::Integer).ok()?;
        let modulus = UintRef::decode_value(&mut reader, header).ok()?;
        let first = modulus.as_bytes().first()?;
        Some(modulus.as_bytes().len() * 8 - first.leading_zeros() as usize)
    }
}

/// Whether a key with this identifier may be the one that is meant. Only what both tell can differ.
fn may_be(key_id: Option<&OctetString>, meant: Option<&OctetString>) -> bool {
    match (key_id, meant) {
        (Some(key_id), Some(meant)) => key_id == meant,
        _ => true,
    }
}

fn names(certificate: &TbsCertificateInner<Raw>) -> Vec<String> {
    let hosts: Vec<String> = match extension::<SubjectAltName>(certificate) {
        Some(SubjectAltName(names)) => names.iter().filter_map(host).collect(),
        None => Vec::new(),
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

fn extension<'a, T>(tbs: &'a TbsCertificateInner<Raw>) -> Option<T>
where
    T: Decode<'a> + x509_cert::der::oid::AssociatedOid,
{
    let extensions = tbs.extensions.as_deref().unwrap_or_default();
    let found = extensions.iter().find(|extension| extension.extn_id == T::OID)?;
    T::from_der(found.extn_value.as_bytes()).ok()
}

fn day(time: Time) -> String {
    let time = time.to_date_time();
    format!("{}-{:02}-{:02}", time.year(), time.month(), time.day())
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::pem::PemObject;

    use super::*;

    fn read(pem: &str) -> Certificate {
        Certificate::new(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn the_hosts_that_it_is_for_and_when_it_expires() {
        let certificate = read(include_str!("certificate/hosts.pem"));
        assert_eq!(certificate.names, ["www.example.com", "*.example.org", "192.0.2.1", "2001:db8::1"]);
        assert_eq!(certificate.not_after(), 1_893_456_000);
    }

    #[test]
    fn without_hosts_its_common_name_counts() {
        let certificate = read(include_str!("certificate/common_name.pem"));
        assert_eq!(certificate.names, ["www.example.com"]);
        assert_eq!(certificate.not_after(), 2_840_140_800, "years from 2050 on are written in another form");
        assert_eq!(read(include_str!("certificate/nameless.pem")).names, [""; 0]);
    }

    #[test]
    fn what_is_no_certificate_is_none() {
        for bytes in [&b""[..], b"\x30\x82", b"no certificate"] {
            assert!(Certificate::new(bytes.to_vec().into()).is_none(), "{bytes:?}");
        }
    }
}

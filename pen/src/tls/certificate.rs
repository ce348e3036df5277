//! A certificate, and what is to be known of it where pen serves it, completes its chain or trusts it. Whether a client's
//! is valid is rustls' business.

use std::fmt::Display;
use std::time::SystemTime;

use rustls::pki_types::CertificateDer;
use x509_cert::certificate::{CertificateInner, Raw, TbsCertificateInner};
use x509_cert::der::asn1::{OctetString, UintRef};
use x509_cert::der::{Decode, DecodeValue, Encode, Header, SliceReader};
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, BasicConstraints, SubjectKeyIdentifier};
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
    /// Takes it apart. `None`: it is not one.
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
        let validity = tbs.validity;
        Some(Certificate {
            der,
            serial,
            public_key,
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

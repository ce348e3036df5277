//! OCSP responses to be stapled: what an authority says of a certificate, for clients who would have to ask it. Whether it
//! really says so clients see by the signature; here only what cannot be of any use to them is kept from them.

use std::time::SystemTime;

use x509_cert::der::Decode;
use x509_ocsp::{BasicOcspResponse, CertStatus, OcspResponse, OcspResponseStatus, SingleResponse};

use super::certificate::Certificate;

/// A response that is about the certificate and not out of date yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staple {
    /// As it is sent.
    pub der: Vec<u8>,
    /// When it is of no use any more.
    pub until: Option<SystemTime>,
}

/// What is wrong with a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It is not one.
    NotOne(String),
    /// It is one, but of no use now. That happens where certificates are renewed, and is no reason not to serve them.
    Useless(String),
}

/// Takes a response for a certificate.
pub fn staple(der: Vec<u8>, certificate: &Certificate, now: SystemTime) -> Result<Staple, Problem> {
    let single = find(&der, certificate)?;
    let until = single.next_update.map(|time| time.0.to_system_time());
    if until.is_some_and(|until| until <= now) {
        return Err(Problem::Useless("it is out of date".to_owned()));
    }
    match single.cert_status {
        CertStatus::Good(_) => Ok(Staple { der, until }),
        CertStatus::Revoked(_) => Err(Problem::Useless("it says that the certificate is revoked".to_owned())),
        CertStatus::Unknown(_) => Err(Problem::Useless("it does not know the certificate".to_owned())),
    }
}

fn find(der: &[u8], certificate: &Certificate) -> Result<SingleResponse, Problem> {
    if der.trim_ascii().is_empty() {
        return Err(Problem::NotOne("it is empty".to_owned()));
    }
    let not_one = || Problem::NotOne("it is no OCSP response in DER".to_owned());
    let response = OcspResponse::from_der(der).map_err(|_| not_one())?;
    if response.response_status != OcspResponseStatus::Successful {
        return Err(Problem::Useless("the authority gave no answer in it".to_owned()));
    }
    let bytes = response.response_bytes.ok_or_else(not_one)?;
    let basic = BasicOcspResponse::from_der(bytes.response.as_bytes()).map_err(|_| not_one())?;
    let mut responses = basic.tbs_response_data.responses.into_iter();
    responses
        .find(|single| single.cert_id.serial_number.as_bytes() == certificate.serial)
        .ok_or_else(|| Problem::Useless("it is about another certificate".to_owned()))
}

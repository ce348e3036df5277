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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    use super::*;

    /// From 2026-11-21 18:20:47, for a day.
    const GOOD: &[u8] = include_bytes!("ocsp/good.der");
    const END: u64 = 1_795_371_647;

    fn try_at(der: &[u8], seconds: u64) -> Result<Staple, Problem> {
        let pem = CertificateDer::from_pem_slice(include_bytes!("ocsp/certificate.pem")).unwrap();
        let certificate = Certificate::new(pem).unwrap();
        staple(der.to_vec(), &certificate, SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
    }

    #[test]
    fn a_response_is_of_use_until_it_is_out_of_date() {
        let until = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(END));
        assert_eq!(try_at(GOOD, END - 1), Ok(Staple { der: GOOD.to_vec(), until }));
        assert_eq!(try_at(GOOD, END), Err(Problem::Useless("it is out of date".to_owned())));
    }

    #[test]
    fn what_is_cut_or_followed_by_more_is_none() {
        let none = Err(Problem::NotOne("it is no OCSP response in DER".to_owned()));
        for length in 1..GOOD.len() {
            assert_eq!(try_at(&GOOD[..length], END - 1), none, "{length} bytes");
        }
        assert_eq!(try_at(&[GOOD, b"\n"].concat(), END - 1), none);
    }
}

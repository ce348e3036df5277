//! What a service is told of TLS: the commands, as values. What is made of them is in [`crate::tls`].

use std::collections::BTreeSet;
use std::path::PathBuf;

use common::command::{AlpnProtocols, Setting, TlsFile, TlsOption, TlsProtocol};

use super::apply::Outcome;
use super::draft::Draft;
use crate::tls::ciphers::CipherList;

/// A service's settings of TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// `tls_cert`: TLS is on if there is one.
    pub cert: Option<PathBuf>,
    /// `tls_key`; without one the key is in the file of `cert`.
    pub key: Option<PathBuf>,
    /// `tls_ca_file`
    pub ca_file: Option<PathBuf>,
    /// `tls_ca_dir`
    pub ca_dir: Option<PathBuf>,
    /// `ssl_ocsp_response`
    pub ocsp_response: Option<PathBuf>,
    /// `ssl_sni_path`
    pub sni_path: Option<PathBuf>,
    /// `ssl_ciphers`
    pub ciphers: Option<CipherList>,
    /// `tls_alpn`
    pub alpn: Option<AlpnProtocols>,
    /// `tls_protocol`
    pub protocol: TlsProtocol,
    /// `ssl_option`
    pub options: BTreeSet<TlsOption>,
    /// `require_client_cert`
    pub require_client_cert: bool,
}

impl Tls {
    /// Whether clients speak TLS.
    ///
    /// # Errors
    /// When they are meant to, and would not.
    pub fn is_on(&self) -> Result<bool, String> {
        match self {
            Tls { cert: Some(_), .. } => Ok(true),
            Tls { require_client_cert: true, .. } => Err(needs_cert("require_client_cert")),
            Tls { sni_path: Some(_), .. } => Err(needs_cert("ssl_sni_path")),
            _ => Ok(false),
        }
    }

    /// The settings that do nothing because clients speak no TLS; `None` if there are none. An error they cannot be: the key may
    /// come before the certificate, and what `write` says in between has to start a pen.
    pub fn in_vain(&self) -> Option<String> {
        let Tls { key, ca_file, ca_dir, ocsp_response, ciphers, alpn, options, .. } = self;
        let settings = [
            ("tls_key", key.is_some()),
            ("tls_ca_file", ca_file.is_some()),
            ("tls_ca_dir", ca_dir.is_some()),
            ("ssl_ocsp_response", ocsp_response.is_some()),
            ("ssl_ciphers", ciphers.is_some()),
            ("tls_alpn", alpn.is_some()),
            ("ssl_option", !options.is_empty()),
        ];
        let names: Vec<_> = settings.iter().filter(|(_, is_set)| *is_set).map(|(name, _)| *name).collect();
        (self.cert.is_none() && !names.is_empty()).then(|| names.join(", "))
    }

    /// The place of a file's or directory's name.
    fn file_mut(&mut self, which: TlsFile) -> &mut Option<PathBuf> {
        match which {
            TlsFile::CaDir => &mut self.ca_dir,
            TlsFile::CaFile => &mut self.ca_file,
            TlsFile::Cert => &mut self.cert,
            TlsFile::Key => &mut self.key,
            TlsFile::OcspResponse => &mut self.ocsp_response,
            TlsFile::SniPath => &mut self.sni_path,
        }
    }
}

fn needs_cert(what: &str) -> String {
    format!("{what} needs tls_cert: without it clients speak no TLS")
}

/// `tls_cert` and its like.
pub fn file(draft: &mut Draft, which: TlsFile, setting: Setting<PathBuf>) -> Outcome {
    change(draft, |tls| tls.file_mut(which), setting, |path| path.display().to_string())
}

/// `ssl_ciphers`
///
/// # Errors
/// When the list leaves nothing.
pub fn ciphers(draft: &mut Draft, setting: Setting<String>) -> Result<Outcome, String> {
    let setting = match setting {
        Setting::Show => Setting::Show,
        Setting::Set(text) => Setting::Set(CipherList::parse(&text)?),
        Setting::Remove => Setting::Remove,
    };
    Ok(change(draft, |tls| &mut tls.ciphers, setting, ToString::to_string))
}

/// `tls_alpn`
pub fn alpn(draft: &mut Draft, setting: Setting<AlpnProtocols>) -> Outcome {
    change(draft, |tls| &mut tls.alpn, setting, ToString::to_string)
}

/// `tls_protocol`
pub fn protocol(draft: &mut Draft, protocol: Option<TlsProtocol>) -> Outcome {
    if let Some(protocol) = protocol {
        draft.service_mut().tls.protocol = protocol;
    }
    Outcome::Answer(draft.service().tls.protocol.name().to_owned())
}

/// `ssl_option`
///
/// # Errors
/// When it would take the last version away.
pub fn option(draft: &mut Draft, option: Option<TlsOption>) -> Result<Outcome, String> {
    let options = &mut draft.service_mut().tls.options;
    match option {
        None => options.clear(),
        Some(option) => {
            options.retain(|other| !option.contradicts(*other));
            options.insert(option);
        }
    }
    if options.contains(&TlsOption::NoTlsv12) && options.contains(&TlsOption::NoTlsv13) {
        return Err("ssl_option no_tlsv1.2 and no_tlsv1.3 together leave no version of TLS: \
                    'no ssl_option' forgets both"
            .to_owned());
    }
    Ok(Outcome::Done)
}

fn change<T>(
    draft: &mut Draft,
    place: impl FnOnce(&mut Tls) -> &mut Option<T>,
    setting: Setting<T>,
    text: impl FnOnce(&T) -> String,
) -> Outcome {
    match setting {
        Setting::Show => {
            let mut tls = draft.service().tls.clone();
            return place(&mut tls).as_ref().map_or(Outcome::Done, |value| Outcome::Answer(text(value)));
        }
        Setting::Set(value) => *place(&mut draft.service_mut().tls) = Some(value),
        Setting::Remove => *place(&mut draft.service_mut().tls) = None,
    }
    Outcome::Done
}

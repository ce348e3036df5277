//! What a service is told of TLS: the commands, as values. What is made of them is in [`crate::tls`].

use std::collections::BTreeSet;
use std::path::PathBuf;

use common::command::{AlpnProtocols, Setting, TlsFile, TlsOption, TlsProtocol};

use super::apply::Outcome;
use super::draft::Draft;

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
    pub ciphers: Option<String>,
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

/// `tls_cert` and its like.
pub fn file(draft: &mut Draft, which: TlsFile, setting: Setting<PathBuf>) -> Outcome {
    change(draft, |tls| tls.file_mut(which), setting, |path| path.display().to_string())
}

/// `ssl_ciphers`
pub fn ciphers(draft: &mut Draft, setting: Setting<String>) -> Outcome {
    change(draft, |tls| &mut tls.ciphers, setting, String::clone)
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
pub fn option(draft: &mut Draft, option: Option<TlsOption>) -> Outcome {
    let options = &mut draft.service_mut().tls.options;
    match option {
        None => options.clear(),
        Some(option) => {
            if option.is_moot() {
                log::info!("ssl_option {}: there is no such version here anyway", option.name());
            }
            options.insert(option);
        }
    }
    Outcome::Done
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

//! What commands say of TLS.

use std::fmt::{self, Display, Formatter};

/// A file or directory that TLS needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlsFile {
    /// `tls_ca_dir`
    CaDir,
    /// `tls_ca_file`
    CaFile,
    /// `tls_cert`
    Cert,
    /// `tls_key`
    Key,
    /// `ssl_ocsp_response`
    OcspResponse,
    /// `ssl_sni_path`
    SniPath,
}

/// The names of protocols within TLS, the preferred one first: one at least, each of 1 to 255 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlpnProtocols(pub Vec<String>);

impl Display for AlpnProtocols {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

/// What old files call the versions of TLS. Both stand for all that there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TlsProtocol {
    /// `ssl23`
    #[default]
    Ssl23,
    /// `tls1`
    Tls1,
}

impl TlsProtocol {
    /// As the user knows it.
    pub fn name(self) -> &'static str {
        match self {
            TlsProtocol::Ssl23 => "ssl23",
            TlsProtocol::Tls1 => "tls1",
        }
    }
}

/// An option of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the command table says what each one does")]
pub enum TlsOption {
    CipherClientPreference,
    CipherServerPreference,
    NoSslv2,
    NoSslv3,
    NoTlsv1,
    NoTlsv11,
    NoTlsv12,
    NoTlsv13,
}

impl TlsOption {
    /// All of them.
    pub const ALL: [TlsOption; 8] = [
        TlsOption::CipherClientPreference,
        TlsOption::CipherServerPreference,
        TlsOption::NoSslv2,
        TlsOption::NoSslv3,
        TlsOption::NoTlsv1,
        TlsOption::NoTlsv11,
        TlsOption::NoTlsv12,
        TlsOption::NoTlsv13,
    ];

    /// As the user knows it.
    pub fn name(self) -> &'static str {
        match self {
            TlsOption::CipherClientPreference => "cipher_client_preference",
            TlsOption::CipherServerPreference => "cipher_server_preference",
            TlsOption::NoSslv2 => "no_sslv2",
            TlsOption::NoSslv3 => "no_sslv3",
            TlsOption::NoTlsv1 => "no_tlsv1",
            TlsOption::NoTlsv11 => "no_tlsv1.1",
            TlsOption::NoTlsv12 => "no_tlsv1.2",
            TlsOption::NoTlsv13 => "no_tlsv1.3",
        }
    }

    /// Whether only one of both can be meant.
    pub fn contradicts(self, other: TlsOption) -> bool {
        use TlsOption::{CipherClientPreference, CipherServerPreference};
        matches!(
            (self, other),
            (CipherClientPreference, CipherServerPreference)
                | (CipherServerPreference, CipherClientPreference)
        )
    }

    /// Whether it takes away what does not exist here anyway.
    pub fn is_moot(self) -> bool {
        matches!(self, TlsOption::NoSslv2 | TlsOption::NoSslv3 | TlsOption::NoTlsv1 | TlsOption::NoTlsv11)
    }
}

//! What a service tells of TLS and of PROXY headers.

use serde::{Deserialize, Serialize};

use super::Name;

/// What a service does with PROXY headers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProxyStatus {
    /// The access list of those who have to send one; `None`: nobody.
    pub accept: Option<u8>,
    /// The version that servers get, `v1` or `v2`; `None`: they get none.
    pub send: Option<Name>,
}

/// TLS of a service that speaks it with clients.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TlsStatus {
    /// Clients need a valid certificate.
    pub require_client_cert: bool,
    /// The certificates in force: first the one for clients that name no server, then those by server name.
    pub certificates: Vec<CertificateStatus>,
    /// What became of handshakes so far.
    pub handshakes: HandshakesStatus,
}

/// A certificate in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CertificateStatus {
    /// The file that it was read from.
    pub file: String,
    /// Whom it is for.
    pub names: Vec<String>,
    /// When it expires: seconds since 1970.
    pub not_after: u64,
}

/// What became of handshakes so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HandshakesStatus {
    /// Those that succeeded with TLS 1.2.
    pub tls12: u64,
    /// Those that succeeded with TLS 1.3.
    pub tls13: u64,
    /// Those of them all that resumed a session.
    pub resumed: u64,
    /// Those that failed, or took too long.
    pub failed: u64,
}

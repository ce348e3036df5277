//! Where pen listens for commands, as people write it.

use std::ffi::OsString;
use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;

use common::addr::{AddrError, Host, ListenAddr, ListenPlace, Port};

/// Where pen listens for commands when nobody says otherwise.
pub const DEFAULT_CONTROL: &str = "/run/pen/control";

/// Where pen listens for commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlAddr {
    /// By TCP.
    Inet { host: Host, port: Port },
    /// By a Unix socket.
    Unix(PathBuf),
}

/// Why `$PEN_CONTROL` is no address.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvironmentError {
    #[error("$PEN_CONTROL: {word:?} is not UTF-8 text")]
    NotText { word: OsString },
    #[error("$PEN_CONTROL: {0}")]
    Address(AddrError),
}

impl ControlAddr {
    /// Whether this word is meant as an address. A command may stand in one word with blanks, and then have colons and
    /// slashes of its own.
    pub fn is_meant_by(word: &str) -> bool {
        word.starts_with('/') || (word.contains([':', '/']) && !word.contains([' ', '\t']))
    }

    /// Reads an address.
    pub fn parse(word: &str) -> Result<ControlAddr, AddrError> {
        Ok(match word.parse::<ListenAddr>()?.place().clone() {
            // What pen calls a bare port, in $PEN_CONTROL only.
            ListenPlace::Inet { host: None, port } => ControlAddr::Inet { host: "127.0.0.1".parse()?, port },
            ListenPlace::Inet { host: Some(host), port } => ControlAddr::Inet { host, port },
            ListenPlace::Unix(path) => ControlAddr::Unix(path),
        })
    }

    /// The address for those who give none, with the value of `$PEN_CONTROL`.
    pub fn from_environment(value: Option<OsString>) -> Result<ControlAddr, EnvironmentError> {
        match value.filter(|value| !value.is_empty()) {
            None => Ok(ControlAddr::Unix(DEFAULT_CONTROL.into())),
            Some(value) => {
                let word = value.into_string().map_err(|word| EnvironmentError::NotText { word })?;
                ControlAddr::parse(&word).map_err(EnvironmentError::Address)
            }
        }
    }
}

impl Display for ControlAddr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            ControlAddr::Inet { host, port } if host.as_str().contains(':') => write!(f, "[{host}]:{port}"),
            ControlAddr::Inet { host, port } => write!(f, "{host}:{port}"),
            ControlAddr::Unix(path) => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_colon_or_a_slash() {
        for word in ["www:8888", "::1:8888", "/run/a b", "a/b"] {
            assert!(ControlAddr::is_meant_by(word), "{word}");
        }
        for word in ["mode", "8888", "server 0 address ::1", "log\t/x"] {
            assert!(!ControlAddr::is_meant_by(word), "{word}");
        }
    }

    #[test]
    fn addresses_are_shown_so_that_they_can_be_read_again() {
        for (written, shown) in [
            ("www:8888", "www:8888"),
            ("::1:8888", "[::1]:8888"),
            ("[::1]:8888", "[::1]:8888"),
            ("/run/x", "/run/x"),
            ("8888", "127.0.0.1:8888"),
        ] {
            let address = ControlAddr::parse(written).unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(ControlAddr::parse(shown).unwrap(), address);
        }
    }
}

//! Web servers' logs on the command line: `SERVER:LOGFILE`.

use std::io;
use std::net::{IpAddr, Ipv6Addr, ToSocketAddrs};

use super::input::Place;

/// A log, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The server.
    pub server: Server,
    /// Its log.
    pub log: Place,
}

/// A web server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Server {
    /// By its address.
    Address(IpAddr),
    /// By a name, which is to be looked up.
    Name(String),
}

/// Why a word does not name a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// There is no colon, or nothing on one side of it.
    #[error("bad log '{0}': SERVER:LOGFILE is expected, as in 10.0.0.1:access.log")]
    Form(String),
    /// Neither address nor name.
    #[error("bad server '{server}' in '{word}': an address or a host's name is expected")]
    Server {
        /// What stands in its place.
        server: String,
        /// All of it.
        word: String,
    },
    /// It can be split at several colons.
    #[error("'{0}' can mean several addresses: [ADDRESS]:LOGFILE is expected")]
    Ambiguous(String),
}

/// A name without an address.
#[derive(Debug, thiserror::Error)]
#[error("cannot find an address of the server '{name}': {}", common::reason(.error))]
pub struct LookUpError {
    name: String,
    error: io::Error,
}

impl Source {
    /// Reads `ADDRESS:LOGFILE`, `[ADDRESS]:LOGFILE` or `NAME:LOGFILE`. An IPv6 address needs no brackets where only one
    /// can be meant.
    pub fn parse(word: &str) -> Result<Source, SourceError> {
        let form = || SourceError::Form(word.to_owned());
        let no_server =
            |server: &str| SourceError::Server { server: server.to_owned(), word: word.to_owned() };
        let (server, log) = if let Some(rest) = word.strip_prefix('[') {
            let (server, log) = rest.split_once("]:").ok_or_else(form)?;
            (Server::Address(IpAddr::V6(server.parse().map_err(|_| no_server(server))?)), log)
        } else if let Some((server, log)) = bare_v6(word)? {
            (Server::Address(IpAddr::V6(server)), log)
        } else {
            let (server, log) = word.split_once(':').ok_or_else(form)?;
            match server.parse() {
                Ok(address) => (Server::Address(address), log),
                Err(_) if server.is_empty() => return Err(form()),
                Err(_) if is_name(server) => (Server::Name(server.to_owned()), log),
                Err(_) => return Err(no_server(server)),
            }
        };
        if log.is_empty() {
            return Err(form());
        }
        let server = match server {
            Server::Address(address) => Server::Address(address.to_canonical()),
            Server::Name(_) => server,
        };
        Ok(Source { server, log: Place::of(log) })
    }
}

/// An IPv6 address without brackets and what follows it, if there is one.
fn bare_v6(word: &str) -> Result<Option<(Ipv6Addr, &str)>, SourceError> {
    let splits =
        word.match_indices(':').filter_map(|(at, _)| Some((word[..at].parse().ok()?, &word[at + 1..])));
    let splits: Vec<(Ipv6Addr, &str)> = splits.collect();
    match splits.as_slice() {
        [] => Ok(None),
        [split] => Ok(Some(*split)),
        _ => Err(SourceError::Ambiguous(word.to_owned())),
    }
}

/// Numbers alone are a mistyped address.
fn is_name(word: &str) -> bool {
    let is_of_names = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    word.bytes().all(is_of_names) && word.bytes().any(|byte| byte.is_ascii_alphabetic())
}

impl Server {
    /// All its addresses; the first one stands in lines whose clients are not known.
    pub fn addresses(&self) -> Result<Vec<IpAddr>, LookUpError> {
        match self {
            Server::Address(address) => Ok(vec![*address]),
            Server::Name(name) => {
                let failed = |error| LookUpError { name: name.clone(), error };
                let mut addresses = Vec::new();
                for found in (name.as_str(), 0).to_socket_addrs().map_err(failed)? {
                    let address = found.ip().to_canonical();
                    if !addresses.contains(&address) {
                        addresses.push(address);
                    }
                }
                if addresses.is_empty() {
                    return Err(failed(io::ErrorKind::NotFound.into()));
                }
                Ok(addresses)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(word: &str) -> (String, String) {
        let source = Source::parse(word).unwrap();
        let server = match source.server {
            Server::Address(address) => address.to_string(),
            Server::Name(name) => name,
        };
        (server, source.log.to_string())
    }

    #[test]
    fn a_server_ends_at_the_first_colon_unless_it_has_colons_itself() {
        for (word, server, log) in [
            ("10.0.0.1:access.log", "10.0.0.1", "access.log"),
            ("10.0.0.1:/var/log/a:b", "10.0.0.1", "/var/log/a:b"),
            ("10.0.0.1:-", "10.0.0.1", "standard input"),
            ("www1:/var/log/x", "www1", "/var/log/x"),
            ("www_1.example.com:x::1", "www_1.example.com", "x::1"),
            ("[2001:db8::1]:x:y", "2001:db8::1", "x:y"),
            ("2001:db8::1:/x", "2001:db8::1", "/x"),
            ("::1:access.log", "::1", "access.log"),
            ("1:2:3:4:5:6:7:8:a", "1:2:3:4:5:6:7:8", "a"),
            ("[::ffff:10.0.0.1]:x", "10.0.0.1", "x"),
        ] {
            assert_eq!(parsed(word), (server.into(), log.into()), "{word}");
        }
    }

    #[test]
    fn what_names_no_log_says_why() {
        for (word, why) in [
            ("access.log", "bad log 'access.log': SERVER:LOGFILE is expected, as in 10.0.0.1:access.log"),
            ("10.0.0.1:", "bad log '10.0.0.1:': SERVER:LOGFILE is expected, as in 10.0.0.1:access.log"),
            (":x", "bad log ':x': SERVER:LOGFILE is expected, as in 10.0.0.1:access.log"),
            ("[::1]x", "bad log '[::1]x': SERVER:LOGFILE is expected, as in 10.0.0.1:access.log"),
            (
                "[10.0.0.1]:x",
                "bad server '10.0.0.1' in '[10.0.0.1]:x': an address or a host's name is expected",
            ),
            (
                "10.0.0.256:x",
                "bad server '10.0.0.256' in '10.0.0.256:x': an address or a host's name is expected",
            ),
            ("/tmp/a:b", "bad server '/tmp/a' in '/tmp/a:b': an address or a host's name is expected"),
            ("::1:2:x", "'::1:2:x' can mean several addresses: [ADDRESS]:LOGFILE is expected"),
            (
                "::ffff:10.0.0.1:x",
                "'::ffff:10.0.0.1:x' can mean several addresses: [ADDRESS]:LOGFILE is expected",
            ),
        ] {
            assert_eq!(Source::parse(word).unwrap_err().to_string(), why);
        }
    }
}

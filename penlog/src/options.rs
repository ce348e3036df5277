//! The command line: what it may say, and what that means.

use std::ffi::OsString;

use common::addr::{AddrError, Host, HostPort};
use common::options::{Asked, Program, UsageError, Words};

use crate::destination::Destination;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Invocation {
    /// Forward lines.
    Forward(Destination),
    /// Print this text, and nothing else.
    Print(String),
}

/// Why a command line cannot be followed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    /// An option.
    #[error(transparent)]
    Option(#[from] UsageError),
    /// An address.
    #[error(transparent)]
    Address(#[from] AddrError),
    /// No arguments at all.
    #[error("no destination: 'penlog host port [my_ip]' is expected")]
    Nothing,
    /// One argument, without a port.
    #[error("no port after '{0}': 'penlog host port [my_ip]' is expected")]
    NoPort(String),
    /// One argument too many.
    #[error("too many arguments at '{0}': 'penlog host port [my_ip]' is expected")]
    TooMany(String),
    /// Addresses that no datagram can have both of.
    #[error("{source_host} cannot send to {server}: one is an IPv4 address, the other an IPv6 address")]
    Families {
        /// `my_ip`
        source_host: Host,
        /// The server.
        server: Host,
    },
}

/// It has no options of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {}

static PROGRAM: Program<Key> =
    Program { name: "penlog", usage: USAGE, end: "", options: &[], manual: MANUAL };

const USAGE: &str = "\
usage: penlog host port [my_ip]
       penlog host:port [my_ip]

Sends each line of its standard input to the penlogd at this address, as a datagram; from the address my_ip, if given.
";

const MANUAL: &str = include_str!("../../man/penlog.1.in");

/// Reads the words after the program's name.
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Invocation, Mistake> {
    match PROGRAM.parse(words)? {
        Asked::Print(text) => Ok(Invocation::Print(text)),
        Asked::Work(Words { arguments, .. }) => destination(&arguments).map(Invocation::Forward),
    }
}

fn destination(arguments: &[String]) -> Result<Destination, Mistake> {
    let (first, rest) = arguments.split_first().ok_or(Mistake::Nothing)?;
    let (server, rest) = if has_port(first) {
        (first.parse::<HostPort>()?, rest)
    } else {
        let host: Host = first.parse()?;
        let (port, rest) = rest.split_first().ok_or_else(|| Mistake::NoPort(first.clone()))?;
        // As a whole, because port 0 is none there.
        (format!("{host}:{port}").parse()?, rest)
    };
    let source: Option<Host> = rest.first().map(|host| host.parse()).transpose()?;
    if let Some(excess) = rest.get(1) {
        return Err(Mistake::TooMany(excess.clone()));
    }
    if let Some(source_host) = source.clone().filter(|source| are_of_two_families(source, &server.host)) {
        return Err(Mistake::Families { source_host, server: server.host });
    }
    Ok(Destination { server, source })
}

/// Whether this is `host:port` or `[v6addr]:port`, and no bare IPv6 address.
fn has_port(text: &str) -> bool {
    text.starts_with('[') && !text.ends_with(']') || text.matches(':').count() == 1
}

fn are_of_two_families(one: &Host, other: &Host) -> bool {
    let is_v6 = |host: &Host| host.as_str().contains(':');
    one.is_address() && other.is_address() && is_v6(one) != is_v6(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Invocation, Mistake> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[track_caller]
    fn assert_forwards(line: &str, server: &str, source: Option<&str>) {
        let source = source.map(|source| source.parse().unwrap());
        let destination = Destination { server: server.parse().unwrap(), source };
        assert_eq!(read(line), Ok(Invocation::Forward(destination)), "{line}");
    }

    #[test]
    fn host_and_port_are_two_words_or_one() {
        for line in ["loghost 10000", "loghost:10000", "-- loghost 10000"] {
            assert_forwards(line, "loghost:10000", None);
        }
        for line in ["::1 10000", "[::1] 10000", "[::1]:10000"] {
            assert_forwards(line, "[::1]:10000", None);
        }
        assert_forwards("192.0.2.1 syslog", "192.0.2.1:syslog", None);
    }

    #[test]
    fn what_follows_is_the_address_to_send_from() {
        for line in ["loghost 10000 192.0.2.7", "loghost:10000 192.0.2.7"] {
            assert_forwards(line, "loghost:10000", Some("192.0.2.7"));
        }
        assert_forwards("[2001:db8::1]:10000 2001:db8::7", "[2001:db8::1]:10000", Some("2001:db8::7"));
        assert_forwards("loghost 10000 www1", "loghost:10000", Some("www1"));
    }

    #[test]
    fn an_error_names_the_word_at_fault() {
        let port = "a number from 1 to 65535 or a service name is expected";
        let usage = "'penlog host port [my_ip]' is expected";
        for (line, error) in [
            ("", format!("no destination: {usage}")),
            ("loghost", format!("no port after 'loghost': {usage}")),
            ("::1", format!("no port after '::1': {usage}")),
            ("loghost 0", format!("bad port '0' in 'loghost:0': {port}")),
            ("loghost 65536", format!("bad port '65536' in 'loghost:65536': {port}")),
            ("loghost:", format!("bad port '' in 'loghost:': {port}")),
            ("log/host 1", "bad host 'log/host': a name or an IP address is expected".to_owned()),
            ("loghost 1 a/b", "bad host 'a/b': a name or an IP address is expected".to_owned()),
            ("loghost 1 192.0.2.1 x", format!("too many arguments at 'x': {usage}")),
            ("loghost:1 192.0.2.1 x", format!("too many arguments at 'x': {usage}")),
            (
                "::1 1 192.0.2.1",
                "192.0.2.1 cannot send to ::1: one is an IPv4 address, the other an IPv6 address".to_owned(),
            ),
            ("--generate html", "--generate: bad kind 'html': man is expected".to_owned()),
            ("-x", "unknown option '-x': --help lists the options".to_owned()),
        ] {
            assert_eq!(read(line).expect_err(line).to_string(), error, "{line}");
        }
    }

    #[test]
    fn help_fits_a_page_and_the_manual_has_no_placeholder_left() {
        let help = PROGRAM.help();
        assert!(help.lines().all(|line| line.len() <= 118 && line.trim_end() == line), "{help}");
        assert!(PROGRAM.manual().lines().all(|line| !line.starts_with('@')));
    }
}

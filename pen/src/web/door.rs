//! Who may ask: the access list, and the name by which a browser came.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::request::Request;

/// What is known of a peer besides its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visitor {
    /// Whether `web_acl` lets it in.
    pub permitted: bool,
    /// Whether it came to a loopback address.
    pub over_loopback: bool,
}

/// Why somebody may not ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// By `web_acl`.
    ByList,
    /// The host that the browser believes to talk to may be anybody's.
    ForItsHost,
}

impl Refused {
    /// What the peer is told.
    pub fn text(self) -> &'static str {
        match self {
            Refused::ByList => {
                "You may not read the status of this pen: its access list 'web_acl' does not permit your address.\n"
            }
            Refused::ForItsHost => {
                "On a loopback address pen answers only to an IP address or 'localhost' as the host: a name could be \
                 anybody's, and lead a browser here on behalf of a foreign page. Behind a proxy, have it send \
                 'Host: localhost'.\n"
            }
        }
    }
}

/// Lets a request in, or not.
///
/// A page from anywhere can make its reader's browser ask a loopback address, by a name of its own that it changes to that
/// address meanwhile, and then read the answer as if it came from its own server. The name gives it away.
pub fn admit(request: &Request, visitor: Visitor) -> Result<(), Refused> {
    if !visitor.permitted {
        return Err(Refused::ByList);
    }
    match &request.host {
        Some(host) if visitor.over_loopback && !is_nobodys_name(host) => Err(Refused::ForItsHost),
        // Without a host it is no browser.
        _ => Ok(()),
    }
}

/// Whether a host is an IP address or `localhost`, perhaps with a port: what no name server has a say in.
fn is_nobodys_name(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, port),
        _ => (host, ""),
    };
    let is_port = port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    let v6 = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let is_host = match v6 {
        Some(v6) => v6.parse::<Ipv6Addr>().is_ok(),
        None => name.eq_ignore_ascii_case("localhost") || name.parse::<Ipv4Addr>().is_ok(),
    };
    is_host && is_port
}

/// Whether an address is a loopback one, in whichever way it is written.
pub fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests;

//! Which address connections and flows come from, as servers see them: the system's choice, one that `source` names, or the
//! client's own.

use std::io;
use std::net::IpAddr;

use common::client_addr::ClientAddr;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Socket, Type};

use crate::settings::Service;

/// What a socket towards a server has as its own address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Whatever the system chooses.
    System,
    /// One of this host's.
    Own(IpAddr),
    /// The client's, who is elsewhere.
    Client(IpAddr),
}

impl Source {
    /// What a service wants towards this server. `client`: who is to be served; `None`: pen itself wants the connection.
    pub fn towards(server: IpAddr, client: Option<ClientAddr>, service: &Service) -> Source {
        let own = || service.source.filter(|own| own.is_ipv4() == server.is_ipv4());
        match client {
            Some(ClientAddr::Ip(client)) if service.transparent && can_answer(server, client) => {
                Source::Client(client)
            }
            _ => own().map_or(Source::System, Source::Own),
        }
    }
}

/// Whether a server may get to see this client. What it answers to others would come to nobody, and the server would seem dead.
fn can_answer(server: IpAddr, client: IpAddr) -> bool {
    let is_on_the_way = client.is_loopback() == server.is_loopback();
    client.is_ipv4() == server.is_ipv4() && client != server && is_on_the_way && is_of_a_host(client)
}

/// Whether one host, wherever it is, can have the address. A PROXY header may name any.
fn is_of_a_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let is_of_no_network = address.octets()[0] == 0;
            !(is_of_no_network || address.is_multicast() || address.is_broadcast() || address.is_link_local())
        }
        IpAddr::V6(address) => {
            !(address.is_unspecified() || address.is_multicast() || address.is_unicast_link_local())
        }
    }
}

/// Lets the socket, of either family, have an address that is not one of this host's. It needs `CAP_NET_RAW`.
pub fn allow_any_address(socket: &Socket) -> io::Result<()> {
    Ok(setsockopt(socket, sockopt::IpTransparent, &true)?)
}

/// Whether pen may do that. Threads have the rights of the one that began them.
pub fn is_permitted() -> io::Result<()> {
    allow_any_address(&Socket::new(Domain::IPV4, Type::DGRAM.cloexec(), None)?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::clients::client_numbers;

    fn towards(server: &str, client: &str, source: Option<&str>) -> Source {
        let mut service = Service::new("web", &Arc::new(client_numbers()));
        service.transparent = true;
        service.source = source.map(address);
        Source::towards(address(server), Some(address(client).into()), &service)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_server_sees_clients_of_its_own_family() {
        for (server, client) in [
            ("192.0.2.1", "198.51.100.7"),
            ("192.0.2.1", "::ffff:198.51.100.7"),
            ("2001:db8::1", "2001:db8:1::7"),
            ("127.0.0.1", "127.0.0.2"),
        ] {
            assert_eq!(towards(server, client, None), Source::Client(address(client).to_canonical()));
            let source = if server.contains(':') { "::5" } else { "192.0.2.5" };
            assert_eq!(towards(server, client, Some(source)), Source::Client(address(client).to_canonical()));
        }
    }

    #[test]
    fn a_client_whom_the_server_cannot_answer_comes_from_pen() {
        for (server, client) in [
            ("192.0.2.1", "2001:db8::7"),
            ("2001:db8::1", "198.51.100.7"),
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1", "127.0.0.1"),
            ("2001:db8::1", "::1"),
            ("127.0.0.1", "198.51.100.7"),
            ("192.0.2.1", "0.0.0.0"),
            ("192.0.2.1", "0.0.0.7"),
            ("192.0.2.1", "224.0.0.1"),
            ("192.0.2.1", "255.255.255.255"),
            ("192.0.2.1", "169.254.0.1"),
            ("2001:db8::1", "::"),
            ("2001:db8::1", "ff02::1"),
            ("2001:db8::1", "fe80::1"),
        ] {
            assert_eq!(towards(server, client, None), Source::System, "{client}");
            let source = if server.contains(':') { "::5" } else { "192.0.2.5" };
            assert_eq!(towards(server, client, Some(source)), Source::Own(address(source)), "{client}");
        }
    }

    #[test]
    fn nobody_s_connections_and_those_of_unix_sockets_come_from_pen() {
        let mut service = Service::new("web", &Arc::new(client_numbers()));
        service.transparent = true;
        for client in [None, Some(ClientAddr::Unix)] {
            assert_eq!(Source::towards(address("192.0.2.1"), client, &service), Source::System);
        }
    }

    #[test]
    fn without_the_switch_no_client_is_shown() {
        let service = Service::new("web", &Arc::new(client_numbers()));
        let client = Some(address("198.51.100.7").into());
        assert_eq!(Source::towards(address("192.0.2.1"), client, &service), Source::System);
    }
}

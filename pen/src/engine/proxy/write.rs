//! Writes PROXY headers.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use common::command::ProxyVersion;

use super::Route;

/// The mark of version 2, then its number and the command.
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20";
const PROXY: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21";

/// The header of a connection that is passed on; `None`: nothing can be said of it, and a server goes by the connection that
/// the header comes on.
pub fn write(version: ProxyVersion, route: Option<Route>) -> Vec<u8> {
    match (version, route) {
        (ProxyVersion::V1, route) => line(route),
        (ProxyVersion::V2, Some(route)) => block(route),
        // Not "of an unknown family": that may be refused, this may not.
        (ProxyVersion::V2, None) => [LOCAL, &[0, 0, 0]].concat(),
    }
}

/// The header of a connection that the proxy has for itself: `route` is that connection's own, if it has addresses.
pub fn local(version: ProxyVersion, route: Option<Route>) -> Vec<u8> {
    match version {
        // Version 1 has no word for it, and servers may refuse what is unknown.
        ProxyVersion::V1 => line(route),
        ProxyVersion::V2 => write(version, None),
    }
}

fn line(route: Option<Route>) -> Vec<u8> {
    let Some(route) = route else { return b"PROXY UNKNOWN\r\n".to_vec() };
    let Route { source, destination } = in_one_family(route);
    let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
    let (from, to, from_port, to_port) = (source.ip(), destination.ip(), source.port(), destination.port());
    format!("PROXY {family} {from} {to} {from_port} {to_port}\r\n").into_bytes()
}

fn block(route: Route) -> Vec<u8> {
    let Route { source, destination } = in_one_family(route);
    let family: &[u8] = if source.is_ipv4() { &[0x11, 0, 12] } else { &[0x21, 0, 36] };
    let mut block = [PROXY, family].concat();
    for address in [source.ip(), destination.ip()] {
        match address {
            IpAddr::V4(address) => block.extend(address.octets()),
            IpAddr::V6(address) => block.extend(address.octets()),
        }
    }
    block.extend(source.port().to_be_bytes());
    block.extend(destination.port().to_be_bytes());
    block
}

/// Both addresses as IPv4 if both can be, else as IPv6.
fn in_one_family(Route { source, destination }: Route) -> Route {
    let both_v4 = source.ip().to_canonical().is_ipv4() && destination.ip().to_canonical().is_ipv4();
    let convert = |end: SocketAddr| {
        let address = if both_v4 { end.ip().to_canonical() } else { IpAddr::V6(as_v6(end.ip())) };
        SocketAddr::new(address, end.port())
    };
    Route { source: convert(source), destination: convert(destination) }
}

fn as_v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::proxy::{Header, Reading, read};

    fn route(source: &str, destination: &str) -> Route {
        Route { source: source.parse().unwrap(), destination: destination.parse().unwrap() }
    }

    fn written(version: ProxyVersion, source: &str, destination: &str) -> Vec<u8> {
        write(version, Some(route(source, destination)))
    }

    #[test]
    fn a_line_names_both_ends() {
        let line =
            |source, destination| String::from_utf8(written(ProxyVersion::V1, source, destination)).unwrap();
        assert_eq!(
            line("192.0.2.7:56324", "198.51.100.1:443"),
            "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n"
        );
        assert_eq!(line("[2001:db8::7]:1", "[::1]:65535"), "PROXY TCP6 2001:db8::7 ::1 1 65535\r\n");
        assert_eq!(write(ProxyVersion::V1, None), b"PROXY UNKNOWN\r\n");
    }

    #[test]
    fn a_block_names_both_ends() {
        assert_eq!(
            written(ProxyVersion::V2, "192.0.2.7:258", "198.51.100.1:443"),
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\x01\x02\x01\xbb"
        );
        let block = written(ProxyVersion::V2, "[2001:db8::7]:258", "[::1]:443");
        assert_eq!(block[..16], *b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24");
        assert_eq!(block.len(), 16 + 36);
        assert_eq!(write(ProxyVersion::V2, None), b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
    }

    #[test]
    fn ends_of_two_families_are_told_as_ipv6_and_mapped_ones_as_ipv4() {
        for version in [ProxyVersion::V1, ProxyVersion::V2] {
            assert_eq!(
                written(version, "192.0.2.7:1", "[2001:db8::1]:2"),
                written(version, "[::ffff:192.0.2.7]:1", "[2001:db8::1]:2"),
            );
            assert_eq!(
                written(version, "[::ffff:192.0.2.7]:1", "192.0.2.1:2"),
                written(version, "192.0.2.7:1", "192.0.2.1:2"),
            );
        }
    }

    #[test]
    fn the_proxys_own_connections_are_told_as_that_or_by_their_own_ends() {
        let own = Some(route("192.0.2.7:1", "192.0.2.8:2"));
        assert_eq!(local(ProxyVersion::V1, own), b"PROXY TCP4 192.0.2.7 192.0.2.8 1 2\r\n");
        assert_eq!(local(ProxyVersion::V1, None), b"PROXY UNKNOWN\r\n");
        for route in [own, None] {
            let header = local(ProxyVersion::V2, route);
            let nobodys = Header { route: None, secure: false };
            assert_eq!(read(&header), Ok(Reading::Complete(nobodys, 16)));
        }
    }
}

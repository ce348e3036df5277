//! Lines of servers' logs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::LazyLock;

use crate::line::{Format, Line, What, Yearless};
use crate::matching::Client;

/// Any bytes as a line, in every format: what is read lies in it, and only the places of the peer and of the time change.
pub fn log_line(bytes: &[u8]) {
    for format in FORMATS.iter() {
        check(&format.read(bytes), bytes);
    }
}

/// The web's, and patterns as they are used, with parts that match nothing and that overlap.
static FORMATS: LazyLock<[Format; 4]> = LazyLock::new(|| {
    let patterns = [
        r"^(?<time>\w+ [ \d]\d \S+|\S+) .*(?:from|by|user \S*) (?<addr>[0-9A-Fa-f:.]+) port (?<port>\d+)",
        r"from \S*\[(?<addr>[^]]*)\](?::(?<port>\d+))?(?: (?<request>.*))?",
        r"(?P<request>(?P<addr>\S*):(?P<port>\S*)|(?P<time>.*))",
    ];
    let yearless = Yearless { now: 1_700_000_000_000_000, east: |_| 3600 };
    let [a, b, c] = patterns.map(|pattern| Format::pattern(pattern).expect("these patterns are right"));
    [Format::web(), a, b, c].map(|format| format.with_yearless_times(yearless))
});

const CLIENTS: [Client; 4] = [
    Client { address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), port: Some(51515) },
    Client { address: IpAddr::V4(Ipv4Addr::BROADCAST), port: None },
    Client { address: IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7)), port: Some(1) },
    Client { address: IpAddr::V6(Ipv6Addr::LOCALHOST), port: None },
];

fn check(line: &Line<'_>, bytes: &[u8]) {
    assert!(bytes.ends_with(line.text), "it is not the line's end that is written");
    let mut out = Vec::new();
    line.write_unchanged(&mut out);
    assert_eq!(out, [line.text, b"\n"].concat());
    if let Some(request) = &line.request {
        assert!(request.iter().all(|byte| (b' '..=b'~').contains(byte)), "{request:?} does not print");
        assert!(request.len() <= bytes.len() + " HTTP/1.1".len() + 2, "{request:?} is too long");
    }
    assert!(line.ports.iter().all(|port| port > 0));
    assert!(!line.ports.are_certain() || line.ports.iter().count() == 1);
    assert!(line.peer.is_none_or(|peer| peer == peer.to_canonical() && line.shows_peer()));
    for client in &CLIENTS {
        check_written(line, client);
    }
}

/// What is written for a client is what was read, but for the places.
fn check_written(line: &Line<'_>, client: &Client) {
    let (mut plain, mut in_utc) = (Vec::new(), Vec::new());
    line.write_for(client, &mut plain);
    line.write_in_utc_for(client, &mut in_utc);
    assert_eq!(plain, expected(line, client));
    if !line.shows_peer() {
        assert!(line.text == &plain[..plain.len() - 1]);
    }
    if line.changing().all(|(what, _)| what != What::Time) {
        assert_eq!(plain, in_utc);
    } else if line.time.is_some_and(|time| YEARS.contains(&time.micros)) {
        let again = Format::web().read(&in_utc[..in_utc.len() - 1]);
        assert_eq!(again.time, line.time);
    }
}

/// From 1970 to 9999, beyond which the zone may lead.
const YEARS: std::ops::Range<i64> = 0..253_402_300_800_000_000;

/// The line with a client in its places, as the standard library writes addresses.
fn expected(line: &Line<'_>, client: &Client) -> Vec<u8> {
    let (mut out, mut start) = (Vec::new(), 0);
    for (what, place) in line.changing() {
        let there = &line.text[place.clone()];
        let address = client.address.to_string();
        let filling = match (what, client.port) {
            (What::Address, _) | (What::Endpoint, None) => address.into_bytes(),
            (What::Endpoint, Some(port)) => SocketAddr::new(client.address, port).to_string().into_bytes(),
            (What::Port, Some(port)) => port.to_string().into_bytes(),
            (What::Port, None) | (What::Time, _) => there.to_vec(),
        };
        out.extend_from_slice(&line.text[start..place.start]);
        out.extend(filling);
        start = place.end;
    }
    out.extend_from_slice(&line.text[start..]);
    out.push(b'\n');
    out
}

//! Lines as servers write them: what they say, and what becomes of them.

mod daemons;
mod json;
mod random;
mod syslog;
mod web;

use super::*;

/// Lines for this client are written by [`given`].
const CLIENT: Client =
    Client { address: IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7)), port: Some(51515) };

/// A client of which only the address is known.
const PORTLESS: Client = Client { port: None, ..CLIENT };

/// 2023-11-14 22:13:20 UTC
const T0: i64 = 1_700_000_000_000_000;

fn addr(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The line with this client in it.
fn given(line: &Line<'_>, client: &Client) -> String {
    let mut out = Vec::new();
    line.write_for(client, &mut out);
    text(out)
}

fn in_utc(line: &Line<'_>, client: &Client) -> String {
    let mut out = Vec::new();
    line.write_in_utc_for(client, &mut out);
    text(out)
}

fn unchanged(line: &Line<'_>) -> String {
    let mut out = Vec::new();
    line.write_unchanged(&mut out);
    text(out)
}

fn text(out: Vec<u8>) -> String {
    String::from_utf8(out).unwrap().strip_suffix('\n').unwrap().to_owned()
}

fn request<'l>(line: &'l Line<'_>) -> Option<&'l str> {
    line.request.as_deref().map(|request| std::str::from_utf8(request).unwrap())
}

fn ports(line: &Line<'_>) -> Vec<u16> {
    line.ports.iter().collect()
}

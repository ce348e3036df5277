//! Common Log Format, and what begins like it: `PEER - - [14/Nov/2023:22:13:20 +0000] "GET / HTTP/1.1" 200 1234`, with
//! anything behind it.
//!
//! - The peer is the first field. Where the first is a virtual host, as Apache's `vhost_combined` has it
//!   (`www.example.com:80 10.0.0.9 - - [...`) or without a port, it is the second. A name alone and a port is no peer's port
//!   for certain.
//! - The request is the first string in quotes, but for `""` before the time, which is a user without a name. A line without
//!   one shows no peer, and stays as it is. Where the end of the line comes before the quote, the line was cut, and the
//!   request with it.
//! - The time is the last one in brackets before the request, or else the first behind it.
//! - The peer's port is certain where the peer is `10.0.0.9:41234`, or where a field is `port=41234`, `rport=41234` or
//!   `remote_port=41234` (also `rport="41234"`). Else every number from 1 to 65535 that is a field of its own may be it.
//!   The number of three digits right behind the request is the status, and the one behind that counts bytes: neither of
//!   them is ever a port.
//! - Clients choose some of the text, and must not be able to pass for others. So nothing in quotes is a port, and before
//!   the request only what stands next to the peer, or behind the time: between them is the user's name, as the client
//!   gave it.

use super::place::What;
use super::{Line, Ports, escape, peer, time};

/// Reads a line.
pub(super) fn read(text: &[u8]) -> Line<'_> {
    let mut line = Line::unread(text);
    let Some(quote) = first_quote(text) else {
        take_last_time(text, &mut line);
        return line;
    };
    let (head, tail) = (&text[..quote], &text[quote + 1..]);
    let length = quoted_length(tail);
    line.request = Some(escape::request(&tail[..length]));
    let behind_peer = take_peer(head, &mut line);
    let behind_time = take_last_time(head, &mut line);
    if !line.ports.are_certain() {
        take_ports(&head[behind_peer..], Fields::First, &mut line);
        if let Some(behind_time) = behind_time {
            take_ports(&head[behind_time..], Fields::All, &mut line);
        }
    }
    let end = quote + 1 + (length + 1).min(tail.len());
    if !line.ports.are_certain() {
        let tail = &text[end..];
        take_ports(&tail[status_length(tail)..], Fields::All, &mut line);
    }
    if line.time.is_none() {
        take_time_behind(end, &mut line);
    }
    line
}

/// Where the request's quote stands, the first that is not escaped.
fn first_quote(text: &[u8]) -> Option<usize> {
    let escaped = |quote| text[..quote].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1;
    let mut quotes = memchr::memchr_iter(b'"', text).filter(|quote| !escaped(*quote));
    let first = quotes.next()?;
    // Apache writes a user without a name so, who could hide with it else.
    if text[first..].starts_with(b"\"\" [") { quotes.nth(1).or(Some(first)) } else { Some(first) }
}

/// How long the string is whose first quote stands before `text`.
fn quoted_length(text: &[u8]) -> usize {
    let mut start = 0;
    while let Some(found) = memchr::memchr2(b'"', b'\\', &text[start..]) {
        let found = start + found;
        if text[found] == b'"' {
            return found;
        }
        start = (found + 2).min(text.len());
    }
    text.len()
}

/// Reads the peer, and says where its field ends.
fn take_peer(head: &[u8], line: &mut Line<'_>) -> usize {
    let first = field_length(head);
    let peer = peer::read(&head[..first]);
    if peer.address.is_none()
        && let Some(second) = behind_virtual_host(&head[first..])
    {
        let (start, end) = (first + 1, first + 1 + second);
        line.take_peer(peer::read(&head[start..end]));
        line.places.add(What::Address, start..end);
        return end;
    }
    line.take_peer(peer);
    line.places.add(What::Address, 0..first);
    first
}

/// Whether ` 10.0.0.9 - - [` stands here, behind a virtual host; then the length of the address. The user's name may have
/// spaces.
fn behind_virtual_host(text: &[u8]) -> Option<usize> {
    let text = text.strip_prefix(b" ")?;
    let (address, rest) = text.split_at(field_length(text));
    let peer = peer::read(address);
    let (before_time, _) = rest.split_at(memchr::memrchr(b'[', rest)?);
    let has_two_fields = memchr::memchr_iter(b' ', before_time).nth(2).is_some();
    (has_two_fields && (peer.address.is_some() || peer.ambiguous)).then_some(address.len())
}

/// Reads the last time in brackets, and says where it ends.
fn take_last_time(head: &[u8], line: &mut Line<'_>) -> Option<usize> {
    memchr::memrchr_iter(b'[', head).find_map(|bracket| take_time(bracket, head, line))
}

/// Reads the first time in brackets that is not in quotes, behind `start`.
fn take_time_behind(start: usize, line: &mut Line<'_>) {
    let text = line.text;
    let mut at = start;
    while let Some(found) = memchr::memchr2(b'"', b'[', &text[at..]) {
        at += found + 1;
        if text[at - 1] == b'"' {
            at = (at + quoted_length(&text[at..]) + 1).min(text.len());
        } else if take_time(at - 1, text, line).is_some() {
            return;
        }
    }
}

/// Reads the time in a bracket, and says where it ends.
fn take_time(bracket: usize, text: &[u8], line: &mut Line<'_>) -> Option<usize> {
    // No time is longer than that.
    const LONGEST: usize = 40;
    let inside = &text[bracket + 1..];
    // There may be brackets only, each of which is looked at.
    let length = memchr::memchr(b']', &inside[..inside.len().min(LONGEST)])?;
    let stamp = &inside[..length];
    let place = bracket + 1..bracket + 1 + length;
    if let Some(time) = time::common(stamp) {
        line.time = Some(time);
        line.places.add(What::Time, place.clone());
    } else {
        // Times without a year are for other logs.
        line.time = Some(time::read(stamp, None)?);
    }
    Some(place.end + 1)
}

/// How long ` 200 1234` is, the status and the count of bytes behind the request; either may be `-`.
fn status_length(tail: &[u8]) -> usize {
    let Some(rest) = tail.strip_prefix(b" ") else { return 0 };
    let status = field_length(rest);
    let is_status = matches!(rest[..status], [b'-'] | [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9']);
    let Some(behind) = rest[status..].strip_prefix(b" ").filter(|_| is_status) else { return 0 };
    let bytes = field_length(behind);
    let are_bytes = behind[..bytes] == *b"-" || behind[..bytes].iter().all(u8::is_ascii_digit);
    if are_bytes { 1 + status + 1 + bytes } else { 1 + status }
}

/// Which fields may be the port.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fields {
    First,
    All,
}

/// Looks for the peer's port in fields, of which those in quotes count only behind `rport=`.
fn take_ports(text: &[u8], fields: Fields, line: &mut Line<'_>) {
    let mut rest = text;
    loop {
        let spaces = rest.iter().take_while(|byte| is_space(**byte)).count();
        rest = &rest[spaces..];
        let plain = rest.iter().position(|byte| is_space(*byte) || *byte == b'"').unwrap_or(rest.len());
        let (field, behind) = rest.split_at(plain);
        let quoted = behind.strip_prefix(b"\"").map(|string| string.split_at(quoted_length(string)));
        if let Some(value) = labelled(field) {
            let value = if value.is_empty() { quoted.map_or(value, |(string, _)| string) } else { value };
            if let Some(port) = peer::port(value) {
                line.ports = Ports::certain(port);
                return;
            }
        } else if quoted.is_none()
            && let Some(port) = peer::port(field)
        {
            line.ports.guess(port);
        }
        rest = match quoted {
            Some((_, behind)) => behind.get(1..).unwrap_or_default(),
            None => behind,
        };
        if rest.is_empty() || fields == Fields::First {
            return;
        }
    }
}

/// What follows `port=` and the like.
fn labelled(field: &[u8]) -> Option<&[u8]> {
    let equals = field.iter().take("remote_port=".len()).position(|byte| *byte == b'=')?;
    let is_port = [&b"port"[..], b"rport", b"remote_port"]
        .iter()
        .any(|name| name.eq_ignore_ascii_case(&field[..equals]));
    is_port.then(|| &field[equals + 1..])
}

fn field_length(text: &[u8]) -> usize {
    text.iter().position(|byte| is_space(*byte)).unwrap_or(text.len())
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

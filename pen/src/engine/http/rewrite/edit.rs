//! A head with the client in it. Whatever need not change stays as it is, to the byte.

use httparse::Header;

use super::Origin;
use super::head::{Name, is_http_in_disguise, names_forwarded, tokens};

/// What servers are told, as it is written.
#[derive(Debug)]
pub(super) struct Sender {
    client: Box<[u8]>,
    protocol: &'static [u8],
}

impl From<Origin> for Sender {
    fn from(origin: Origin) -> Sender {
        let client = origin.client.to_string().into_bytes().into_boxed_slice();
        Sender { client, protocol: if origin.secure { b"https" } else { b"http" } }
    }
}

/// Appends the edited head to `out`; `edited`: lines that were there have to be changed, too.
pub(super) fn write(head: &[u8], fields: &[Header<'_>], edited: bool, sender: &Sender, out: &mut Vec<u8>) {
    let line_end: &[u8] = if head.ends_with(b"\r\n") { b"\r\n" } else { b"\n" };
    out.reserve(head.len() + ROOM + 2 * sender.client.len());
    let mut missing = Missing { protocol: true, client: true };
    if edited {
        missing = write_edited(head, fields, line_end, sender, out);
    } else {
        out.extend_from_slice(&head[..head.len() - line_end.len()]);
    }
    if missing.protocol {
        write_parts(out, &[b"X-Forwarded-Proto: ", sender.protocol, line_end]);
    }
    if missing.client {
        write_parts(out, &[b"X-Forwarded-For: ", &sender.client, line_end]);
    }
    out.extend_from_slice(line_end);
}

/// What our fields take but for the client's address.
const ROOM: usize = "X-Forwarded-Proto: https\r\nX-Forwarded-For: , \r\n".len();

/// Fields that no line has become.
struct Missing {
    protocol: bool,
    client: bool,
}

/// All lines but the empty one. A line is a field each, since folded ones were refused.
fn write_edited(
    head: &[u8],
    fields: &[Header<'_>],
    line_end: &[u8],
    sender: &Sender,
    out: &mut Vec<u8>,
) -> Missing {
    let last_client = fields.iter().rposition(|field| Name::of(field.name) == Name::ForwardedFor);
    let mut missing = Missing { protocol: true, client: last_client.is_none() };
    let mut lines = head.split_inclusive(|byte| *byte == b'\n');
    out.extend_from_slice(lines.next().unwrap_or_default());
    for (index, (line, field)) in lines.zip(fields).enumerate() {
        match Name::of(field.name) {
            Name::ForwardedFor if Some(index) == last_client => {
                write_parts(out, &[name(field), b": "]);
                for earlier in &fields[..=index] {
                    if Name::of(earlier.name) == Name::ForwardedFor && !earlier.value.is_empty() {
                        write_parts(out, &[earlier.value, b", "]);
                    }
                }
                write_parts(out, &[&sender.client, line_end]);
            }
            Name::ForwardedProto if missing.protocol => {
                missing.protocol = false;
                write_parts(out, &[name(field), b": ", sender.protocol, line_end]);
            }
            // Some servers look at the first line of a name only: one line says it all.
            Name::ForwardedFor | Name::ForwardedProto | Name::ForwardedAlias => {}
            Name::Connection => write_without(names_forwarded, field, line, line_end, out),
            Name::Upgrade => write_without(is_http_in_disguise, field, line, line_end, out),
            _ => out.extend_from_slice(line),
        }
    }
    missing
}

/// The line without some members of its list; without any member there is no line.
fn write_without(
    is_unwanted: fn(&[u8]) -> bool,
    field: &Header<'_>,
    line: &[u8],
    line_end: &[u8],
    out: &mut Vec<u8>,
) {
    if !tokens(field.value).any(is_unwanted) {
        return out.extend_from_slice(line);
    }
    let mut lead: [&[u8]; 2] = [name(field), b": "];
    for token in tokens(field.value).filter(|token| !is_unwanted(token)) {
        write_parts(out, &lead);
        out.extend_from_slice(token);
        lead = [b",", b" "];
    }
    if lead[0] == b"," {
        out.extend_from_slice(line_end);
    }
}

fn name<'a>(field: &Header<'a>) -> &'a [u8] {
    field.name.as_bytes()
}

fn write_parts(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}

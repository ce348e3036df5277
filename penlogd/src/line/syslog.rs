//! Headers that syslog puts before a message: `<190>Nov 21 14:31:53 www nginx: ` as nginx sends it, with or without the name of
//! the host, RFC 5424's, and what rsyslog and others write to files, without the number and perhaps with an ISO 8601 time.

use super::time;

/// The message behind a header, if there is one.
pub(super) fn message(text: &[u8]) -> Option<&[u8]> {
    match *text {
        [b'<', ..] => {
            let rest = behind_priority(text)?;
            rest.strip_prefix(b"1 ")
                .and_then(behind_fields)
                .or_else(|| behind_tag(behind_time(rest).unwrap_or(rest)))
        }
        // Nearly all lines begin with an address, which has no such letters there.
        [b'A'..=b'Z', b'a'..=b'z', b'a'..=b'z', b' ', ..]
        | [_, _, _, _, b'-', _, _, b'-', _, _, b'T', ..] => behind_tag(behind_time(text)?),
        _ => None,
    }
}

/// `<190>`
fn behind_priority(text: &[u8]) -> Option<&[u8]> {
    let end = text.iter().take(5).position(|byte| *byte == b'>')?;
    let number = text.get(1..end)?;
    (!number.is_empty() && number.iter().all(u8::is_ascii_digit)).then(|| &text[end + 1..])
}

/// `Nov 21 14:31:53 ` or `2026-11-21T14:31:53.123456+00:00 `
fn behind_time(text: &[u8]) -> Option<&[u8]> {
    let (stamp, rest) = text.split_at_checked(15)?;
    let [_, _, _, b' ', ..] = stamp else { return behind_iso(text) };
    if time::is_syslogs(stamp) { rest.strip_prefix(b" ") } else { None }
}

fn behind_iso(text: &[u8]) -> Option<&[u8]> {
    let (stamp, rest) = word(text)?;
    (stamp.contains(&b'T') && time::read(stamp, None).is_some()).then_some(rest)
}

/// `www nginx: `, `nginx[42]: ` or the like.
fn behind_tag(text: &[u8]) -> Option<&[u8]> {
    let (first, rest) = word(text)?;
    if first.ends_with(b":") {
        return Some(rest);
    }
    let (tag, rest) = word(rest)?;
    tag.ends_with(b":").then_some(rest)
}

/// What follows the version in a header of RFC 5424: `TIME HOST APPLICATION PROCESS KIND [data key="value"] `.
fn behind_fields(text: &[u8]) -> Option<&[u8]> {
    let (_time, rest) = word(text)?;
    let (_host, rest) = word(rest)?;
    let (_application, rest) = word(rest)?;
    let (_process, rest) = word(rest)?;
    let (_kind, rest) = word(rest)?;
    let rest = match rest {
        [b'-', rest @ ..] => rest,
        _ => behind_data(rest)?,
    };
    let message = rest.strip_prefix(b" ")?;
    Some(message.strip_prefix("\u{feff}".as_bytes()).unwrap_or(message))
}

/// `[data key="value"]`, once or more.
fn behind_data(mut text: &[u8]) -> Option<&[u8]> {
    while let [b'[', rest @ ..] = text {
        let (mut quoted, mut escaped) = (false, false);
        let end = rest.iter().position(|byte| {
            let plain = !escaped;
            escaped = plain && *byte == b'\\';
            quoted ^= plain && *byte == b'"';
            plain && !quoted && *byte == b']'
        })?;
        text = &rest[end + 1..];
    }
    Some(text)
}

/// The first word, and what follows the space behind it.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b' ', text)?;
    Some((&text[..end], &text[end + 1..]))
}

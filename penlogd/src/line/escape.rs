//! What servers escape in their logs, undone: Apache's and nginx's `\xhh`, `\"`, `\\`, `\n`, and JSON's, which are no others
//! but `\/` and `\uhhhh`. A backslash before anything else stands for itself.

use std::borrow::Cow;

/// A request as pen's records have it, from its text between quotes: what was escaped is as it was, and what does not print
/// is `.`, each byte of it.
pub(super) fn request(text: &[u8]) -> Cow<'_, [u8]> {
    // The whole of it, without a branch for each byte.
    let special = text.iter().fold(0, |special, byte| special | u8::from(!prints(*byte) || *byte == b'\\'));
    if special == 0 {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    append(text, &mut out);
    Cow::Owned(out)
}

/// Appends a request, or a part of it, likewise.
pub(super) fn append(mut text: &[u8], out: &mut Vec<u8>) {
    while let Some(backslash) = memchr::memchr(b'\\', text) {
        out.extend(text[..backslash].iter().copied().map(shown));
        text = escaped(&text[backslash + 1..], out);
    }
    out.extend(text.iter().copied().map(shown));
}

/// Appends what the escape stands for, of which `text` follows the backslash, and is what follows the escape.
fn escaped<'a>(text: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    match *text {
        [b'x', high, low, ref rest @ ..] if let Some(byte) = hex(&[high, low]) => {
            out.extend(u8::try_from(byte).map(shown));
            rest
        }
        [b'u', a, b, c, d, ref rest @ ..] if let Some(unit) = hex(&[a, b, c, d]) => {
            code_point(unit, rest, out)
        }
        [byte @ (b'"' | b'\\' | b'/'), ref rest @ ..] => {
            out.push(byte);
            rest
        }
        [b'a' | b'b' | b'f' | b'n' | b'r' | b't' | b'v', ref rest @ ..] => {
            out.push(b'.');
            rest
        }
        _ => {
            out.push(b'\\');
            text
        }
    }
}

/// A character of JSON, which may need a second escape. The client sent it as UTF-8, of which pen's records show each byte.
fn code_point<'a>(unit: u32, rest: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let low = match *rest {
        [b'\\', b'u', a, b, c, d, ref rest @ ..] if (0xd800..0xdc00).contains(&unit) => {
            hex(&[a, b, c, d]).filter(|low| (0xdc00..0xe000).contains(low)).map(|_| rest)
        }
        _ => None,
    };
    let bytes = match (low, char::from_u32(unit)) {
        (Some(_), _) => 4,
        // It stands for a byte that was no UTF-8.
        (None, None | Some(char::REPLACEMENT_CHARACTER)) => 1,
        (None, Some(character)) => character.len_utf8(),
    };
    match u8::try_from(unit) {
        Ok(byte) if bytes == 1 => out.push(shown(byte)),
        _ => out.resize(out.len() + bytes, b'.'),
    }
    low.unwrap_or(rest)
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| Some(number * 16 + char::from(*digit).to_digit(16)?))
}

/// A byte as pen's records have it.
fn shown(byte: u8) -> u8 {
    if prints(byte) { byte } else { b'.' }
}

fn prints(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

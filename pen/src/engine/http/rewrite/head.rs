//! A request's head: what its fields say of the body, of another protocol, and of the client. What could be understood in
//! two ways is refused.

use std::borrow::Cow;
use std::mem::MaybeUninit;

use httparse::{Header, Status};
use memchr::{memchr, memchr_iter};

use super::Refusal;
use super::edit::{self, Sender};
use super::exchanges::{Asked, Wish};
use crate::engine::http::fields::{Body, number};

/// More fields no client needs.
pub(in crate::engine::http) const FIELDS_MOST: usize = 256;
/// A length has no more digits than this, so that every server can count to it.
const LENGTH_DIGITS_MOST: usize = 18;

/// Fields that matter. In names that are rendered as variables of a program's environment all of what is no letter and no digit
/// is the same: so a client could tell some servers who it is by the name `X_Forwarded_For`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Host,
    ContentLength,
    TransferEncoding,
    Connection,
    Upgrade,
    ForwardedFor,
    ForwardedProto,
    /// What some servers take for one of the two before.
    ForwardedAlias,
    Other,
}

/// What a head says.
#[derive(Debug, Default)]
struct Facts {
    host: bool,
    length: Option<u64>,
    chunked: bool,
    upgrade: bool,
    /// A line besides ours has to be changed.
    edited: bool,
}

/// Appends the head to `out`, with the sender in it. Tells how the request goes on, and what an answer to it may mean.
pub(super) fn pass_on(head: &[u8], sender: &Sender, out: &mut Vec<u8>) -> Result<(Body, Asked), Refusal> {
    let text = with_ascii_target(head);
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS_MOST];
    let mut request = httparse::Request::new(&mut []);
    let parsed = request.parse_with_uninit_headers(&text, &mut fields);
    check_whole(parsed, head)?;
    let mut facts = Facts::default();
    for field in &*request.headers {
        facts.take(field)?;
    }
    let method = request.method.unwrap_or_default();
    let connect = method == "CONNECT";
    let body = match (facts.chunked, facts.length) {
        // A server of HTTP/1.0 does not know them.
        (true, None) if request.version == Some(1) => Body::Chunked,
        (false, length) => Body::Length(length.unwrap_or(0)),
        (true, _) => return Err(Refusal::Malformed),
    };
    if connect && body != Body::Length(0) {
        // Does the tunnel begin behind the head, or behind the body?
        return Err(Refusal::Malformed);
    }
    edit::write(head, request.headers, facts.edited, sender, out);
    let wish = match (connect, facts.upgrade) {
        (true, _) => Some(Wish::Tunnel),
        (false, true) => Some(Wish::Upgrade),
        (false, false) => None,
    };
    Ok((body, Asked { head: method == "HEAD", wish }))
}

/// The head as the parser takes it, for which bytes that are no UTF-8 cannot be a target. Servers take what old clients write in
/// Latin-1.
fn with_ascii_target(head: &[u8]) -> Cow<'_, [u8]> {
    let line = &head[..memchr(b'\n', head).unwrap_or(head.len())];
    let target = memchr(b' ', line).unwrap_or(line.len())..line.len();
    if line[target.clone()].is_ascii() {
        return Cow::Borrowed(head);
    }
    let mut text = head.to_vec();
    for byte in &mut text[target] {
        if !byte.is_ascii() {
            *byte = b'x';
        }
    }
    Cow::Owned(text)
}

/// Checks what follows the last chunk, with the empty line that ends it.
pub(super) fn check_trailers(lines: &[u8]) -> Result<(), Refusal> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MOST];
    match httparse::parse_headers(lines, &mut fields) {
        Ok(Status::Complete((length, fields)))
            // Some servers treat trailers as if they stood in the head.
            if length == lines.len()
                && lines_end_with_crlf(lines) == Some(true)
                && fields.iter().all(|field| Name::of(field.name) == Name::Other) =>
        {
            Ok(())
        }
        Err(httparse::Error::TooManyHeaders) => Err(Refusal::TooLarge),
        _ => Err(Refusal::Malformed),
    }
}

/// Checks that the parser has read the head to its end, and that all lines end alike. A bare LF is a line's end only for some:
/// where it stands for all ends, the others see no end, and nothing is hidden from them.
fn check_whole(parsed: httparse::Result<usize>, head: &[u8]) -> Result<(), Refusal> {
    match parsed {
        Ok(Status::Complete(length)) if length == head.len() && lines_end_with_crlf(head).is_some() => Ok(()),
        Err(httparse::Error::TooManyHeaders) => Err(Refusal::TooLarge),
        _ => Err(Refusal::Malformed),
    }
}

/// Whether all lines end with CRLF, or all with LF alone.
fn lines_end_with_crlf(lines: &[u8]) -> Option<bool> {
    let crlf = lines.ends_with(b"\r\n");
    let alike = |newline: usize| (newline > 0 && lines[newline - 1] == b'\r') == crlf;
    memchr_iter(b'\n', lines).all(alike).then_some(crlf)
}

impl Facts {
    fn take(&mut self, field: &Header<'_>) -> Result<(), Refusal> {
        match Name::of(field.name) {
            Name::Host if self.host => return Err(Refusal::Malformed),
            Name::Host => self.host = true,
            Name::ContentLength if self.length.is_some() => return Err(Refusal::Malformed),
            Name::ContentLength => self.length = Some(length(field.value)?),
            Name::TransferEncoding if self.chunked => return Err(Refusal::Malformed),
            Name::TransferEncoding if field.value.eq_ignore_ascii_case(b"chunked") => self.chunked = true,
            Name::TransferEncoding => return Err(Refusal::Malformed),
            Name::Connection => self.edited |= tokens(field.value).any(names_forwarded),
            Name::Upgrade => {
                self.upgrade |= tokens(field.value).any(|token| !is_http_in_disguise(token));
                self.edited |= tokens(field.value).any(is_http_in_disguise);
            }
            Name::ForwardedFor | Name::ForwardedProto | Name::ForwardedAlias => self.edited = true,
            Name::Other => {}
        }
        Ok(())
    }
}

/// A length that all servers can count to.
fn length(value: &[u8]) -> Result<u64, Refusal> {
    match number(value) {
        Ok(length) if value.len() <= LENGTH_DIGITS_MOST => Ok(length),
        _ => Err(Refusal::Malformed),
    }
}

/// The members of a list, without the blanks around them and without empty ones.
pub(in crate::engine::http) fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
}

/// Whether an option of Connection names our fields: the next proxy would take them away.
pub(super) fn names_forwarded(option: &[u8]) -> bool {
    let is_ours =
        |word: &[u8]| word.eq_ignore_ascii_case(FORWARDED_FOR) || word.eq_ignore_ascii_case(FORWARDED_PROTO);
    words(option).any(is_ours)
}

/// Whether http would go on in the protocol, out of our sight: that are other versions of it, and TLS.
pub(super) fn is_http_in_disguise(protocol: &[u8]) -> bool {
    let is_http = |word: &[u8]| {
        let name = word.split(|byte| *byte == b'/').next().unwrap_or_default();
        let is_h2c = name.get(..3).is_some_and(|beginning| beginning.eq_ignore_ascii_case(b"h2c"));
        is_h2c || [&b"h2"[..], b"HTTP", b"TLS"].into_iter().any(|other| name.eq_ignore_ascii_case(other))
    };
    words(protocol).any(is_http)
}

/// What some servers take for members of the list, too. Apache lets a blank and a semicolon end one.
fn words(member: &[u8]) -> impl Iterator<Item = &[u8]> {
    member.split(|byte| matches!(byte, b' ' | b'\t' | b';'))
}

const FORWARDED_FOR: &[u8] = b"X-Forwarded-For";
const FORWARDED_PROTO: &[u8] = b"X-Forwarded-Proto";

impl Name {
    pub(super) fn of(name: &str) -> Name {
        let name = name.as_bytes();
        let is = |other: &[u8]| name.eq_ignore_ascii_case(other);
        match name.len() {
            4 if is(b"Host") => Name::Host,
            7 if is(b"Upgrade") => Name::Upgrade,
            10 if is(b"Connection") => Name::Connection,
            14 if is(b"Content-Length") => Name::ContentLength,
            15 if is(FORWARDED_FOR) => Name::ForwardedFor,
            15 if resembles(name, FORWARDED_FOR) => Name::ForwardedAlias,
            17 if is(b"Transfer-Encoding") => Name::TransferEncoding,
            17 if is(FORWARDED_PROTO) => Name::ForwardedProto,
            17 if resembles(name, FORWARDED_PROTO) => Name::ForwardedAlias,
            _ => Name::Other,
        }
    }
}

/// Whether names of the same length differ only in what is no letter and no digit.
fn resembles(name: &[u8], other: &[u8]) -> bool {
    name.iter().zip(other).all(|(byte, other)| {
        byte.eq_ignore_ascii_case(other) || (!byte.is_ascii_alphanumeric() && !other.is_ascii_alphanumeric())
    })
}

//! The head of an answer: its status, and how long the body is that follows. Read by the rules of lenient readers, because pen
//! only wants to know what others will take it for.

use std::mem::MaybeUninit;

use httparse::{Header, ParserConfig, Response, Status};

use super::fields::{Body, Malformed, number};
use super::rewrite::{FIELDS_MOST, tokens};

/// What the head of an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) struct AnswerHead {
    /// 100 to 999.
    pub(in crate::engine) status: u16,
    /// A field tells of a body.
    pub(super) tells_of_body: bool,
    body: Result<Option<Body>, Malformed>,
}

impl AnswerHead {
    /// Reads a head with the empty line that ends it.
    pub(in crate::engine) fn read(head: &[u8]) -> Result<AnswerHead, Malformed> {
        let mut fields = [const { MaybeUninit::uninit() }; FIELDS_MOST];
        let mut response = Response::new(&mut []);
        let mut config = ParserConfig::default();
        config
            .allow_spaces_after_header_name_in_responses(true)
            .allow_obsolete_multiline_headers_in_responses(true)
            .allow_multiple_spaces_in_response_status_delimiters(true)
            .ignore_invalid_headers_in_responses(true);
        let parsed = config.parse_response_with_uninit_headers(&mut response, head, &mut fields);
        if parsed != Ok(Status::Complete(head.len())) {
            return Err(Malformed);
        }
        Ok(AnswerHead {
            status: response.code.unwrap_or(0),
            tells_of_body: response.headers.iter().any(is_of_body),
            body: length(response.headers),
        })
    }

    /// The body of an answer to anything but HEAD or CONNECT; `None`: it ends with the connection.
    pub(in crate::engine) fn body(&self) -> Result<Option<Body>, Malformed> {
        match self.status {
            204 | 304 => Ok(Some(Body::Length(0))),
            _ => self.body,
        }
    }
}

/// Whether the field tells of a body.
fn is_of_body(field: &Header<'_>) -> bool {
    ["Content-Length", "Transfer-Encoding"].iter().any(|name| field.name.eq_ignore_ascii_case(name))
}

/// How long the body is by its fields.
fn length(fields: &[Header<'_>]) -> Result<Option<Body>, Malformed> {
    let mut length = None;
    let mut chunked = None;
    for field in fields {
        if field.name.eq_ignore_ascii_case("Content-Length") {
            let value = number(field.value)?;
            if length.is_some_and(|other| other != value) {
                return Err(Malformed);
            }
            length = Some(value);
        } else if field.name.eq_ignore_ascii_case("Transfer-Encoding") {
            let last = tokens(field.value).last().unwrap_or_default();
            chunked = Some(last.eq_ignore_ascii_case(b"chunked"));
        }
    }
    Ok(match (chunked, length) {
        (Some(true), _) => Some(Body::Chunked),
        (Some(false), _) | (None, None) => None,
        (None, Some(length)) => Some(Body::Length(length)),
    })
}

//! What goes back, as bytes.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use super::door::Refused;
use super::request::{Problem, Then};
use super::routes::Stray;

/// Plain text.
pub const TEXT: &str = "text/plain; charset=utf-8";

/// Nothing from outside, nothing inline, no forms, in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// How it went.
    pub status: Status,
    /// What the body is.
    pub content_type: &'static str,
    /// The whole, also where only the head is asked for.
    pub body: Body,
}

/// What follows the head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// This response's own, or part of the program.
    Own(Cow<'static, str>),
    /// A rendering that other peers get, too: however many are slow to take it, it is there once.
    Shared(Arc<String>),
}

impl Body {
    /// The text.
    pub fn as_str(&self) -> &str {
        match self {
            Body::Own(text) => text,
            Body::Shared(text) => text,
        }
    }
}

/// How a request went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 200
    Ok,
    /// 400
    BadRequest,
    /// 403
    Forbidden,
    /// 404
    NotFound,
    /// 405
    MethodNotAllowed,
    /// 431
    HeadTooLarge,
    /// 503
    Unavailable,
    /// 505
    VersionNotSupported,
}

impl Status {
    fn line(self) -> &'static str {
        match self {
            Status::Ok => "200 OK",
            Status::BadRequest => "400 Bad Request",
            Status::Forbidden => "403 Forbidden",
            Status::NotFound => "404 Not Found",
            Status::MethodNotAllowed => "405 Method Not Allowed",
            Status::HeadTooLarge => "431 Request Header Fields Too Large",
            Status::Unavailable => "503 Service Unavailable",
            Status::VersionNotSupported => "505 HTTP Version Not Supported",
        }
    }
}

impl Response {
    /// An answer of plain text.
    pub fn text(status: Status, body: impl Into<Cow<'static, str>>) -> Response {
        Response { status, content_type: TEXT, body: Body::Own(body.into()) }
    }

    /// What stands before the body.
    pub fn head(&self, then: Then, now: SystemTime) -> String {
        let Response { status, content_type, body } = self;
        let allow = if *status == Status::MethodNotAllowed { "Allow: GET, HEAD\r\n" } else { "" };
        let connection = match then {
            Then::KeepAlive => "keep-alive",
            Then::Close => "close",
        };
        format!(
            "HTTP/1.1 {}\r\nDate: {}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n{allow}\
             Cache-Control: no-store\r\nContent-Security-Policy: {POLICY}\r\nX-Content-Type-Options: nosniff\r\n\
             Referrer-Policy: no-referrer\r\nCross-Origin-Resource-Policy: same-origin\r\n\
             Connection: {connection}\r\n\r\n",
            status.line(),
            httpdate::fmt_http_date(now),
            body.as_str().len(),
        )
    }
}

impl From<Problem> for Response {
    fn from(problem: Problem) -> Response {
        match problem {
            Problem::Malformed => Response::text(Status::BadRequest, "This is not an http/1.1 request.\n"),
            Problem::Version => Response::text(Status::VersionNotSupported, "pen speaks http/1.1.\n"),
            Problem::TooLarge => Response::text(
                Status::HeadTooLarge,
                "The head of a request has 8192 bytes and 128 fields at most.\n",
            ),
        }
    }
}

impl From<Refused> for Response {
    fn from(refused: Refused) -> Response {
        Response::text(Status::Forbidden, refused.text())
    }
}

impl From<Stray> for Response {
    fn from(stray: Stray) -> Response {
        match stray {
            Stray::Method => {
                Response::text(Status::MethodNotAllowed, "Only GET and HEAD: nothing can be changed here.\n")
            }
            Stray::Path => Response::text(
                Status::NotFound,
                "There are /, /status.json, /metrics, /healthz and /healthz/SERVICE.\n",
            ),
            Stray::Query(why) => Response::text(Status::BadRequest, why),
        }
    }
}

#[cfg(test)]
mod tests;

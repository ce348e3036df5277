//! From bytes to a request: what matters of it here. Nothing that has a body is wanted, so none is ever read.

use httparse::{Error, Header, Status};

/// Most bytes of a request's head.
pub const HEAD_MOST: usize = 8192;
/// Most header fields; a head of the greatest size has seldom more.
const FIELDS_MOST: usize = 128;

/// A request's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is to be done.
    pub method: Method,
    /// `/status.json`
    pub path: String,
    /// What follows the `?`, if anything does.
    pub query: String,
    /// The host that the client believes to talk to.
    pub host: Option<String>,
    /// What becomes of the connection after the answer.
    pub then: Then,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The whole answer.
    Get,
    /// Its head.
    Head,
    /// Something that is not done here.
    Other,
}

/// What becomes of a connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The next request may come.
    KeepAlive,
    /// It is closed.
    Close,
}

/// Why bytes are no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It is not http/1, or says contradictory things.
    Malformed,
    /// Another version of http.
    Version,
    /// More than [`HEAD_MOST`] bytes, or too many fields.
    TooLarge,
}

/// The first request in `bytes` and its length; `None`: there is more to come.
pub fn parse(bytes: &[u8]) -> Result<Option<(Request, usize)>, Problem> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MOST];
    let mut head = httparse::Request::new(&mut fields);
    let length = match head.parse(bytes) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) if bytes.len() >= HEAD_MOST => return Err(Problem::TooLarge),
        Ok(Status::Partial) => return Ok(None),
        Err(Error::TooManyHeaders) => return Err(Problem::TooLarge),
        Err(Error::Version) => return Err(Problem::Version),
        Err(_) => return Err(Problem::Malformed),
    };
    let (Some(method), Some(target), Some(minor)) = (head.method, head.path, head.version) else {
        return Err(Problem::Malformed);
    };
    let method = match method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        _ => Method::Other,
    };
    let (authority, target) = split_target(target);
    if method != Method::Other && !target.starts_with('/') {
        return Err(Problem::Malformed);
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let host = host(head.headers, minor)?;
    let then = if method == Method::Other { Then::Close } else { then(head.headers, minor) };
    let request = Request {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        host: authority.map(str::to_owned).or(host),
        then,
    };
    Ok(Some((request, length)))
}

/// A client may name the host in the target, as it does to proxies: `http://127.0.0.1/metrics`. Then that counts.
fn split_target(target: &str) -> (Option<&str>, &str) {
    let Some(rest) = target.strip_prefix("http://") else { return (None, target) };
    match rest.find(['/', '?']) {
        Some(end) if rest[end..].starts_with('/') => (Some(&rest[..end]), &rest[end..]),
        _ => (Some(rest), "/"),
    }
}

/// The one host that is named. HTTP/1.1 demands it.
fn host(fields: &[Header<'_>], minor: u8) -> Result<Option<String>, Problem> {
    let mut hosts = values(fields, "host");
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => {
            let host = std::str::from_utf8(host).map_err(|_| Problem::Malformed)?;
            Ok(Some(host.trim().to_owned()))
        }
        (None, _) if minor == 0 => Ok(None),
        _ => Err(Problem::Malformed),
    }
}

/// What the client wants, unless a body would have to be skipped to find the next request.
fn then(fields: &[Header<'_>], minor: u8) -> Then {
    let no_body = values(fields, "content-length").all(|value| value == b"0");
    let framed = values(fields, "transfer-encoding").next().is_none();
    let says = |word: &[u8]| {
        let options = values(fields, "connection").flat_map(|value| value.split(|byte| *byte == b','));
        options.into_iter().any(|option| option.trim_ascii().eq_ignore_ascii_case(word))
    };
    let wanted = if minor == 0 { says(b"keep-alive") } else { true };
    if wanted && !says(b"close") && no_body && framed { Then::KeepAlive } else { Then::Close }
}

fn values<'a>(fields: &'a [Header<'_>], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
}

#[cfg(test)]
mod tests;

//! A small http/1.1 client that looks at everything: what is sent is written by the test, what comes back is parsed.

use std::io::{self, Read, Write};

use crate::address::Address;
use crate::stream::Stream;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// `200`
    pub status: u16,
    /// The whole head.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Answer {
    /// A header field's value; none if there is no such field.
    pub fn field(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// Reads the next answer from a stream; `with_body`: not one to HEAD.
    pub fn read(stream: &Stream, with_body: bool) -> io::Result<Answer> {
        let mut answer = Answer::read_head(stream)?;
        if with_body {
            let length = usize::try_from(answer.length()).map_err(io::Error::other)?;
            let mut body = vec![0; length];
            { stream }.read_exact(&mut body)?;
            answer.body = String::from_utf8_lossy(&body).into_owned();
        }
        Ok(answer)
    }

    /// Reads the head of the next answer from a stream, and leaves the body there.
    pub fn read_head(stream: &Stream) -> io::Result<Answer> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            { stream }.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(head.clone()))?;
        Ok(Answer { status, head, body: String::new() })
    }

    /// The length of its body.
    pub fn length(&self) -> u64 {
        self.field("content-length").and_then(|length| length.parse().ok()).unwrap_or(0)
    }

    /// The same answer if its status is 2xx; otherwise its head is the error.
    pub fn or_error(self) -> io::Result<Answer> {
        if (200..300).contains(&self.status) { Ok(self) } else { Err(io::Error::other(self.head)) }
    }
}

/// Gets a page in a connection of its own, as from `localhost`.
pub fn get(address: &Address, path: &str) -> io::Result<Answer> {
    exchange(address, &head(&format!("GET {path}"), ""))
}

/// Sends a request of any form in a connection of its own.
pub fn exchange(address: &Address, request: &str) -> io::Result<Answer> {
    let stream = Stream::connect(address)?;
    (&stream).write_all(request.as_bytes())?;
    Answer::read(&stream, !request.starts_with("HEAD "))
}

/// Gets a small page in a connection of its own, with success: the body.
pub fn page(address: &Address, path: &str) -> io::Result<String> {
    page_through(&Stream::connect(address)?, path)
}

/// Gets a small page through `stream`, which the server then closes, with success: the body.
pub fn page_through(stream: &Stream, path: &str) -> io::Result<String> {
    request(stream, &format!("GET {path}"), "")?;
    Ok(Answer::read(stream, true)?.or_error()?.body)
}

/// Sends the head of a request: `GET /path`, and more header lines.
pub fn request(stream: &Stream, request: &str, headers: &str) -> io::Result<()> {
    { stream }.write_all(head(request, headers).as_bytes())
}

fn head(request: &str, headers: &str) -> String {
    format!("{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n")
}

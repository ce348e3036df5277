//! A small http/1.1 client that looks at everything: what is sent is written by the test, what comes back is parsed.

use std::io::{self, Read};

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
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            { stream }.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        let mut answer = Answer {
            status: status.ok_or_else(|| io::Error::other(head.clone()))?,
            head,
            body: String::new(),
        };
        if with_body {
            let length = answer.field("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            let mut body = vec![0; length];
            { stream }.read_exact(&mut body)?;
            answer.body = String::from_utf8_lossy(&body).into_owned();
        }
        Ok(answer)
    }
}

/// Gets a page in a connection of its own, as from `localhost`.
pub fn get(address: &Address, path: &str) -> io::Result<Answer> {
    exchange(address, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
}

/// Sends a request of any form in a connection of its own.
pub fn exchange(address: &Address, request: &str) -> io::Result<Answer> {
    let stream = Stream::connect(address)?;
    io::Write::write_all(&mut &stream, request.as_bytes())?;
    Answer::read(&stream, !request.starts_with("HEAD "))
}

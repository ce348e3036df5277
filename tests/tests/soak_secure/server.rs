//! The servers: they read each request, look whether it is what its client meant, and answer as the life says.

use std::io::{self, BufRead, BufReader, Read, Write};

use pen_tests::{Content, Stream};

use super::Complaints;
use super::life::{Ending, Framing, Life};

/// Answers until the connection ends.
pub fn serve(stream: &Stream, complaints: &Complaints) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some(head) = head(&mut reader)? {
        let Some((life, request)) = numbers(&head) else {
            complaints.add(&Life::of(0), &format!("a request of nobody: {head}"));
            break;
        };
        look_at_head(&life, &head, complaints);
        let body = body(&mut reader, &head)?;
        if body.len() as u64 != life.up || !life.upward(request).matches(0, &body) {
            complaints.add(&life, &format!("request {request} came with {} bytes or wrong ones", body.len()));
        }
        if let Said::Everything = answer(stream, &life, request)? {
            break;
        }
    }
    stream.finish();
    Ok(())
}

/// Whether another request may follow.
enum Said {
    OneAnswer,
    Everything,
}

fn answer(mut stream: &Stream, life: &Life, request: u64) -> io::Result<Said> {
    let closes = life.is_last(request) && life.ending == Ending::ConnectionClose;
    let field = if closes { "Connection: close\r\n" } else { "" };
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{field}\r\n", life.down)?;
    match life.ending {
        Ending::ServerResets(after) if life.is_last(request) => {
            life.downward(request).write_to(stream, after)?;
            stream.reset_on_close();
            Err(io::ErrorKind::ConnectionReset.into())
        }
        _ => {
            life.downward(request).write_to(stream, life.down)?;
            Ok(if closes { Said::Everything } else { Said::OneAnswer })
        }
    }
}

/// A request's head; none where the connection has ended before it.
fn head(reader: &mut BufReader<&Stream>) -> io::Result<Option<String>> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(head))
}

/// Whose it is, and which: `PUT /NUMBER/REQUEST HTTP/1.1`.
fn numbers(head: &str) -> Option<(Life, u64)> {
    let mut words = head.split(' ').nth(1)?.split('/').skip(1);
    Some((Life::of(words.next()?.parse().ok()?), words.next()?.parse().ok()?))
}

fn look_at_head(life: &Life, head: &str, complaints: &Complaints) {
    let forged = if life.forged { "203.0.113.9, " } else { "" };
    let expected = [
        "\r\nX-Forwarded-Proto: https\r\n".to_owned(),
        format!("\r\nX-Forwarded-For: {forged}{}\r\n", life.client()),
    ];
    let fields = head.matches("X-Forwarded").count();
    if fields != expected.len() || expected.iter().any(|field| !head.contains(field.as_str())) {
        complaints.add(life, &format!("the server was told {head}"));
    }
}

fn body(reader: &mut BufReader<&Stream>, head: &str) -> io::Result<Vec<u8>> {
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let Some(length) = length else { return chunks(reader) };
    exactly(reader, length.parse().map_err(io::Error::other)?)
}

fn chunks(reader: &mut BufReader<&Stream>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let length = usize::from_str_radix(line.trim_end(), 16).map_err(io::Error::other)?;
        body.extend(exactly(reader, length)?);
        // The end of the chunk, or of the whole.
        exactly(reader, 2)?;
        if length == 0 {
            return Ok(body);
        }
    }
}

fn exactly(reader: &mut BufReader<&Stream>, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The body of a request as it goes over the wire.
pub fn framed(content: Content, length: u64, framing: Framing) -> (String, Vec<u8>) {
    let body = content.bytes(length as usize);
    if framing == Framing::Length {
        return (format!("Content-Length: {length}"), body);
    }
    let mut framed = Vec::new();
    for chunk in body.chunks(10_000) {
        framed.extend(format!("{:x}\r\n", chunk.len()).bytes());
        framed.extend([chunk, b"\r\n"].concat());
    }
    framed.extend(b"0\r\n\r\n");
    ("Transfer-Encoding: chunked".to_owned(), framed)
}

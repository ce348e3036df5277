//! The clients.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::mpsc::Sender;

use fastrand::Rng;
use pen_tests::tls::{client_hello, trusting_with};
use pen_tests::{Authority, End, Pen, Stream, TlsEnd, TlsStream};
use rustls::ClientConfig;
use rustls::version::{TLS12, TLS13};

use super::Complaints;
use super::life::{Behaviour, Ending, Life};
use super::server::framed;

/// What all of them share.
pub struct Clients<'a> {
    pen: &'a Pen,
    name: &'a str,
    tls12: Arc<ClientConfig>,
    tls13: Arc<ClientConfig>,
    complaints: Complaints,
    vanished: Sender<Stream>,
}

/// A connection that has said who it is, and the number's life.
pub fn introduced(pen: &Pen, number: u64) -> (Life, Stream) {
    let life = Life::of(number);
    let stream = pen.connect();
    let client = life.client();
    if number.is_multiple_of(2) {
        stream.send(format!("PROXY TCP4 {client} 192.0.2.1 40000 443\r\n"));
    } else {
        let addresses = [client.octets(), [192, 0, 2, 1]].concat();
        let start = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".as_slice();
        stream.send([start, &addresses, &40_000_u16.to_be_bytes(), &443_u16.to_be_bytes()].concat());
    }
    (life, stream)
}

impl<'a> Clients<'a> {
    pub fn new(
        pen: &'a Pen,
        root: &Authority,
        name: &'a str,
        complaints: Complaints,
        vanished: Sender<Stream>,
    ) -> Self {
        let (tls12, tls13) = (trusting_with(root, &[&TLS12]), trusting_with(root, &[&TLS13]));
        Self { pen, name, tls12, tls13, complaints, vanished }
    }

    /// Lives a life, and looks whether it went as it should.
    pub fn live(&self, life: Life) {
        let outcome = match life.behaviour {
            Behaviour::Orderly => self.is_orderly(&life),
            Behaviour::Resets => self.begins(&life).map(|tls| tls.into_stream().reset()),
            Behaviour::Vanishes => self.begins(&life).map(|tls| self.vanish(tls.into_stream())),
            Behaviour::DoesNotRead => self.does_not_read(&life),
            Behaviour::BrokenRecord => self.breaks_a_record(&life),
            Behaviour::TwoMeanings => self.has_two_meanings(&life),
            _ => {
                self.never_shakes_hands(&life);
                Ok(())
            }
        };
        if let Err(error) = outcome {
            self.complaints.add(&life, &format!("the client got {error}"));
        }
    }

    fn never_shakes_hands(&self, life: &Life) {
        match life.behaviour {
            Behaviour::StallsHandshake => self.vanish(self.with_a_part_of_hello(life)),
            Behaviour::CutsHandshake => self.cuts_handshake(life),
            Behaviour::Garbage => self.sends_garbage(life),
            Behaviour::WithoutProxyHeader => {
                self.is_closed_without_a_word(life, &client_hello(self.config(life), self.name));
            }
            Behaviour::LyingProxyHeader => {
                self.is_closed_without_a_word(life, b"PROXY TCP4 10.1.1.300 192.0.2.1 40000 443\r\n");
            }
            other => unreachable!("{other:?} shakes hands"),
        }
    }

    fn config(&self, life: &Life) -> &Arc<ClientConfig> {
        if life.old { &self.tls12 } else { &self.tls13 }
    }

    fn shake_hands(&self, life: &Life) -> io::Result<TlsStream> {
        let (_, stream) = introduced(self.pen, life.number);
        TlsStream::over(stream, self.name, self.config(life))
    }

    fn vanish(&self, stream: Stream) {
        self.vanished.send(stream).expect("the graveyard is open");
    }

    fn is_orderly(&self, life: &Life) -> io::Result<()> {
        let mut tls = self.shake_hands(life)?;
        if life.ahead {
            for request in 0..life.requests {
                tls.write_all(&message(life, request))?;
            }
        }
        for request in 0..life.requests {
            if !life.ahead {
                tls.write_all(&message(life, request))?;
            }
            if life.is_last(request) {
                return self.ends(life, tls);
            }
            let got = read_answer(&mut tls, life, request)?;
            self.expect(life, got == life.down, &format!("{got} bytes in answer {request}"));
        }
        Ok(())
    }

    /// Reads the last answer, and ends.
    fn ends(&self, life: &Life, mut tls: TlsStream) -> io::Result<()> {
        let last = life.requests - 1;
        match life.ending {
            Ending::Goodbye => {
                let got = read_answer(&mut tls, life, last)?;
                self.expect(life, got == life.down, &format!("{got} bytes in the last answer"));
                tls.finish()?;
                self.expect_end(life, &mut tls, TlsEnd::Goodbye);
            }
            Ending::HalfClose | Ending::ConnectionClose => {
                if life.ending == Ending::HalfClose {
                    tls.finish()?;
                }
                let got = read_answer(&mut tls, life, last)?;
                self.expect(life, got == life.down, &format!("{got} bytes in the last answer"));
                self.expect_end(life, &mut tls, TlsEnd::Goodbye);
            }
            Ending::ServerResets(_) => {
                let end = tls.drain().1;
                // Otherwise a part might be taken for the whole.
                let told = !matches!(end, TlsEnd::Goodbye | TlsEnd::Open);
                self.expect(life, told, &format!("a server's reset reached the client as {end:?}"));
            }
        }
        Ok(())
    }

    /// Shakes hands and sends a part of the first request.
    fn begins(&self, life: &Life) -> io::Result<TlsStream> {
        let mut tls = self.shake_hands(life)?;
        let message = message(life, 0);
        tls.write_all(&message[..Rng::with_seed(life.number).usize(..message.len())])?;
        Ok(tls)
    }

    fn does_not_read(&self, life: &Life) -> io::Result<()> {
        let mut tls = self.shake_hands(life)?;
        for request in 0..life.requests {
            tls.write_all(&message(life, request))?;
        }
        tls.into_stream().reset();
        Ok(())
    }

    /// Sends what is less than a whole first message.
    fn with_a_part_of_hello(&self, life: &Life) -> Stream {
        let (_, stream) = introduced(self.pen, life.number);
        let hello = client_hello(self.config(life), self.name);
        stream.send(&hello[..Rng::with_seed(life.number).usize(..hello.len())]);
        stream
    }

    fn cuts_handshake(&self, life: &Life) {
        let stream = self.with_a_part_of_hello(life);
        if life.forged {
            stream.reset();
            return;
        }
        stream.finish();
        let end = stream.drain().end;
        self.expect(life, end != End::Open, "a cut handshake was not ended");
    }

    fn sends_garbage(&self, life: &Life) {
        let (_, stream) = introduced(self.pen, life.number);
        stream.send(life.upward(0).bytes(1 + life.number as usize % 3_000));
        stream.finish();
        let end = stream.drain().end;
        self.expect(life, end != End::Open, "garbage was not ended");
    }

    fn breaks_a_record(&self, life: &Life) -> io::Result<()> {
        let mut tls = self.shake_hands(life)?;
        let garbage = life.upward(0).bytes(64);
        tls.stream().send([b"\x17\x03\x03\0\x40", garbage.as_slice()].concat());
        let (said, end) = tls.drain();
        let told = said.is_empty() && !matches!(end, TlsEnd::Goodbye | TlsEnd::Open);
        self.expect(life, told, &format!("a broken record led to {end:?}"));
        Ok(())
    }

    fn is_closed_without_a_word(&self, life: &Life, beginning: &[u8]) {
        let stream = self.pen.connect();
        stream.send(beginning);
        let received = stream.drain();
        let closed = received.bytes.is_empty() && received.end != End::Open;
        self.expect(life, closed, &format!("a connection without a PROXY header got {received:?}"));
    }

    fn has_two_meanings(&self, life: &Life) -> io::Result<()> {
        let mut tls = self.shake_hands(life)?;
        let fields = "Host: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n";
        write!(tls, "PUT /{}/0 HTTP/1.1\r\n{fields}\r\n0\r\n\r\n", life.number)?;
        let (answer, end) = tls.drain();
        let refused = answer.starts_with(b"HTTP/1.1 400 ") && end == TlsEnd::Goodbye;
        self.expect(life, refused, &format!("{} and {end:?}", String::from_utf8_lossy(&answer)));
        Ok(())
    }

    fn expect(&self, life: &Life, holds: bool, otherwise: &str) {
        if !holds {
            self.complaints.add(life, otherwise);
        }
    }

    fn expect_end(&self, life: &Life, tls: &mut TlsStream, expected: TlsEnd) {
        let (rest, end) = tls.drain();
        let otherwise = format!("after all, {} bytes and {end:?}", rest.len());
        self.expect(life, rest.is_empty() && end == expected, &otherwise);
    }
}

/// A request as it goes over the wire.
fn message(life: &Life, request: u64) -> Vec<u8> {
    let (field, body) = framed(life.upward(request), life.up, life.framing);
    let forged = if life.forged { "X-Forwarded-Proto: http\r\nX-Forwarded-For: 203.0.113.9\r\n" } else { "" };
    let close = life.is_last(request) && life.ending == Ending::ConnectionClose;
    let close = if close { "Connection: close\r\n" } else { "" };
    let head = format!(
        "PUT /{}/{request} HTTP/1.1\r\nHost: www.example.com\r\n{forged}{close}{field}\r\n\r\n",
        life.number
    );
    [head.into_bytes(), body].concat()
}

/// Reads an answer: how many bytes of its body came, all of them right.
fn read_answer(tls: &mut TlsStream, life: &Life, request: u64) -> io::Result<u64> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        tls.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let length = length.filter(|_| head.starts_with("HTTP/1.1 200 OK\r\n")).and_then(|it| it.parse().ok());
    let mut body = vec![0; length.ok_or_else(|| io::Error::other(head.clone()))?];
    tls.read_exact(&mut body)?;
    let content = life.downward(request);
    if content.matches(0, &body) { Ok(body.len() as u64) } else { Err(io::Error::other("wrong bytes")) }
}

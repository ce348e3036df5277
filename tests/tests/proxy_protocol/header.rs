//! Headers as these tests write them, to the letter of the specification.

use std::net::{IpAddr, SocketAddr};

use pen_tests::{Pen, PenBuilder, Stream};

const MARK: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V1,
    V2,
}

pub const VERSIONS: [Version; 2] = [Version::V1, Version::V2];

impl Version {
    /// The command that has pen send it.
    pub fn send(self) -> &'static str {
        match self {
            Version::V1 => "proxy_protocol send",
            Version::V2 => "proxy_protocol send-v2",
        }
    }

    /// The header of a connection between two addresses of one family.
    pub fn header(self, source: &str, destination: &str) -> Vec<u8> {
        let (source, destination) = (address(source), address(destination));
        match self {
            Version::V1 => {
                let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
                let (from, to) = (source.ip(), destination.ip());
                let (from_port, to_port) = (source.port(), destination.port());
                format!("PROXY {family} {from} {to} {from_port} {to_port}\r\n").into_bytes()
            }
            Version::V2 => v2(source, destination, &[]),
        }
    }

    /// The header of a connection of which nothing is known.
    pub fn unknown(self) -> Vec<u8> {
        match self {
            Version::V1 => b"PROXY UNKNOWN\r\n".to_vec(),
            Version::V2 => block(0x20, 0, &[]),
        }
    }

    /// Reads a header of this version from a stream, and nothing else.
    #[track_caller]
    pub fn read(self, stream: &Stream) -> Vec<u8> {
        match self {
            Version::V1 => format!("{}\n", stream.line()).into_bytes(),
            Version::V2 => {
                let mut header = stream.receive(16);
                assert_eq!(header[..12], *MARK);
                let length = usize::from(u16::from_be_bytes([header[14], header[15]]));
                header.extend(stream.receive(length));
                header
            }
        }
    }
}

/// A header of version 2 with these extensions.
pub fn v2_with(source: &str, destination: &str, extensions: &[u8]) -> Vec<u8> {
    v2(address(source), address(destination), extensions)
}

fn v2(source: SocketAddr, destination: SocketAddr, extensions: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    for end in [source, destination] {
        match end.ip() {
            IpAddr::V4(ip) => content.extend(ip.octets()),
            IpAddr::V6(ip) => content.extend(ip.octets()),
        }
    }
    content.extend(source.port().to_be_bytes());
    content.extend(destination.port().to_be_bytes());
    content.extend(extensions);
    block(0x21, if source.is_ipv4() { 0x11 } else { 0x21 }, &content)
}

/// A header of version 2 of any command, family and content.
pub fn block(command: u8, family: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [MARK, &[command, family], &length, content].concat()
}

/// An extension of version 2.
pub fn extension(kind: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap().to_be_bytes();
    [&[kind], &length[..], value].concat()
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A pen that takes headers from everybody.
pub fn accepting() -> PenBuilder {
    Pen::builder().command("proxy_protocol accept 0")
}

/// A connection that begins with these bytes.
#[track_caller]
pub fn connect_with(pen: &Pen, bytes: impl AsRef<[u8]>) -> Stream {
    let stream = pen.connect();
    stream.send(bytes);
    stream
}

/// A connection that a proxy passes on for the client at `source`.
#[track_caller]
pub fn connect_for(pen: &Pen, source: &str) -> Stream {
    let destination = if source.starts_with('[') { "[2001:db8::80]:80" } else { "198.51.100.80:80" };
    connect_with(pen, Version::V2.header(source, destination))
}

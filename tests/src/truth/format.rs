//! The log lines of the farm's servers: formats that show the peer's port, and one that does not.

use std::net::{IpAddr, SocketAddr};

use serde_json::Value;

/// How a server writes its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Combined, with `ADDR:PORT` in the first field.
    PortFirst,
    /// Combined, with the port as the last field.
    PortLast,
    /// An object with `remote_addr` and `remote_port`.
    Json,
    /// Combined, without a port.
    NoPort,
}

/// Which formats the servers of a farm have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Formats {
    /// All of them the same.
    All(Format),
    /// The three with ports, in turn.
    WithPorts,
}

/// What a line is about.
pub struct Entry<'a> {
    /// The server's peer.
    pub peer: SocketAddr,
    /// The request's line.
    pub request: &'a str,
    /// What the client said who it is.
    pub agent: &'a str,
    /// The time in Common Log Format, without brackets.
    pub time: &'a str,
}

impl Formats {
    /// The format of the server with this number.
    pub fn of(self, server: usize) -> Format {
        match self {
            Formats::All(format) => format,
            Formats::WithPorts => [Format::PortFirst, Format::PortLast, Format::Json][server % 3],
        }
    }
}

impl Format {
    /// A line with its newline.
    pub fn line(self, entry: &Entry<'_>) -> String {
        let Entry { peer, request, agent, time } = entry;
        let (ip, port) = (peer.ip(), peer.port());
        let rest = format!("- - [{time}] \"{request}\" 200 2 \"-\" \"{agent}\"");
        match self {
            Format::PortFirst => format!("{ip}:{port} {rest}\n"),
            Format::PortLast => format!("{ip} {rest} {port}\n"),
            Format::NoPort => format!("{ip} {rest}\n"),
            Format::Json => {
                // Written by hand as web servers are told to write it.
                format!(
                    "{{\"remote_addr\":\"{ip}\",\"remote_port\":\"{port}\",\"time\":\"{time}\",\
                     \"request\":\"{request}\",\"status\":200,\"agent\":\"{agent}\"}}\n"
                )
            }
        }
    }
}

/// The client that a merged line names, and its port where the line says that it is one.
pub fn named(line: &str) -> Option<(IpAddr, Option<u16>)> {
    if line.starts_with('{') {
        let line: Value = serde_json::from_str(line).ok()?;
        let port = match &line["remote_port"] {
            Value::String(port) => port.parse().ok(),
            port => port.as_u64().and_then(|port| port.try_into().ok()),
        };
        return Some((line["remote_addr"].as_str()?.parse().ok()?, port));
    }
    let first = line.split(' ').next()?;
    if let Ok(address) = first.parse::<SocketAddr>() {
        return Some((address.ip(), Some(address.port())));
    }
    // A number at the end may be anything for all that others can know of it, so it stays what it was.
    Some((first.parse().ok()?, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_a_line_names_is_read_from_every_format() {
        let peer: SocketAddr = "127.0.0.1:4711".parse().unwrap();
        let entry = Entry { peer, request: "GET / HTTP/1.1", agent: "true=x seq=0.1", time: "now" };
        for format in [Format::PortFirst, Format::Json] {
            assert_eq!(named(format.line(&entry).trim_end()), Some((peer.ip(), Some(4711))), "{format:?}");
        }
        for format in [Format::PortLast, Format::NoPort] {
            assert_eq!(named(format.line(&entry).trim_end()), Some((peer.ip(), None)), "{format:?}");
        }
    }
}

//! Reaching pen: every address of a name is tried, each for a limited time.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use common::addr::{Host, Port};
use common::reason;
use dns_lookup::{AddrInfoHints, SockType};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::address::ControlAddr;

/// How long one address may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest silence of a connected pen: a cron job must not hang.
const SILENCE: Duration = Duration::from_secs(30);

/// Why pen cannot be reached: what was tried, and how each failed.
#[derive(Debug)]
pub struct Unreachable {
    attempts: Vec<(String, io::Error)>,
}

impl std::error::Error for Unreachable {}

impl Display for Unreachable {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("cannot connect")?;
        for (number, (place, error)) in self.attempts.iter().enumerate() {
            write!(f, "{} {place}: {}", if number == 0 { " to" } else { ", nor to" }, reason(error))?;
        }
        Ok(())
    }
}

/// Connects; the socket's reads and writes have a time limit.
pub fn connect(address: &ControlAddr) -> Result<Socket, Unreachable> {
    let mut attempts = Vec::new();
    for (place, address) in candidates(address).map_err(|failure| Unreachable { attempts: vec![failure] })? {
        match open(&address) {
            Ok(socket) => return Ok(socket),
            Err(error) => attempts.push((place, error)),
        }
    }
    Err(Unreachable { attempts })
}

fn candidates(address: &ControlAddr) -> Result<Vec<(String, SockAddr)>, (String, io::Error)> {
    match address {
        ControlAddr::Unix(path) => {
            let place = path.display().to_string();
            match SockAddr::unix(path) {
                Ok(address) => Ok(vec![(place, address)]),
                Err(error) => Err((place, error)),
            }
        }
        ControlAddr::Inet { host, port } => match resolve(host, port) {
            Ok(found) => Ok(found.into_iter().map(|address| (address.to_string(), address.into())).collect()),
            Err(error) => Err((format!("'{host}' port {port}"), error)),
        },
    }
}

fn resolve(host: &Host, port: &Port) -> io::Result<Vec<SocketAddr>> {
    let hints = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    let found = dns_lookup::getaddrinfo(Some(host.as_str()), Some(&port.to_string()), Some(hints))?;
    found.map(|info| info.map(|info| info.sockaddr)).collect()
}

fn open(address: &SockAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::from(i32::from(address.family())), Type::STREAM, None)?;
    if address.is_unix() {
        // Without blocking it would fail at once when many others wait for pen.
        socket.set_write_timeout(Some(CONNECT_TIMEOUT))?;
        socket.connect(address)?;
    } else {
        socket.connect_timeout(address, CONNECT_TIMEOUT)?;
    }
    socket.set_read_timeout(Some(SILENCE))?;
    socket.set_write_timeout(Some(SILENCE))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn closed_port() -> u16 {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
    }

    #[test]
    fn a_refused_connection_names_the_address() {
        let port = closed_port();
        let address = ControlAddr::Inet { host: "127.0.0.1".parse().unwrap(), port: Port::Number(port) };
        let message = connect(&address).unwrap_err().to_string();
        assert!(
            message.starts_with(&format!("cannot connect to 127.0.0.1:{port}: Connection refused")),
            "{message}"
        );
    }

    #[test]
    fn a_missing_socket_file_is_named() {
        let message = connect(&ControlAddr::Unix("/nowhere/control".into())).unwrap_err().to_string();
        assert!(message.starts_with("cannot connect to /nowhere/control: No such file"), "{message}");
    }

    #[test]
    fn an_unknown_service_is_named() {
        let port = Port::Service("no-such-service".into());
        let address = ControlAddr::Inet { host: "127.0.0.1".parse().unwrap(), port };
        let message = connect(&address).unwrap_err().to_string();
        assert!(message.starts_with("cannot connect to '127.0.0.1' port no-such-service: "), "{message}");
    }

    #[test]
    fn every_attempt_is_told() {
        let error = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let unreachable =
            Unreachable { attempts: vec![("[::1]:1".into(), error()), ("127.0.0.1:1".into(), error())] };
        assert_eq!(
            unreachable.to_string(),
            "cannot connect to [::1]:1: connection refused, nor to 127.0.0.1:1: connection refused"
        );
    }
}

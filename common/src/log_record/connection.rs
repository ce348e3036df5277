//! A connection of pen to a server, and whose it is.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::Millis;
use crate::client_addr::ClientAddr;

/// A connection record. Its key is (server, pen's address, pen's port) in time: a web server that logs its peer's port
/// names the client with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Who the client is.
    pub client: ClientAddr,
    /// The client's port; 0 for a client of a Unix socket.
    pub client_port: u16,
    /// pen's address on the connection to the server.
    pub pen: IpAddr,
    /// pen's port on it.
    pub pen_port: u16,
    /// The server's address.
    pub server: IpAddr,
    /// The server's port.
    pub server_port: u16,
    /// When it was there.
    pub opened: Millis,
    /// When it ended; `None`: it has not yet.
    pub closed: Option<Millis>,
}

impl Connection {
    /// Appends the record as it stands in a file and in a datagram, with its newline:
    /// `= CLIENT CPORT PENADDR PENPORT SERVER SPORT OPENED [CLOSED]`.
    pub fn write_line(&self, out: &mut String) {
        let Connection { client, client_port, pen, pen_port, server, server_port, opened, closed } = self;
        // Writing to a string cannot fail.
        let _ = write!(out, "= {client} {client_port} {pen} {pen_port} {server} {server_port} {opened}");
        if let Some(closed) = closed {
            let _ = write!(out, " {closed}");
        }
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_names_both_ends_of_both_connections_and_when() {
        let addr = |text: &str| text.parse::<IpAddr>().unwrap();
        let mut record = Connection {
            client: addr("192.0.2.7").into(),
            client_port: 51515,
            pen: addr("10.0.0.9"),
            pen_port: 41234,
            server: addr("2001:db8::1"),
            server_port: 80,
            opened: Millis(1_700_000_000_042),
            closed: None,
        };
        let mut out = String::new();
        record.write_line(&mut out);
        record.closed = Some(Millis(1_700_000_001_000));
        record.write_line(&mut out);
        let expected = "= 192.0.2.7 51515 10.0.0.9 41234 2001:db8::1 80 1700000000.042\n\
                        = 192.0.2.7 51515 10.0.0.9 41234 2001:db8::1 80 1700000000.042 1700000001.000\n";
        assert_eq!(out, expected);
    }
}

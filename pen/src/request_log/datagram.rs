//! A penlogd that takes records, a datagram each. Nobody answers; but when nobody is there, the system may say so, and the
//! records are lost.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use super::sink::{Failure, Record};

/// So many bytes are gathered before they are sent.
const BUFFER: usize = 64 * 1024;

/// A full send buffer is waited for, but not for ever.
const PATIENCE: Duration = Duration::from_secs(1);

/// The socket, and the datagrams that are not sent yet.
#[derive(Debug)]
pub(super) struct DatagramSink {
    address: SocketAddr,
    /// Connected, so that a missing penlogd is noticed. None while there is no way to the address.
    socket: Option<UdpSocket>,
    /// ASCII only.
    datagrams: String,
    /// Where in `datagrams` each one ends.
    ends: Vec<usize>,
}

impl DatagramSink {
    /// A network that is down may come up: without a way there the records are lost until there is one.
    pub(super) fn open(address: SocketAddr) -> io::Result<DatagramSink> {
        let socket = match connect(address) {
            Err(error) if no_way(&error) => None,
            outcome => Some(outcome?),
        };
        Ok(DatagramSink { address, socket, datagrams: String::new(), ends: Vec::new() })
    }

    /// Chooses the way and our own address anew.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        let DatagramSink { socket, .. } = DatagramSink::open(self.address)?;
        self.socket = socket;
        Ok(())
    }

    /// Sends to this address from the next datagram on.
    pub(super) fn move_to(&mut self, address: SocketAddr) {
        self.address = address;
        // The next flush opens another.
        self.socket = None;
    }

    pub(super) fn append(&mut self, record: &Record) {
        match record {
            Record::Request(request) => request.write_datagram(&mut self.datagrams),
            Record::Connection(connection) => connection.write_line(&mut self.datagrams),
        }
        self.ends.push(self.datagrams.len());
    }

    pub(super) fn pending(&self) -> u64 {
        self.ends.len() as u64
    }

    pub(super) fn is_full(&self) -> bool {
        self.datagrams.len() >= BUFFER
    }

    /// Sends what is pending.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        let outcome = self.send_all();
        self.datagrams.clear();
        self.ends.clear();
        outcome
    }

    fn send_all(&mut self) -> Result<(), Failure> {
        if self.ends.is_empty() {
            return Ok(());
        }
        let all = self.pending();
        let socket = match &self.socket {
            Some(socket) => socket,
            None => match connect(self.address) {
                Ok(socket) => self.socket.insert(socket),
                Err(error) => return Err(Failure { error, lost: all }),
            },
        };
        let (mut lost, mut last_error, mut start, mut broken) = (0, None, 0, false);
        for (sent, &end) in (0..).zip(&self.ends) {
            let datagram = &self.datagrams.as_bytes()[start..end];
            start = end;
            if let Err(error) = send(socket, datagram) {
                if error.kind() == ErrorKind::WouldBlock {
                    // Patience is over, for all of them: it is not to be lost anew with each.
                    return Err(Failure { error: ErrorKind::TimedOut.into(), lost: lost + all - sent });
                }
                // Mostly that is what became of an earlier one, and this one has not been sent; otherwise it fails again.
                // Either way one is lost.
                broken = send(socket, datagram).is_err();
                lost += 1;
                last_error = Some(error);
            }
        }
        // What is known of the last one by now.
        if let Ok(Some(error)) = socket.take_error() {
            lost += 1;
            last_error = Some(error);
        }
        if broken {
            // Our own address may be another one by now.
            self.socket = None;
        }
        last_error.map_or(Ok(()), |error| Err(Failure { error, lost: lost.min(all) }))
    }
}

/// A socket with a way to this address.
fn connect(address: SocketAddr) -> io::Result<UdpSocket> {
    let any_port: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any_port)?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.connect(address)?;
    Ok(socket)
}

fn send(socket: &UdpSocket, datagram: &[u8]) -> io::Result<()> {
    loop {
        match socket.send(datagram) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            outcome => return outcome.map(drop),
        }
    }
}

fn no_way(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable | ErrorKind::AddrNotAvailable
    )
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use common::log_record::{Connection, MAX_DATAGRAM, Millis};

    use super::super::testing;
    use super::*;

    const LIMIT: Duration = Duration::from_mins(1);

    fn penlogd(ip: &str) -> UdpSocket {
        let socket = UdpSocket::bind((ip.parse::<IpAddr>().unwrap(), 0)).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        socket
    }

    fn sink(penlogd: &UdpSocket) -> DatagramSink {
        DatagramSink::open(penlogd.local_addr().unwrap()).unwrap()
    }

    fn addr(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn request(text: &str) -> Record {
        testing::request(text).into()
    }

    fn received(penlogd: &UdpSocket) -> String {
        let mut buffer = [0; 2048];
        let length = penlogd.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn each_record_is_a_datagram() {
        for ip in ["127.0.0.1", "::1"] {
            let penlogd = penlogd(ip);
            let mut sink = sink(&penlogd);
            let (pen, server) = (addr("10.0.0.9"), addr("10.0.0.1"));
            let connection = Connection {
                client: addr("192.0.2.7").into(),
                client_port: 51515,
                pen,
                pen_port: 41234,
                server,
                server_port: 80,
                opened: Millis(1_042),
                closed: None,
            };
            sink.append(&Record::Connection(connection));
            sink.append(&request("GET / HTTP/1.1"));
            sink.append(&request(&"x".repeat(2_000)));
            assert_eq!(sink.pending(), 3);
            sink.flush().unwrap();
            assert_eq!(sink.pending(), 0);
            assert_eq!(received(&penlogd), "= 192.0.2.7 51515 10.0.0.9 41234 10.0.0.1 80 1.042\n");
            assert_eq!(received(&penlogd), "+ ::1 10.0.0.1 GET / HTTP/1.1\n");
            let longest = received(&penlogd);
            assert!(longest.len() == MAX_DATAGRAM && longest.ends_with("xx\n"), "{longest}");
        }
    }

    #[test]
    fn of_records_for_a_missing_penlogd_each_one_is_counted_and_the_first_for_one_that_is_back_arrives() {
        let first = penlogd("127.0.0.1");
        let address = first.local_addr().unwrap();
        let mut sink = sink(&first);
        drop(first);
        for _ in 0..2 {
            for number in 0..10 {
                sink.append(&request(&number.to_string()));
            }
            let failure = sink.flush().unwrap_err();
            assert_eq!((failure.lost, failure.error.kind()), (10, ErrorKind::ConnectionRefused));
        }
        let back = UdpSocket::bind(address).unwrap();
        back.set_read_timeout(Some(LIMIT)).unwrap();
        sink.append(&request("again"));
        sink.flush().unwrap();
        assert_eq!(received(&back), "+ ::1 10.0.0.1 again\n");
    }

    #[test]
    fn what_cannot_be_sent_is_lost_once_and_what_follows_is_sent() {
        let penlogd = penlogd("127.0.0.1");
        let mut sink = sink(&penlogd);
        sink.append(&request("one"));
        // No record is that long: it only stands for what the system refuses.
        sink.datagrams.push_str(&"x".repeat(70_000));
        sink.ends.push(sink.datagrams.len());
        sink.append(&request("three"));
        assert_eq!(sink.flush().unwrap_err().lost, 1);
        assert_eq!(received(&penlogd), "+ ::1 10.0.0.1 one\n");
        assert_eq!(received(&penlogd), "+ ::1 10.0.0.1 three\n");
    }

    #[test]
    fn a_penlogd_that_moves_is_followed() {
        let (old, new) = (penlogd("127.0.0.1"), penlogd("::1"));
        let mut sink = sink(&old);
        sink.move_to(new.local_addr().unwrap());
        sink.append(&request("one"));
        sink.flush().unwrap();
        assert_eq!(received(&new), "+ ::1 10.0.0.1 one\n");
    }
}

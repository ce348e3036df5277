//! Reading records: from datagrams and from lines of a file. Whatever is not one is an error that says why.

use std::net::IpAddr;

use super::{Connection, MAX_DATAGRAM, Millis, RequestLine};
use crate::client_addr::ClientAddr;

/// What a datagram or a line tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// A client asked a server for something.
    Request {
        /// Who asked; never an IPv4 address as one of IPv6.
        client: IpAddr,
        /// When, in Unix seconds; a datagram does not say so.
        time: Option<u64>,
        /// The server that was asked, likewise.
        server: IpAddr,
        /// What was asked: printable ASCII if our pen wrote it, else [`RequestLine::plain`] makes it so.
        request: &'a [u8],
        /// The request was longer than a record can be, and this is its beginning.
        cut: bool,
    },
    /// A connection to a server is this client's.
    Connection(Connection),
}

/// Why something is no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// It lacks a part.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A part is not what stands there.
    #[error("{0} is expected")]
    Expected(&'static str),
    /// There is more than a record has.
    #[error("words behind the record")]
    Superfluous,
}

/// Reads a datagram, `+ CLIENT SERVER REQUEST` or a connection record, with its newline or without. What may stand behind
/// the end of the line is not looked at.
pub fn parse_datagram(datagram: &[u8]) -> Result<Record<'_>, RecordError> {
    let line = first_line(datagram);
    // Old programs end a full one without a newline.
    let cut = datagram.len() >= MAX_DATAGRAM && line.len() + 1 >= MAX_DATAGRAM;
    match line {
        [b'+', b' ', rest @ ..] => {
            let (client, rest) = word(rest, CLIENT)?;
            let (server, request) = word(rest, SERVER)?;
            let (client, server) = (address(client, CLIENT)?, address(server, SERVER)?);
            Ok(Record::Request { client, time: None, server, request, cut })
        }
        [b'=', b' ', rest @ ..] => connection(rest).map(Record::Connection),
        _ => Err(RecordError::Expected("'+ ' or '= '")),
    }
}

/// Reads a line of a file, `CLIENT UNIXTIME SERVER REQUEST` or a connection record, without its newline.
pub fn parse_line(line: &[u8]) -> Result<Record<'_>, RecordError> {
    let line = first_line(line);
    if let [b'=', b' ', rest @ ..] = line {
        return connection(rest).map(Record::Connection);
    }
    let (client, rest) = word(line, CLIENT)?;
    let (time, rest) = word(rest, TIME)?;
    let (server, request) = word(rest, SERVER)?;
    Ok(Record::Request {
        client: address(client, CLIENT)?,
        time: Some(number(time).ok_or(RecordError::Expected(TIME))?),
        server: address(server, SERVER)?,
        request,
        cut: request.len() >= RequestLine::IN_FILE,
    })
}

const CLIENT: &str = "a client's address";
const PEN: &str = "pen's address";
const SERVER: &str = "a server's address";
const TIME: &str = "a Unix time";
const PORT: &str = "a port";

fn connection(text: &[u8]) -> Result<Connection, RecordError> {
    let (client, rest) = word(text, CLIENT)?;
    let (client_port, rest) = word(rest, PORT)?;
    let (pen, rest) = word(rest, PEN)?;
    let (pen_port, rest) = word(rest, PORT)?;
    let (server, rest) = word(rest, SERVER)?;
    let (server_port, rest) = word(rest, PORT)?;
    let (opened, closed) = word(rest, TIME).map_or((rest, None), |(opened, closed)| (opened, Some(closed)));
    if closed.is_some_and(|closed| closed.contains(&b' ')) {
        return Err(RecordError::Superfluous);
    }
    Ok(Connection {
        client: ClientAddr::from(address(client, CLIENT)?),
        // Clients of Unix sockets have none.
        client_port: port(client_port, 0)?,
        pen: address(pen, PEN)?,
        pen_port: port(pen_port, 1)?,
        server: address(server, SERVER)?,
        server_port: port(server_port, 1)?,
        opened: millis(opened)?,
        closed: closed.map(millis).transpose()?,
    })
}

/// What stands before the first CR or LF, which no record has within.
fn first_line(text: &[u8]) -> &[u8] {
    text.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default()
}

/// The first word and what follows the space behind it.
fn word<'a>(text: &'a [u8], what: &'static str) -> Result<(&'a [u8], &'a [u8]), RecordError> {
    let end = text.iter().position(|byte| *byte == b' ').ok_or(RecordError::Missing(what))?;
    Ok((&text[..end], &text[end + 1..]))
}

/// An address in the form that all are compared in, as `ClientAddr` has it.
fn address(word: &[u8], what: &'static str) -> Result<IpAddr, RecordError> {
    let text = std::str::from_utf8(word).map_err(|_| RecordError::Expected(what))?;
    let address: IpAddr = text.parse().map_err(|_| RecordError::Expected(what))?;
    Ok(address.to_canonical())
}

fn port(word: &[u8], least: u16) -> Result<u16, RecordError> {
    let port = number(word).and_then(|number| u16::try_from(number).ok());
    port.filter(|port| *port >= least).ok_or(RecordError::Expected(PORT))
}

/// `SECONDS[.FRACTION]`, of which milliseconds count.
fn millis(word: &[u8]) -> Result<Millis, RecordError> {
    let mut parts = word.splitn(2, |byte| *byte == b'.');
    let (seconds, fraction) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let digits = fraction.iter().chain(std::iter::repeat(&b'0')).take(3);
    let part = digits.fold(0, |part, digit| part * 10 + u64::from(digit.wrapping_sub(b'0')));
    let total = number(seconds).and_then(|seconds| seconds.checked_mul(1000)?.checked_add(part));
    let is_digits = fraction.iter().all(u8::is_ascii_digit);
    total.filter(|_| is_digits).map(Millis).ok_or(RecordError::Expected(TIME))
}

/// Digits, and nothing else.
fn number(word: &[u8]) -> Option<u64> {
    let add = |number: u64, digit: &u8| {
        let digit = Some(digit.wrapping_sub(b'0')).filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    };
    if word.is_empty() { None } else { word.iter().try_fold(0, add) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_record::Request;

    #[test]
    fn what_is_written_is_read_again() {
        let addr = |text: &str| text.parse::<IpAddr>().unwrap();
        let request = Request {
            client: addr("192.0.2.7").into(),
            time: 1_700_000_000,
            server: addr("2001:db8::1").into(),
            request: RequestLine::of(b"GET /a b HTTP/1.1\r\n"),
        };
        let (mut line, mut datagram) = (String::new(), String::new());
        request.write_line(&mut line);
        request.write_datagram(&mut datagram);
        let meant = |time| Record::Request {
            client: addr("192.0.2.7"),
            time,
            server: addr("2001:db8::1"),
            request: b"GET /a b HTTP/1.1",
            cut: false,
        };
        assert_eq!(parse_line(line.trim_end().as_bytes()), Ok(meant(Some(1_700_000_000))));
        assert_eq!(parse_datagram(datagram.as_bytes()), Ok(meant(None)));
        let connection = Connection {
            client: addr("192.0.2.7").into(),
            client_port: 51515,
            pen: addr("10.0.0.9"),
            pen_port: 41234,
            server: addr("10.0.0.1"),
            server_port: 80,
            opened: Millis(1_700_000_000_042),
            closed: Some(Millis(1_700_000_001_000)),
        };
        for closed in [None, connection.closed] {
            let connection = Connection { closed, ..connection };
            let mut line = String::new();
            connection.write_line(&mut line);
            assert_eq!(parse_datagram(line.as_bytes()), Ok(Record::Connection(connection)));
            assert_eq!(parse_line(line.trim_end().as_bytes()), Ok(Record::Connection(connection)));
        }
    }

    #[test]
    fn a_time_is_read_to_the_millisecond() {
        for (time, millis) in [("1", 1000), ("1.", 1000), ("1.5", 1500), ("1.04299", 1042), ("0.0009", 0)] {
            let line = format!("= 192.0.2.7 1 10.0.0.9 1 10.0.0.1 80 {time}");
            let Ok(Record::Connection(record)) = parse_line(line.as_bytes()) else { panic!("{time}") };
            assert_eq!(record.opened, Millis(millis), "{time}");
        }
        for time in ["", ".5", "-1", "1.x", "1.-5", "1e3", "18446744073709551.616", "99999999999999999999"] {
            let line = format!("= 192.0.2.7 1 10.0.0.9 1 10.0.0.1 80 {time}");
            assert_eq!(parse_line(line.as_bytes()), Err(RecordError::Expected(TIME)), "{time}");
        }
    }

    #[test]
    fn what_is_no_record_says_why() {
        for (datagram, why) in [
            ("", "'+ ' or '= ' is expected"),
            ("+ ", "a client's address is missing"),
            ("+ unix 10.0.0.1 GET /", "a client's address is expected"),
            ("+ 192.0.2.7 10.0.0.1", "a server's address is missing"),
            ("+ 192.0.2.7 www GET /", "a server's address is expected"),
            ("= 192.0.2.7 65536 10.0.0.9 1 10.0.0.1 80 1.0", "a port is expected"),
            ("= 192.0.2.7 1 10.0.0.9 1 10.0.0.1 80 now", "a Unix time is expected"),
            ("= 192.0.2.7 1 10.0.0.9 1 10.0.0.1 80 1.0 2.0 3", "words behind the record"),
            ("= 192.0.2.7 +1 10.0.0.9 1 10.0.0.1 80 1.0", "a port is expected"),
            ("= 192.0.2.7 1 10.0.0.9 0 10.0.0.1 80 1.0", "a port is expected"),
            ("= 192.0.2.7 1 10.0.0.9 1 10.0.0.1 0 1.0", "a port is expected"),
            ("= 192.0.2.7 1 10.0.0.9 1 10.0.0.1  1.0", "a port is expected"),
            ("= 192.0.2.7 1 10.0.0.9 1 10.0.0.1 80", "a port is missing"),
            ("= unix 0 10.0.0.9 1 10.0.0.1 80 1.0", "a client's address is expected"),
            ("= 192.0.2.7 1 pen 1 10.0.0.1 80 1.0", "pen's address is expected"),
            ("= 192.0.2.7 1 10.0.0.9 1 10.0.0.1 80 1.0 ", "a Unix time is expected"),
            ("= 192.0.2.7 1 10.0.0.9 1 10.0.0.1 80 1.0.0", "a Unix time is expected"),
            ("= 192.0.2.7 1 10.0.0.9 1 10.0.0.1 80 1.00x", "a Unix time is expected"),
            ("= 192.0.2.7 1 10.0.0.9 1 10.0.0.1 80 -1", "a Unix time is expected"),
            ("= 192.0.2.7 1 10.0.0.9 1 10.0.0.1 80 18446744073709551615", "a Unix time is expected"),
        ] {
            assert_eq!(parse_datagram(datagram.as_bytes()).unwrap_err().to_string(), why, "{datagram}");
        }
    }

    #[test]
    fn addresses_and_times_are_compared_in_one_form() {
        let mapped = "= ::ffff:192.0.2.7 0 ::ffff:10.0.0.9 1 ::ffff:10.0.0.1 80 1 2.0425";
        let plain = "= 192.0.2.7 0 10.0.0.9 1 10.0.0.1 80 1.000 2.042";
        assert_eq!(parse_line(mapped.as_bytes()), parse_line(plain.as_bytes()));
        assert!(parse_line(plain.as_bytes()).is_ok());
        let mapped = parse_line(b"::ffff:192.0.2.7 5 ::ffff:10.0.0.1 GET /");
        assert_eq!(mapped, parse_line(b"192.0.2.7 5 10.0.0.1 GET /"));
        assert!(mapped.is_ok());
    }

    #[test]
    fn a_record_ends_with_its_line() {
        let record = parse_datagram(b"+ 192.0.2.7 10.0.0.1 GET /");
        assert!(record.is_ok());
        let connection = parse_datagram(b"= 192.0.2.7 1 10.0.0.9 1 10.0.0.1 80 1.0");
        assert!(connection.is_ok());
        let more = "+ 192.0.2.8 10.0.0.1 GET /b\n".repeat(50);
        for end in ["\n", "\r\n", "\r", "\n\n", &format!("\n{more}")] {
            assert_eq!(
                parse_datagram(format!("+ 192.0.2.7 10.0.0.1 GET /{end}").as_bytes()),
                record,
                "{end:?}"
            );
            let text = format!("= 192.0.2.7 1 10.0.0.9 1 10.0.0.1 80 1.0{end}");
            assert_eq!(parse_datagram(text.as_bytes()), connection, "{end:?}");
        }
        assert_eq!(parse_line(b"192.0.2.7 5 10.0.0.1 GET /\r"), parse_line(b"192.0.2.7 5 10.0.0.1 GET /"));
    }

    #[test]
    fn a_request_at_its_size_limit_may_have_been_cut() {
        let long = [b'x'; 2000];
        let record = Request {
            client: ClientAddr::from("192.0.2.7".parse::<IpAddr>().unwrap()),
            time: 1,
            server: ClientAddr::from("10.0.0.1".parse::<IpAddr>().unwrap()),
            request: RequestLine::of(&long),
        };
        let (mut line, mut datagram) = (String::new(), String::new());
        record.write_line(&mut line);
        record.write_datagram(&mut datagram);
        assert_eq!(datagram.len(), MAX_DATAGRAM);
        for read in [parse_line(line.trim_end().as_bytes()), parse_datagram(datagram.as_bytes())] {
            assert!(matches!(read, Ok(Record::Request { cut: true, .. })), "{read:?}");
        }
    }
}

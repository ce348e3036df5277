//! Records of pen's request log.

use common::client_addr::ClientAddr;
use common::log_record::{Record, Request, RequestLine, parse_datagram, parse_line};

/// Any bytes as a datagram, and as a line of a file: what is a record is the same when it is written and read again.
pub fn log_datagram(bytes: &[u8]) {
    for record in [parse_datagram(bytes), parse_line(bytes)] {
        match record {
            Ok(record) => check(record),
            Err(error) => assert!(!error.to_string().contains(char::is_control)),
        }
    }
}

fn check(record: Record<'_>) {
    let mut line = String::new();
    match record {
        Record::Connection(connection) => {
            connection.write_line(&mut line);
            assert_eq!(parse_datagram(line.as_bytes()), Ok(record));
            assert_eq!(parse_line(line.trim_end_matches('\n').as_bytes()), Ok(record));
        }
        Record::Request { client, time, server, request, .. } => {
            assert_eq!((client, server), (client.to_canonical(), server.to_canonical()));
            let (client, server) = (ClientAddr::from(client), ClientAddr::from(server));
            let written =
                Request { client, time: time.unwrap_or(0), server, request: RequestLine::of(request) };
            let mut datagram = String::new();
            written.write_line(&mut line);
            written.write_datagram(&mut datagram);
            expect(&written, Some(written.time), parse_line(line.trim_end_matches('\n').as_bytes()).ok());
            expect(&written, None, parse_datagram(datagram.as_bytes()).ok());
        }
    }
}

#[track_caller]
fn expect(written: &Request, at: Option<u64>, read: Option<Record<'_>>) {
    let Some(Record::Request { client, time, server, request, cut }) = read else {
        panic!("{written:?}: {read:?}")
    };
    let whole = written.request.as_str().as_bytes();
    assert_eq!((client.into(), time, server.into()), (written.client, at, written.server));
    assert!(if cut { whole.starts_with(request) } else { whole == request }, "{written:?}: {read:?}");
}

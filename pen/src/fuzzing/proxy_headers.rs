//! What a connection begins with where a PROXY header is expected.

use common::command::ProxyVersion;

use super::expect_one_plain_line;
use crate::engine::proxy::{Reading, Route, read, write};

/// Any bytes as a PROXY header. However they arrive, they are the same header or the same mistake; what is taken was written
/// to the letter, and pen's own headers say the same.
pub fn proxy_header(bytes: &[u8]) {
    let decided = (0..=bytes.len())
        .map(|length| read(&bytes[..length]))
        .find(|reading| *reading != Ok(Reading::Incomplete));
    assert_eq!(read(bytes), decided.unwrap_or(Ok(Reading::Incomplete)));
    match decided {
        None => {}
        Some(Err(flaw)) => expect_one_plain_line(&flaw.to_string()),
        Some(Ok(Reading::Incomplete)) => panic!("that is not decided"),
        Some(Ok(Reading::Complete(header, length))) => {
            let taken = &bytes[..length];
            if let Some(route) = header.route {
                expect_the_letter(taken, route);
                let again =
                    [ProxyVersion::V1, ProxyVersion::V2].map(|version| read(&write(version, Some(route))));
                for reading in again {
                    let Ok(Reading::Complete(header, _)) = reading else { panic!("{reading:?}") };
                    assert_eq!(header.route.map(canonical), Some(canonical(route)));
                }
            }
        }
    }
}

/// Version 1 has one way to write an IPv4 route, and version 2 one way to write any; only extensions may follow, and datagrams
/// may have been streams.
fn expect_the_letter(taken: &[u8], route: Route) {
    if taken.starts_with(b"PROXY TCP4 ") {
        assert_eq!(taken, write(ProxyVersion::V1, Some(route)));
    } else if taken.starts_with(b"\r\n") && canonical(route) == route {
        let written = write(ProxyVersion::V2, Some(route));
        assert_eq!(taken[..13], written[..13]);
        assert_eq!(taken[13] & 0xf0, written[13] & 0xf0);
        assert_eq!(taken[16..written.len()], written[16..]);
    }
}

/// With mapped addresses as what they stand for.
fn canonical(Route { mut source, mut destination }: Route) -> Route {
    for end in [&mut source, &mut destination] {
        end.set_ip(end.ip().to_canonical());
    }
    Route { source, destination }
}

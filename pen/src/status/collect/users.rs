//! The users whom `peek rdp` brings back to their sessions, copied in slices.

use std::fmt::Write;

use common::status::UserStatus;

use super::SLICE;
use crate::engine::time::Tick;
use crate::engine::users::UserRow;
use crate::settings::Service;

/// Some users, and how many there are.
pub struct Users {
    pub users: Vec<UserStatus>,
    pub users_known: usize,
}

/// At most so many of them, or all: those with connections, and then those who were here last.
pub fn latest(service: &Service, now: Tick, most: Option<usize>) -> Users {
    let tracking = service.limits.tracking();
    // The lock is free between two tries.
    let known = std::iter::repeat_with(|| service.state.users.lock().known(now, tracking));
    let users_known = known.flatten().next().unwrap_or(0);
    let most = most.unwrap_or(usize::MAX);
    let (mut users, mut from) = (Vec::new(), None);
    while users.len() < most {
        let count = SLICE.min(most - users.len());
        let (rows, next) = service.state.users.lock().rows(from, count, now, tracking);
        users.extend(rows.iter().map(|row| user_status(row, now)));
        from = next;
        if from.is_none() {
            break;
        }
    }
    Users { users, users_known }
}

fn user_status(row: &UserRow, now: Tick) -> UserStatus {
    UserStatus {
        name: readable(&row.name),
        server: row.last_server.map(|server| server.slot),
        open: row.open,
        age: if row.open > 0 { 0 } else { now.since(row.last_seen).as_secs() },
    }
}

/// A name may have any bytes: those that are no text are written as their numbers, `\xff`.
fn readable(name: &[u8]) -> String {
    let mut text = String::new();
    for chunk in name.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a string does not fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::Arc;

    use common::client_addr::ClientAddr;

    use super::*;
    use crate::engine::servers::ServerId;

    const NOW: Tick = Tick(100_000);

    /// A service with so many users, of whom the first is connected; the others left one after the other.
    fn service(count: u32) -> Service {
        let service = Service::new("rdp", &Arc::default());
        let mut users = service.state.users.lock();
        users.grow(count as usize);
        for number in 0..count {
            let source = ClientAddr::from(IpAddr::from(Ipv4Addr::from(number)));
            let name = format!("user{number}");
            let opened = users.open(name.as_bytes(), source, Tick(0), None).unwrap();
            users.remember(&opened.user, Some(ServerId { slot: number % 7, generation: 0 }));
            if number > 0 {
                users.close(opened.user, Tick(u64::from(number)));
            }
        }
        drop(users);
        service
    }

    #[test]
    fn as_many_are_told_as_are_wanted_the_latest_first() {
        let service = service(300);
        let told = |most| {
            let Users { users, users_known } = latest(&service, NOW, most);
            assert_eq!(users_known, 300);
            users
        };
        assert_eq!((told(Some(0)).len(), told(Some(200)).len(), told(None).len()), (0, 200, 300));
        assert_eq!(told(Some(SLICE)).len(), SLICE);
        let first: Vec<_> =
            told(Some(2)).into_iter().map(|user| (user.name, user.server, user.open)).collect();
        assert_eq!(first, [("user0".to_owned(), Some(0), 1), ("user299".to_owned(), Some(5), 0)]);
        assert_eq!((told(Some(2))[0].age, told(Some(2))[1].age), (0, 99));
    }

    #[test]
    fn a_service_without_users_has_none() {
        let Users { users, users_known } = latest(&service(0), NOW, None);
        assert_eq!((users.len(), users_known), (0, 0));
    }

    #[test]
    fn a_name_that_is_no_text_is_readable() {
        assert_eq!(readable(b"DOMAIN\\j\xf6rg"), "DOMAIN\\j\\xf6rg");
        assert_eq!(readable("jörg".as_bytes()), "jörg");
    }
}

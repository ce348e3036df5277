//! The users of `peek rdp`, as the status tells them.

use common::status::UserStatus;

use crate::engine::time::Tick;
use crate::engine::users::UserRow;
use crate::settings::Service;

/// Users that are read at once, under the lock of their table.
const SLICE: usize = 128;

/// At most so many users (`None`: all), those that were here last first, and how many there are.
pub fn latest(service: &Service, now: Tick, most: Option<usize>) -> (Vec<UserStatus>, usize) {
    let (table, tracking) = (&service.state.users, service.limits.tracking());
    let mut users = Vec::new();
    let mut from = None;
    loop {
        let wanted = most.map_or(SLICE, |most| (most - users.len()).min(SLICE));
        let (rows, next) = table.lock().rows(from, wanted, now, tracking);
        users.extend(rows.iter().map(|row| user_status(row, now)));
        from = next;
        if from.is_none() {
            break;
        }
    }
    let known = std::iter::repeat_with(|| table.lock().known(now, tracking)).flatten().next();
    (users, known.unwrap_or(0))
}

fn user_status(row: &UserRow, now: Tick) -> UserStatus {
    UserStatus {
        name: String::from_utf8_lossy(&row.name).into_owned(),
        server: row.last_server.map(|server| server.slot),
        open: row.open,
        age: if row.open > 0 { 0 } else { now.since(row.last_seen).as_secs() },
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::Arc;

    use super::*;
    use crate::engine::clients::client_numbers;

    #[test]
    fn as_many_are_told_as_are_wanted() {
        let service = Service::new("desks", &Arc::new(client_numbers()));
        let mut users = service.state.users.lock();
        users.grow(1000);
        for number in 0..300_u16 {
            let [high, low] = number.to_be_bytes();
            let from = IpAddr::from(Ipv4Addr::new(192, 0, high, low)).into();
            let name = format!("user{number}\u{e4}");
            let user = users.open(name.as_bytes(), from, Tick(u64::from(number) * 1000), None).unwrap().user;
            users.close(user, Tick(u64::from(number) * 1000));
        }
        users.open(b"\xff", IpAddr::from(Ipv4Addr::LOCALHOST).into(), Tick(0), None).unwrap();
        drop(users);
        for (most, told) in
            [(None, 301), (Some(0), 0), (Some(1), 1), (Some(128), 128), (Some(200), 200), (Some(999), 301)]
        {
            let (users, known) = latest(&service, Tick(300_000), most);
            assert_eq!((users.len(), known), (told, 301), "{most:?}");
        }
        let (users, _) = latest(&service, Tick(300_000), Some(2));
        let expected = [
            UserStatus { name: "\u{fffd}".into(), server: None, open: 1, age: 0 },
            UserStatus { name: "user299\u{e4}".into(), server: None, open: 0, age: 1 },
        ];
        assert_eq!(users, expected);
    }
}

mod model;

use std::net::{IpAddr, Ipv4Addr};

use super::*;

const TRACKING: Option<Duration> = Some(Duration::from_mins(1));

fn users(capacity: usize) -> Users {
    let mut users = Users::default();
    users.grow(capacity);
    users
}

fn source(host: u8) -> ClientAddr {
    IpAddr::from(Ipv4Addr::new(192, 0, 2, host)).into()
}

#[allow(clippy::unnecessary_wraps, reason = "it is compared with what may be missing")]
fn server(slot: u32) -> Option<ServerId> {
    Some(ServerId { slot, generation: 1 })
}

/// A user who connects, gets this server, and leaves.
#[track_caller]
fn visit(users: &mut Users, name: &str, from: u8, now: Tick, slot: u32) {
    let Opened { user, .. } =
        users.open(name.as_bytes(), source(from), now, TRACKING).expect("there is room");
    users.remember(&user, server(slot));
    users.close(user, now);
}

/// Which server the user had, as somebody learns who connects and leaves.
fn last_server(users: &mut Users, name: &str, from: u8, now: Tick) -> Option<ServerId> {
    let Opened { user, last_server } = users.open(name.as_bytes(), source(from), now, TRACKING)?;
    users.close(user, now);
    last_server
}

fn names(users: &Users, now: Tick) -> Vec<String> {
    let (rows, next) = users.rows(None, 1000, now, TRACKING);
    assert_eq!(next, None);
    rows.iter().map(|row| String::from_utf8_lossy(&row.name).into_owned()).collect()
}

#[test]
fn a_user_is_known_from_whatever_address() {
    let mut users = users(10);
    visit(&mut users, "alice", 1, Tick(0), 3);
    assert_eq!(last_server(&mut users, "alice", 2, Tick(1)), server(3));
    assert_eq!(last_server(&mut users, "Alice", 1, Tick(1)), None);
    assert_eq!(users.len(), 2);
}

#[test]
fn connections_at_the_same_time_learn_of_each_others_server() {
    let mut users = users(10);
    let first = users.open(b"alice", source(1), Tick(0), TRACKING).unwrap();
    users.remember(&first.user, server(3));
    let second = users.open(b"alice", source(2), Tick(0), TRACKING).unwrap();
    assert_eq!((first.last_server, second.last_server), (None, server(3)));
    users.remember(&second.user, None);
    users.close(first.user, Tick(10));
    let (rows, _) = users.rows(None, 10, Tick(10), TRACKING);
    let expected = UserRow { name: b"alice"[..].into(), last_server: None, open: 1, last_seen: Tick(10) };
    assert_eq!(rows, [expected]);
    users.close(second.user, Tick(20));
}

#[test]
fn a_user_is_forgotten_some_time_after_the_last_connection_ended() {
    let mut users = users(10);
    let alice = users.open(b"alice", source(1), Tick(0), TRACKING).unwrap().user;
    users.remember(&alice, server(1));
    visit(&mut users, "bob", 1, Tick(0), 2);
    assert_eq!(users.known(Tick(60_000), TRACKING), Some(1));
    users.close(alice, Tick(100_000));
    assert_eq!(names(&users, Tick(159_999)), ["alice"]);
    assert_eq!(names(&users, Tick(160_000)), [""; 0]);
    assert_eq!(users.rows(None, 9, Tick(160_000), None).0.len(), 1, "without tracking nobody is forgotten");
    assert_eq!(last_server(&mut users, "alice", 1, Tick(159_999)), server(1));
    assert_eq!(last_server(&mut users, "alice", 1, Tick(219_999)), None);
}

#[test]
fn who_is_forgotten_belongs_to_the_next_address() {
    let mut users = users(100);
    visit(&mut users, "alice", 1, Tick(0), 1);
    // Four others stand in front, and are cleared away instead.
    for name in ["a", "b", "c", "d"] {
        visit(&mut users, name, 3, Tick(0), 1);
    }
    visit(&mut users, "alice", 1, Tick(0), 1);
    assert_eq!(last_server(&mut users, "alice", 2, Tick(60_000)), None);
    for number in 0..NAMES_PER_SOURCE {
        visit(&mut users, &number.to_string(), 1, Tick(60_001), 1);
    }
    assert_eq!(users.len(), NAMES_PER_SOURCE + 1);
    assert!(names(&users, Tick(60_001)).contains(&"alice".to_owned()));
}

#[test]
fn an_address_makes_room_among_its_own_names() {
    let mut users = users(100);
    visit(&mut users, "alice", 1, Tick(0), 7);
    for number in 0..100 {
        let name = format!("guess{number}");
        visit(&mut users, &name, 2, Tick(number), 1);
        // Nor does it help to claim that one is who one wants to be forgotten.
        assert_eq!(last_server(&mut users, "alice", 2, Tick(number)), server(7));
    }
    assert_eq!(users.len(), NAMES_PER_SOURCE + 1);
    assert_eq!(last_server(&mut users, "guess84", 3, Tick(100)), server(1));
    assert_eq!(last_server(&mut users, "guess83", 3, Tick(100)), None);
}

#[test]
fn an_address_all_of_whose_names_have_connections_gets_no_further_one() {
    let mut users = users(100);
    let open = |users: &mut Users, number: usize| {
        users.open(number.to_string().as_bytes(), source(1), Tick(0), None)
    };
    let mut held: Vec<_> = (0..NAMES_PER_SOURCE).map(|number| open(&mut users, number).unwrap()).collect();
    assert!(open(&mut users, 100).is_none());
    assert!(open(&mut users, 3).is_some(), "one that it has");
    assert!(users.open(b"100", source(2), Tick(0), None).is_some(), "another address");
    users.close(held.remove(5).user, Tick(0));
    assert!(open(&mut users, 101).is_some());
    assert_eq!(users.len(), NAMES_PER_SOURCE + 1);
}

#[test]
fn a_full_table_makes_room_among_those_without_connections() {
    let mut users = users(3);
    let alice = users.open(b"alice", source(1), Tick(0), None).unwrap().user;
    visit(&mut users, "bob", 2, Tick(1), 1);
    visit(&mut users, "carol", 3, Tick(2), 1);
    visit(&mut users, "bob", 4, Tick(3), 1);
    visit(&mut users, "dave", 4, Tick(4), 1);
    assert_eq!(names(&users, Tick(4)), ["alice", "dave", "bob"]);
    let held: Vec<_> =
        [b"bob", b"eve"].map(|name| users.open(name, source(5), Tick(5), None).unwrap().user).into();
    assert!(users.open(b"frank", source(6), Tick(6), None).is_none(), "all have connections");
    users.grow(4);
    users.grow(1);
    assert!(users.open(b"frank", source(6), Tick(6), None).is_some());
    for user in held.into_iter().chain([alice]) {
        users.close(user, Tick(7));
    }
}

#[test]
fn rows_can_be_read_in_slices() {
    let mut users = users(100);
    let held: Vec<_> =
        ["a", "b", "c"].map(|name| users.open(name.as_bytes(), source(1), Tick(0), None).unwrap()).into();
    for name in ["d", "e", "f", "g"] {
        visit(&mut users, name, 2, Tick(1), 1);
    }
    for count in 1..9 {
        let (mut read, mut place) = (Vec::new(), None);
        for slice in 0.. {
            assert!(slice <= 8, "it ends");
            let (rows, next) = users.rows(place, count, Tick(1), TRACKING);
            assert!(rows.len() <= count);
            read.extend(rows.into_iter().map(|row| row.name[0]));
            place = next;
            if place.is_none() {
                break;
            }
        }
        assert_eq!(read, b"cbagfed", "{count} at once");
    }
    for opened in held {
        users.close(opened.user, Tick(2));
    }
    assert_eq!(users.rows(None, 0, Tick(2), None), (vec![], None));
}

#[test]
fn those_whom_the_table_has_been_emptied_of_close_in_peace() {
    let mut users = users(10);
    let alice = users.open(b"alice", source(1), Tick(0), None).unwrap().user;
    drop(std::mem::take(&mut users));
    users.remember(&alice, server(1));
    users.close(alice, Tick(1));
    assert_eq!(users.len(), 0);
    assert!(users.open(b"alice", source(1), Tick(0), None).is_none(), "it holds nobody any more");
}

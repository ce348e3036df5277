//! Which server a user gets.

use pen_tests::Stream;

use super::desk::{begin, desks, farm, log_in, request, server_of};

/// What one address may have remembered.
const NAMES_PER_ADDRESS: usize = 16;

#[test]
fn a_user_comes_back_from_another_address_to_the_same_server_in_every_mode() {
    for mode in ["no roundrobin", "roundrobin", "hash", "hash_only", "weight", "hash_only\nroundrobin"] {
        let servers = desks(["a", "b", "c"]);
        let mut farm = farm(&servers);
        for command in mode.lines() {
            farm = farm.command(command);
        }
        let pen = farm.start();
        // They are spread by their addresses, or in turn.
        let users: Vec<_> = (1..=9).map(|host| (host, format!("user{host}"))).collect();
        let first: Vec<_> = users.iter().map(|(host, user)| server_of(&pen, *host, user)).collect();
        let second: Vec<_> = users.iter().map(|(host, user)| server_of(&pen, host + 100, user)).collect();
        let third: Vec<_> = users.iter().map(|(_, user)| server_of(&pen, 200, user)).collect();
        assert_eq!((&second, &third), (&first, &first), "{mode}");
        assert!(first.iter().any(|server| *server != first[0]), "{mode}: {first:?}");
        pen.stop();
    }
}

#[test]
fn another_user_of_the_same_address_is_somebody_else() {
    let servers = desks(["a", "b", "c"]);
    let pen = farm(&servers).start();
    assert_eq!(["alice", "bob", "carol"].map(|user| server_of(&pen, 1, user)), ["a", "b", "c"]);
    assert_eq!(["carol", "alice", "bob"].map(|user| server_of(&pen, 1, user)), ["c", "a", "b"]);
    // Without a name there is the address alone, which had b last.
    let (server, _client) = begin(&pen, 1, &request(""));
    assert_eq!(server, "b");
}

#[test]
fn a_user_with_two_connections_at_once_has_them_at_one_server() {
    let servers = desks(["a", "b"]);
    let pen = farm(&servers).option("-r").start();
    let held: Vec<(String, Stream)> = (1..=10).map(|host| log_in(&pen, host, "alice")).collect();
    assert!(held.iter().all(|(server, _)| server == "a"));
    drop(held);
    assert_eq!(server_of(&pen, 1, "bob"), "b");
}

#[test]
fn names_are_compared_as_the_service_says() {
    for (peek, same, other) in [
        ("peek rdp", "CORP\\Alexander", "corp\\alexander"),
        ("peek rdp fold", "corp\\ALEXANDER", "Alexander"),
        ("peek rdp nodomain", "Alexander", "alexander"),
        ("peek rdp short", "CORP\\Alexis", "Alexander"),
        ("peek rdp fold nodomain short", "other\\aLEXANDERplatz", "alexande"),
    ] {
        let servers = desks(["a", "b"]);
        let pen = farm(&servers).option("-r").command(peek).start();
        assert_eq!(server_of(&pen, 1, "CORP\\Alexander"), "a", "{peek}");
        assert_eq!(server_of(&pen, 2, same), "a", "{peek}: {same}");
        assert_eq!(server_of(&pen, 1, other), "b", "{peek}: {other}");
    }
}

#[test]
fn a_name_of_nothing_is_no_name() {
    let servers = desks(["a", "b"]);
    let pen = farm(&servers).option("-r").command("peek rdp nodomain").start();
    assert_eq!(["", "CORP\\", "", "CORP\\"].map(|user| server_of(&pen, 1, user)), ["a", "b", "a", "b"]);
}

#[test]
fn a_user_whose_server_is_gone_stays_with_the_next_one() {
    let servers = desks(["a", "b"]);
    let pen = farm(&servers).option("-r").start();
    assert_eq!(server_of(&pen, 1, "alice"), "a");
    servers[0].kill();
    assert_eq!(server_of(&pen, 1, "alice"), "b");
    servers[0].revive();
    pen.tell("server 0 blacklist 0");
    assert_eq!(server_of(&pen, 2, "alice"), "b");
    let others = ["bob", "carol"].map(|user| server_of(&pen, 2, user));
    assert!(others.contains(&"a".to_owned()), "{others:?}");
}

#[test]
fn a_user_whom_nobody_could_serve_still_has_the_session() {
    let servers = desks(["a", "b", "c"]);
    let pen = farm(&servers).option("-r").start();
    assert_eq!(["alice", "bob"].map(|user| server_of(&pen, 1, user)), ["a", "b"]);
    for server in &servers {
        server.kill();
    }
    let client = pen.connect_from(1);
    client.send(super::desk::request_of("bob"));
    assert_eq!(client.drain().text(), "");
    for (slot, server) in servers.iter().enumerate() {
        server.revive();
        pen.tell(&format!("server {slot} blacklist 0"));
    }
    assert_eq!(["bob", "alice"].map(|user| server_of(&pen, 3, user)), ["b", "a"]);
}

#[test]
fn who_serves_in_an_emergency_has_no_sessions() {
    let servers = desks(["a", "b", "emergency"]);
    let pen = farm(&servers[..2]).option("-r").command(&format!("emergency {}", servers[2])).start();
    assert_eq!(["alice", "bob"].map(|user| server_of(&pen, 1, user)), ["a", "b"]);
    pen.tell("server 0 blacklist 1000");
    pen.tell("server 1 blacklist 1000");
    assert_eq!(server_of(&pen, 1, "bob"), "emergency");
    pen.tell("server 0 blacklist 0");
    pen.tell("server 1 blacklist 0");
    assert_eq!(server_of(&pen, 1, "bob"), "b");
}

#[test]
fn an_address_with_as_many_users_as_there_may_be_goes_by_itself() {
    let servers = desks(["a", "b"]);
    let pen = farm(&servers).option("-r").start();
    let held: Vec<_> = (0..NAMES_PER_ADDRESS).map(|number| log_in(&pen, 1, &number.to_string())).collect();
    let one_more: Vec<_> = (0..4).map(|_| server_of(&pen, 1, "one more")).collect();
    assert_eq!(one_more, ["a", "b", "a", "b"]);
    assert_eq!(server_of(&pen, 1, "3"), held[3].0);
    // There is room at another address, or when one has left.
    assert_eq!(server_of(&pen, 2, "one more"), server_of(&pen, 2, "one more"));
    let (server, client) = held.into_iter().next().unwrap();
    client.finish();
    client.drain();
    pen.wait_until_idle();
    assert_eq!(server_of(&pen, 1, "another"), server_of(&pen, 1, "another"), "{server}");
}

#[test]
fn who_guesses_names_makes_nobody_forgotten() {
    let servers = desks(["a", "b", "c", "d", "e"]);
    let pen = farm(&servers).option("-r").start();
    let server = server_of(&pen, 1, "alice");
    for number in 0..100 {
        server_of(&pen, 2, &format!("guess{number}"));
        if number % 10 == 0 {
            assert_eq!(server_of(&pen, 2, "alice"), server);
        }
    }
    assert_eq!(server_of(&pen, 3, "alice"), server);
}

#[test]
fn a_user_who_is_refused_is_not_waited_for() {
    let servers = desks(["a", "abuse"]);
    let pen = farm(&servers[..1])
        .command("acl 1 deny 127.0.0.66")
        .command("client_acl 1")
        .command(&format!("abuse {}", servers[1]))
        .start();
    let (server, _client) = begin(&pen, 66, b"whatever");
    assert_eq!(server, "abuse");
    assert_eq!(server_of(&pen, 1, "alice"), "a");
}

#[test]
fn the_status_tells_users_without_letting_their_names_speak() {
    let servers = desks(["a", "b"]);
    let pen = farm(&servers).option("-r").start();
    server_of(&pen, 1, "CORP\\<b>alice</b>\x1b[2J");
    let (_, _bob) = log_in(&pen, 2, "bob");
    let service = &pen.status()["services"][0];
    let user = |row: usize, field: &str| service["users"][row][field].clone();
    assert_eq!(service["users_known"], 2);
    assert_eq!((user(0, "name"), user(0, "server"), user(0, "open")), ("bob".into(), 1.into(), 1.into()));
    let (name, server, open) = (user(1, "name"), user(1, "server"), user(1, "open"));
    assert_eq!((name, server, open), ("CORP\\<b>alice</b>\x1b[2J".into(), 0.into(), 0.into()));
    for form in ["html", "json", "text", "prometheus"] {
        let status = pen.ask(&format!("status {form}"));
        assert!(!status.contains('\x1b'), "{form}: {status}");
        assert!(form != "html" || !status.contains("<b>alice"), "{status}");
    }
}

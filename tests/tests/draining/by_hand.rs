//! `drain N` and `maint N`, as connections meet them.

use pen_tests::{Backend, Pen, wait_until};

use super::seen::{echoing, named, number, who_serves};

#[test]
fn a_server_that_drains_keeps_its_connections_and_its_clients_and_gets_nobody_new() {
    let servers = ["a", "b"].map(echoing);
    let pen = Pen::builder().servers(&servers).start();
    let (name, held) = pen.hold_from(1);
    assert_eq!((name.as_str(), pen.hold_from(2).0.as_str()), ("a", "b"));
    pen.tell("drain 0");
    let new: String = (3..=10).map(|host| pen.hold_from(host).0).collect();
    assert_eq!(new, "bbbbbbbb");
    assert_eq!(pen.hold_from(1).0, "a", "its own client is let in");
    assert_eq!(held.exchange("still there?"), "still there?");
    pen.tell("no drain 0");
    let new: String = (11..=20).map(|host| pen.hold_from(host).0).collect();
    assert_eq!(new.matches('a').count(), 5, "{new}");
    assert_eq!(held.exchange("still there?"), "still there?");
    drop(held);
    pen.stop();
}

#[test]
fn a_server_in_maintenance_keeps_its_connections_and_gets_nobody() {
    let servers = ["a", "b"].map(echoing);
    let pen = Pen::builder().servers(&servers).start();
    let (name, held) = pen.hold_from(1);
    assert_eq!((name.as_str(), pen.hold_from(2).0.as_str()), ("a", "b"));
    pen.tell("maint 0");
    let all: String = (1..=8).map(|host| pen.hold_from(host).0).collect();
    assert_eq!(all, "bbbbbbbb");
    assert_eq!(held.exchange("still there?"), "still there?");
    pen.tell("no maint 0");
    assert_eq!(pen.hold_from(1).0, "b", "the client has moved");
    let new: String = (11..=20).map(|host| pen.hold_from(host).0).collect();
    assert_eq!(new.matches('a').count(), 5, "{new}");
    drop(held);
    pen.stop();
}

#[test]
fn each_word_takes_back_what_it_names_and_nothing_else() {
    let servers = named(["a", "b"]);
    let pen = Pen::builder().servers(&servers).option("-r").start();
    for (command, served) in [
        ("maint 0", "bbbb"),
        ("no drain 0", "bbbb"),
        ("no maint 0", "abab"),
        ("drain 0", "bbbb"),
        ("no maint 0", "bbbb"),
        ("maint 0", "bbbb"),
        ("no maint 0", "abab"),
    ] {
        pen.tell(command);
        assert_eq!(who_serves(&pen, 1, 4), served, "after {command}");
    }
    pen.stop();
}

#[test]
fn by_hash_the_clients_of_a_server_that_drains_are_spread_and_come_back() {
    let servers = named(["a", "b", "c"]);
    for (option, stays) in [("-h", true), ("-N", false)] {
        let pen = Pen::builder().servers(&servers).option(option).start();
        let before = who_serves(&pen, 1, 60);
        assert!(["a", "b", "c"].iter().all(|name| before.matches(name).count() > 5), "{before}");
        pen.tell("drain 0");
        let known = who_serves(&pen, 1, 60);
        let new = who_serves(&pen, 61, 120);
        assert!(!new.contains('a'), "{option}: {new}");
        if stays {
            assert_eq!(known, before, "they are known");
        } else {
            let moved = |(was, is): (char, char)| if was == 'a' { is != 'a' } else { is == was };
            assert!(before.chars().zip(known.chars()).all(moved), "nobody is: {before} {known}");
        }
        pen.tell("no drain 0");
        assert_eq!(who_serves(&pen, 1, 60), before, "{option}");
        pen.stop();
    }
}

#[test]
fn in_round_robin_all_are_new_to_a_server_that_drains() {
    let servers = named(["a", "b"]);
    let pen = Pen::builder().servers(&servers).option("-r").start();
    assert_eq!(who_serves(&pen, 1, 4), "abab");
    pen.tell("drain 0");
    assert_eq!(who_serves(&pen, 1, 4), "bbbb");
    pen.stop();
}

#[test]
fn when_all_drain_new_clients_go_to_the_emergency_server() {
    let servers = named(["a", "b"]);
    let emergency = Backend::named("e");
    let pen = Pen::builder().servers(&servers).option(&format!("-e {emergency}")).start();
    assert_eq!(who_serves(&pen, 1, 2), "ab");
    pen.tell("drain 0");
    pen.tell("drain 1");
    assert_eq!(who_serves(&pen, 1, 4), "abee");
    pen.tell("maint 1");
    assert_eq!(who_serves(&pen, 1, 4), "aeee");
    pen.stop();
}

#[test]
fn fail_open_tries_nobody_who_was_taken_out_by_hand() {
    let servers = named(["a", "b"]);
    let pen = Pen::builder().servers(&servers).command("fail_open").start();
    pen.tell("drain 0");
    pen.tell("maint 1");
    assert_eq!(who_serves(&pen, 1, 3), "");
    assert_eq!((number(&pen, "unserved"), number(&pen, "failed_open")), (3, 0));
    pen.stop();
}

#[test]
fn a_failover_passes_servers_that_take_nobody() {
    let servers = named(["a", "b", "c", "d"]);
    let pen = Pen::builder().servers(&servers).option("-r").start();
    pen.tell("maint 1");
    pen.tell("drain 2");
    servers[0].refuse();
    assert_eq!(pen.get_from(1), "d");
    pen.stop();
}

#[test]
fn idle_connections_leave_a_server_that_takes_nobody_new() {
    for command in ["drain", "maint"] {
        let (one, other) = (Backend::silent(), Backend::silent());
        let pen = Pen::builder().servers([&one, &other]).command("idlers 4").start();
        wait_until("both have theirs", || (one.current(), other.current()) == (2, 2));
        pen.tell(&format!("{command} 0"));
        wait_until("one has all", || (one.current(), other.current()) == (0, 4));
        pen.tell("maint 1");
        wait_until("nobody has any", || (one.current(), other.current()) == (0, 0));
        pen.tell(&format!("no {command} 0"));
        wait_until("the first one has all", || (one.current(), other.current()) == (4, 0));
        pen.stop();
    }
}

//! Servers that checks find down, and what becomes of clients when all are.

use pen_tests::{Backend, Pen, wait_until};

use super::seen::{Patients, bring_up, echoing, named, number, said, take_down, who_serves};

const BEGINS: &str = "no server is up and can take a client: fail_open tries those that are down";
const ENDS: &str = "servers that are up take clients again: fail_open ends";

fn told(pen: &Pen) -> (usize, usize) {
    let text = pen.stderr();
    (text.matches(BEGINS).count(), text.matches(ENDS).count())
}

#[test]
fn a_server_that_is_down_gets_nobody_and_its_connections_go_on() {
    let servers = ["a", "b"].map(echoing);
    let pen = Pen::builder().servers(&servers).checked().start();
    let (name, held) = pen.hold_from(1);
    assert_eq!(name, "a");
    take_down(&pen, 0);
    let all: String = (1..=6).map(|host| pen.hold_from(host).0).collect();
    assert_eq!(all, "bbbbbb");
    assert_eq!(held.exchange("still there?"), "still there?");
    bring_up(&pen, 0);
    let new: String = (11..=20).map(|host| pen.hold_from(host).0).collect();
    assert_eq!(new.matches('a').count(), 5, "{new}");
    drop(held);
    pen.stop();
}

#[test]
fn when_all_are_down_fail_open_tries_them_and_says_so_once() {
    let servers = named(["a", "b"]);
    let pen = Pen::builder().servers(&servers).option("-r").checked().start();
    take_down(&pen, 0);
    take_down(&pen, 1);
    assert_eq!(who_serves(&pen, 1, 6), "ababab");
    assert_eq!(told(&pen), (1, 0));
    assert_eq!((number(&pen, "failed_open"), number(&pen, "unserved")), (6, 0));
    // One in maintenance is not tried, nor one that has failed.
    pen.tell("maint 0");
    assert_eq!(who_serves(&pen, 1, 2), "bb");
    pen.tell("no maint 0");
    wait_until("it is checked again", || said(&pen, 0, "is down") == 2);
    servers[1].refuse();
    assert_eq!(who_serves(&pen, 1, 4), "aaaa");
    pen.tell("no fail_open");
    assert_eq!(who_serves(&pen, 1, 2), "");
    assert_eq!((number(&pen, "failed_open"), number(&pen, "unserved")), (12, 2));
    bring_up(&pen, 0);
    wait_until("it is over", || pen.get_from(1) == "a" && told(&pen) == (1, 1));
    assert_eq!(number(&pen, "failed_open"), 12);
    pen.stop();
}

#[test]
fn an_emergency_server_goes_before_fail_open() {
    let servers = named(["a", "b"]);
    let emergency = Backend::named("e");
    let pen = Pen::builder().servers(&servers).option(&format!("-e {emergency}")).checked().start();
    take_down(&pen, 0);
    assert_eq!(who_serves(&pen, 1, 3), "bbb");
    take_down(&pen, 1);
    assert_eq!(who_serves(&pen, 1, 3), "eee");
    pen.tell("no emergency");
    assert_eq!(who_serves(&pen, 1, 3), "bbb", "the server that they had last");
    assert_eq!((number(&pen, "failed_open"), told(&pen)), (3, (1, 0)));
    pen.stop();
}

#[test]
fn a_stubborn_service_does_not_fail_open() {
    let server = Backend::named("a");
    let pen = Pen::builder().server(&server).option("-s").checked().start();
    take_down(&pen, 0);
    assert_eq!((pen.get_from(1).as_str(), number(&pen, "failed_open"), told(&pen)), ("", 0, (0, 0)));
    pen.stop();
}

#[test]
fn idle_connections_leave_a_server_that_is_down() {
    let (one, other) = (Backend::silent(), Backend::silent());
    let pen = Pen::builder().servers([&one, &other]).command("idlers 4").checked().start();
    wait_until("both have theirs", || (one.current(), other.current()) == (2, 2));
    take_down(&pen, 0);
    wait_until("one has all", || (one.current(), other.current()) == (0, 4));
    pen.stop();
}

//! `slow_start`: a server that comes back begins with a tenth of its share. Here it would take hours until it has the whole.

use pen_tests::{Backend, Pen};

use super::seen::{named, who_serves, who_serves_many};

/// Takes server 0 out, and back.
fn return_first(pen: &Pen) {
    pen.tell("slow_start 36000");
    pen.tell("maint 0");
    pen.tell("no maint 0");
}

#[test]
fn it_gets_a_tenth_of_its_turns() {
    let servers = named(["a", "b", "c"]);
    for option in ["-r", "-T 0"] {
        let pen = Pen::builder().servers(&servers).option(option).start();
        return_first(&pen);
        let served = who_serves_many(&pen, 600).concat();
        let counts = ["a", "b", "c"].map(|name| served.matches(name).count());
        // 20 of 200, and the others share what it leaves.
        assert!((5..=45).contains(&counts[0]), "{option}: {counts:?}");
        assert!(counts[1..].iter().all(|count| (260..=310).contains(count)), "{option}: {counts:?}");
        pen.tell("slow_start 0");
        assert_eq!(served.len(), 600);
        let served = who_serves_many(&pen, 9).concat();
        assert!(option != "-r" || served.matches('a').count() == 3, "{served}");
        pen.stop();
    }
}

#[test]
fn it_gets_a_tenth_of_its_weight() {
    let servers = ["a", "b"].map(Backend::holding);
    let specs = servers.each_ref().map(|server| format!("{server}:0:0:7"));
    let pen = Pen::builder().servers(specs).option("-Wr").start();
    return_first(&pen);
    let _held: Vec<_> = (0..110).map(|_| pen.hold_from(1)).collect();
    assert_eq!(servers.each_ref().map(Backend::current), [10, 100]);
}

#[test]
fn by_hash_it_gets_a_tenth_of_its_clients_which_then_stay() {
    let servers = named(["a", "b"]);
    let pen = Pen::builder().servers(&servers).option("-N").start();
    let before = who_serves_many(&pen, 400);
    return_first(&pen);
    let slowly = who_serves_many(&pen, 400);
    assert_eq!(who_serves_many(&pen, 400), slowly);
    let clients = |served: &[String]| served.iter().filter(|name| *name == "a").count();
    let (all, few) = (clients(&before), clients(&slowly));
    assert!((150..=250).contains(&all) && (5..=45).contains(&few), "{few} of {all}");
    assert!(slowly.iter().zip(&before).all(|(is, was)| is == "b" || was == "a"), "nobody else has moved");
}

#[test]
fn clients_whose_server_it_was_are_not_held_back() {
    let servers = named(["a", "b"]);
    let pen = Pen::builder().servers(&servers).start();
    assert_eq!(who_serves(&pen, 1, 20), "ab".repeat(10));
    return_first(&pen);
    assert_eq!(who_serves(&pen, 1, 20), "ab".repeat(10));
}

#[test]
fn without_another_server_it_gets_everybody() {
    let servers = named(["a", "b"]);
    let pen = Pen::builder().servers(&servers).option("-r").start();
    return_first(&pen);
    pen.tell("drain 1");
    assert_eq!(who_serves(&pen, 1, 30), "a".repeat(30));
}

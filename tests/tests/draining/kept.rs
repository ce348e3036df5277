//! What files keep of servers that were taken out by hand.

use std::fs;

use nix::sys::signal::Signal;
use pen_tests::{Pen, wait_until};

use super::seen::{named, who_serves};

fn read_again(pen: &Pen) {
    let count = || pen.stderr().matches("was read again").count();
    let before = count();
    pen.signal(Signal::SIGHUP);
    wait_until("the file is read", || count() > before);
}

#[test]
fn a_written_file_says_who_drains_and_who_is_in_maintenance() {
    let servers = named(["a", "b", "c"]);
    let pen = Pen::builder().servers(&servers).option("-r").start();
    pen.tell("drain 0");
    pen.tell("maint 2");
    let file = pen.directory().join("written.cfg");
    pen.tell(&format!("write {}", file.display()));
    let written = fs::read_to_string(&file).unwrap();
    assert!(written.contains("\ndrain 0\n") && written.contains("\nmaint 2\n"), "{written}");
    let other = Pen::builder().servers(&servers).config(&without_listen(&written)).start();
    assert_eq!(who_serves(&other, 1, 4), "bbbb");
    other.tell("no maint 2");
    assert_eq!(who_serves(&other, 1, 4).matches('c').count(), 2);
    other.stop();
    pen.stop();
}

/// It is another pen that reads them, at another address.
fn without_listen(commands: &str) -> String {
    let lines: Vec<&str> = commands.lines().filter(|line| !line.starts_with("listen")).collect();
    lines.join("\n")
}

#[test]
fn a_file_that_says_nothing_of_it_leaves_it_as_it_is_and_one_that_does_counts() {
    let servers = named(["a", "b", "c"]);
    let pen = Pen::builder().servers(&servers).config("roundrobin\n").start();
    pen.tell("drain 0");
    pen.tell("maint 1");
    read_again(&pen);
    assert_eq!(who_serves(&pen, 1, 3), "ccc");
    let file = pen.directory().join("pen.cfg");
    fs::write(&file, "roundrobin\nno drain 0\nno drain 1\ndrain 2\n").unwrap();
    read_again(&pen);
    assert_eq!(who_serves(&pen, 1, 3), "aaa");
    fs::write(&file, "roundrobin\nno maint 1\nno drain 2\n").unwrap();
    read_again(&pen);
    assert_eq!(who_serves(&pen, 1, 3).matches('b').count(), 1);
    pen.stop();
}

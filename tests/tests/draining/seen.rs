//! What the tests of this suite look at.

use std::io::Write;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use pen_tests::{Backend, Pen, PenBuilder, Stream, wait_until};

/// Servers that say their names to each client, and finish.
pub fn named<const N: usize>(names: [&str; N]) -> [Backend; N] {
    names.map(Backend::named)
}

/// A server that says its name and a newline, and then sends back what it gets.
pub fn echoing(name: &str) -> Backend {
    let name = format!("{name}\n");
    Backend::serve(move |client| {
        let _ = { client }.write_all(name.as_bytes());
        client.drain_with(|part| {
            let _ = { client }.write_all(part);
        });
        client.finish();
    })
}

/// Who serves the clients 127.0.0.`first` to 127.0.0.`last`, one after the other.
pub fn who_serves(pen: &Pen, first: u8, last: u8) -> String {
    (first..=last).map(|host| pen.get_from(host)).collect()
}

/// Who serves so many clients that come from addresses of their own.
pub fn who_serves_many(pen: &Pen, count: u16) -> Vec<String> {
    let from = |number: u16| {
        let [high, low] = number.to_be_bytes();
        let source = Ipv4Addr::new(127, 7, high, low).into();
        Stream::connect_from(source, pen.address()).unwrap().drain().text()
    };
    (1..=count).map(from).collect()
}

/// A number of the first service, by the name that it has in `status json`.
pub fn number(pen: &Pen, name: &str) -> u64 {
    let status = pen.status();
    status["services"][0][name].as_u64().unwrap_or_else(|| panic!("no {name} in {status:#}"))
}

/// Servers that a command checks, which fails for those that the test says are down.
pub trait Patients {
    /// Has pen check its servers each second.
    fn checked(self) -> Self;
}

impl Patients for PenBuilder {
    fn checked(self) -> PenBuilder {
        let marker = self.directory().join("down");
        let check = format!(
            r#"health exec "test ! -e {}$PEN_SERVER" interval 1 timeout 10 rise 1 fall 1"#,
            marker.display()
        );
        self.command(&check)
    }
}

fn marker(pen: &Pen, slot: u32) -> PathBuf {
    pen.directory().join(format!("down{slot}"))
}

/// Has the check of the server in this slot fail, and waits until pen says so.
#[track_caller]
pub fn take_down(pen: &Pen, slot: u32) {
    let before = said(pen, slot, "is down");
    std::fs::write(marker(pen, slot), "").unwrap();
    wait_until("the server is down", || said(pen, slot, "is down") > before);
}

/// Has it pass again, and waits until pen says so.
#[track_caller]
pub fn bring_up(pen: &Pen, slot: u32) {
    let before = said(pen, slot, "is up again");
    std::fs::remove_file(marker(pen, slot)).unwrap();
    wait_until("the server is up", || said(pen, slot, "is up again") > before);
}

/// How often pen has said this of the server in this slot.
pub fn said(pen: &Pen, slot: u32, what: &str) -> usize {
    let server = format!("server {slot} ");
    pen.stderr().lines().filter(|line| line.contains(&server) && line.contains(what)).count()
}

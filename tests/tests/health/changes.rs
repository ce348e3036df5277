//! Settings that change while servers are checked.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pen_tests::{Backend, Pen, Stream, settled, wait_until};

use super::log::{lines, wait_for_line, wait_for_lines};

const QUICK: &str = "interval 1 timeout 5 rise 1 fall 1";

#[test]
fn checks_begin_and_end_while_pen_runs_and_leave_nothing_behind() {
    let servers: Vec<Backend> = (0..20).map(|_| Backend::silent()).collect();
    let pen = Pen::builder().servers(&servers).start();
    let (threads, descriptors) = (pen.process().threads(), pen.process().descriptors_at_rest());
    for check in ["tcp", "http /", "expect x", "tls", "agent 1"] {
        let before: usize = servers.iter().map(Backend::total).sum();
        pen.tell(&format!("health {check} interval 1 timeout 60"));
        if check == "agent 1" {
            wait_for_lines(&pen, 20, "does not answer: Connection refused");
        } else {
            wait_until("all were checked", || {
                servers.iter().map(Backend::total).sum::<usize>() >= before + 20
            });
        }
        pen.tell("no health");
        wait_until("the thread has ended", || pen.process().threads() == threads);
        pen.process().expect_descriptors(descriptors);
        wait_until("the connections are closed", || servers.iter().all(|server| server.current() == 0));
    }
    pen.stop();
}

#[test]
fn another_check_begins_anew_and_another_pace_goes_on() {
    let server = Backend::silent();
    let pen = Pen::builder().server(&server).command("health tcp interval 1 timeout 1 rise 1 fall 2").start();
    wait_until("it was checked", || server.total() > 0);
    // That one has not answered yet: its first verdict decides alone, whatever the former check had said.
    pen.tell("health expect x interval 1 timeout 1 rise 1 fall 1000");
    wait_for_line(&pen, "is down: expect check: ");
    pen.tell("health expect x interval 1 timeout 1 rise 1 fall 1");
    let checked = server.total();
    wait_until("it was checked again", || server.total() > checked + 2);
    assert_eq!(lines(&pen, " is down").len(), 1);
    pen.tell("health tcp interval 1 timeout 1");
    let checked = server.total();
    wait_until("it was checked again", || server.total() > checked + 2);
    // It is up since its first check, so that it has not come up again.
    assert_eq!(lines(&pen, "server 0 (").len(), 1);
    pen.stop();
}

#[test]
fn a_server_in_maintenance_is_not_checked_and_begins_anew() {
    let server = Backend::silent();
    server.refuse();
    let pen = Pen::builder().server(&server).command("health tcp interval 1 timeout 5 rise 1 fall 5").start();
    let down = ") is down: ";
    wait_for_lines(&pen, 1, down);
    pen.tell("maint 0");
    server.revive();
    // One may be on its way.
    let checked = settled(Duration::from_secs(2), || server.total());
    assert!(checked <= 1 && lines(&pen, " is up again").len() <= 1);
    server.refuse();
    let said = lines(&pen, down).len();
    pen.tell("no maint 0");
    wait_for_lines(&pen, said + 1, down);
    assert!(lines(&pen, down)[said].ends_with(" is down: tcp check: Connection refused (1 check)"));
    pen.stop();
}

#[test]
fn a_new_occupant_of_a_slot_begins_anew() {
    let pen =
        Pen::builder().server("127.0.0.1:1").command("health tcp interval 1 timeout 5 rise 1 fall 5").start();
    wait_for_line(&pen, "server 0 (127.0.0.1:1) is down: ");
    pen.tell("server 0 address 127.0.0.2 port 1");
    wait_for_line(&pen, "server 0 (127.0.0.2:1) is down: tcp check: Connection refused (1 check)");
    pen.tell("no server 0");
    pen.tell("server 0 address 127.0.0.2 port 1");
    wait_for_lines(&pen, 2, "server 0 (127.0.0.2:1) is down: tcp check: Connection refused (1 check)");
    pen.stop();
}

#[test]
fn a_check_under_way_does_not_hold_up_new_settings_or_the_end() {
    let server = Backend::silent();
    let pen = Pen::builder().server(&server).command("health expect x interval 3600 timeout 3600").start();
    wait_until("it is checked", || server.current() == 1);
    pen.tell("health expect y interval 3600 timeout 3600");
    wait_until("it is checked anew", || server.total() == 2 && server.current() == 1);
    pen.stop();
    wait_until("it is not checked any more", || server.current() == 0);
}

#[test]
fn a_service_that_is_removed_is_not_checked_any_more() {
    let server = Backend::holding("web");
    let pen = Pen::builder().server(Backend::silent()).command("service web").start();
    pen.ask("service web listen 127.0.0.1:0");
    pen.tell(&format!("service web server 0 address 127.0.0.1 port {}", server.address().port()));
    pen.tell(&format!("service web health tcp {QUICK}"));
    wait_until("it is checked", || server.total() > 1);
    pen.tell("no service web");
    settled(Duration::from_secs(2), || server.total());
    pen.stop();
}

#[test]
fn a_server_that_is_down_gets_no_clients_until_it_is_up_again() {
    let words = |client: &Stream, name: &str, is_ill: bool| {
        let answer = if client.line() == "CHECK" && is_ill { "421" } else { name };
        let _ = { client }.write_all(answer.as_bytes());
        client.finish();
        client.drain();
    };
    let is_ill = Arc::new(AtomicBool::new(true));
    let illness = Arc::clone(&is_ill);
    let one = Backend::serve(move |client| words(client, "one", illness.load(Ordering::SeqCst)));
    let other = Backend::serve(move |client| words(client, "other", false));
    let check = "health send \"CHECK\\n\" expect o interval 1 timeout 5 rise 1 fall 1";
    let pen = Pen::builder().servers([&one, &other]).option("-r").command(check).start();
    let get = || {
        let client = pen.connect();
        client.send("GET\n");
        client.drain().text()
    };
    wait_for_line(&pen, "server 0 (");
    let answers: Vec<String> = (0..6).map(|_| get()).collect();
    assert_eq!(answers, ["other"; 6]);
    is_ill.store(false, Ordering::SeqCst);
    wait_for_line(&pen, " is up again: ");
    assert!((0..2).any(|_| get() == "one"));
    pen.stop();
}

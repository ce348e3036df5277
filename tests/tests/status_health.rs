//! What the status tells of servers that are down, drained or in maintenance, and why, in all its forms.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use pen_tests::http::get;
use pen_tests::{Address, Backend, Control, DeadPort, Pen, complaints_of_promtool, program, wait_until};
use serde_json::{Value, json};

/// What `penctl ADDRESS status json` tells of the first service.
fn service(control: &Control) -> Value {
    let output = control.penctl("status json");
    let status: Value = serde_json::from_slice(&output.stdout).expect("the status is JSON");
    status["services"][0].clone()
}

/// A field of all servers.
fn each(control: &Control, field: &str) -> Vec<Value> {
    let service = service(control);
    service["servers"].as_array().unwrap().iter().map(|server| server[field].clone()).collect()
}

/// What penctl prints for people.
fn table(pen: &Pen, command: &str) -> String {
    let mut penctl = Command::new(program::penctl());
    penctl.arg("--table").arg(pen.control_address().to_string()).args(command.split(' '));
    String::from_utf8(penctl.output().unwrap().stdout).unwrap()
}

/// The answer of the health page of the service.
fn healthz(pen: &Pen) -> (u16, String) {
    let port: u16 = pen.ask("web").trim_end().parse().unwrap();
    let answer =
        get(&Address::from(SocketAddr::from((Ipv4Addr::LOCALHOST, port))), "/healthz/default").unwrap();
    (answer.status, answer.body)
}

/// Of a gauge of the servers the values, by slot.
fn gauge(metrics: &str, name: &str) -> Vec<String> {
    let values = metrics.lines().filter(|line| line.starts_with(&format!("{name}{{")));
    values.map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect()
}

#[test]
fn drain_and_maint_are_told_in_all_forms_until_they_are_taken_back() {
    let servers = ["a", "b", "c"].map(Backend::named);
    let pen = Pen::builder().servers(&servers).command("web 0").start();
    pen.tell("drain 1");
    pen.tell("maint 2");
    assert_eq!(each(&pen, "state"), ["up", "draining", "maint"]);
    assert_eq!(each(&pen, "admin"), ["ready", "drain", "maint"]);
    assert_eq!(service(&pen)["usable"], 1);
    assert_eq!(healthz(&pen), (200, "ok, usable servers: 1\n".to_owned()));

    let metrics = pen.ask("status prometheus");
    assert_eq!(complaints_of_promtool(&metrics), "", "of:\n{metrics}");
    for (name, values) in [("up", ["1", "0", "0"]), ("draining", ["0", "1", "0"]), ("maint", ["0", "0", "1"])]
    {
        assert_eq!(gauge(&metrics, &format!("pen_server_{name}")), values, "{name} in:\n{metrics}");
    }
    let text = pen.ask("status text");
    assert!(text.contains("\nServers: 3 (1 up, 1 draining, 1 maint)"), "{text}");
    let page = pen.ask("status html");
    assert!(page.contains(" s\">draining</td>") && page.contains(" s\">maint</td>"), "{page}");
    let servers = table(&pen, "servers");
    assert!(servers.contains("│ draining ") && servers.contains("│ maint "), "{servers}");
    assert!(
        text.contains(" s, by the administrator\n") && servers.contains(" by the administrator "),
        "{text}"
    );
    assert!(pen.ask("services").contains(" servers 3 usable 1 "), "{}", pen.ask("services"));

    pen.tell("maint 0");
    pen.tell("no maint 2");
    pen.tell("drain 2");
    assert_eq!(each(&pen, "state"), ["maint", "draining", "draining"]);
    assert_eq!(healthz(&pen), (503, "no usable server\n".to_owned()), "a new client gets none");
    for slot in 1..=2 {
        pen.tell(&format!("no drain {slot}"));
    }
    pen.tell("no maint 0");
    assert_eq!(each(&pen, "state"), ["up", "up", "up"]);
    pen.tell("no maint 0");
    pen.tell("drain 0");
    let told = |what: &str| pen.stderr().matches(&format!(") is {what}, by the administrator\n")).count();
    let expected = [("in maintenance", 2), ("ready again", 4), ("draining", 3)];
    wait_until("each change is told once", || expected.iter().all(|(what, times)| told(what) == *times));
    pen.stop();
}

#[test]
fn a_server_that_is_down_is_told_with_since_when_and_why() {
    let (a, dead) = (Backend::named("a"), DeadPort::new());
    let builder = Pen::builder().server(&a).server(&dead).command("web 0");
    let pen = builder.command("health tcp interval 1 rise 1 fall 1").start();
    wait_until("both are checked", || each(&pen, "check").iter().all(|check| !check.is_null()));
    let told = service(&pen);
    assert_eq!(told["check"], "tcp interval 1 timeout 2 rise 1 fall 1");
    assert_eq!((&told["servers"][0]["state"], &told["servers"][1]["state"]), (&json!("up"), &json!("down")));
    let check = &told["servers"][1]["check"];
    assert_eq!((&check["kind"], &check["up"], &check["changes"]), (&json!("tcp"), &json!(false), &json!(0)));
    assert_eq!((&check["reason"], &check["passed"]), (&json!("Connection refused"), &json!(0)));
    assert!(check["failed"].as_u64().unwrap() >= 1, "{check}");
    assert_eq!((&told["usable"], &told["servers"][0]["check"]["reason"]), (&json!(1), &Value::Null));

    let why = "tcp check: Connection refused";
    let is_told = |text: &str| text.contains(": down ") && text.contains(why);
    assert!(is_told(&pen.ask("status text")) && is_told(&pen.ask("status html")));
    assert!(table(&pen, "servers").contains(why) && table(&pen, "status").contains(why));
    let metrics = pen.ask("status prometheus");
    assert_eq!(complaints_of_promtool(&metrics), "", "of:\n{metrics}");
    for (name, values) in
        [("down", ["0", "1"]), ("check_up", ["1", "0"]), ("check_changes_total", ["0", "0"])]
    {
        assert_eq!(gauge(&metrics, &format!("pen_server_{name}")), values, "{name} in:\n{metrics}");
    }
    assert_eq!(gauge(&metrics, "pen_server_checks_failed_total")[0], "0");

    a.kill();
    wait_until("the other one is down, too", || healthz(&pen).0 == 503);
    wait_until("the change is counted", || each(&pen, "check")[0]["changes"] == 1);
    a.revive();
    wait_until("it is back", || healthz(&pen).0 == 200);
    let check = &each(&pen, "check")[0];
    assert_eq!((&check["up"], &check["changes"]), (&json!(true), &json!(2)));
    assert_eq!(check["reason"], "Connection refused", "what was wrong last time");
    pen.stop();
}

#[test]
fn clients_that_fail_open_are_counted_while_the_service_is_told_to_be_unwell() {
    let (a, dead) = (Backend::named("a"), DeadPort::new());
    let port = dead.to_string().rsplit_once(':').unwrap().1.to_owned();
    let pen = Pen::builder()
        .server(&a)
        .option("-r")
        .command("web 0")
        .command(&format!("health tcp port {port} interval 1"))
        .start();
    wait_until("the check says that it is down", || each(&pen, "state") == ["down"]);
    assert_eq!(pen.get(), "a");
    let told = service(&pen);
    assert_eq!((&told["fail_open"], &told["failed_open"]), (&json!(true), &json!(1)));
    assert_eq!(healthz(&pen), (503, "no usable server\n".to_owned()));
    assert!(
        pen.ask("status text").contains("\n  fail open    on, 1 connections to servers that were down\n")
    );
    let metrics = pen.ask("status prometheus");
    assert!(metrics.contains("\npen_service_failed_open_total{service=\"default\"} 1\n"), "{metrics}");
    pen.stop();
}

#[test]
fn what_a_server_answers_forges_nothing() {
    let hostile = "x</td><script>alert(1)</script>\x1b]0;owned\x07\u{202e}\"} 1\u{9b}2J";
    let server = Backend::serve(move |client| {
        client.line();
        client.send(format!("HTTP/1.1 500 {hostile}\r\n\r\n{hostile}"));
    });
    let agent = Backend::serve(move |client| client.send(format!("{hostile}\r\n")));
    let port = agent.to_string().rsplit_once(':').unwrap().1.to_owned();
    let pen = Pen::builder()
        .server(&server)
        .command("health http / interval 1")
        .command(&format!("health agent {port} interval 1"))
        .start();
    wait_until("the check says that it is down", || each(&pen, "state") == ["down"]);
    for form in ["status text", "status json", "status html", "status prometheus"] {
        let told = pen.ask(form);
        let dangerous = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!told.contains(dangerous), "{form}:\n{told}");
    }
    let page = pen.ask("status html");
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;"), "{page}");
    assert!(!table(&pen, "status").contains(|c: char| c != '\n' && c.is_control()));
    assert_eq!(complaints_of_promtool(&pen.ask("status prometheus")), "");
    pen.stop();
}

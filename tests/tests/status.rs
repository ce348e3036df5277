//! The status in all its forms: complete and consistent however much there is, and harmless whatever the names are.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use pen_tests::{
    Backend, Pen, Stream, complaints_of_promtool, in_parallel, program, run_patiently, wait_until,
};
use serde_json::Value;

const SERVERS: usize = 1_000;
const CLIENTS: usize = 20_000;
/// More than two workers tell at once.
const HELD: usize = 1_300;
const ROUNDS: usize = 3;

/// The source address of a client.
fn source(client: usize) -> IpAddr {
    let client = client as u32 + 256;
    Ipv4Addr::from(0x7f00_0000 | client).into()
}

fn json(pen: &Pen) -> Value {
    serde_json::from_str(&pen.ask("status json")).expect("JSON is told")
}

#[test]
fn a_thousand_servers_and_many_clients_are_told_completely_while_traffic_goes_on() {
    let server = Backend::holding("a");
    let port = server.address().to_string();
    let port = port.rsplit(':').next().unwrap();
    let slots = (0..SERVERS).map(|slot| format!("server {slot} address 127.0.0.1 port {port}\n"));
    let config = format!("clients_max {CLIENTS}\nconn_max 4000\n{}", slots.collect::<String>());
    let pen = Pen::builder().option("-r").command("threads 2").config(&config).start();
    in_parallel(CLIENTS, 16, |client| {
        let stream = Stream::connect_from(source(client), pen.address()).expect("pen accepts");
        assert_eq!(stream.line(), "a");
    });
    let held: Vec<Stream> = (0..HELD)
        .map(|client| Stream::connect_from(source(client), pen.address()).expect("pen accepts"))
        .collect();
    for stream in &held {
        assert_eq!(stream.line(), "a");
    }
    wait_until("the others have gone", || json(&pen)["services"][0]["connections"] == HELD);

    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for client in 0..4 {
            let (pen, done) = (&pen, &done);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let stream = Stream::connect_from(source(HELD + client), pen.address()).unwrap();
                    assert_eq!(stream.line(), "a");
                }
            });
        }
        // All forms at once, so that they also share their snapshots.
        let judges: [fn(&Pen); 5] = [judge_json, judge_html, judge_text, judge_prometheus, judge_lines];
        let judging = judges.map(|judge| {
            let pen = &pen;
            scope.spawn(move || (0..ROUNDS).for_each(|_| judge(pen)))
        });
        let outcomes = judging.map(thread::ScopedJoinHandle::join);
        done.store(true, Ordering::Relaxed);
        for outcome in outcomes {
            outcome.expect("what is told is right");
        }
    });
    pen.stop();
}

fn judge_json(pen: &Pen) {
    let status = json(pen);
    let service = &status["services"][0];
    let list = |name: &str| service[name].as_array().unwrap();
    assert_eq!((list("servers").len(), &service["usable"]), (SERVERS, &Value::from(SERVERS)));
    assert_eq!((list("clients").len(), &service["clients_known"]), (CLIENTS, &Value::from(CLIENTS)));
    let connects: u64 = list("servers").iter().map(|server| server["connects"].as_u64().unwrap()).sum();
    assert!(connects >= (CLIENTS + HELD) as u64, "{connects}");

    let numbers = |name: &str, field: &str| -> Vec<u64> {
        list(name).iter().map(|one| one[field].as_u64().unwrap()).collect()
    };
    assert!(numbers("clients", "index").is_sorted_by(|one, next| one < next));
    assert!(numbers("open_connections", "number").is_sorted_by(|one, next| one < next));
    let connected: BTreeSet<&str> =
        list("open_connections").iter().map(|one| one["client_address"].as_str().unwrap()).collect();
    let missing: Vec<_> = (0..HELD)
        .map(|client| source(client).to_string())
        .filter(|one| !connected.contains(&**one))
        .collect();
    assert!(missing.is_empty(), "{} clients' connections are missing: {:?}", missing.len(), missing[0]);
}

fn judge_html(pen: &Pen) {
    let page = pen.ask("status html");
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
    assert!(page.contains(&format!(", {SERVERS} servers")) && page.contains(&format!(", {CLIENTS} known<")));
    let rows = |table: &str| {
        let (_, rest) = page.split_once(&format!("<table class=\"{table}\">")).unwrap();
        rest.split_once("</table>").unwrap().0.matches("<tr").count() - 1
    };
    assert_eq!((rows("servers"), rows("clients")), (SERVERS, CLIENTS));
    assert!(rows("connections") >= HELD);
}

fn judge_text(pen: &Pen) {
    let report = pen.ask("status text");
    let part = |title: &str| {
        let (_, rest) = report.split_once(&format!("\n{title}")).unwrap();
        rest.split("\n\n").next().unwrap().lines().count() - 2
    };
    assert!(report.contains(&format!("\nClients: {CLIENTS} of {CLIENTS}\n")));
    assert_eq!((part("Servers: "), part("Clients: ")), (SERVERS, CLIENTS));
    assert!(part("Connections: ") >= HELD);
}

fn judge_prometheus(pen: &Pen) {
    let metrics = pen.ask("status prometheus");
    assert_eq!(complaints_of_promtool(&metrics), "");
    assert_eq!(metrics.lines().filter(|line| line.starts_with("pen_server_up{")).count(), SERVERS);
    assert!(metrics.contains(&format!("\npen_service_clients{{service=\"default\"}} {CLIENTS}\n")));
}

fn judge_lines(pen: &Pen) {
    assert_eq!(pen.servers().len(), SERVERS);
    assert!(pen.ask("connections").lines().count() >= HELD);
    assert_eq!(pen.ask("recent 31536000").lines().count(), CLIENTS);
}

/// What the language lets a server's socket be called: it has markup, quotes, blanks, and turns the text around.
const HOSTILE_SERVER: &str =
    "/tmp/'\"></td><script>document.title='owned'</script>\\\u{202e} port 1 {x=\"y\"} 1 #é";

/// A pen whose server, socket and log have these names, and which has tried to reach its server.
fn named_pen(server: &str, log: &str) -> Pen {
    let builder = Pen::builder();
    let log = builder.directory().join(log);
    let pen = builder.server(server).option(&format!("-l {}", log.display())).start();
    assert_eq!(pen.get(), "");
    pen
}

#[test]
fn names_with_markup_and_quotes_forge_nothing_in_any_form() {
    let log = "log\"><img\u{2066}onerror=alert(1)>\\'{}&amp;";
    let hostile = named_pen(HOSTILE_SERVER, log);
    let harmless = named_pen("/tmp/harmless", "log");

    let status = json(&hostile);
    let service = &status["services"][0];
    assert_eq!(service["servers"][0]["address"], HOSTILE_SERVER);
    assert!(service["log"].as_str().unwrap().ends_with(log));
    assert!(!service["servers"][0]["last_error"].is_null());

    let metrics = hostile.ask("status prometheus");
    assert_eq!(complaints_of_promtool(&metrics), "", "of:\n{metrics}");

    for form in ["status text", "status json", "status prometheus", "status html", "servers", "services"] {
        let (told, expected) = (hostile.ask(form), harmless.ask(form));
        assert_eq!(told.lines().count(), expected.lines().count(), "{form}:\n{told}");
        let dangerous = |c: char| c != '\n' && (c.is_control() || matches!(c, '\u{202e}' | '\u{2066}'));
        assert!(!told.contains(dangerous), "{form}:\n{told}");
    }
    let row = &hostile.servers()[0];
    assert_eq!((row.port, row.sx), (0, 0), "the words of a line keep their places");

    let tags = |page: &str| page.matches('<').count();
    let page = hostile.ask("status html");
    assert_eq!(tags(&page), tags(&harmless.ask("status html")), "{page}");
}

#[test]
fn a_browser_sees_names_with_markup_as_text() {
    let pen = named_pen(HOSTILE_SERVER, "log\"><img\u{2066}onerror=alert(1)>");
    let page = pen.directory().join("index.html");
    std::fs::write(&page, pen.ask("status html")).unwrap();
    let mut chromium = Command::new(program::find("chromium"));
    chromium.args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]);
    chromium.arg(format!("--user-data-dir={}", pen.directory().join("profile").display()));
    chromium.arg(format!("file://{}", page.display()));
    let dom = run_patiently(chromium).stdout;
    assert!(dom.contains("<title>Pen status page</title>") && dom.ends_with("</html>\n"), "{dom}");
    assert!(!dom.contains("<script") && !dom.contains("<img"), "{dom}");
    assert!(dom.contains("&lt;script&gt;document.title='owned'&lt;/script&gt;"), "{dom}");
}

#[test]
fn names_that_could_do_most_harm_are_refused() {
    let server = Backend::named("a");
    let pen = Pen::builder().servers([&server]).start();
    for command in [
        "server 0 address /tmp/\u{1b}[2J",
        "server 0 address /tmp/\u{9b}2J",
        "server 0 name <b>",
        "server 0 name a\"b",
        "server 0 address <script>",
        "service a\"b",
        "service <b>",
        "log /tmp/\u{1b}x",
        "listen /tmp/\u{1b}x",
    ] {
        let answer = pen.ask(command);
        assert!(answer.starts_with("error: ") && answer.lines().count() == 1, "{command:?}: {answer}");
        assert!(!answer.trim_end().contains(char::is_control), "{command:?}: {answer:?}");
    }
    for arguments in [["80", "/tmp/new\nline"], ["/tmp/\u{1b}x", "127.0.0.1:1"], ["-l/tmp/a\nb", "80"]] {
        let ended = Pen::run(arguments);
        assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.stderr);
        assert_eq!(ended.complaints().len(), 1, "{arguments:?}: {}", ended.stderr);
        assert!(!ended.stderr.trim_end().contains(char::is_control), "{arguments:?}: {}", ended.stderr);
    }
}

//! The examples in scripts/examples, as they are: real Apache and nginx send lines that show their peer's port, cron's
//! script merges.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use pen_tests::http::{Answer, request};
use pen_tests::{Address, Datagrams, Ended, Stream, WebServer, program, run_to_the_end, with_own_names};
use tempfile::TempDir;

const LOGHOST: &str = "127.0.0.9:10000";
const SERVER: &str = "127.0.0.7:8080";

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/examples").join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(example(name)).expect("the example is there")
}

/// Asks the server that `start` starts for a page: the line that comes to loghost about it, and the client's address.
fn line_about_a_page(
    start: impl FnOnce(Address) -> WebServer + Send,
    check: impl FnOnce(&str, SocketAddr) + Send,
) {
    with_own_names(|names| {
        names.set(&[("loghost", "127.0.0.9")]);
        let sink = Datagrams::at(LOGHOST.parse().unwrap());
        let server = start(Address::Ip(SERVER.parse().unwrap()));
        let client = Stream::connect(server.address()).unwrap();
        request(&client, "GET /name?7", "User-Agent: tester\r\n").unwrap();
        Answer::read(&client, true).and_then(Answer::or_error).unwrap();
        let line = loop {
            // The first request asked whether the server is up.
            let line = String::from_utf8(sink.receive()).unwrap();
            if line.contains("/name?7 ") {
                break line;
            }
        };
        check(&line, client.local().unwrap());
    });
}

#[test]
fn apache_sends_lines_with_its_peers_port() {
    let start = |address| {
        let penlog = program::penlog();
        let example = text("apache.conf").replace("/usr/bin/penlog", &penlog.to_string_lossy());
        assert!(example.contains(&*penlog.to_string_lossy()));
        WebServer::apache_logging(address, |_| example)
    };
    line_about_a_page(start, |line, client| {
        let line = line.strip_suffix('\n').expect("penlog sends the newline");
        assert!(line.starts_with(&format!("{client} - - [")), "{line}");
        assert!(line.ends_with(r#" "GET /name?7 HTTP/1.1" 200 6 "-" "tester""#), "{line}");
    });
}

#[test]
fn nginx_sends_lines_with_its_peers_port() {
    let start = |address| WebServer::nginx_logging(address, |_| text("nginx.conf"));
    line_about_a_page(start, |line, client| {
        let (header, line) = line.split_once("nginx: ").expect("syslog's header");
        assert!(header.starts_with('<'), "{header}");
        assert!(line.starts_with(&format!("{client} - - [")), "{line}");
        assert!(line.ends_with(r#" "GET /name?7 HTTP/1.1" 200 5 "-" "tester""#), "{line}");
    });
}

#[test]
fn nginx_sends_json_with_its_peers_port() {
    let start = |address| WebServer::nginx_logging(address, |_| text("nginx-json.conf"));
    line_about_a_page(start, |line, client| {
        let (_, json) = line.split_once("nginx: ").expect("syslog's header");
        let json: serde_json::Value = serde_json::from_str(json).expect("it is JSON");
        assert_eq!(json["remote_addr"], client.ip().to_string(), "{json}");
        assert_eq!(json["remote_port"], client.port(), "{json}");
        assert_eq!(json["request"], "GET /name?7 HTTP/1.1", "{json}");
        assert_eq!((&json["status"], &json["agent"]), (&200.into(), &"tester".into()), "{json}");
    });
}

fn merge(arguments: &[&Path]) -> Ended {
    let mut script = Command::new(example("merge-logs"));
    script.args(arguments).env("MERGELOGS_BIN", program::mergelogs());
    run_to_the_end(script)
}

fn line(address: &str, second: u8, page: &str) -> String {
    format!("{address} - - [14/Nov/2023:23:59:{second} +0000] \"GET /{page} HTTP/1.1\" 200 5\n")
}

#[test]
fn crons_script_merges_the_logs_of_a_directory() {
    let directory = TempDir::new().unwrap();
    let merged = directory.path().join("merged of a day");
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    write(
        "pen.log.1",
        "192.0.2.1 1700006350 10.0.0.1 GET /a HTTP/1.1\n192.0.2.2 1700006352 10.0.0.2 GET /b HTTP/1.1\n",
    );
    write("pen.log", "192.0.2.3 1700006354 2001:db8::1 GET /c HTTP/1.1\n");
    // Of another day, whatever its name begins with.
    write("pen.log.10", "192.0.2.66 1700006350 10.0.0.1 GET /a HTTP/1.1\n");
    write("pen.log.20", "192.0.2.66 1700006350 10.0.0.1 GET /a HTTP/1.1\n");
    write("10.0.0.1.log.1", &line("10.9.9.9", 10, "a"));
    write("10.0.0.2.log.1", &(line("10.9.9.9", 12, "b") + "no line\n"));
    write("2001:db8::1.log.1", &line("10.9.9.9", 14, "c"));
    let done = merge(&[directory.path(), &merged]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let expected = line("192.0.2.1", 10, "a") + &line("192.0.2.2", 12, "b") + &line("192.0.2.3", 14, "c");
    assert_eq!(fs::read_to_string(&merged).unwrap(), expected);
    let rejects = directory.path().join("merged of a day.rejects");
    assert_eq!(fs::read_to_string(rejects).unwrap(), "no line\n");
}

#[test]
fn crons_script_leaves_what_is_there_when_it_cannot_merge() {
    let directory = TempDir::new().unwrap();
    let merged = directory.path().join("merged");
    fs::write(&merged, "of before").unwrap();
    assert_ne!(merge(&[directory.path(), &merged]).code, Some(0));
    assert_eq!(fs::read_to_string(&merged).unwrap(), "of before");
    assert_eq!(merge(&[directory.path()]).code, Some(2));
}

#[test]
fn the_page_about_logs_shows_the_examples_as_they_are() {
    let page = page();
    for name in ["apache.conf", "nginx.conf", "nginx-json.conf", "rsyslog.conf"] {
        let text = text(name);
        let lines: Vec<&str> =
            text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
        assert!(lines.len() >= 2, "{name}");
        for line in lines {
            assert!(page.lines().any(|shown| shown == format!("    {line}")), "{name}: {line}");
        }
    }
}

#[test]
fn each_example_is_linked_from_the_page_that_it_belongs_to() {
    let health = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/health.md");
    let pages = page() + &fs::read_to_string(health).expect("the page is there");
    for entry in fs::read_dir(example("")).unwrap() {
        let name = entry.unwrap().file_name();
        let link = format!("(../scripts/examples/{})", name.to_string_lossy());
        assert!(pages.contains(&link), "{link}");
    }
}

#[test]
fn the_page_about_logs_shows_patterns_that_are_tested() {
    let tested = Path::new(env!("CARGO_MANIFEST_DIR")).join("../penlogd/src/line/tests/daemons.rs");
    let tested = fs::read_to_string(tested).unwrap();
    let page = page();
    let patterns: Vec<&str> =
        page.split(" -e '").skip(1).filter_map(|rest| rest.split('\'').next()).collect();
    assert_eq!(patterns.len(), 3, "{patterns:?}");
    for pattern in patterns {
        assert!(tested.contains(&format!("r\"{pattern}\"")), "{pattern}");
    }
}

fn page() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/logs.md");
    fs::read_to_string(page).expect("the page is there")
}

//! Files and signals: included files, what HUP reads again, status pages, the request log.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use nix::sys::signal::Signal;
use pen_tests::{Backend, Pen, wait_until};

#[test]
fn include_runs_a_file_of_commands_whole_or_not_at_all() {
    let pen = Pen::builder().two_dead_servers().start();
    let file = pen.directory().join("commands");
    let include = format!("include {}", file.display());
    fs::write(&file, "# comment\nblacklist 41\ntimeout 42\n").unwrap();
    assert!(!pen.ask(&include).starts_with("error: "));
    assert_eq!((pen.ask("blacklist"), pen.ask("timeout")), ("41\n".into(), "42\n".into()));
    fs::write(&file, "blacklist 51\nnonsense\n").unwrap();
    let refusal = pen.ask(&include);
    assert!(refusal.starts_with("error: ") && refusal.contains("commands:2"), "{refusal}");
    assert_eq!(pen.ask("blacklist"), "41\n");
}

#[test]
fn hup_rereads_the_file() {
    let pen = Pen::builder().two_dead_servers().config("blacklist 11\nacl 1 permit 127.0.0.1\n").start();
    assert_eq!(pen.ask("blacklist"), "11\n");
    fs::write(pen.directory().join("pen.cfg"), "blacklist 12\nserver 0 address 127.0.0.9 port 9\n").unwrap();
    pen.signal(Signal::SIGHUP);
    wait_until("the file is read", || pen.ask("blacklist") == "12\n");
    let servers: Vec<_> = pen.servers().into_iter().map(|row| row.addr).collect();
    assert_eq!(servers, ["127.0.0.9", "127.0.0.2"], "a server that the file does not name is kept");
}

#[test]
fn a_file_with_an_error_changes_nothing_at_hup_and_the_error_is_told() {
    let pen = Pen::builder().two_dead_servers().config("blacklist 11\n").start();
    fs::write(pen.directory().join("pen.cfg"), "blacklist 12\nroundrobin\nnonsense\n").unwrap();
    pen.signal(Signal::SIGHUP);
    wait_until("the error is told", || pen.stderr().contains("pen.cfg:3"));
    assert_eq!(pen.ask("blacklist"), "11\n");
    assert!(pen.ask("mode").contains("no roundrobin"));
}

#[test]
fn an_error_of_an_included_file_shows_the_way_there_and_that_nothing_was_changed() {
    let pen = Pen::builder().two_dead_servers().config("blacklist 11\n").start();
    let path = |name: &str| pen.directory().join(name).display().to_string();
    fs::write(path("deep.cfg"), "# three\n\nblacklist x\n").unwrap();
    fs::write(path("extra.cfg"), "roundrobin\ninclude deep.cfg\n").unwrap();
    fs::write(path("pen.cfg"), "blacklist 12\n\ninclude extra.cfg\n").unwrap();
    let wrong = "bad blacklist 'x': a number from 0 to 31536000 is expected; usage: blacklist [T]";
    let expected = format!("{}:3: extra.cfg:2: deep.cfg:3: {wrong}", path("pen.cfg"));
    assert_eq!(pen.ask(&format!("include {}", path("pen.cfg"))), format!("error: {expected}\n"));
    pen.signal(Signal::SIGHUP);
    wait_until("the error is told", || pen.stderr().contains(&format!("{expected}; nothing was changed\n")));

    fs::write(path("pen.cfg"), "blacklist 12\nlisten 192.0.2.1:80\n").unwrap();
    pen.signal(Signal::SIGHUP);
    let expected =
        "cannot listen on 192.0.2.1:80: this machine does not have that address; nothing was changed";
    let expected = format!("{}: {expected}\n", path("pen.cfg"));
    wait_until("the error is told", || pen.stderr().contains(&expected));
    assert_eq!(pen.ask("blacklist"), "11\n");
    assert!(pen.ask("mode").contains("no roundrobin"));
}

#[test]
fn hup_reads_access_lists_anew() {
    let web = Backend::named("a");
    let file = "acl 1 deny 127.0.0.5\nacl 1 deny 127.0.0.6\nclient_acl 1\n";
    let pen = Pen::builder().servers([&web]).config(file).start();
    assert_eq!(
        (pen.get_from(5), pen.get_from(6), pen.get_from(7)),
        (String::new(), String::new(), "a".into())
    );
    fs::write(pen.directory().join("pen.cfg"), "acl 1 deny 127.0.0.6\nclient_acl 1\nblacklist 12\n").unwrap();
    pen.signal(Signal::SIGHUP);
    wait_until("the file is read", || pen.ask("blacklist") == "12\n");
    assert_eq!((pen.get_from(5), pen.get_from(6)), ("a".into(), String::new()));
}

#[test]
fn usr1_tells_the_status_on_stderr() {
    let pen = Pen::builder().two_dead_servers().start();
    pen.signal(Signal::SIGUSR1);
    wait_until("the status is told", || {
        let said = pen.stderr();
        said.contains("127.0.0.1") && said.contains("127.0.0.2")
    });
}

#[test]
fn usr1_writes_the_status_file() {
    let pen = Pen::builder().two_dead_servers().option("-w status.html").start();
    pen.signal(Signal::SIGUSR1);
    let file = pen.directory().join("status.html");
    wait_until("the page is written", || {
        fs::read_to_string(&file).is_ok_and(|page| page.contains("</html>"))
    });
    let page = fs::read_to_string(file).unwrap();
    assert!(page.contains("Pen status page") && page.contains("2 servers"), "{page}");
}

#[test]
fn int_ends_pen_like_term() {
    let pen = Pen::builder().two_dead_servers().start();
    pen.signal(Signal::SIGINT);
    assert_eq!(pen.wait().code, Some(0));
}

#[test]
fn the_log_can_be_moved_stopped_and_reopened() {
    let echo = Backend::echo();
    let pen = Pen::builder().servers([&echo]).option("-l first.log").start();
    let [first, second] = ["first.log", "second.log"].map(|name| pen.directory().join(name));
    let speak = || assert_eq!(pen.connect().exchange("hello"), "hello");
    let lines = |path| fs::read_to_string(path).unwrap_or_default().lines().count();
    speak();
    wait_until("a record is written", || lines(&first) == 1);
    fs::rename(&first, &second).unwrap();
    pen.signal(Signal::SIGHUP);
    wait_until("the log is opened anew", || first.exists());
    speak();
    wait_until("a record is in the new file", || lines(&first) == 1);
    assert_eq!(lines(&second), 1);
    pen.ask("log second.log");
    assert_eq!(pen.ask("log"), "second.log\n");
    speak();
    wait_until("a record is in the other file", || lines(&second) == 2);
    pen.tell("no log");
    speak();
    assert_eq!((lines(&first), lines(&second)), (1, 2));
}

#[test]
fn debug_output_shows_traffic() {
    let echo = Backend::echo();
    let pen = Pen::builder().servers([&echo]).option("-ddda").start();
    assert_eq!(pen.connect().exchange("marker-in-the-dump"), "marker-in-the-dump");
    wait_until("the dump is told", || pen.stderr().contains("marker-in-the-dump"));
}

#[test]
fn the_request_log_has_client_time_server_and_first_line() {
    let echo = Backend::echo();
    let pen = Pen::builder().servers([&echo]).option("-l requests.log").start();
    let request = "GET /a\u{1b}b?\u{fc} HTTP/1.0";
    let client = pen.connect_from(4);
    client.send(format!("{request}\r\nHost: x\r\n\r\n"));
    client.finish();
    client.drain();
    let line = logged_line(&pen);
    let mut words = line.splitn(4, ' ');
    assert_eq!(words.next(), Some("127.0.0.4"));
    let time: u64 = words.next().unwrap().parse().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!(now.abs_diff(time) < 60, "{time}");
    assert_eq!(words.next(), Some("127.0.0.1"));
    assert_eq!(words.next(), Some("GET /a.b?.. HTTP/1.0"), "what is not printable is a dot");
}

#[test]
fn the_request_log_cuts_requests_at_a_hundred_bytes() {
    let echo = Backend::echo();
    let pen = Pen::builder().servers([&echo]).option("-l requests.log").start();
    let client = pen.connect();
    client.send("x".repeat(300));
    client.finish();
    client.drain();
    let line = logged_line(&pen);
    assert_eq!(line.rsplit(' ').next(), Some("x".repeat(100).as_str()));
}

#[test]
fn one_record_is_written_each_time_the_client_speaks_after_the_server_did() {
    let echo = Backend::echo();
    let pen = Pen::builder().servers([&echo]).option("-l requests.log").start();
    let client = pen.connect();
    for word in ["one", "two", "three"] {
        assert_eq!(client.exchange(word), word);
    }
    wait_until("three records are written", || {
        let log = fs::read_to_string(pen.directory().join("requests.log")).unwrap_or_default();
        let requests: Vec<_> = log.lines().filter_map(|line| line.rsplit(' ').next()).collect();
        requests == ["one", "two", "three"]
    });
}

fn logged_line(pen: &Pen) -> String {
    let file = pen.directory().join("requests.log");
    let read = || fs::read_to_string(&file).unwrap_or_default();
    wait_until("the request is logged", || read().ends_with('\n'));
    read().trim_end().to_owned()
}

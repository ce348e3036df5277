//! penlog as the logger of Debian's Apache, which ends its loggers and starts others whenever it is told to restart: no
//! request must be missing in the log.

use std::collections::HashSet;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use nix::sys::signal::Signal;
use pen_tests::http::{Answer, page, request};
use pen_tests::{Address, Datagrams, Process, Stream, WebServer, private_address, program, wait_until};

/// Apache, whose lines go to this socket.
fn apache_logging_to(sink: &Datagrams) -> WebServer {
    let (penlog, address) = (program::penlog(), sink.address());
    let penlog = format!("{} {} {}", penlog.display(), address.ip(), address.port());
    WebServer::apache_logging(Address::Ip(private_address()), |_| {
        format!("LogFormat \"%h:%{{remote}}p %l %u %t \\\"%r\\\" %>s %b\" own\nCustomLog \"|{penlog}\" own")
    })
}

fn restart_gracefully(apache: &WebServer) {
    let pid = fs::read_to_string(apache.directory().join("pid")).expect("Apache has written it");
    Process(pid.trim().parse().expect("it is a number")).signal(Signal::SIGUSR1);
}

/// The targets of requests in lines that have come.
fn targets(lines: &[Vec<u8>]) -> impl Iterator<Item = String> + '_ {
    lines.iter().map(|line| {
        let line = String::from_utf8(line.clone()).expect("it is text");
        assert!(line.starts_with("127.0.0.1:") && line.ends_with('\n'), "{line}");
        line.split(' ').nth(6).expect("a line has many fields").to_owned()
    })
}

#[test]
fn restarts_under_load_lose_no_line() {
    const RESTARTS: usize = 5;
    let sink = Datagrams::anywhere();
    let apache = apache_logging_to(&sink);
    let (is_over, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    let answered: HashSet<String> = thread::scope(|scope| {
        let ask = || {
            let mut answered = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                let target = format!("/name?{}", asked.fetch_add(1, Ordering::Relaxed));
                if page(apache.address(), &target).is_ok() {
                    answered.push(target);
                }
            }
            answered
        };
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        for _ in 0..RESTARTS {
            let before = asked.load(Ordering::Relaxed);
            wait_until("requests go on", || asked.load(Ordering::Relaxed) > before + 200);
            restart_gracefully(&apache);
        }
        let before = asked.load(Ordering::Relaxed);
        wait_until("requests go on", || asked.load(Ordering::Relaxed) > before + 200);
        is_over.store(true, Ordering::Relaxed);
        clients.into_iter().flat_map(|client| client.join().expect("no client panics")).collect()
    });
    assert!(answered.len() > 200 * RESTARTS);
    let mut logged: HashSet<String> = HashSet::new();
    wait_until("every line has come", || {
        logged.extend(targets(&sink.drain()));
        answered.is_subset(&logged)
    });
}

#[test]
fn a_request_that_outlives_a_restart_is_logged() {
    let sink = Datagrams::anywhere();
    let apache = apache_logging_to(&sink);
    let generations = || {
        let log = fs::read_to_string(apache.directory().join("error.log")).expect("Apache writes it");
        log.matches("resuming normal operations").count()
    };
    let client = Stream::connect(apache.address()).unwrap();
    request(&client, "PUT /upload/slow", "Content-Length: 10\r\n").unwrap();
    client.send("01234");
    assert_eq!(page(apache.address(), "/name?before").unwrap(), "apache");
    let before = generations();
    restart_gracefully(&apache);
    wait_until("Apache has restarted", || generations() > before);
    assert_eq!(page(apache.address(), "/name?after").unwrap(), "apache");
    client.send("56789");
    Answer::read(&client, true).and_then(Answer::or_error).unwrap();
    let mut logged: HashSet<String> = HashSet::new();
    wait_until("the lines of both generations have come", || {
        logged.extend(targets(&sink.drain()));
        ["/name?before", "/name?after", "/upload/slow"].iter().all(|target| logged.contains(*target))
    });
}

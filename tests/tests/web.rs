//! The web listener: what it answers, whom it refuses, and that nobody can disturb it or anybody else through it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use pen_tests::http::{Answer, exchange, get};
use pen_tests::{Address, Backend, Pen, PenBuilder, Stream, wait_until};

/// The pages of a pen that was told `web 0`.
fn pages(pen: &Pen) -> Address {
    local(&pen.ask("web"))
}

fn local(port: &str) -> Address {
    let port = port.trim_end().parse().unwrap_or_else(|_| panic!("{port:?} is no port"));
    SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into()
}

fn with_pages() -> PenBuilder {
    Pen::builder().command("web 0")
}

/// Sends a head's lines, and what follows it.
fn ask(address: &Address, request: &str) -> Answer {
    exchange(address, request).unwrap_or_else(|error| panic!("{request:?}: {error}"))
}

fn status(address: &Address, request: &str) -> u16 {
    ask(address, request).status
}

#[test]
fn every_path_is_answered_with_its_type() {
    let server = Backend::named("a");
    let pen = with_pages().server(&server).start();
    assert_eq!(pen.get(), "a");
    let pages = pages(&pen);
    for (path, content_type, part) in [
        ("/", "text/html; charset=utf-8", "<script type=\"module\" src=\"dashboard.js\">"),
        ("/look.css", "text/css; charset=utf-8", "--paper"),
        ("/dashboard.js", "text/javascript; charset=utf-8", "fetch("),
        ("/favicon.svg", "image/svg+xml", "<svg"),
        ("/status.json", "application/json", "\"accepted\":1"),
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8", "# TYPE pen_build_info gauge\n"),
        ("/healthz", "text/plain; charset=utf-8", "ok\n"),
        ("/healthz/default", "text/plain; charset=utf-8", "ok, usable servers: 1\n"),
    ] {
        let answer = get(&pages, path).unwrap();
        assert_eq!((answer.status, answer.field("content-type")), (200, Some(content_type)), "{path}");
        assert!(answer.body.contains(part), "{path}: {}", answer.body);
        assert_eq!(answer.field("x-content-type-options"), Some("nosniff"), "{path}");
        assert!(
            answer
                .field("content-security-policy")
                .is_some_and(|policy| policy.starts_with("default-src 'none'"))
        );
    }
    for path in ["/nowhere", "/healthz/nonesuch", "/status.json/", "/../etc/passwd"] {
        assert_eq!(get(&pages, path).unwrap().status, 404, "{path}");
    }
    pen.stop();
}

#[test]
fn health_follows_the_servers() {
    let server = Backend::named("a");
    let pen = with_pages().server(&server).option("-b 3600").start();
    let pages = pages(&pen);
    assert_eq!(get(&pages, "/healthz/default").unwrap().status, 200);
    server.kill();
    assert_eq!(pen.get(), "");
    let answer = get(&pages, "/healthz/default").unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (503, "no usable server\n"));
    assert_eq!(get(&pages, "/healthz").unwrap().status, 200);
    pen.tell("server 0 blacklist 0");
    assert_eq!(get(&pages, "/healthz/default").unwrap().status, 200);
    pen.stop();
}

#[test]
fn only_so_many_clients_and_connections_are_told_as_are_asked_for() {
    let server = Backend::holding("a");
    let pen = with_pages().server(&server).start();
    let pages = pages(&pen);
    let _held: Vec<_> = (1..=5).map(|host| pen.hold_from(host)).collect();
    let counts = |query: &str| {
        let body = get(&pages, &format!("/status.json{query}")).unwrap().body;
        assert!(body.contains("\"clients_known\":5,"), "{body}");
        (body.matches("\"last_server\":").count(), body.matches("\"client_address\":").count())
    };
    assert_eq!(counts(""), (5, 5));
    assert_eq!(counts("?clients=2"), (2, 5));
    assert_eq!(counts("?clients=9&connections=3"), (5, 3));
    assert_eq!(counts("?clients=0&connections=0"), (0, 0));
    let answer = get(&pages, "/status.json?clients=many").unwrap();
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (400, "bad 'clients' in the query: a number is expected\n")
    );
    pen.stop();
}

#[test]
fn a_foreign_name_for_this_host_is_refused() {
    let pen = with_pages().start();
    let pages = pages(&pen);
    let port = pages.port();
    for host in ["evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil.example", ""] {
        let answer = ask(&pages, &format!("GET /status.json HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(answer.status, 403, "{host}");
        assert!(answer.body.contains("'localhost'"), "{}", answer.body);
    }
    for host in ["localhost", &format!("localhost:{port}"), &format!("127.0.0.1:{port}"), "[::1]"] {
        assert_eq!(status(&pages, &format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")), 200, "{host}");
    }
    assert_eq!(status(&pages, "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n"), 403);
    pen.stop();
}

#[test]
fn what_is_no_request_for_a_page_is_refused() {
    let pen = with_pages().start();
    let pages = pages(&pen);
    for (request, expected) in [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("nonsense\r\n\r\n", 400),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\x00\x00", 400),
        ("GET / HTTP/2.0\r\nHost: localhost\r\n\r\n", 505),
        ("GET / HTTP/1.0\r\n\r\n", 200),
    ] {
        assert_eq!(status(&pages, request), expected, "{request:?}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get"] {
        let answer = ask(&pages, &format!("{method} / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        assert_eq!((answer.status, answer.field("allow")), (405, Some("GET, HEAD")), "{method}");
        assert_eq!(answer.field("connection"), Some("close"));
    }
    let head_of = |size: usize| {
        let rest = "GET / HTTP/1.1\r\nHost: localhost\r\nX: \r\n\r\n".len();
        format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(size - rest))
    };
    assert_eq!(status(&pages, &head_of(8192)), 200);
    assert_eq!(status(&pages, &head_of(8193)), 431);
    // Far more than is ever read: the refusal arrives all the same.
    assert_eq!(status(&pages, &head_of(300_000)), 431);
    assert_eq!(status(&pages, &format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(500))), 431);
    pen.stop();
}

#[test]
fn requests_sent_ahead_are_answered_in_order_on_one_connection() {
    let pen = with_pages().start();
    let stream = Stream::connect(&pages(&pen)).unwrap();
    let line = |request: &str| format!("{request} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.send([line("GET /healthz"), line("HEAD /healthz"), line("GET /nowhere"), line("GET /")].concat());
    let answers = [true, false, true, true].map(|with_body| Answer::read(&stream, with_body).unwrap());
    assert_eq!(answers.each_ref().map(|answer| answer.status), [200, 200, 404, 200]);
    assert_eq!(answers[0].body, "ok\n");
    assert_eq!(answers[1].field("content-length"), Some("3"));
    stream.send(line("GET /healthz"));
    assert_eq!(Answer::read(&stream, true).unwrap().status, 200);
    stream.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\nGET /healthz");
    let rest = stream.drain().text();
    assert_eq!(rest.matches("HTTP/1.1 ").count(), 1, "{rest}");
    pen.stop();
}

#[test]
fn a_body_is_never_taken_for_a_request() {
    let pen = with_pages().start();
    let pages = pages(&pen);
    let hidden = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (request, expected) in [
        (
            format!(
                "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{hidden}",
                hidden.len()
            ),
            "200",
        ),
        (
            format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n{hidden}"),
            "200",
        ),
        (
            format!(
                "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{hidden}",
                hidden.len()
            ),
            "405",
        ),
    ] {
        let stream = Stream::connect(&pages).unwrap();
        stream.send(&request);
        let all = stream.drain().text();
        assert!(all.starts_with(&format!("HTTP/1.1 {expected} ")), "{request}: {all}");
        assert_eq!(all.matches("HTTP/1.1 ").count(), 1, "{request}: {all}");
    }
    pen.stop();
}

#[test]
fn the_access_list_says_who_may_read() {
    let pen = with_pages().command("acl 4 permit 127.0.0.7").command("web_acl 4").start();
    let pages = pages(&pen);
    let from = |host: u8| {
        let stream = Stream::connect_from(Ipv4Addr::new(127, 0, 0, host).into(), &pages).unwrap();
        stream.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        Answer::read(&stream, true).unwrap()
    };
    assert_eq!(from(7).status, 200);
    let refused = from(8);
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("web_acl"), "{}", refused.body);
    pen.tell("acl 4 permit 127.0.0.8");
    assert_eq!(from(8).status, 200);
    pen.tell("no acl 4");
    assert_eq!(from(9).status, 200);
    pen.stop();
}

#[test]
fn the_listener_moves_and_goes_as_it_is_told() {
    let pen = Pen::builder().start();
    assert_eq!(pen.ask("web"), "");
    let first = local(&pen.ask("web 0"));
    assert_eq!(get(&first, "/healthz").unwrap().status, 200);
    let moved = pen.ask("web [::1]:0");
    let second = Address::Ip(moved.trim_end().parse().unwrap());
    assert_eq!(pen.ask("web"), moved);
    assert_eq!(get(&second, "/healthz").unwrap().status, 200);
    assert!(Stream::connect(&first).is_err());
    // A port that was left can be had again at once.
    assert_eq!(local(&pen.ask(&format!("web {}", first.port()))), first);
    assert_eq!(get(&first, "/healthz").unwrap().status, 200);
    pen.tell("no web");
    assert!(Stream::connect(&first).is_err());
    assert_eq!(pen.ask("web"), "");
    pen.tell("no web");
    pen.stop();
}

#[test]
fn a_port_that_another_process_has_leaves_everything_as_it_was() {
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let taken = other.local_addr().unwrap();
    let pen = with_pages().start();
    let (told, pages) = (pen.ask("web"), pages(&pen));
    assert_eq!(
        pen.ask(&format!("web {}", taken.port())),
        format!("error: web: cannot listen on {taken}: another process listens there\n")
    );
    assert_eq!(pen.ask("web"), told);
    assert_eq!(get(&pages, "/healthz").unwrap().status, 200);
    let ended = Pen::run(["-f", "-O", &format!("web {}", taken.port()), "127.0.0.1:0"]);
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.stderr, format!("pen: web: cannot listen on {taken}: another process listens there\n"));
    pen.stop();
}

#[test]
fn a_file_read_again_moves_the_pages_with_everything_else_or_not_at_all() {
    let pen = Pen::builder().config("web 0\nhash\n").start();
    let pages = pages(&pen);
    let file = pen.directory().join("pen.cfg");
    std::fs::write(&file, "no web\nlisten 192.0.2.1:80\n").unwrap();
    pen.signal(nix::sys::signal::Signal::SIGHUP);
    wait_until("the error is told", || pen.stderr().contains("nothing was changed"));
    assert_eq!(get(&pages, "/healthz").unwrap().status, 200);
    std::fs::write(&file, "no web\n").unwrap();
    pen.signal(nix::sys::signal::Signal::SIGHUP);
    wait_until("the pages are gone", || Stream::connect(&pages).is_err());
    pen.stop();
}

#[test]
fn changes_under_load_leave_no_thread_and_no_descriptor_behind() {
    let pen = Pen::builder().start();
    let (threads, descriptors) = (pen.process().threads(), pen.process().descriptors_at_rest());
    let address = std::sync::Mutex::new(local(&pen.ask("web 0")));
    let (over, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let address = address.lock().unwrap().clone();
                    // It may be gone by now, or go meanwhile; whole answers are right ones.
                    if let Ok(answer) = get(&address, "/status.json") {
                        assert_eq!(answer.status, 200);
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        for round in 0..30 {
            let before = answered.load(Ordering::Relaxed);
            if round % 3 == 0 {
                pen.tell("no web");
            }
            *address.lock().unwrap() = local(&pen.ask(&format!("web {}", free_port())));
            wait_until("somebody is answered", || answered.load(Ordering::Relaxed) > before);
        }
        over.store(true, Ordering::Relaxed);
    });
    pen.tell("no web");
    pen.process().expect_descriptors(descriptors);
    wait_until("the last thread has ended", || pen.process().threads() == threads);
    pen.stop();
}

/// A port that is free now.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

#[test]
fn hundreds_of_half_open_peers_delay_nobody() {
    let pen = with_pages().start();
    let pages = pages(&pen);
    let threads = pen.process().threads();
    let half_open: Vec<_> = (0..500)
        .map(|_| {
            let stream = Stream::connect(&pages).unwrap();
            // The oldest ones may have been sent away already.
            let _ = (&stream).write_all(b"GET /healthz HTTP/1.1\r\nHo");
            stream
        })
        .collect();
    for _ in 0..20 {
        assert_eq!(get(&pages, "/healthz").unwrap().status, 200);
    }
    assert!(pen.process().threads() <= threads + 64, "{}", pen.process().threads());
    assert!(half_open.iter().take(400).all(|stream| stream.drain().bytes.is_empty()));
    drop(half_open);
    assert_eq!(get(&pages, "/healthz").unwrap().status, 200);
    wait_until("their threads have ended", || pen.process().threads() == threads);
    pen.stop();
}

#[test]
fn peers_that_take_no_answer_delay_nobody() {
    let pen = with_pages().config(&servers(300)).start();
    let pages = pages(&pen);
    let deaf: Vec<_> = (0..80)
        .map(|_| {
            let stream = Stream::connect(&pages).unwrap();
            stream.small_receive_buffer();
            let request = "GET /status.json HTTP/1.1\r\nHost: localhost\r\n\r\n";
            let _ = (&stream).write_all(request.repeat(100).as_bytes());
            stream
        })
        .collect();
    for path in ["/healthz", "/healthz/default", "/metrics", "/status.json"] {
        assert_eq!(get(&pages, path).unwrap().status, 200, "{path}");
    }
    drop(deaf);
    pen.stop();
}

/// Commands for so many servers.
fn servers(count: usize) -> String {
    let lines: Vec<_> =
        (0..count).map(|slot| format!("server {slot} address 192.0.2.1 port {}\n", slot + 1)).collect();
    lines.concat()
}

#[test]
fn a_head_that_trickles_is_cut_off_as_a_whole() {
    let pen = with_pages().start();
    let stream = Stream::connect(&pages(&pen)).unwrap();
    stream.send("GET / HTTP/1.1\r\nHost: localhost\r\nX: ");
    // Ever another byte: it is not the pauses that count. The head stays far below its greatest size.
    wait_until("pen hangs up", || (&stream).write_all(b"x").is_err());
    pen.stop();
}

#[test]
fn garbage_in_every_form_harms_nobody() {
    let pen = with_pages().start();
    let pages = pages(&pen);
    let mut random = fastrand::Rng::with_seed(7);
    for length in (0..200).map(|round| round * 61 % 9000) {
        let mut bytes: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
        if random.bool() {
            bytes.splice(0..0, *b"GET / HTTP/1.1\r\nHost: ");
        }
        let stream = Stream::connect(&pages).unwrap();
        let _ = (&stream).write_all(&bytes);
        stream.finish();
        let mut first = Vec::new();
        let _ = (&stream).take(12).read_to_end(&mut first);
        assert!(
            first.is_empty() || first.starts_with(b"HTTP/1.1 4") || first.starts_with(b"HTTP/1.1 505"),
            "{first:?}"
        );
    }
    assert_eq!(get(&pages, "/healthz").unwrap().status, 200);
    pen.stop();
}

#[test]
fn a_stopping_pen_says_so_and_takes_its_pages_along() {
    let server = Backend::holding("a");
    let pen = with_pages().server(&server).command("shutdown_timeout 60").start();
    let pages = pages(&pen);
    let (_, held) = pen.hold_from(1);
    let kept = Stream::connect(&pages).unwrap();
    pen.signal(nix::sys::signal::Signal::SIGTERM);
    wait_until("health says so", || get(&pages, "/healthz").is_ok_and(|answer| answer.body == "stopping\n"));
    assert_eq!(get(&pages, "/healthz/default").unwrap().status, 503);
    assert_eq!(get(&pages, "/status.json").unwrap().status, 200);
    drop(held);
    let ended = pen.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(kept.drain().bytes.is_empty());
    assert!(Stream::connect(&pages).is_err());
}

#[test]
fn pages_work_for_a_user_without_rights_too() {
    if !pen_tests::is_root() {
        return;
    }
    let pen = with_pages().user("nobody").start();
    let first = pages(&pen);
    assert_eq!(get(&first, "/healthz").unwrap().status, 200);
    let second = local(&pen.ask("web 0.0.0.0:0").replace("0.0.0.0:", ""));
    assert_eq!(get(&second, "/healthz").unwrap().status, 200);
    pen.stop();
}

//! Headers of proxies in front of pen: who counts as the client, and that not a byte of its own is lost.

use std::fs;
use std::thread;

use pen_tests::{Backend, Content, End, Family, Manual, Pen, wait_until};

use super::header::{VERSIONS, Version, accepting, block, connect_for, connect_with, extension, v2_with};

/// Who `connections` says the clients are.
fn clients(pen: &Pen) -> String {
    pen.ask("connections")
}

#[track_caller]
fn assert_recent(pen: &Pen, client: &str) {
    let recent = pen.ask("recent");
    assert!(recent.starts_with(&format!("{client} connects 1 ")), "{recent}");
    assert_eq!(recent.lines().count(), 1, "{recent}");
}

#[test]
fn the_client_that_a_header_names_is_the_one_that_counts() {
    for (source, destination, client) in [
        ("192.0.2.7:56324", "198.51.100.1:443", "192.0.2.7"),
        ("[2001:db8::7]:1", "[2001:db8::1]:65535", "2001:db8::7"),
        ("[::ffff:192.0.2.7]:1", "[::ffff:192.0.2.8]:2", "192.0.2.7"),
    ] {
        for version in VERSIONS {
            for downstream in Family::ALL {
                let manual = Manual::on(Family::Tcp4);
                let pen = accepting().listen_on(downstream).server(&manual.backend).start();
                let proxy = connect_with(&pen, [&version.header(source, destination)[..], b"hello"].concat());
                let server = manual.accept();
                assert_eq!(server.receive(5), b"hello", "{version:?} {downstream:?}");
                assert_recent(&pen, client);
                assert!(clients(&pen).contains(client), "{}", clients(&pen));
                server.send("welcome");
                server.finish();
                proxy.finish();
                assert_eq!((proxy.drain().text(), server.drain().text()), ("welcome".into(), String::new()));
                pen.wait_until_idle();
                let row = &pen.servers()[0];
                assert_eq!((row.sx, row.rx), (5, 7), "the header is no client's byte");
            }
        }
    }
}

#[test]
fn a_header_that_names_nobody_leaves_the_connections_own_address() {
    let unix = [0; 216];
    for header in [
        Version::V1.unknown(),
        b"PROXY UNKNOWN ffff:f::1 whatever this is\r\n".to_vec(),
        Version::V2.unknown(),
        block(0x20, 0x11, &[192, 0, 2, 7, 198, 51, 100, 1, 0, 1, 0, 2]),
        block(0x21, 0x00, b""),
        block(0x21, 0x31, &unix),
    ] {
        let echo = Backend::echo();
        let pen = accepting().server(&echo).start();
        let proxy = connect_with(&pen, &header);
        assert_eq!(proxy.exchange("hello"), "hello", "{header:?}");
        assert_recent(&pen, "127.0.0.1");
        let pen = accepting().listen_on(Family::Unix).server(&echo).start();
        let proxy = connect_with(&pen, &header);
        assert_eq!(proxy.exchange("hello"), "hello", "{header:?}");
        assert_recent(&pen, "unix");
    }
}

#[test]
fn a_header_may_come_byte_by_byte() {
    let echo = Backend::echo();
    let pen = accepting().server(&echo).start();
    let padding = extension(0x04, &[0; 300]);
    for header in [
        Version::V1.header("192.0.2.7:1", "198.51.100.1:2"),
        Version::V1.header("[2001:db8::7]:1", "[2001:db8::1]:2"),
        Version::V2.header("192.0.2.7:1", "198.51.100.1:2"),
        v2_with("192.0.2.7:1", "198.51.100.1:2", &padding),
    ] {
        let proxy = pen.connect();
        for byte in [&header[..], b"hello\n"].concat() {
            proxy.send([byte]);
        }
        assert_eq!(proxy.line(), "hello");
    }
}

#[test]
fn what_follows_a_header_is_delivered_however_much_it_is() {
    const LENGTH: u64 = 3 << 20;
    for family in Family::ALL {
        let echo = Backend::echo();
        let pen = accepting().listen_on(family).server(&echo).start();
        for version in VERSIONS {
            let content = Content::new(1);
            let mut bytes = version.header("192.0.2.7:1", "198.51.100.1:2");
            content.write_to(&mut bytes, LENGTH).unwrap();
            let proxy = pen.connect();
            thread::scope(|scope| {
                scope.spawn(|| {
                    proxy.send(bytes);
                    proxy.finish();
                });
                assert_eq!(content.expect_from(&proxy), (LENGTH, End::Eof), "{family:?}");
            });
        }
    }
}

#[test]
fn a_close_behind_the_header_is_passed_on_after_what_is_between() {
    for family in Family::ALL {
        for said in ["", "all that I have to say"] {
            let manual = Manual::on(Family::Tcp4);
            let pen = accepting().listen_on(family).server(&manual.backend).start();
            let header = Version::V2.header("192.0.2.7:1", "198.51.100.1:2");
            let proxy = connect_with(&pen, [&header[..], said.as_bytes()].concat());
            proxy.finish();
            let server = manual.accept();
            let heard = server.drain();
            assert_eq!((heard.text().as_str(), heard.end), (said, End::Eof));
            server.send("answer");
            server.finish();
            assert_eq!(proxy.drain().text(), "answer");
        }
    }
}

#[test]
fn a_server_that_speaks_first_is_heard_after_the_header() {
    let server = Backend::holding("220 ready");
    let pen = accepting().server(&server).start();
    let proxy = connect_for(&pen, "192.0.2.7:1");
    assert_eq!(proxy.line(), "220 ready");
}

#[test]
fn extensions_of_every_kind_are_tolerated() {
    let echo = Backend::echo();
    let pen = accepting().server(&echo).start();
    let extensions = [
        extension(0x01, b"h2"),
        extension(0x02, b"www.example.com"),
        extension(0x05, &[7; 128]),
        extension(
            0x20,
            &[&[7, 0, 0, 0, 0][..], &extension(0x22, b"a client"), &extension(0x21, b"TLSv1.3")].concat(),
        ),
        extension(0x30, b"blue"),
        // What AWS adds for a VPC endpoint.
        extension(0xea, b"\x01vpce-08d2bf15fac5001c9"),
        extension(0xf8, &[0; 3000]),
    ];
    let proxy = connect_with(&pen, v2_with("192.0.2.7:1", "198.51.100.1:2", &extensions.concat()));
    assert_eq!(proxy.exchange("hello"), "hello");
    assert_recent(&pen, "192.0.2.7");
}

#[test]
fn the_logs_name_the_client_and_its_port() {
    let echo = Backend::echo();
    let builder = accepting().server(&echo);
    let log = builder.directory().join("log");
    let pen = builder.command(&format!("log {} connections", log.display())).start();
    let proxy = connect_for(&pen, "192.0.2.7:56324");
    assert_eq!(proxy.exchange("GET / HTTP/1.0"), "GET / HTTP/1.0");
    let lines = || fs::read_to_string(&log).unwrap_or_default();
    wait_until("both records are there", || lines().lines().count() == 2);
    let lines = lines();
    assert!(lines.lines().any(|line| line.starts_with("= 192.0.2.7 56324 127.")), "{lines}");
    assert!(
        lines.lines().any(|line| line.starts_with("192.0.2.7 ") && line.ends_with(" GET / HTTP/1.0")),
        "{lines}"
    );
}

#[test]
fn headers_are_wanted_as_long_as_the_settings_say_so() {
    let server = Backend::named("a");
    let pen = Pen::builder().server(&server).start();
    assert_eq!(pen.get(), "a");
    pen.tell("proxy_protocol accept 0");
    let proxy = connect_for(&pen, "192.0.2.7:1");
    assert_eq!(proxy.drain().text(), "a");
    pen.tell("no proxy_protocol accept");
    assert_eq!(pen.get(), "a");
    assert_eq!(pen.ask("recent").lines().count(), 2);
}

#[test]
fn pen_as_a_web_server_of_its_own_takes_headers_too() {
    let pen = accepting().command("dummy").start();
    let request = b"GET / HTTP/1.0\r\n\r\n";
    let header = Version::V1.header("192.0.2.7:1", "198.51.100.1:2");
    let answer = connect_with(&pen, [&header[..], request].concat()).drain().text();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

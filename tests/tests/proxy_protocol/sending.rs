//! Headers for servers behind pen: each connection begins with one, to the byte, and with nothing else.

use std::fs;
use std::net::{Ipv6Addr, SocketAddr};

use pen_tests::{
    Address, Backend, DeadPort, End, Family, FullBacklog, Load, Manual, Pen, Stream, in_parallel, program,
};

use super::header::{VERSIONS, Version, block, connect_with};

/// The header that a server is to get for a client of this stream.
fn expected(version: Version, client: &Stream, pen: &Pen) -> Vec<u8> {
    match client.local() {
        Some(source) => version.header(&source.to_string(), &pen.address().to_string()),
        None => version.unknown(),
    }
}

#[test]
fn the_server_gets_the_client_and_where_it_connected_to() {
    for version in VERSIONS {
        for downstream in Family::ALL {
            for upstream in Family::ALL {
                let manual = Manual::on(upstream);
                let pen = Pen::builder()
                    .listen_on(downstream)
                    .server(&manual.backend)
                    .command(version.send())
                    .start();
                let client = pen.connect();
                let server = manual.accept();
                // Before the client has said anything.
                let header = version.read(&server);
                assert_eq!(header, expected(version, &client, &pen), "{downstream:?} → {upstream:?}");
                server.send("welcome");
                assert_eq!(client.receive(7), b"welcome");
                client.send("thanks");
                client.finish();
                assert_eq!(server.drain().text(), "thanks");
                server.finish();
                assert_eq!(client.drain().end, End::Eof);
                pen.wait_until_idle();
                let row = &pen.servers()[0];
                assert_eq!(row.sx, header.len() as u64 + 6, "all that was sent to the server counts");
                assert_eq!(row.rx, 7);
                assert!(pen.ask("recent").contains(" rx 6"), "{}", pen.ask("recent"));
            }
        }
    }
}

#[test]
fn what_the_client_has_already_said_comes_right_behind_the_header() {
    for version in VERSIONS {
        let manual = Manual::on(Family::Tcp4);
        let pen = Pen::builder().server(&manual.backend).command(version.send()).start();
        for said in ["", "all of it"] {
            let client = pen.connect();
            client.send(said);
            client.finish();
            let heard = manual.accept().drain();
            let everything = [&expected(version, &client, &pen)[..], said.as_bytes()].concat();
            assert_eq!((heard.bytes, heard.end), (everything, End::Eof));
        }
    }
}

#[test]
fn an_ipv4_client_of_an_ipv6_listener_is_told_as_ipv4() {
    for version in VERSIONS {
        let manual = Manual::on(Family::Tcp6);
        let port = Address::unused(Family::Tcp6, std::path::Path::new("/")).port();
        let everywhere = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
        let pen =
            Pen::builder().listen_at(everywhere).server(&manual.backend).command(version.send()).start();
        let at = Address::Ip(SocketAddr::from(([127, 0, 0, 1], port)));
        let client = Stream::connect(&at).unwrap();
        let header = version.read(&manual.accept());
        assert_eq!(header, version.header(&client.local().unwrap().to_string(), &at.to_string()));
        drop(client);
        let at = Address::Ip(SocketAddr::from((Ipv6Addr::LOCALHOST, port)));
        let client = Stream::connect(&at).unwrap();
        let header = version.read(&manual.accept());
        assert_eq!(header, version.header(&client.local().unwrap().to_string(), &at.to_string()));
        pen.stop();
    }
}

#[test]
fn every_server_that_is_tried_gets_one_header() {
    let (dead, full) = (DeadPort::new(), FullBacklog::new());
    let manual = Manual::on(Family::Tcp4);
    let servers = [dead.to_string(), full.to_string(), manual.backend.to_string()];
    let pen = Pen::builder().servers(servers).option("-t 1").command("proxy_protocol send-v2").start();
    let client = connect_with(&pen, "early");
    client.finish();
    let everything = [&expected(Version::V2, &client, &pen)[..], b"early"].concat();
    assert_eq!(manual.accept().drain().bytes, everything);
}

#[test]
fn emergency_and_abuse_servers_get_headers_too() {
    let (dead, manual) = (DeadPort::new(), Manual::on(Family::Unix));
    for place in ["emergency", "abuse"] {
        let pen = Pen::builder()
            .server(&dead)
            .command(&format!("{place} {}", manual.backend))
            .command("proxy_protocol send")
            .command("acl 1 deny 127.0.0.1")
            .command(if place == "abuse" { "client_acl 1" } else { "client_acl 0" })
            .start();
        let client = pen.connect();
        assert_eq!(Version::V1.read(&manual.accept()), expected(Version::V1, &client, &pen), "{place}");
    }
}

#[test]
fn what_a_header_has_told_is_told_on() {
    for received in VERSIONS {
        for sent in VERSIONS {
            for (source, destination) in
                [("192.0.2.7:56324", "198.51.100.1:443"), ("[2001:db8::7]:1", "[2001:db8::1]:65535")]
            {
                let manual = Manual::on(Family::Tcp4);
                let pen = Pen::builder()
                    .server(&manual.backend)
                    .command("proxy_protocol accept 0")
                    .command(sent.send())
                    .start();
                let header = received.header(source, destination);
                let proxy = connect_with(&pen, [&header[..], b"hello"].concat());
                let server = manual.accept();
                assert_eq!(sent.read(&server), sent.header(source, destination));
                assert_eq!(server.receive(5), b"hello");
                drop(proxy);
                // Where nothing is told, it is the proxy's own connection.
                let proxy = connect_with(&pen, received.unknown());
                assert_eq!(sent.read(&manual.accept()), expected(sent, &proxy, &pen));
            }
        }
    }
}

#[test]
fn ends_of_two_families_are_told_as_ipv6() {
    let manual = Manual::on(Family::Tcp4);
    let pen = Pen::builder()
        .server(&manual.backend)
        .command("proxy_protocol accept 0")
        .command("proxy_protocol send")
        .start();
    let _proxy = connect_with(&pen, Version::V2.header("[::ffff:192.0.2.7]:1", "[2001:db8::1]:2"));
    let line = Version::V1.read(&manual.accept());
    assert_eq!(line, b"PROXY TCP6 ::ffff:192.0.2.7 2001:db8::1 1 2\r\n");
}

#[test]
fn headers_and_what_follows_them_are_not_delayed_or_mixed_up_under_load() {
    // Each client says its own address, and the server compares.
    let server = Backend::serve(|client| {
        let said = client.line();
        let mut words = said.trim_end().split(' ').skip(2);
        let (ip, port) = (words.next().unwrap_or_default(), words.nth(1).unwrap_or_default());
        let claim = client.line();
        client.send(if claim == format!("{ip}:{port}") { "right" } else { "wrong" });
        client.finish();
        client.drain();
    });
    for nodelay in ["tcp_nodelay", "no tcp_nodelay"] {
        let pen = Pen::builder().server(&server).command("proxy_protocol send").command(nodelay).start();
        in_parallel(1000, 16, |number| {
            let client = pen.connect_from(number as u8 % 200 + 1);
            client.send(format!("{}\n", client.local().unwrap()));
            assert_eq!(client.drain().text(), "right");
        });
        pen.stop();
    }
}

#[test]
fn idle_connections_tell_that_they_are_nobodys() {
    for version in VERSIONS {
        let manual = Manual::on(Family::Tcp4);
        let pen = Pen::builder().server(&manual.backend).start();
        pen.ask("idlers 1");
        let plain = manual.accept();
        // Others are wanted now.
        pen.tell(version.send());
        assert_eq!(plain.drain().bytes, b"");
        let idler = manual.accept();
        let expected = match version {
            Version::V1 => version.header(&idler.peer().unwrap().to_string(), &manual.backend.to_string()),
            Version::V2 => block(0x20, 0x00, b""),
        };
        assert_eq!(version.read(&idler), expected);
        pen.ask("idlers 0");
        assert_eq!(idler.drain().bytes, b"");
    }
}

#[test]
fn headers_cost_hardly_a_system_call() {
    const CONNECTIONS: usize = 2_000;
    // A plain relay reads four times and writes twice.
    const INVOLVED: [&str; 6] = ["recvfrom", "sendto", "writev", "getsockname", "getpeername", "setsockopt"];
    // It answers when a request is there, which is behind the header.
    let server = pen_tests::answering_512_bytes();
    let strace = program::find("strace");
    let directory = tempfile::tempdir().unwrap();
    let counted = |name: &str, commands: &[&str], server: &Address| {
        let summary = directory.path().join(name);
        let mut builder = Pen::builder().server(server).option("-r").option("-x 1000").command("threads 1");
        for command in commands {
            builder = builder.command(command);
        }
        let wrapper = [&strace.to_string_lossy(), "-f", "-c", "-o", &summary.to_string_lossy()];
        (builder.under(wrapper).start(), summary)
    };
    let (behind, accepting_and_sending) =
        counted("both", &["proxy_protocol accept 0", "proxy_protocol send-v2"], server.address());
    let (front, sending) = counted("sending", &["proxy_protocol send-v2"], behind.address());
    let load = Load::run(front.address(), CONNECTIONS, 64);
    assert_eq!((load.done(), load.failed()), (CONNECTIONS, 0));
    for pen in [front, behind] {
        pen.wait_until_idle();
        pen.stop();
    }
    for summary in [sending, accepting_and_sending] {
        let table = fs::read_to_string(summary).unwrap();
        let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let involved = rows.filter(|row| row.last().is_some_and(|name| INVOLVED.contains(name)));
        let calls: usize =
            involved.map(|row| row[3].parse::<usize>().expect("the fourth column is a number")).sum();
        eprintln!("{table}");
        assert!(calls <= 8 * CONNECTIONS, "{calls} system calls for {CONNECTIONS} connections\n{table}");
    }
}

//! Forwarding TCP, TLS and Unix streams: everything that a connection may do, over every pair of socket kinds.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use pen_tests::{
    Backend, Content, End, Family, FullBacklog, Manual, Pair, Pen, Stream, in_own_network, run, settled,
};

const MEBIBYTE: usize = 1 << 20;
/// When a counter has stood still for so long, pen waits for somebody.
const CALM: Duration = Duration::from_millis(500);

/// Runs `test` for every downstream and upstream kind of socket.
fn on_every_pair(test: impl Fn(Family, Family) + Sync) {
    for downstream in Family::DOWNSTREAM {
        for upstream in Family::ALL {
            eprintln!("{downstream:?} → {upstream:?}");
            test(downstream, upstream);
        }
    }
}

#[test]
fn sixteen_mebibytes_arrive_unchanged_in_both_directions_at_once() {
    on_every_pair(|downstream, upstream| {
        let length = 16 * MEBIBYTE as u64;
        let (up, down) = (Content::new(1), Content::new(2));
        let pair = Pair::on(downstream, upstream);
        let (client, server) = (pair.client(), pair.server());
        thread::scope(|scope| {
            scope.spawn(|| {
                up.write_to(client, length).unwrap();
                client.finish();
            });
            scope.spawn(|| {
                down.write_to(server, length).unwrap();
                server.finish();
            });
            let at_client = scope.spawn(|| down.expect_from(client));
            assert_eq!(up.expect_from(server), (length, End::Eof));
            assert_eq!(at_client.join().unwrap(), (length, End::Eof));
        });
        pair.pen.wait_until_idle();
        let row = &pair.pen.servers()[0];
        assert_eq!((row.sx, row.rx), (length, length));
    });
}

#[test]
fn a_clients_half_close_is_passed_on_after_everything_before_it() {
    on_every_pair(|downstream, upstream| {
        let pair = Pair::on(downstream, upstream);
        pair.client().send("question");
        pair.client().finish();
        let question = pair.server().drain();
        assert_eq!((question.text().as_str(), question.end), ("question", End::Eof));
        pair.server().send("answer");
        assert_eq!(pair.client().receive(6), b"answer");
        pair.server().finish();
        assert_eq!(pair.client().drain().end, End::Eof);
        pair.pen.wait_until_idle();
    });
}

#[test]
fn a_servers_half_close_is_passed_on_after_everything_before_it() {
    on_every_pair(|downstream, upstream| {
        let pair = Pair::on(downstream, upstream);
        pair.server().send("greeting");
        pair.server().finish();
        let greeting = pair.client().drain();
        assert_eq!((greeting.text().as_str(), greeting.end), ("greeting", End::Eof));
        pair.client().send("still here");
        assert_eq!(pair.server().receive(10), b"still here");
        pair.client().finish();
        assert_eq!(pair.server().drain().end, End::Eof);
        pair.pen.wait_until_idle();
    });
}

#[test]
fn a_server_that_speaks_first_is_heard_at_once() {
    on_every_pair(|downstream, upstream| {
        let pair = Pair::on(downstream, upstream);
        pair.server().send("220 ready\r\n");
        assert_eq!(pair.client().line(), "220 ready\r");
    });
}

#[test]
fn what_is_sent_right_before_a_close_is_delivered() {
    on_every_pair(|downstream, upstream| {
        let mut pair = Pair::on(downstream, upstream);
        pair.server().send("goodbye");
        pair.close_server();
        let goodbye = pair.client().drain();
        assert_eq!((goodbye.text().as_str(), goodbye.end), ("goodbye", End::Eof));

        let mut pair = Pair::on(downstream, upstream);
        pair.client().send("thanks");
        pair.close_client();
        let thanks = pair.server().drain();
        assert_eq!((thanks.text().as_str(), thanks.end), ("thanks", End::Eof));
    });
}

#[test]
fn what_a_client_sends_before_its_server_is_connected_is_kept() {
    on_every_pair(|downstream, upstream| {
        let manual = Manual::on(upstream);
        let pen = Pen::builder().listen_on(downstream).servers([&manual.backend]).start();
        for round in 0..50 {
            let client = pen.connect();
            client.send(format!("early {round}\n"));
            client.finish();
            assert_eq!(manual.accept().drain().text(), format!("early {round}\n"));
        }
    });
}

#[test]
fn what_a_client_sends_while_another_server_is_tried_is_kept() {
    let full = FullBacklog::new();
    let echo = Backend::echo();
    let pen =
        Pen::builder().servers([full.to_string(), echo.to_string()]).option("-t 1").option("-r").start();
    let client = pen.connect();
    let early = Content::new(3);
    early.write_to(&client, 20_000).unwrap();
    client.finish();
    assert_eq!(early.expect_from(&client), (20_000, End::Eof));
}

#[test]
fn a_servers_reset_reaches_the_client_as_a_reset() {
    for downstream in [Family::Tcp4, Family::Tcp6, Family::Tls] {
        let mut pair = Pair::on(downstream, Family::Tcp4);
        pair.server().send("half an ans");
        assert_eq!(pair.client().receive(11), b"half an ans");
        pair.reset_server();
        assert_eq!(pair.client().drain().end, End::Reset);
        pair.pen.wait_until_idle();
    }
}

#[test]
fn a_clients_reset_reaches_the_server_as_a_reset() {
    for (downstream, upstream) in
        [(Family::Tcp4, Family::Tcp4), (Family::Tcp4, Family::Tcp6), (Family::Tls, Family::Tcp4)]
    {
        let mut pair = Pair::on(downstream, upstream);
        pair.client().send("half a quest");
        assert_eq!(pair.server().receive(12), b"half a quest");
        pair.reset_client();
        assert_eq!(pair.server().drain().end, End::Reset);
        pair.pen.wait_until_idle();
    }
}

#[test]
fn a_reset_after_a_half_close_is_still_a_reset() {
    for downstream in [Family::Tcp4, Family::Tls] {
        let mut pair = Pair::on(downstream, Family::Tcp4);
        pair.client().finish();
        assert_eq!(pair.server().drain().end, End::Eof);
        pair.server().send("part");
        assert_eq!(pair.client().receive(4), b"part");
        pair.reset_server();
        assert_eq!(pair.client().drain().end, End::Reset);
    }
}

#[test]
fn what_pen_had_read_before_a_reset_is_delivered_first() {
    for downstream in [Family::Tcp4, Family::Tls] {
        let mut pair = Pair::on(downstream, Family::Tcp4);
        // So much that pen has to wait for the reader, which has not begun to read.
        let sent = Content::new(4);
        fill(pair.server(), sent, 256 * MEBIBYTE as u64);
        let read_by_pen = settled(CALM, || pair.pen.servers()[0].rx);
        pair.reset_server();
        let (arrived, end) = sent.expect_from(pair.client());
        assert_eq!(end, End::Reset);
        assert!(arrived >= read_by_pen, "{arrived} of {read_by_pen} bytes arrived");
    }
}

#[test]
fn a_reset_ends_a_connection_with_a_unix_socket_on_the_other_side_too() {
    let mut pair = Pair::on(Family::Unix, Family::Tcp4);
    pair.reset_server();
    assert_ne!(pair.client().drain().end, End::Open);
    pair.pen.wait_until_idle();

    let mut pair = Pair::on(Family::Tcp4, Family::Unix);
    pair.reset_client();
    assert_ne!(pair.server().drain().end, End::Open);
    pair.pen.wait_until_idle();
}

#[test]
fn a_slow_reader_stops_the_reading_on_the_other_side() {
    on_every_pair(|downstream, upstream| {
        let pair = Pair::on(downstream, upstream);
        let memory_before = pair.pen.process().resident();
        let sent = Content::new(5);
        let written = fill(pair.server(), sent, 256 * MEBIBYTE as u64);
        assert!(written < 64 * MEBIBYTE as u64, "{written} bytes disappeared without a reader");
        let grown = pair.pen.process().resident().saturating_sub(memory_before);
        assert!(grown < 8 * 1024, "{grown} KiB for one connection");
        pair.server().finish();
        assert_eq!(sent.expect_from(pair.client()), (written, End::Eof));
    });
}

#[test]
fn many_slow_readers_cost_bounded_memory() {
    let length = 64 * MEBIBYTE as u64;
    let server = Backend::serve(move |client| {
        let _ = Content::new(6).write_to(client, length);
        client.finish();
        client.drain();
    });
    for downstream in [Family::Tcp4, Family::Tls] {
        let pen = Pen::builder().listen_on(downstream).servers([&server]).option("-r").start();
        let memory_before = pen.process().resident();
        let clients: Vec<_> = (0..50).map(|_| pen.connect()).collect();
        for client in &clients {
            client.receive(1);
        }
        settled(CALM, || pen.servers()[0].rx);
        let grown = pen.process().resident().saturating_sub(memory_before);
        assert!(grown < 50 * 1024, "{grown} KiB for 50 slow readers");
        for client in clients {
            let mut rest = 1;
            let end = client.drain_with(|part| rest += part.len() as u64);
            assert_eq!((rest, end), (length, End::Eof));
        }
    }
}

#[test]
fn an_unreachable_server_is_passed_over() {
    in_own_network(|| {
        run("ip", &["route", "add", "unreachable", "10.9.9.9/32"]);
        let web = Backend::named("a");
        let pen = Pen::builder().servers(["10.9.9.9:80".to_owned(), web.to_string()]).option("-r").start();
        assert_eq!((pen.get(), pen.get()), ("a".into(), "a".into()));
        let status = pen.ask("status text");
        assert!(status.contains("blacklisted"), "{status}");
    });
}

#[test]
fn source_is_the_local_address_of_upstream_connections() {
    let who = Backend::serve(|client| {
        let peer = client.peer().expect("a TCP peer has an address");
        let _ = { client }.write_all(peer.ip().to_string().as_bytes());
    });
    let pen = Pen::builder().servers([&who]).command("source 127.0.0.7").start();
    assert_eq!(pen.get(), "127.0.0.7");
    pen.tell("no source");
    assert_eq!(pen.get(), "127.0.0.1");
}

#[test]
fn with_source_upstream_connections_do_not_run_out_of_ports_early() {
    in_own_network(|| {
        run("sh", &["-c", "echo 40000 40009 > /proc/sys/net/ipv4/ip_local_port_range"]);
        // Ten ports serve twenty connections, because they go to two servers.
        let servers = ["127.0.0.2:80", "127.0.0.3:80"].map(|address| {
            let address: SocketAddr = address.parse().unwrap();
            Backend::serve_at(&address.into(), |client| {
                let _ = { client }.write_all(b"x");
                client.drain();
            })
        });
        let pen = Pen::builder().servers(&servers).option("-r").command("source 127.0.0.7").start();
        let clients: Vec<_> = (0..18)
            .map(|number| {
                let source = Ipv4Addr::new(127, 0, 1, 1 + number).into();
                Stream::connect_from(source, pen.address()).unwrap()
            })
            .collect();
        for client in &clients {
            assert_eq!(client.receive(1), b"x");
        }
        assert_eq!(servers.iter().map(Backend::current).sum::<usize>(), clients.len());
    });
}

#[test]
fn small_messages_are_not_delayed() {
    // Nagle's algorithm against delayed acknowledgements costs 40 ms a round: 8 s in all, against milliseconds.
    // The comparison is with that, not with a stopwatch.
    let echo = Backend::echo();
    let pen = Pen::builder().servers([&echo]).start();
    let client = pen.connect();
    let start = Instant::now();
    for _ in 0..200 {
        client.send("a");
        client.send("b");
        client.receive(2);
    }
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}

#[test]
fn one_byte_at_a_time_arrives_in_order() {
    let echo = Backend::echo();
    for downstream in [Family::Tcp4, Family::Tls] {
        let pen = Pen::builder().listen_on(downstream).servers([&echo]).start();
        let client = pen.connect();
        let content = Content::new(8).bytes(2_000);
        for byte in &content {
            client.send([*byte]);
        }
        client.finish();
        assert_eq!(client.drain().bytes, content);
    }
}

/// Writes `content` until nobody takes any more, or `limit` is reached: how many bytes were taken.
fn fill(stream: &Stream, content: Content, limit: u64) -> u64 {
    stream.stop_writing_when_full();
    let mut buffer = vec![0; 64 * 1024];
    let mut offset = 0;
    while offset < limit {
        content.fill(offset, &mut buffer);
        match { stream }.write(&buffer) {
            Ok(count) => offset += count as u64,
            Err(_) => break,
        }
    }
    stream.write_patiently();
    offset
}

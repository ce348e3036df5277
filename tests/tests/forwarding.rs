//! Forwarding TCP and Unix streams: everything that a connection may do, over every pair of socket kinds.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use pen_tests::{
    Backend, Content, End, Family, FullBacklog, LIMIT, Pen, Stream, in_own_network, run, wait_until,
};

const MEBIBYTE: usize = 1 << 20;

/// Runs `test` for every downstream and upstream kind of socket.
fn on_every_pair(test: impl Fn(Family, Family) + Sync) {
    for downstream in Family::ALL {
        for upstream in Family::ALL {
            eprintln!("{downstream:?} → {upstream:?}");
            test(downstream, upstream);
        }
    }
}

/// A server that hands its connections to the test, and closes one when the test lets go of it.
struct Manual {
    backend: Backend,
    connections: Receiver<(Stream, Sender<()>)>,
}

/// A connection of a [`Manual`] server.
struct Accepted {
    stream: Option<Stream>,
    /// Tells the server's thread to let go too.
    done: Sender<()>,
}

impl Manual {
    fn on(family: Family) -> Self {
        let (sender, connections) = channel();
        let sender = Mutex::new(sender);
        let backend = Backend::serve_on(family, move |client| {
            let (done, finished) = channel();
            let handed_over = sender.lock().unwrap().send((client.duplicate(), done));
            if handed_over.is_ok() {
                let _ = finished.recv();
            }
        });
        Self { backend, connections }
    }

    fn accept(&self) -> Accepted {
        let (stream, done) = self.connections.recv_timeout(LIMIT).expect("pen connects");
        Accepted { stream: Some(stream), done }
    }
}

impl std::ops::Deref for Accepted {
    type Target = Stream;

    fn deref(&self) -> &Stream {
        self.stream.as_ref().expect("held until the drop")
    }
}

impl Drop for Accepted {
    fn drop(&mut self) {
        self.stream.take();
        let _ = self.done.send(());
    }
}

/// A client and its server's end, with a pen between them.
struct Pair {
    client: Option<Stream>,
    server: Option<Accepted>,
    pen: Pen,
    manual: Manual,
}

impl Pair {
    fn tcp() -> Self {
        Self::with(Family::Tcp4, Family::Tcp4, "")
    }

    fn on(downstream: Family, upstream: Family) -> Self {
        Self::with(downstream, upstream, "")
    }

    fn with(downstream: Family, upstream: Family, command: &str) -> Self {
        let manual = Manual::on(upstream);
        let builder = Pen::builder().listen_on(downstream).servers([&manual.backend]);
        let pen = if command.is_empty() { builder } else { builder.command(command) }.start();
        let client = pen.connect();
        let server = manual.accept();
        Self { client: Some(client), server: Some(server), pen, manual }
    }

    fn client(&self) -> &Stream {
        self.client.as_ref().expect("the client is connected")
    }

    fn server(&self) -> &Stream {
        self.server.as_ref().expect("the server is connected")
    }

    fn reset_client(&mut self) {
        self.client.take().expect("the client is connected").reset();
    }

    fn reset_server(&mut self) {
        self.server().reset_on_close();
        self.server.take();
    }

    fn close_client(&mut self) {
        self.client.take();
    }

    fn close_server(&mut self) {
        self.server.take();
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
    for (downstream, upstream) in [(Family::Tcp4, Family::Tcp4), (Family::Tcp6, Family::Tcp4)] {
        let mut pair = Pair::on(downstream, upstream);
        pair.server().send("half an ans");
        assert_eq!(pair.client().receive(11), b"half an ans");
        pair.reset_server();
        assert_eq!(pair.client().drain().end, End::Reset);
        pair.pen.wait_until_idle();
    }
}

#[test]
fn a_clients_reset_reaches_the_server_as_a_reset() {
    for (downstream, upstream) in [(Family::Tcp4, Family::Tcp4), (Family::Tcp4, Family::Tcp6)] {
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
    let mut pair = Pair::tcp();
    pair.client().finish();
    assert_eq!(pair.server().drain().end, End::Eof);
    pair.server().send("part");
    assert_eq!(pair.client().receive(4), b"part");
    pair.reset_server();
    assert_eq!(pair.client().drain().end, End::Reset);
}

#[test]
fn what_pen_had_read_before_a_reset_is_delivered_first() {
    let mut pair = Pair::tcp();
    // So much that pen has to wait for the reader, which has not begun to read.
    let sent = Content::new(4);
    fill(pair.server(), sent, 256 * MEBIBYTE as u64);
    wait_until_still(|| pair.pen.servers()[0].rx);
    let read_by_pen = pair.pen.servers()[0].rx;
    pair.reset_server();
    let (arrived, end) = sent.expect_from(pair.client());
    assert_eq!(end, End::Reset);
    assert!(arrived >= read_by_pen, "{arrived} of {read_by_pen} bytes arrived");
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
    let pen = Pen::builder().servers([&server]).option("-r").start();
    let memory_before = pen.process().resident();
    let clients: Vec<_> = (0..50).map(|_| pen.connect()).collect();
    for client in &clients {
        client.receive(1);
    }
    wait_until_still(|| pen.servers()[0].rx);
    let grown = pen.process().resident().saturating_sub(memory_before);
    assert!(grown < 50 * 1024, "{grown} KiB for 50 slow readers");
    for client in clients {
        let mut rest = 1;
        let end = client.drain_with(|part| rest += part.len() as u64);
        assert_eq!((rest, end), (length, End::Eof));
    }
}

#[test]
fn silence_longer_than_idle_timeout_closes_both_sides() {
    let pair = Pair::with(Family::Tcp4, Family::Tcp4, "idle_timeout 1");
    assert_eq!(pair.client().drain().end, End::Eof);
    assert_eq!(pair.server().drain().end, End::Eof);
    pair.pen.wait_until_idle();
}

#[test]
fn idle_timeout_closes_half_closed_connections_too() {
    let pair = Pair::with(Family::Tcp4, Family::Tcp4, "idle_timeout 1");
    pair.client().finish();
    assert_eq!(pair.server().drain().end, End::Eof);
    assert_ne!(pair.client().drain().end, End::Open);
    pair.pen.wait_until_idle();
}

#[test]
fn traffic_in_one_direction_keeps_a_connection_from_being_idle() {
    let pair = Pair::with(Family::Tcp4, Family::Tcp4, "idle_timeout 2");
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(4) {
        pair.server().send("x");
        assert_eq!(pair.client().receive(1), b"x");
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(pair.client().drain().end, End::Eof);
}

#[test]
fn idle_timeout_set_later_counts_for_open_connections() {
    let pair = Pair::tcp();
    assert_eq!(pair.pen.ask("idle_timeout 1"), "Idle timeout: 1 seconds\n");
    assert_eq!(pair.client().drain().end, End::Eof);
}

#[test]
fn a_connect_without_an_answer_ends_after_timeout_and_the_next_server_serves() {
    let full = FullBacklog::new();
    let web = Backend::named("a");
    let pen = Pen::builder().servers([full.to_string(), web.to_string()]).option("-r").option("-t 1").start();
    assert_eq!(pen.get(), "a");
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
fn a_client_that_leaves_during_the_connect_leaves_nothing_behind() {
    let full = FullBacklog::new();
    let pen = Pen::builder().servers([full.to_string()]).option("-t 60").start();
    let before = pen.process().descriptors();
    pen.connect().reset();
    pen.connect().reset();
    wait_until("pen has let go", || pen.process().descriptors() <= before);
}

#[test]
fn tcp_fastclose_ends_the_connection_when_the_named_side_closes() {
    // Which sides' close ends the connection: the client's (down), the server's (up).
    for (setting, client_ends, server_ends) in
        [("off", false, false), ("down", true, false), ("up", false, true), ("both", true, true)]
    {
        let command = format!("tcp_fastclose {setting}");
        let pair = Pair::with(Family::Tcp4, Family::Tcp4, &command);
        pair.client().finish();
        assert_eq!(pair.server().drain().end, End::Eof);
        assert_eq!(ends_soon(pair.client()), client_ends, "client closes under {command}");

        let pair = Pair::with(Family::Tcp4, Family::Tcp4, &command);
        pair.server().finish();
        assert_eq!(pair.client().drain().end, End::Eof);
        assert_eq!(ends_soon(pair.server()), server_ends, "server closes under {command}");
    }
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
fn connections_beyond_conn_max_wait_and_are_served_later() {
    let server = Backend::holding("a");
    let pen = Pen::builder().servers([&server]).option("-x 2").option("-r").start();
    let first = pen.hold_from(1).1;
    let _second = pen.hold_from(2).1;
    let waiting = pen.connect();
    let spent = pen.process().ticks();
    waiting.patience(Duration::from_millis(700));
    assert_eq!(waiting.drain().end, End::Open, "there is no room yet");
    let spent = pen.process().ticks() - spent;
    assert!(spent < 20, "{spent} clock ticks spent on waiting");
    waiting.patience(LIMIT);
    drop(first);
    assert_eq!(waiting.line(), "a");
    assert_eq!(server.peak(), 2);
}

#[test]
fn connects_beyond_pending_max_wait_and_are_served_later() {
    let full = FullBacklog::new();
    let web = Backend::named("a");
    let servers = [full.to_string(), web.to_string()];
    let builder = Pen::builder().servers(servers).option("-r").option("-t 1").command("pending_max 1");
    let pen = builder.start();
    let clients: Vec<_> = (0..20).map(|_| pen.connect()).collect();
    for client in clients {
        assert_eq!(client.drain().text(), "a");
    }
}

#[test]
fn close_ends_a_connection_in_order() {
    let pair = Pair::tcp();
    pair.client().send("x");
    assert_eq!(pair.server().receive(1), b"x");
    assert_eq!(pair.pen.ask("close 0"), "Forcibly closing connection 0\n");
    assert_eq!(pair.client().drain().end, End::Eof);
    assert_eq!(pair.server().drain().end, End::Eof);
}

#[test]
fn term_ends_connections_in_order() {
    let pair = Pair::tcp();
    pair.client().send("x");
    assert_eq!(pair.server().receive(1), b"x");
    let Pair { client, pen, .. } = pair;
    pen.stop();
    assert_eq!(client.unwrap().drain().end, End::Eof);
}

#[test]
fn shutdown_timeout_lets_connections_end_by_themselves() {
    let pair = Pair::with(Family::Tcp4, Family::Tcp4, "shutdown_timeout 60");
    pair.pen.signal(nix::sys::signal::Signal::SIGTERM);
    wait_until("the listener is closed", || Stream::connect(pair.pen.address()).is_err());
    pair.client().send("still");
    assert_eq!(pair.server().receive(5), b"still");
    let Pair { client, server, pen, manual } = pair;
    // The server itself goes too: it may hold connections of the wait above.
    drop((client, server, manual));
    assert_eq!(pen.wait().code, Some(0));
}

#[test]
fn one_byte_at_a_time_arrives_in_order() {
    let echo = Backend::echo();
    let pen = Pen::builder().servers([&echo]).start();
    let client = pen.connect();
    let content = Content::new(8).bytes(2_000);
    for byte in &content {
        client.send([*byte]);
    }
    client.finish();
    assert_eq!(client.drain().bytes, content);
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

/// Waits until `value` has stopped to change.
fn wait_until_still(value: impl Fn() -> u64) {
    let mut last = None;
    let mut since = Instant::now();
    wait_until("the counter stands still", || {
        let now = Some(value());
        if now != last {
            (last, since) = (now, Instant::now());
        }
        since.elapsed() > Duration::from_millis(500)
    });
}

/// Whether the peer ends the connection although the other direction is still open: what is written then fails.
fn ends_soon(stream: &Stream) -> bool {
    stream.patience(Duration::from_millis(500));
    let mut byte = [0];
    let outcome = { stream }.read_exact(&mut byte);
    outcome.is_err_and(|error| error.kind() != std::io::ErrorKind::WouldBlock)
}

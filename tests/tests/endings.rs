//! What ends a connection, or keeps it waiting: timeouts, limits, `tcp_fastclose`, `close`, the end of pen itself.

use std::io::Read;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use pen_tests::{Backend, End, Family, FullBacklog, LIMIT, Pair, Pen, Stream, wait_until};

/// Those whose endings differ: a close under TLS comes with a goodbye.
const CLIENTS: [Family; 2] = [Family::Tcp4, Family::Tls];

#[test]
fn silence_longer_than_idle_timeout_closes_both_sides() {
    for downstream in CLIENTS {
        let pair = Pair::with(downstream, Family::Tcp4, "idle_timeout 1");
        assert_eq!(pair.client().drain().end, End::Eof);
        assert_eq!(pair.server().drain().end, End::Eof);
        pair.pen.wait_until_idle();
    }
}

#[test]
fn idle_timeout_closes_half_closed_connections_too() {
    for downstream in CLIENTS {
        let pair = Pair::with(downstream, Family::Tcp4, "idle_timeout 1");
        pair.client().finish();
        assert_eq!(pair.server().drain().end, End::Eof);
        assert_eq!(pair.client().drain().end, End::Eof);
        pair.pen.wait_until_idle();
    }
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
fn a_client_that_leaves_during_the_connect_leaves_nothing_behind() {
    let full = FullBacklog::new();
    let pen = Pen::builder().servers([full.to_string()]).option("-t 60").start();
    let before = pen.process().descriptors_at_rest();
    pen.connect().reset();
    pen.connect().reset();
    pen.process().expect_descriptors(before);
}

#[test]
fn tcp_fastclose_ends_the_connection_when_the_named_side_closes() {
    // Which sides' close ends the connection: the client's (down), the server's (up).
    for (setting, client_ends, server_ends) in
        [("off", false, false), ("down", true, false), ("up", false, true), ("both", true, true)]
    {
        let command = format!("tcp_fastclose {setting}");
        for downstream in CLIENTS {
            let pair = Pair::with(downstream, Family::Tcp4, &command);
            pair.client().finish();
            assert_eq!(pair.server().drain().end, End::Eof);
            assert_eq!(
                ends_soon(pair.client()),
                client_ends,
                "client closes under {command}, {downstream:?}"
            );

            let pair = Pair::with(downstream, Family::Tcp4, &command);
            pair.server().finish();
            assert_eq!(pair.client().drain().end, End::Eof);
            assert_eq!(
                ends_soon(pair.server()),
                server_ends,
                "server closes under {command}, {downstream:?}"
            );
        }
    }
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
    for downstream in CLIENTS {
        let pair = Pair::on(downstream, Family::Tcp4);
        pair.client().send("x");
        assert_eq!(pair.server().receive(1), b"x");
        assert_eq!(pair.pen.ask("close 0"), "Forcibly closing connection 0\n");
        assert_eq!(pair.client().drain().end, End::Eof);
        assert_eq!(pair.server().drain().end, End::Eof);
    }
}

#[test]
fn term_ends_connections_in_order() {
    for downstream in CLIENTS {
        let pair = Pair::on(downstream, Family::Tcp4);
        pair.client().send("x");
        assert_eq!(pair.server().receive(1), b"x");
        pair.pen.signal(Signal::SIGTERM);
        assert_eq!(pair.client().drain().end, End::Eof);
        assert_eq!(pair.server().drain().end, End::Eof);
        assert_eq!(pair.into_pen().wait().code, Some(0));
    }
}

#[test]
fn shutdown_timeout_lets_connections_end_by_themselves() {
    let pair = Pair::with(Family::Tcp4, Family::Tcp4, "shutdown_timeout 60");
    pair.pen.signal(Signal::SIGTERM);
    wait_until("the listener is closed", || Stream::connect(pair.pen.address()).is_err());
    pair.client().send("still");
    assert_eq!(pair.server().receive(5), b"still");
    assert_eq!(pair.into_pen().wait().code, Some(0));
}

/// Whether the peer ends the connection although the other direction is still open.
fn ends_soon(stream: &Stream) -> bool {
    stream.patience(Duration::from_millis(500));
    let mut byte = [0];
    let outcome = { stream }.read_exact(&mut byte);
    outcome.is_err_and(|error| error.kind() != std::io::ErrorKind::WouldBlock)
}

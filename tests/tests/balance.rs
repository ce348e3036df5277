//! Connections are shared evenly among pen's threads, however they come: none has more than a fifth above the mean of a hundred.

use std::sync::Mutex;

use nix::sys::signal::Signal;
use pen_tests::{
    Backend, End, Family, Pen, PenBuilder, Stream, answering_512_bytes, in_parallel, private_address,
    wait_until,
};

const CONNECTIONS: usize = 100;
const THREADS: [usize; 3] = [2, 4, 8];

fn with_threads(threads: usize) -> PenBuilder {
    Pen::builder().command(&format!("threads {threads}"))
}

/// The connections of each thread.
fn by_thread(pen: &Pen) -> Vec<usize> {
    let status = pen.status();
    let workers = status["workers"].as_array().expect("the threads are listed");
    workers.iter().map(|worker| worker["connections"].as_u64().expect("a number") as usize).collect()
}

/// All connections are there, and no thread has more than a fifth above the mean.
#[track_caller]
fn assert_balanced(pen: &Pen, case: &str) {
    let connections = by_thread(pen);
    assert_eq!(connections.iter().sum::<usize>(), CONNECTIONS, "{case}: {connections:?}");
    let most = connections.iter().max().expect("there is a thread");
    assert!(5 * most * connections.len() <= 6 * CONNECTIONS, "{case}: {connections:?}");
}

/// A connection that is served.
fn open(pen: &Pen) -> Stream {
    served(pen.connect())
}

fn served(client: Stream) -> Stream {
    client.send([b'q'; 64]);
    client.receive(512);
    client
}

/// Every thread and every service has let go of what it had.
#[track_caller]
fn wait_until_nothing_is_counted(pen: &Pen) {
    wait_until("nothing is counted any more", || {
        let service = &pen.status()["services"][0];
        by_thread(pen).iter().all(|&connections| connections == 0)
            && service["connections"] == 0
            && service["pending"] == 0
    });
}

#[test]
fn connections_that_come_one_by_one_are_shared() {
    for family in Family::DOWNSTREAM {
        for threads in THREADS {
            let server = answering_512_bytes();
            let pen = with_threads(threads).listen_on(family).server(&server).start();
            let held: Vec<Stream> = (0..CONNECTIONS).map(|_| open(&pen)).collect();
            assert_balanced(&pen, &format!("{family:?}"));
            drop(held);
            wait_until_nothing_is_counted(&pen);
        }
    }
}

#[test]
fn connections_that_come_together_are_shared() {
    for family in Family::DOWNSTREAM {
        for threads in THREADS {
            let server = answering_512_bytes();
            let pen = with_threads(threads).listen_on(family).server(&server).start();
            let held: Mutex<Vec<Stream>> = Mutex::default();
            in_parallel(CONNECTIONS, 32, |_| {
                let client = open(&pen);
                held.lock().expect("no client failed").push(client);
            });
            assert_balanced(&pen, &format!("{family:?}"));
            let held = held.into_inner().expect("no client failed");
            drop(held);
            wait_until_nothing_is_counted(&pen);
        }
    }
}

#[test]
fn a_queue_that_has_grown_long_is_shared() {
    for family in [Family::Tcp4, Family::Tcp6, Family::Unix] {
        for threads in THREADS {
            let server = answering_512_bytes();
            let pen = with_threads(threads).listen_on(family).server(&server).start();
            pen.signal(Signal::SIGSTOP);
            let held: Vec<Stream> = (0..CONNECTIONS).map(|_| pen.connect()).collect();
            pen.signal(Signal::SIGCONT);
            let held: Vec<Stream> = held.into_iter().map(served).collect();
            assert_balanced(&pen, &format!("{family:?}"));
            drop(held);
            wait_until_nothing_is_counted(&pen);
        }
    }
}

#[test]
fn a_thread_that_has_lost_all_connections_gets_new_ones() {
    for threads in THREADS {
        let server = answering_512_bytes();
        let pen = with_threads(threads).server(&server).start();
        let mut held: Vec<(Stream, usize)> = Vec::new();
        while held.len() < CONNECTIONS / 2 {
            let before = by_thread(&pen);
            let client = open(&pen);
            let after = by_thread(&pen);
            let thread = (0..threads).find(|&thread| after[thread] > before[thread]).expect("one has it");
            held.push((client, thread));
        }
        held.retain(|(_, thread)| *thread != 0);
        wait_until("a thread has no connection", || by_thread(&pen)[0] == 0);
        let later: Vec<Stream> = (held.len()..CONNECTIONS).map(|_| open(&pen)).collect();
        assert_balanced(&pen, "after an uneven end");
        drop((held, later));
        wait_until_nothing_is_counted(&pen);
    }
}

#[test]
fn a_listener_that_is_new_shares_its_connections_too() {
    let server = answering_512_bytes();
    let pen = with_threads(4).config("").server(&server).start();
    let mut held: Vec<Stream> = (0..CONNECTIONS / 4).map(|_| open(&pen)).collect();
    pen.signal(Signal::SIGHUP);
    held.extend((0..CONNECTIONS / 4).map(|_| open(&pen)));
    let elsewhere = private_address();
    pen.ask(&format!("listen {elsewhere}"));
    while held.len() < CONNECTIONS {
        held.push(served(Stream::connect(&elsewhere.into()).expect("pen listens there")));
    }
    assert_balanced(&pen, "after a change");
}

#[test]
fn what_comes_before_a_client_is_served_is_read_by_the_thread_that_has_it() {
    let server = answering_512_bytes();
    let pen = with_threads(8).server(&server).command("acl 1 permit 127.0.0.0/8");
    let pen = pen.command("proxy_protocol accept 1").start();
    let held: Vec<Stream> = (0..CONNECTIONS).map(|_| pen.connect()).collect();
    wait_until("all are accepted", || by_thread(&pen).iter().sum::<usize>() == CONNECTIONS);
    assert_balanced(&pen, "before their headers");
    let introduced = |client: Stream| {
        client.send("PROXY TCP4 192.0.2.1 192.0.2.2 1000 80\r\n");
        served(client)
    };
    let held: Vec<Stream> = held.into_iter().map(introduced).collect();
    assert_balanced(&pen, "after their headers");
    drop(held);
    wait_until_nothing_is_counted(&pen);
}

#[test]
fn the_limits_hold_for_all_threads_together() {
    const CLIENTS: usize = 3 * CONNECTIONS;
    for family in [Family::Tcp4, Family::Unix] {
        let server = answering_512_bytes();
        let pen = with_threads(8).listen_on(family).server(&server).command("conn_max 100");
        let pen = pen.command("pending_max 3").start();
        pen.signal(Signal::SIGSTOP);
        let clients: Vec<Stream> = (0..CLIENTS).map(|_| pen.connect()).collect();
        pen.signal(Signal::SIGCONT);
        wait_until("all room is taken", || by_thread(&pen).iter().sum::<usize>() == CONNECTIONS);
        assert_eq!(pen.status()["services"][0]["connections"], CONNECTIONS);
        // Whoever is served ends, and makes room for the others.
        in_parallel(CLIENTS, CLIENTS, |client| {
            let client = &clients[client];
            client.send([b'q'; 64]);
            client.receive(512);
            client.finish();
            assert_eq!(client.drain().end, End::Eof);
        });
        assert!(server.peak() <= CONNECTIONS);
        wait_until_nothing_is_counted(&pen);
    }
}

#[test]
fn nobody_is_reset_by_threads_that_hand_clients_over_while_pen_ends() {
    for family in [Family::Tcp4, Family::Unix] {
        for _ in 0..5 {
            let server = Backend::holding("a");
            let pen = with_threads(8).listen_on(family).server(&server).start();
            pen.signal(Signal::SIGSTOP);
            let clients: Vec<Stream> = (0..CONNECTIONS).map(|_| pen.connect()).collect();
            pen.signal(Signal::SIGTERM);
            pen.signal(Signal::SIGCONT);
            for client in clients {
                assert_eq!(client.drain().end, End::Eof);
            }
            assert_eq!(pen.wait().code, Some(0));
        }
    }
}

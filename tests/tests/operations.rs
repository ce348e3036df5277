//! What an operator does to a running pen, under load: moved listeners, signals, shortages.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;

use nix::sys::signal::Signal;
use pen_tests::{
    Address, Backend, Load, Pen, Stream, alone, answering_512_bytes, in_own_network, in_parallel,
    private_address, run, wait_until,
};

#[test]
fn a_listener_moved_to_and_fro_a_hundred_times_under_load_resets_nobody() {
    let _alone = alone();
    let server = answering_512_bytes();
    let pen = Pen::builder().servers([&server]).option("-r").command("threads 2").start();
    let homes = [pen.address().clone(), Address::Ip(private_address())];
    let (served, broken, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()), AtomicUsize::new(0));
    let client = || {
        while done.load(Ordering::Relaxed) == 0 {
            for home in &homes {
                // A refused connect is nobody's loss: pen listens at the other address. Who is connected is served.
                let Ok(stream) = Stream::connect(home) else { continue };
                let mut answer = [0; 512];
                let outcome =
                    (&stream).write_all(&[b'q'; 64]).and_then(|()| (&stream).read_exact(&mut answer));
                match outcome {
                    Ok(()) => _ = served.fetch_add(1, Ordering::Relaxed),
                    Err(error) => broken.lock().unwrap().push(error.to_string()),
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(client);
        }
        for round in 1..=100 {
            let home = &homes[round % 2];
            assert_eq!(pen.ask(&format!("listen {home}")), format!("{home}\n"));
            let before = served.load(Ordering::Relaxed);
            wait_until("clients are served", || served.load(Ordering::Relaxed) > before + 10);
        }
        done.store(1, Ordering::Relaxed);
    });
    let broken = broken.into_inner().unwrap();
    let served = served.into_inner();
    assert!(broken.is_empty(), "{} of {served} connections broken: {}", broken.len(), broken[0]);
    pen.wait_until_idle();
    pen.stop();
}

#[test]
fn two_thousand_hups_under_load_lose_nothing_and_leak_nothing() {
    let _alone = alone();
    let server = answering_512_bytes();
    let file = "acl 1 permit 127.0.0.0/8\nclient_acl 1\nblacklist 9\n";
    let builder = Pen::builder().servers([&server]).option("-r").option("-l requests.log").config(file);
    let pen = builder.start();
    let load = Load::default();
    Load::run(pen.address(), 500, 8);
    pen.wait_until_idle();
    let (descriptors, threads) = (pen.process().descriptors_at_rest(), pen.process().threads());
    let memory = pen.process().resident();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| load.keep_up(|| Some(pen.address().clone())));
        }
        for _ in 0..2_000 {
            pen.signal(Signal::SIGHUP);
            let served = load.done();
            // Signals of one kind merge while they wait; some traffic between them lets most be seen.
            wait_until("a client is served", || load.done() > served);
        }
        load.stop();
    });
    assert_eq!(load.failed(), 0, "of {} connections", load.done());
    assert!(load.done() >= 2_000);
    pen.wait_until_idle();
    pen.process().expect_descriptors(descriptors);
    wait_until("the threads are as before", || pen.process().threads() == threads);
    let grown = pen.process().resident().saturating_sub(memory);
    assert!(grown < 8 * 1024, "{grown} KiB more");
    assert_eq!(pen.ask("blacklist"), "9\n");
    pen.stop();
}

#[test]
fn with_64_descriptors_200_clients_are_served_in_turn() {
    let _alone = alone();
    let server = Backend::serve(|client| {
        let _ = { client }.write_all(b"a");
        client.finish();
        client.drain();
    });
    let pen = Pen::builder().under(["prlimit", "--nofile=64:64"]).servers([&server]).option("-r").start();
    let descriptors = pen.process().descriptors_at_rest();
    // All at once: pen can have some thirty at a time, and the others wait for their turn.
    let spent = pen.process().ticks();
    let connected = Barrier::new(200);
    in_parallel(200, 200, |_| {
        let client = pen.connect();
        connected.wait();
        assert_eq!(client.drain().text(), "a");
    });
    let spent = pen.process().ticks() - spent;
    assert!(spent < 300, "{spent} clock ticks: it spins");
    pen.wait_until_idle();
    pen.process().expect_descriptors(descriptors);
    let status = pen.ask("status text");
    assert!(!status.contains("blacklisted"), "{status}");
    in_parallel(500, 8, |_| assert_eq!(pen.get(), "a"));
    pen.stop();
}

#[test]
fn a_pen_out_of_descriptors_recovers_when_clients_leave() {
    let _alone = alone();
    let server = Backend::holding("a");
    let pen = Pen::builder().under(["prlimit", "--nofile=64:64"]).servers([&server]).option("-r").start();
    let clients: Vec<_> = (0..200).map(|_| pen.connect()).collect();
    wait_until("as many as possible are served", || server.current() >= 10);
    drop(clients);
    pen.wait_until_idle();
    wait_until("everybody is gone", || server.current() == 0);
    let (name, _held) = pen.hold_from(1);
    assert_eq!(name, "a");
    assert!(!pen.ask("status text").contains("blacklisted"));
    pen.stop();
}

#[test]
fn the_control_port_answers_although_clients_have_taken_every_descriptor() {
    let _alone = alone();
    let server = Backend::holding("a");
    let pen = Pen::builder().under(["prlimit", "--nofile=64:64"]).servers([&server]).option("-r").start();
    let _clients: Vec<_> = (0..200).map(|_| pen.connect()).collect();
    wait_until("as many as possible are served", || server.current() >= 10);
    for _ in 0..20 {
        assert_eq!(pen.ask("blacklist"), "30\n");
    }
}

#[test]
fn running_out_of_local_ports_costs_connections_but_no_server() {
    let _alone = alone();
    in_own_network(|| {
        run("sh", &["-c", "echo 40000 40019 > /proc/sys/net/ipv4/ip_local_port_range"]);
        let address: SocketAddr = "127.0.0.1:80".parse().unwrap();
        let server = Backend::serve_at(&address.into(), |client| {
            let _ = { client }.write_all(b"a\n");
            client.drain();
        });
        let pen = Pen::builder().servers([&server]).option("-r").start();
        let answers = Mutex::new(Vec::new());
        in_parallel(100, 50, |number| {
            let source = Ipv4Addr::new(127, 0, 1, number as u8 + 1).into();
            let stream = Stream::connect_from(source, pen.address()).unwrap();
            let mut line = [0; 2];
            let served = (&stream).read_exact(&mut line).is_ok();
            answers.lock().unwrap().push((served, stream));
        });
        let answers = answers.into_inner().unwrap();
        let served = answers.iter().filter(|(served, _)| *served).count();
        assert_eq!(served, 20, "as many as there are ports");
        let status = pen.ask("status text");
        assert!(!status.contains("blacklisted"), "{status}");
        drop(answers);
        pen.wait_until_idle();
    });
}

#[test]
fn servers_changed_under_load_cost_no_connection() {
    let _alone = alone();
    let servers = [answering_512_bytes(), answering_512_bytes(), answering_512_bytes()];
    let pen = Pen::builder().servers(&servers).option("-r").command("threads 2").start();
    let load = Load::default();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| load.keep_up(|| Some(pen.address().clone())));
        }
        for round in 0..300 {
            let slot = round % 3;
            pen.tell(&format!("no server {slot}"));
            pen.tell(&format!("server {slot} address 127.0.0.1 port {}", servers[slot].address().port()));
        }
        wait_until("there was some load", || load.done() > 1_000);
        load.stop();
    });
    assert_eq!(load.failed(), 0, "of {}", load.done());
    pen.wait_until_idle();
    pen.stop();
}

#[test]
fn term_under_load_resets_nobody_who_was_connected() {
    let _alone = alone();
    let server = answering_512_bytes();
    let pen = Pen::builder().servers([&server]).option("-r").command("shutdown_timeout 20").start();
    let address = pen.address().clone();
    let (served, broken) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Ok(stream) = Stream::connect(&address) {
                    let mut answer = [0; 512];
                    let outcome =
                        (&stream).write_all(&[b'q'; 64]).and_then(|()| (&stream).read_exact(&mut answer));
                    if outcome.is_ok() { &served } else { &broken }.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        wait_until("there is some load", || served.load(Ordering::Relaxed) > 500);
        pen.stop();
    });
    assert_eq!(broken.into_inner(), 0, "of {}", served.into_inner());
}

#[test]
fn pen_raises_its_soft_limit_of_descriptors_to_the_hard_one() {
    let server = Backend::named("a");
    let pen = Pen::builder().under(["prlimit", "--nofile=64:2048"]).servers([&server]).start();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", pen.process().0)).unwrap();
    let row = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert_eq!(row.split_whitespace().skip(3).take(2).collect::<Vec<_>>(), ["2048", "2048"]);
}

#[test]
fn pen_warns_when_its_connections_do_not_fit_into_the_limit_of_descriptors() {
    let server = Backend::named("a");
    let pen = Pen::builder().under(["prlimit", "--nofile=64:64"]).servers([&server]).start();
    wait_until("the warning is told", || pen.stderr().contains("conn_max"));
}

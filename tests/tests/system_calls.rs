//! What a connection costs: system calls for a short one, memory for an idle one.

use std::io::Write;

use pen_tests::{Backend, Load, Pen, Stream, alone, answering_512_bytes, program, wait_until};

#[test]
fn a_short_connection_takes_at_most_14_system_calls() {
    const CONNECTIONS: usize = 2_000;
    let _alone = alone();
    let server = answering_512_bytes();
    let directory = tempfile::tempdir().unwrap();
    let summary = directory.path().join("summary");
    let strace = program::find("strace");
    let pen = Pen::builder()
        .servers([&server])
        .option("-r")
        .option("-x 1000")
        .command("threads 1")
        .under([&strace.to_string_lossy(), "-f", "-c", "-o", &summary.to_string_lossy()])
        .start();
    let load = Load::run(pen.address(), CONNECTIONS, 64);
    assert_eq!((load.done(), load.failed()), (CONNECTIONS, 0));
    pen.wait_until_idle();
    pen.stop();
    let table = std::fs::read_to_string(summary).unwrap();
    let calls = total_calls(&table);
    eprintln!("{table}");
    assert!(calls <= 14 * CONNECTIONS, "{calls} system calls for {CONNECTIONS} connections\n{table}");
}

#[test]
fn a_request_takes_as_many_system_calls_with_x_forwarded_for_as_without() {
    const REQUESTS: usize = 2_000;
    let _alone = alone();
    let calls_of = |options: &[&str]| {
        let directory = tempfile::tempdir().unwrap();
        let summary = directory.path().join("summary");
        let strace = program::find("strace");
        let server = answering_requests();
        let builder = Pen::builder().servers([&server]).command("threads 1");
        let builder = options.iter().fold(builder, |builder, option| builder.option(option));
        let pen =
            builder.under([&strace.to_string_lossy(), "-f", "-c", "-o", &summary.to_string_lossy()]).start();
        let client = pen.connect();
        for _ in 0..REQUESTS {
            client.send("GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: a test\r\n\r\n");
            client.receive(ANSWER.len());
        }
        drop(client);
        pen.wait_until_idle();
        pen.stop();
        let table = std::fs::read_to_string(summary).unwrap();
        eprintln!("{table}");
        total_calls(&table)
    };
    let (without, with) = (calls_of(&[]), calls_of(&["-H"]));
    // What is awaited when pen starts and ends is asked for now and then.
    assert!(with.abs_diff(without) < REQUESTS / 10, "{with} system calls with, {without} without");
}

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A server that answers each head, which has to come in one piece.
fn answering_requests() -> Backend {
    Backend::serve(|client| {
        client.drain_with(|head| {
            assert!(head.ends_with(b"\r\n\r\n"));
            let _ = { client }.write_all(ANSWER);
        });
    })
}

/// The calls of the `total` row: `100.00  0.082  2  28000  12 total`.
fn total_calls(table: &str) -> usize {
    let row = table.lines().find(|line| line.ends_with(" total")).expect("strace prints a total");
    row.split_whitespace().nth(3).and_then(|calls| calls.parse().ok()).expect("the fourth column is a number")
}

#[test]
fn an_idle_connection_takes_at_most_600_bytes() {
    const CONNECTIONS: usize = 4_000;
    let server = answering_512_bytes();
    let pen = Pen::builder().servers([&server]).option("-r").option("-x 5000").command("threads 1").start();
    let open = |count: usize| -> Vec<Stream> {
        (0..count)
            .map(|_| {
                let client = pen.connect();
                client.send([b'q'; 64]);
                client.receive(512);
                client
            })
            .collect()
    };
    // The first ones bring in what is allocated once.
    let _first = open(200);
    let before = pen.process().allocated();
    let held = open(CONNECTIONS);
    let grown = pen.process().allocated().saturating_sub(before);
    let each = grown * 1024 / CONNECTIONS;
    eprintln!("{each} bytes an idle connection");
    assert!(each <= 600, "{each} bytes an idle connection");
    drop(held);
    wait_until("they are gone", || pen.servers()[0].conn <= 200);
}

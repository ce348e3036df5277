//! What a connection costs: system calls for a short one, memory for an idle one.

use pen_tests::{Load, Pen, Stream, answering_512_bytes, program, wait_until};

#[test]
fn a_short_connection_takes_at_most_14_system_calls() {
    const CONNECTIONS: usize = 2_000;
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

/// The calls of the `total` row: `100.00  0.082  2  28000  12 total`.
fn total_calls(table: &str) -> usize {
    let row = table.lines().find(|line| line.ends_with(" total")).expect("strace prints a total");
    row.split_whitespace().nth(3).and_then(|calls| calls.parse().ok()).expect("the fourth column is a number")
}

#[test]
fn an_idle_connection_takes_at_most_a_kibibyte() {
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
    let before = pen.process().proportional();
    let held = open(CONNECTIONS);
    let grown = pen.process().proportional().saturating_sub(before);
    eprintln!("{} bytes an idle connection", grown * 1024 / CONNECTIONS);
    assert!(grown <= CONNECTIONS, "{grown} KiB for {CONNECTIONS} connections");
    drop(held);
    wait_until("they are gone", || pen.servers()[0].conn <= 200);
}

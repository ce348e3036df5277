//! Large transfers, which pen passes from socket to socket through a pipe: all of it arrives, and nobody's bytes reach anybody else.

use std::io::Read;
use std::thread;
use std::time::Duration;

use pen_tests::{Backend, Content, End, Pen, PenBuilder, Stream, in_parallel, program, settled};

const MEBIBYTE: u64 = 1 << 20;
/// What has stood still for so long waits for somebody.
const CALM: Duration = Duration::from_millis(500);

fn with_threads(threads: usize) -> PenBuilder {
    Pen::builder().command(&format!("threads {threads}"))
}

/// What the client of this number says, and what it is told.
fn contents(number: u64) -> (Content, Content) {
    (Content::new(2 * number), Content::new(2 * number + 1))
}

/// Reads the number that comes first.
fn number_of(mut client: &Stream) -> Option<u64> {
    let mut number = [0; 8];
    client.read_exact(&mut number).ok()?;
    Some(u64::from_le_bytes(number))
}

/// A server that says much to each client, and hears as much from it. One that is reset stops.
fn talking(length: u64) -> Backend {
    Backend::serve(move |client| {
        let Some(number) = number_of(client) else { return };
        let (question, answer) = contents(number);
        thread::scope(|scope| {
            scope.spawn(|| {
                if answer.write_to(client, length).is_ok() {
                    client.finish();
                }
            });
            let (heard, end) = question.expect_from(client);
            // Some say nothing.
            assert!(
                heard == length || heard == 0 || end != End::Eof,
                "client {number} ended after {heard} bytes"
            );
        });
    })
}

/// Says and hears all of it; slowly, if it is to pause now and then.
fn talk(client: &Stream, number: u64, length: u64, pause: Option<Duration>) {
    let (question, answer) = contents(number);
    client.send(number.to_le_bytes());
    thread::scope(|scope| {
        scope.spawn(|| {
            question.write_to(client, length).unwrap();
            client.finish();
        });
        let mut heard = 0;
        let end = client.drain_with(|part| {
            assert!(answer.matches(heard, part), "client {number}: wrong bytes from {heard}");
            if let Some(pause) = pause.filter(|_| heard % MEBIBYTE > (heard + part.len() as u64) % MEBIBYTE) {
                thread::sleep(pause);
            }
            heard += part.len() as u64;
        });
        assert_eq!((heard, end), (length, End::Eof), "client {number}");
    });
}

/// Hears some of it, and resets; the server is in the middle of its answer, and the pipe has held some of it.
fn break_off(client: Stream, number: u64, after: usize) {
    let answer = contents(number).1;
    client.send(number.to_le_bytes());
    assert!(answer.matches(0, &client.receive(after)));
    client.reset();
}

#[test]
fn a_large_transfer_is_spliced_both_ways() {
    let directory = tempfile::tempdir().unwrap();
    let summary = directory.path().join("summary");
    let strace = program::find("strace");
    let server = talking(32 * MEBIBYTE);
    let pen = with_threads(1)
        .server(&server)
        .under([&strace.to_string_lossy(), "-f", "-c", "-o", &summary.to_string_lossy()])
        .start();
    talk(&pen.connect(), 1, 32 * MEBIBYTE, None);
    pen.wait_until_idle();
    pen.stop();
    let table = std::fs::read_to_string(summary).unwrap();
    let row = table.lines().find(|line| line.ends_with(" splice")).expect("splice was called");
    let calls: u64 = row.split_whitespace().nth(3).and_then(|calls| calls.parse().ok()).expect("a number");
    // Two for at most 256 KiB each.
    assert!(calls >= 128, "{table}");
}

#[test]
fn many_talk_at_once_and_some_slowly_while_others_reset_in_the_middle() {
    const CLIENTS: usize = 48;
    const LENGTH: u64 = 6 * MEBIBYTE;
    for threads in [1, 2] {
        let server = talking(LENGTH);
        let pen = with_threads(threads).server(&server).start();
        let descriptors = pen.process().descriptors_at_rest();
        in_parallel(CLIENTS, CLIENTS / 2, |client| {
            let number = client as u64;
            match client % 4 {
                0 => break_off(pen.connect(), number, 100_000 * (1 + client)),
                1 => talk(&pen.connect(), number, LENGTH, Some(Duration::from_millis(20))),
                _ => talk(&pen.connect(), number, LENGTH, None),
            }
        });
        pen.wait_until_idle();
        pen.process().expect_descriptors(descriptors);
    }
}

#[test]
fn who_takes_nothing_holds_up_nobody_and_costs_bounded_memory_and_no_time() {
    const LENGTH: u64 = 64 * MEBIBYTE;
    let server = talking(LENGTH);
    let pen = with_threads(1).server(&server).start();
    talk(&pen.connect(), 99, LENGTH, None);
    let before = pen.process().allocated();
    let slow: Vec<Stream> = (0..8)
        .map(|number| {
            let client = pen.connect();
            client.send(u64::to_le_bytes(number));
            // Enough to be poured.
            assert!(contents(number).1.matches(0, &client.receive(8 * MEBIBYTE as usize)));
            client
        })
        .collect();
    settled(CALM, || pen.servers()[0].rx);
    // Nobody who takes nothing is asked again and again.
    settled(CALM, || pen.process().ticks());
    assert!(pen.process().allocated() < before + 8 * 1024, "too much is kept for clients that take nothing");
    talk(&pen.connect(), 100, LENGTH, None);
    for (number, client) in slow.iter().enumerate() {
        let answer = contents(number as u64).1;
        let mut heard = 8 * MEBIBYTE;
        let end = client.drain_with(|part| {
            assert!(answer.matches(heard, part), "client {number}: wrong bytes from {heard}");
            heard += part.len() as u64;
        });
        assert_eq!((heard, end), (LENGTH, End::Eof), "client {number}");
    }
}

//! penlog with much to do: what it costs, and how much memory it needs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use pen_tests::{Datagrams, Penlog, alone, program, settled, wait_until};

/// Takes datagrams as they come, until the test says that there are no more: how many, and of how many bytes.
fn count_until(sink: &Datagrams, is_over: &AtomicBool) -> (usize, usize) {
    let (mut count, mut bytes) = (0, 0);
    while !is_over.load(Ordering::Relaxed) {
        for datagram in sink.drain() {
            count += 1;
            bytes += datagram.len();
        }
    }
    (count, bytes)
}

/// Its memory, in KiB, after this was written once, and how much that has grown after it was written `times` more.
fn growth(chunk: &[u8], times: usize) -> (usize, usize) {
    let _alone = alone();
    let sink = Datagrams::anywhere();
    let penlog = Penlog::start(&[&sink.address().to_string()]);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let counter = scope.spawn(|| count_until(&sink, &is_over));
        for _ in 0..20 {
            penlog.write(chunk);
        }
        let before = penlog.process().resident();
        for _ in 0..times {
            penlog.write(chunk);
        }
        let after = penlog.process().resident();
        let ended = penlog.finish();
        is_over.store(true, Ordering::Relaxed);
        let (count, bytes) = counter.join().expect("the counter does not panic");
        assert!(count > 0 && bytes > 0);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        (before, after.saturating_sub(before))
    })
}

#[test]
fn a_million_lines_take_no_more_memory_than_a_few() {
    let line = "10.1.1.1 - - [14/Nov/2023:22:13:20 +0000] \"GET /page HTTP/1.1\" 200 1234 \"-\" \"agent\"\n";
    let (before, grown) = growth(line.repeat(10_000).as_bytes(), 100);
    assert!(grown <= 512, "{before} KiB grew by {grown}");
    assert!(before < 16 * 1024, "{before} KiB");
}

#[test]
fn input_without_any_newline_takes_no_more_memory_than_lines() {
    let (before, grown) = growth(&vec![b'x'; 1 << 20], 200);
    assert!(grown <= 512, "{before} KiB grew by {grown}");
    assert!(before < 16 * 1024, "{before} KiB");
}

#[test]
fn a_burst_of_lines_takes_few_system_calls() {
    const LINES: usize = 10_000;
    let directory = tempfile::tempdir().unwrap();
    let summary = directory.path().join("summary");
    let sink = Datagrams::anywhere();
    let address = sink.address().to_string();
    let (strace, penlog) = (program::find("strace"), program::penlog());
    let words = ["-f", "-c", "-o", &summary.to_string_lossy(), &penlog.to_string_lossy(), &address];
    let traced = Penlog::run(&strace, &words);
    let line = "10.1.1.1 - - [14/Nov/2023:22:13:20 +0000] \"GET /page HTTP/1.1\" 200 1234 \"-\" \"agent\"\n";
    traced.write(line.repeat(LINES).as_bytes());
    assert_eq!(traced.finish().code, Some(0));
    assert_eq!(sink.drain().len(), LINES);
    let table = std::fs::read_to_string(summary).unwrap();
    let row = table.lines().find(|line| line.ends_with(" total")).expect("strace prints a total");
    let calls: usize = row.split_whitespace().nth(3).unwrap().parse().unwrap();
    // 13 chunks of a full pipe or, if the writer is slow, a few more; and what starting takes.
    assert!(calls < LINES / 10, "{table}");
}

#[test]
fn waiting_takes_no_time() {
    let sink = Datagrams::anywhere();
    let penlog = Penlog::start(&[&sink.address().to_string()]);
    penlog.write(b"one\n");
    assert_eq!(sink.receive(), b"one\n");
    drop(sink);
    // Its refusal is an event that must not come again and again.
    wait_until("the loss is told", || {
        // A program that another test is just starting may have the socket for a moment more.
        penlog.write(b"two\n");
        !penlog.stderr().is_empty()
    });
    let ticks = settled(std::time::Duration::from_millis(300), || penlog.process().ticks());
    assert!(ticks < 100, "{ticks}");
}

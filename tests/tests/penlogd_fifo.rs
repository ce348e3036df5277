//! penlogd whose log is a FIFO: its reader decides how fast lines go, and gets all of them.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;

use nix::fcntl::OFlag;
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use pen_tests::{Penlogd, wait_until};

/// A penlogd, and the other end of its FIFO, which is read without waiting.
fn with_fifo() -> (Penlogd, File) {
    let builder = Penlogd::builder().log("fifo");
    let path = builder.directory().join("fifo");
    mkfifo(&path, Mode::S_IRWXU).unwrap();
    let reader = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(&path).unwrap();
    (builder.start(), reader)
}

#[test]
fn a_fifo_takes_lines_as_fast_as_they_are_read_and_no_faster() {
    let (penlogd, mut reader) = with_fifo();
    let web = penlogd.peer("127.0.1.1");
    let mut expected = String::new();
    for number in 0..2000 {
        let line = format!("{number} {}\n", "x".repeat(200));
        web.send(&line);
        expected += &line;
    }
    // Nobody reads yet, and it obeys nevertheless.
    wait_until("all lines have come", || {
        penlogd.signal(Signal::SIGUSR1);
        penlogd.stderr().contains("2000 lines (")
    });
    let mut read = Vec::new();
    wait_until("all is read", || {
        // There is nothing now and then.
        let _ = reader.read_to_end(&mut read);
        read.len() >= expected.len()
    });
    assert!(read == expected.as_bytes());
}

#[test]
fn hup_repeats_nothing_in_a_fifo_that_has_taken_half_a_line() {
    let (penlogd, mut reader) = with_fifo();
    let web = penlogd.peer("127.0.1.1");
    // No pipe is full with a whole one.
    let line = format!("{}\n", "x".repeat(50_000));
    for _ in 0..10 {
        web.send(&line);
    }
    wait_until("all lines have come", || {
        penlogd.signal(Signal::SIGUSR1);
        penlogd.stderr().contains("10 lines (")
    });
    penlogd.signal(Signal::SIGHUP);
    let mut read = Vec::new();
    wait_until("all is read", || {
        let _ = reader.read_to_end(&mut read);
        read.len() >= 10 * line.len()
    });
    penlogd.stop();
    let _ = reader.read_to_end(&mut read);
    assert!(read == line.repeat(10).as_bytes(), "{} bytes", read.len());
}

#[test]
fn what_a_slow_reader_has_not_read_yet_is_written_at_the_end() {
    let (penlogd, mut reader) = with_fifo();
    let web = penlogd.peer("127.0.1.1");
    let line = format!("{}\n", "x".repeat(199));
    for _ in 0..2000 {
        web.send(&line);
    }
    let process = penlogd.process();
    penlogd.signal(Signal::SIGTERM);
    let mut read = Vec::new();
    wait_until("it has ended", || {
        let _ = reader.read_to_end(&mut read);
        !process.is_alive()
    });
    let _ = reader.read_to_end(&mut read);
    assert_eq!(read.len(), 2000 * line.len(), "{}", penlogd.stderr());
}

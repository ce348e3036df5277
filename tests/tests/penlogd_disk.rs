//! penlogd when the disk is full: nothing is dropped as long as it can be kept, and it recovers by itself.

use std::fs;
use std::path::Path;
use std::thread;

use nix::sched::{CloneFlags, unshare};

use pen_tests::{Penlogd, is_root, run, wait_until};

/// Runs `test` with a disk of so many bytes, in a mount namespace of its own.
///
/// Needs root: without it the test is skipped, and says so.
fn with_disk(bytes: usize, test: impl FnOnce(&Path) + Send) {
    if !is_root() {
        eprintln!("skipped: a disk of one's own needs root");
        return;
    }
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path();
    let body = || {
        unshare(CloneFlags::CLONE_NEWNS).expect("root can make a mount namespace");
        run("mount", &["--make-rprivate", "/"]);
        run("mount", &["-t", "tmpfs", "-o", &format!("size={bytes}"), "none", &path.display().to_string()]);
        test(path);
    };
    let result = thread::scope(|scope| scope.spawn(body).join());
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
}

fn line(number: usize) -> String {
    format!("{number:06} {}\n", "x".repeat(100))
}

#[test]
fn lines_that_a_full_disk_did_not_take_are_written_when_it_has_room() {
    with_disk(256 * 1024, |disk| {
        let ballast = disk.join("ballast");
        fs::write(&ballast, vec![0; 200 * 1024]).unwrap();
        let penlogd = Penlogd::builder().log(disk.join("log")).start();
        let web = penlogd.peer("127.0.1.1");
        let expected: String = (0..1000).map(line).collect();
        for number in 0..1000 {
            web.send(line(number));
        }
        penlogd.expect_word("log: No space left on device; lines are kept, and it is tried again");
        // The disk ends within a line.
        assert!(expected.as_bytes().starts_with(&penlogd.logged()) && !penlogd.logged().ends_with(b"\n"));
        fs::remove_file(ballast).unwrap();
        penlogd.expect(expected);
        penlogd.expect_word("is written again, and no line is lost");
    });
}

#[test]
fn a_line_that_a_full_disk_cut_is_whole_in_the_file_that_is_opened_next() {
    with_disk(256 * 1024, |disk| {
        let ballast = disk.join("ballast");
        fs::write(&ballast, vec![0; 200 * 1024]).unwrap();
        let (log, old) = (disk.join("log"), disk.join("log.1"));
        let penlogd = Penlogd::builder().log(&log).start();
        let web = penlogd.peer("127.0.1.1");
        (0..1000).for_each(|number| web.send(line(number)));
        penlogd.expect_word("No space left on device");
        fs::rename(&log, &old).unwrap();
        penlogd.signal(nix::sys::signal::Signal::SIGHUP);
        wait_until("the new file is there", || log.exists());
        fs::remove_file(ballast).unwrap();
        let is_complete = || penlogd.logged().ends_with(line(999).as_bytes());
        wait_until("the last line is there", is_complete);
        let (old, new) = (fs::read_to_string(&old).unwrap(), fs::read_to_string(&log).unwrap());
        let whole = old.rfind('\n').unwrap() + 1;
        assert!(whole < old.len(), "the disk ends within a line");
        assert_eq!(old[..whole].to_owned() + &new, (0..1000).map(line).collect::<String>());
    });
}

#[test]
fn a_limit_of_file_sizes_is_as_a_full_disk() {
    let penlogd = Penlogd::builder().under(["prlimit", "--fsize=2000:"]).start();
    let web = penlogd.peer("127.0.1.1");
    (0..100).for_each(|number| web.send(line(number)));
    penlogd.expect_word("log: File too large; lines are kept, and it is tried again");
    run("prlimit", &["--fsize=100000:", "--pid", &penlogd.process().0.to_string()]);
    penlogd.expect((0..100).map(line).collect::<String>());
    penlogd.expect_word("is written again, and no line is lost");
}

#[test]
fn what_is_too_much_to_be_kept_is_counted_and_told() {
    let penlogd = Penlogd::builder().log("/dev/full").start();
    let web = penlogd.peer("127.0.1.1");
    // A thousand times 64 KiB and some more are above 64 MiB.
    let datagram = format!("{}\n", "x".repeat(65_000));
    let unread = || pen_tests::udp::receive_queue(penlogd.address()).map_or(0, |queue| queue.bytes);
    for _ in 0..1100 {
        web.send(&datagram);
        wait_until("it is read", || unread() < 1 << 20);
    }
    penlogd.expect_word("/dev/full: No space left on device; lines are kept");
    let said = penlogd.stop().said;
    let lost = said.lines().find(|line| line.contains("could not be written, and are lost"));
    let kept = 64 * 1024 * 1024 / datagram.len();
    assert!(lost.is_some_and(|line| line.contains(&format!(" {kept} lines could not be written"))), "{said}");
    assert!(said.contains(&format!(" {} lines were too many to keep", 1100 - kept)), "{said}");
}

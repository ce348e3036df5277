//! The control port among peers that mean no good, or do not know what they do: whatever they send, and however many of them
//! there are, others are answered meanwhile, and afterwards nothing is left of them.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use pen_tests::{
    End, Pen, PenBuilder, Process, Stream, private_address, raise_descriptor_limit, settled, wait_until,
};

/// Pen has no more sessions at once.
const SESSION_LIMIT: usize = 64;

fn a_pen() -> PenBuilder {
    Pen::builder().server("127.0.0.1:1")
}

/// A pen whose status does not fit into the buffers of a Unix socket, and that gives memory back as soon as it is free.
fn a_pen_with_a_long_status() -> PenBuilder {
    let servers: Vec<_> = (0..2000).map(|slot| format!("server {slot} address 127.0.0.1 port 1")).collect();
    a_pen().config(&servers.join("\n")).under([
        "env",
        "MALLOC_MMAP_THRESHOLD_=65536",
        "MALLOC_TRIM_THRESHOLD_=65536",
    ])
}

/// Such a pen with a control socket, and one with a control port.
fn with_either_transport(pen: fn() -> PenBuilder) -> [Pen; 2] {
    [pen().start(), pen().control_at(private_address()).start()]
}

fn connect(pen: &Pen) -> Stream {
    Stream::connect(pen.control_address()).unwrap()
}

/// Sends as much as pen takes, and returns all that it says.
fn answer_to(pen: &Pen, bytes: &[u8]) -> String {
    let session = connect(pen);
    // Pen may have seen enough before it has seen all.
    let _ = (&session).write_all(bytes);
    session.finish();
    session.drain().text()
}

#[track_caller]
fn expect_service(pen: &Pen) {
    assert_eq!(pen.ask("blacklist"), "30\n");
}

/// Both penctls must be answered; ours says so by its exit status, too.
#[track_caller]
fn expect_service_for_programs(pen: &Pen) {
    for output in [pen.penctl("blacklist"), pen.old_penctl("blacklist")] {
        assert!(output.status.success() && output.stdout == b"30\n", "{output:?}");
    }
}

/// What a process has when nothing happens.
#[derive(Debug)]
struct Rest {
    descriptors: usize,
    threads: usize,
    resident: usize,
}

impl Rest {
    #[track_caller]
    fn of(process: Process) -> Rest {
        let (descriptors, threads) =
            settled(Duration::from_millis(300), || (process.descriptors(), process.threads()));
        Rest { descriptors, threads, resident: process.resident() }
    }

    /// Waits until the process has no more than it had; the allocator may keep some MiB.
    #[track_caller]
    fn expect_again(&self, process: Process) {
        process.expect_descriptors(self.descriptors);
        wait_until("the threads have ended", || process.threads() == self.threads);
        let resident = process.resident();
        assert!(resident < self.resident + 16 * 1024, "{resident} KiB, and before {self:?}");
    }
}

#[test]
fn random_bytes_of_any_length_are_answered_with_an_error_or_not_at_all() {
    let pen = a_pen().start();
    let rest = Rest::of(pen.process());
    let seed = fastrand::u64(..);
    let mut random = Rng::with_seed(seed);
    for length in (0..40).chain([100, 1000, 4094, 4095, 4096, 4097, 5000, 100_000]) {
        for end in ["", "\n", "\r\n", "\nblacklist 99\n"] {
            // What has capitals is no command.
            let mut bytes: Vec<u8> = (0..length).map(|_| random.u8(..).to_ascii_uppercase()).collect();
            bytes.extend_from_slice(end.as_bytes());
            let answer = answer_to(&pen, &bytes);
            let is_error = answer.starts_with("error: ") || answer.starts_with("do_cmd: ");
            assert!(answer.is_empty() || is_error && answer.lines().count() == 1, "{seed}: {answer:?}");
        }
    }
    expect_service(&pen);
    rest.expect_again(pen.process());
}

#[test]
fn what_other_protocols_say_is_refused() {
    let pen = a_pen().start();
    let longest = "x".repeat(4095);
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x01\n";
    let too_long = "error: the command is too long: 4095 bytes are the most\n";
    let table: [(&[u8], &str); 17] = [
        (b"", ""),
        (b"\n", ""),
        (b"\r\n\r\n", ""),
        (b"\n\n\nblacklist 99\n", ""),
        (b"\0\0\0\0", "error: control character 0x00 at byte 1 of the line: a command is plain text\n"),
        (
            b"blacklist\0 99\n",
            "error: control character 0x00 at byte 10 of the line: a command is plain text\n",
        ),
        (b"\x1b[2Jx\n", "error: control character 0x1b at byte 1 of the line: a command is plain text\n"),
        (hello, "error: the command is not UTF-8 text\n"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "do_cmd: ignoring command starting with 'SSH-2.0-OpenSSH_9.2'\n"),
        (b"GET / HTTP/1.1\r\nHost: pen\r\n\r\nblacklist 99\n", ""),
        (b"POST /", ""),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ""),
        (b"XYZ http://pen/ HTTP/1.1\r\n", ""),
        (longest.as_bytes(), &format!("do_cmd: ignoring command starting with '{longest}'\n")),
        (&[longest.as_bytes(), b"x"].concat(), too_long),
        (&[longest.as_bytes(), b"x\n"].concat(), too_long),
        (&[longest.as_bytes(), b"xx"].concat(), too_long),
    ];
    for (bytes, expected) in table {
        assert_eq!(answer_to(&pen, bytes), expected, "{:?}", String::from_utf8_lossy(bytes));
    }
    expect_service(&pen);
}

#[test]
fn peers_that_reset_at_any_moment_leave_nothing_behind() {
    for pen in with_either_transport(a_pen_with_a_long_status) {
        expect_service(&pen);
        let rest = Rest::of(pen.process());
        for (said, heard) in [
            ("", 0),
            ("blackl", 0),
            ("blacklist\n", 0),
            ("status\n", 0),
            ("status\n", 1),
            ("status\n", 50_000),
        ] {
            for _ in 0..10 {
                let session = connect(&pen);
                session.send(said);
                session.receive(heard);
                session.reset();
                expect_service(&pen);
            }
        }
        rest.expect_again(pen.process());
    }
}

#[test]
fn a_peer_that_sends_byte_by_byte_is_thrown_out_in_time_and_delays_nobody() {
    for pen in with_either_transport(a_pen) {
        let rest = Rest::of(pen.process());
        let slow = connect(&pen);
        wait_until("the slow peer is thrown out", || {
            expect_service(&pen);
            (&slow).write_all(b"x").is_err()
        });
        rest.expect_again(pen.process());
    }
}

#[test]
fn peers_that_never_read_their_long_answers_lock_nobody_out() {
    for pen in with_either_transport(a_pen_with_a_long_status) {
        expect_service(&pen);
        let rest = Rest::of(pen.process());
        let deaf: Vec<_> = (0..100)
            .map(|_| {
                let session = connect(&pen);
                session.small_receive_buffer();
                session.send("status\n");
                session
            })
            .collect();
        for _ in 0..20 {
            expect_service(&pen);
            expect_service_for_programs(&pen);
        }
        assert!(pen.process().descriptors() <= rest.descriptors + SESSION_LIMIT);
        drop(deaf);
        rest.expect_again(pen.process());
    }
}

#[test]
fn ten_thousand_half_open_peers_lock_nobody_out() {
    raise_descriptor_limit();
    for pen in with_either_transport(a_pen) {
        expect_service_for_programs(&pen);
        let rest = Rest::of(pen.process());
        let crowding = AtomicBool::new(true);
        let peers = thread::scope(|scope| {
            let crowd = scope.spawn(|| {
                let peers: Vec<_> = (0..10_000).map(|_| connect(&pen)).collect();
                crowding.store(false, Ordering::Release);
                peers
            });
            // While they come, and when all of them are there.
            while crowding.load(Ordering::Acquire) {
                expect_service_for_programs(&pen);
            }
            crowd.join().unwrap()
        });
        for _ in 0..20 {
            expect_service_for_programs(&pen);
        }
        wait_until("the oldest are gone", || pen.process().descriptors() <= rest.descriptors + SESSION_LIMIT);
        assert_ne!(peers[0].drain().end, End::Open);
        drop(peers);
        rest.expect_again(pen.process());
        pen.stop();
    }
}

#[test]
fn peers_that_come_and_go_without_a_pause_lock_nobody_out() {
    for pen in with_either_transport(a_pen) {
        expect_service_for_programs(&pen);
        let rest = Rest::of(pen.process());
        let ended = AtomicBool::new(false);
        thread::scope(|scope| {
            for said in ["", "GET / HTTP/1.1\r\n", "blackl"] {
                let (pen, ended) = (&pen, &ended);
                scope.spawn(move || {
                    while !ended.load(Ordering::Acquire) {
                        let _ = (&connect(pen)).write_all(said.as_bytes());
                    }
                });
            }
            let served =
                catch_unwind(AssertUnwindSafe(|| (0..50).for_each(|_| expect_service_for_programs(&pen))));
            // The others would go on for ever.
            ended.store(true, Ordering::Release);
            served.unwrap();
        });
        rest.expect_again(pen.process());
    }
}

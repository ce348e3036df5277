//! The end of a program that cannot go on. A panic is a defect, and a pen that lost one of its threads would leave clients
//! without an answer: so the whole process ends, and whoever supervises it starts it again. It ends before anything is unwound,
//! so that nobody sees what the panic left half done; release builds can do no other (`panic = "abort"`).

use std::backtrace::{Backtrace, BacktraceStatus};
use std::iter;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::diagnostics;

/// Rust's own exit status after a panic.
const PANICKED: i32 = 101;

static ABORTS: AtomicBool = AtomicBool::new(false);

/// Makes a panic of any thread the end of the process, with its message in the log, and with the calls that led to it if
/// `RUST_BACKTRACE` asks for them.
pub fn end_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        let what = panic.payload_as_str().unwrap_or("a panic without words");
        let place = panic.location().map(|place| format!(" (at {place})")).unwrap_or_default();
        let defect = format!("defect, the program ends: {what}{place}");
        let calls = Backtrace::capture();
        let calls =
            if calls.status() == BacktraceStatus::Captured { calls.to_string() } else { String::new() };
        diagnostics::say_at_last(iter::once(defect.as_str()).chain(calls.lines()));
        abort_if_asked();
        process::exit(PANICKED);
    }));
}

/// `abort_on_error`: whether a fatal error leaves a core dump.
pub fn set_abort_on_error(abort: bool) {
    ABORTS.store(abort, Ordering::Relaxed);
}

/// Aborts, if `abort_on_error` is on.
pub fn abort_if_asked() {
    if ABORTS.load(Ordering::Relaxed) {
        process::abort();
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Output};
    use std::thread;

    use super::*;
    use crate::diagnostics::{self, Destination};

    /// Set in the process that is to panic, which is this program again: while so many others talk.
    const TO_PANIC: &str = "TO_PANIC";

    #[test]
    fn a_panic_of_any_thread_ends_the_process_with_one_message() {
        if let Ok(talkers) = std::env::var(TO_PANIC) {
            lose_a_thread_among(talkers.parse().unwrap());
        }
        let output = this_test_with("0", 0);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(PANICKED), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(
            said.contains(": defect, the program ends: no such\\u{a}server (at system/src/fatal.rs:"),
            "{said}"
        );
    }

    #[test]
    fn the_calls_that_led_to_it_are_told_when_asked_for() {
        let output = this_test_with("1", 0);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(PANICKED), "{said}");
        let named = |line: &str| line.contains("fatal::tests::lose_a_thread_among");
        assert!(said.lines().any(named), "{said}");
    }

    #[test]
    fn it_is_told_also_where_more_is_said_than_can_be_written() {
        let output = this_test_with("0", 4);
        let said = String::from_utf8_lossy(&output.stderr);
        let is_told = |line: &str| line.contains(": defect, the program ends: no such\\u{a}server (at ");
        assert!(said.lines().any(is_told), "{:?}", said.lines().last());
        assert!(said.contains(" messages lost"), "all could be written");
    }

    fn this_test_with(backtrace: &str, talkers: u32) -> Output {
        let name = "fatal::tests::a_panic_of_any_thread_ends_the_process_with_one_message";
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", name, "--nocapture"])
            .env(TO_PANIC, talkers.to_string())
            .env("RUST_BACKTRACE", backtrace);
        command.output().unwrap()
    }

    /// Never returns: the process is to end, though the thread that loses another one waits for ever.
    fn lose_a_thread_among(talkers: u32) -> ! {
        diagnostics::init("pen", Destination::Stderr);
        diagnostics::start_writer().unwrap();
        for _ in 0..talkers {
            thread::spawn(|| {
                loop {
                    log::info!("talk");
                }
            });
        }
        while talkers > 0 && !diagnostics::has_lost_any() {
            thread::yield_now();
        }
        thread::spawn(|| panic!("no such\nserver"));
        loop {
            thread::park();
        }
    }
}

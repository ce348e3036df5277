//! The end of a program that cannot go on. A panic is a defect, and a pen that lost one of its threads would leave clients
//! without an answer: so the whole process ends, and whoever supervises it starts it again.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::diagnostics;

/// Rust's own exit status after a panic.
const PANICKED: i32 = 101;

static ABORTS: AtomicBool = AtomicBool::new(false);

/// Makes a panic of any thread the end of the process, with its message in the log.
pub fn end_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        log::error!("defect, the program ends: {panic}");
        diagnostics::flush();
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

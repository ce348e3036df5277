//! What pen's log says of servers' health.

use pen_tests::{Pen, wait_until};

/// The lines that hold this.
pub fn lines(pen: &Pen, text: &str) -> Vec<String> {
    pen.stderr().lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
}

/// Waits until the log has so many lines that hold this; never more.
#[track_caller]
pub fn wait_for_lines(pen: &Pen, count: usize, text: &str) {
    wait_until(&format!("the log has {count} lines with '{text}'"), || lines(pen, text).len() >= count);
    assert_eq!(lines(pen, text).len(), count, "{:?}", pen.stderr());
}

/// Waits until so many checks of the server in this slot have passed.
#[track_caller]
pub fn wait_until_passed(pen: &Pen, slot: usize, count: u64) {
    wait_until("checks have passed", || {
        let passed = &pen.status()["services"][0]["servers"][slot]["check"]["passed"];
        passed.as_u64().is_some_and(|passed| passed >= count)
    });
}

/// Waits until the log says this once.
#[track_caller]
pub fn wait_for_line(pen: &Pen, text: &str) {
    wait_for_lines(pen, 1, text);
}

/// Waits until the log says that the server in slot 0 is down for this reason, and has said so once.
#[track_caller]
pub fn wait_until_down(pen: &Pen, reason: &str) {
    wait_for_line(pen, " is down: ");
    let said = lines(pen, " is down: ").remove(0);
    assert!(said.contains(&format!(" is down: {reason} (")), "{reason} expected: {said}");
}

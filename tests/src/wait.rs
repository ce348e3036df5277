//! Waiting for a condition, with a limit.

use std::thread;
use std::time::{Duration, Instant};

/// How long anything that should happen may take. Generous: it only decides how late a broken test fails.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Returns as soon as `condition` holds; fails the test when it does not within [`LIMIT`].
#[track_caller]
pub fn wait_until(what: &str, condition: impl FnMut() -> bool) {
    assert!(within(LIMIT, condition), "waited {LIMIT:?} in vain until {what}");
}

/// Returns the first value that `attempt` yields; fails the test when there is none within [`LIMIT`].
#[track_caller]
pub fn wait_for<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let mut value = None;
    wait_until(what, || {
        value = attempt();
        value.is_some()
    });
    value.expect("the wait ended with a value")
}

/// The value as soon as it has stood still for `calm`; fails the test when it does not within [`LIMIT`].
#[track_caller]
pub fn settled<T: PartialEq>(calm: Duration, mut value: impl FnMut() -> T) -> T {
    let mut last = value();
    let mut since = Instant::now();
    wait_until("the value stands still", || {
        let now = value();
        if now != last {
            (last, since) = (now, Instant::now());
        }
        since.elapsed() > calm
    });
    last
}

/// Whether `condition` comes to hold within `limit`.
pub fn within(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    let mut pause = Duration::from_micros(200);
    loop {
        if condition() {
            return true;
        }
        if start.elapsed() > limit {
            return false;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

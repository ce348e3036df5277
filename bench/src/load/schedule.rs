//! When requests of a fixed rate are due, whatever becomes of those before them.

use std::time::Duration;

/// `total` requests, evenly in time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    /// Nanoseconds from one to the next.
    period: u64,
    total: u64,
}

impl Schedule {
    /// So many a second, for that long; at least one, and one a second.
    pub(super) fn new(rate: f64, length: Duration) -> Schedule {
        let period = (1e9 / rate.max(1.0)) as u64;
        Schedule { period, total: (nanoseconds(length) / period).max(1) }
    }

    pub(super) fn total(self) -> u64 {
        self.total
    }

    /// When the request of this number is meant to be sent, from 0.
    pub(super) fn intended(self, number: u64) -> Duration {
        Duration::from_nanos(number.saturating_mul(self.period))
    }

    /// How many are meant to have been sent by then.
    pub(super) fn due(self, now: Duration) -> u64 {
        (nanoseconds(now) / self.period + 1).min(self.total)
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_due_at_their_time_and_not_before() {
        let schedule = Schedule::new(1000.0, Duration::from_secs(2));
        assert_eq!(schedule.total(), 2000);
        assert_eq!(schedule.due(Duration::ZERO), 1);
        assert_eq!(schedule.due(Duration::from_micros(999)), 1);
        assert_eq!(schedule.due(Duration::from_millis(1)), 2);
        assert_eq!(schedule.due(Duration::from_secs(1)), 1001);
        assert_eq!(schedule.due(Duration::from_secs(100)), 2000);
    }

    #[test]
    fn what_is_due_agrees_with_what_is_intended_at_any_rate() {
        for rate in [1.0, 3.0, 777.7, 12_345.678] {
            let schedule = Schedule::new(rate, Duration::from_secs(3));
            for number in 0..schedule.total() {
                assert_eq!(
                    schedule.due(schedule.intended(number)),
                    number + 1,
                    "request {number} at {rate}/s"
                );
            }
        }
    }

    #[test]
    fn the_slowest_rate_is_one_a_second_and_there_is_always_one() {
        let schedule = Schedule::new(0.0, Duration::from_millis(1));
        assert_eq!((schedule.total(), schedule.intended(0)), (1, Duration::ZERO));
    }
}

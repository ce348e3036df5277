//! Time as penlogd counts it: it begins with the system's clock, and then neither jumps nor goes back when somebody sets that.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::matching::Moment;

/// No datagram waits for us longer than that.
const OLDEST: i64 = 10_000_000;

/// Microseconds since 1970 that pass steadily.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: Instant,
    unix: i64,
}

impl Clock {
    pub(super) fn start() -> Clock {
        Clock { start: Instant::now(), unix: unix(SystemTime::now()) }
    }

    pub(super) fn now(&self) -> Moment {
        Moment(self.unix.saturating_add(micros(self.start.elapsed())))
    }

    /// Reads both clocks, so as to tell moments of the system's one from now on.
    pub(super) fn reading(&self) -> Reading {
        Reading { now: self.now(), unix: unix(SystemTime::now()) }
    }
}

/// What both clocks said at a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    pub(super) now: Moment,
    unix: i64,
}

impl Reading {
    /// The moment before now at which the system's clock said this.
    pub(super) fn moment(&self, since_1970: Option<Duration>) -> Moment {
        let age = since_1970.map_or(0, |since| self.unix.saturating_sub(micros(since)));
        Moment(self.now.0 - age.clamp(0, OLDEST))
    }
}

/// How long until `moment`, seen from `now`.
pub(super) fn until(moment: Moment, now: Moment) -> Duration {
    Duration::from_micros(u64::try_from(moment.0.saturating_sub(now.0)).unwrap_or(0))
}

fn unix(time: SystemTime) -> i64 {
    micros(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_counts_from_now_whatever_the_clock_was_set_to() {
        let reading = Reading { now: Moment(1_000_000_000), unix: 77_000_000 };
        let stamp = |micros| reading.moment(Some(Duration::from_micros(micros)));
        assert_eq!(stamp(76_999_000), Moment(999_999_000));
        assert_eq!(stamp(77_000_001), Moment(1_000_000_000));
        assert_eq!(stamp(0), Moment(1_000_000_000 - OLDEST));
        assert_eq!(reading.moment(None), Moment(1_000_000_000));
    }
}

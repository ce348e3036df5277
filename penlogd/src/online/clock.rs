//! Time as penlogd counts it: it begins with the system's clock, and then neither jumps nor goes back when somebody sets that.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::matching::Moment;

/// No datagram waits for us longer than that.
const OLDEST: i64 = 10_000_000;

/// The clocks are not read at the very same time: so much is no difference, in microseconds.
const SLACK: i64 = 1_000;

/// Microseconds since 1970 that pass steadily.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: Instant,
    unix: i64,
    /// By how much it is ahead of the system's clock.
    ahead: i64,
    /// The latest moment that was told of a stamp.
    latest: Moment,
}

impl Clock {
    pub(super) fn start() -> Clock {
        Clock { start: Instant::now(), unix: unix(SystemTime::now()), ahead: 0, latest: Moment(i64::MIN) }
    }

    pub(super) fn now(&self) -> Moment {
        Moment(self.unix.saturating_add(micros(self.start.elapsed())))
    }

    /// Sees whether the system's clock was set.
    pub(super) fn compare(&mut self) {
        self.compare_with(self.now(), unix(SystemTime::now()));
    }

    fn compare_with(&mut self, now: Moment, unix: i64) {
        let ahead = now.0 - unix;
        if (ahead - self.ahead).abs() > SLACK {
            self.ahead = ahead;
        }
    }

    /// When the system's clock said this, which is not before what was told last, and was not long before `now`.
    pub(super) fn moment(&mut self, since_1970: Option<Duration>, now: Moment) -> Moment {
        let moment = since_1970.map_or(now.0, |since| micros(since).saturating_add(self.ahead));
        self.latest = self.latest.max(Moment(moment.clamp(now.0 - OLDEST, now.0)));
        self.latest
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

    fn clock() -> Clock {
        Clock { start: Instant::now(), unix: 0, ahead: 0, latest: Moment(i64::MIN) }
    }

    #[test]
    fn a_stamp_counts_from_now_whatever_the_clock_was_set_to() {
        let (mut clock, now) = (clock(), Moment(1_000_000_000));
        let stamp = |micros| Some(Duration::from_micros(micros));
        clock.compare_with(now, 77_000_000);
        assert_eq!(clock.moment(stamp(0), now), Moment(1_000_000_000 - OLDEST));
        assert_eq!(clock.moment(stamp(76_999_000), now), Moment(999_999_000));
        assert_eq!(clock.moment(None, now), now);
        assert_eq!(clock.moment(stamp(99_000_000), now), now);
    }

    #[test]
    fn moments_keep_the_order_of_their_stamps_however_late_the_clocks_are_read() {
        let mut clock = clock();
        let stamp = |micros| Some(Duration::from_micros(micros));
        clock.compare_with(Moment(5_000), 5_000);
        assert_eq!(clock.moment(stamp(4_900), Moment(5_000)), Moment(4_900));
        clock.compare_with(Moment(6_000), 6_700);
        assert_eq!(clock.moment(stamp(5_900), Moment(6_000)), Moment(5_900));
        assert_eq!(clock.moment(stamp(5_800), Moment(6_000)), Moment(5_900));
    }
}

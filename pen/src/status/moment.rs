//! Moments as people read them.

use std::fmt::{self, Display, Formatter};
use std::time::{Duration, UNIX_EPOCH};

use system::local_time::LocalTime;

/// A moment, given in seconds since 1970, in local time: `2026-11-20 11:51:45`.
#[derive(Clone, Copy, Debug)]
pub struct Moment(pub f64);

impl Display for Moment {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let since = Duration::try_from_secs_f64(self.0).unwrap_or_default();
        let LocalTime { year, month, day, hour, minute, second } = LocalTime::at(UNIX_EPOCH + since);
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    }
}

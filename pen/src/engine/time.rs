//! The engine's notion of time: it is told what time it is and never looks at a clock.

use std::time::Duration;

/// Milliseconds on a clock that never goes back, counted from the start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(pub(crate) u64);

impl Tick {
    /// This moment plus `seconds`.
    pub fn plus_seconds(self, seconds: u32) -> Tick {
        Tick(self.0.saturating_add(u64::from(seconds) * 1000))
    }

    /// This moment plus `duration`, in whole milliseconds.
    pub fn plus(self, duration: Duration) -> Tick {
        Tick(self.0.saturating_add(duration.as_millis().try_into().unwrap_or(u64::MAX)))
    }

    /// How long ago `earlier` was; zero if it lies ahead.
    pub fn since(self, earlier: Tick) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

//! How long units took: a histogram, because the slow ones are few and matter.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Durations from a nanosecond to a minute, to three digits; longer ones count as a minute.
#[derive(Clone, Debug)]
pub struct Timing {
    histogram: Histogram<u64>,
}

const LONGEST: u64 = 60_000_000_000;

impl Timing {
    /// Without any.
    #[expect(clippy::missing_panics_doc, reason = "three digits up to a minute are allowed")]
    pub fn new() -> Timing {
        let histogram =
            Histogram::new_with_bounds(1, LONGEST, 3).expect("three digits up to a minute are allowed");
        Timing { histogram }
    }

    /// One more.
    pub fn record(&mut self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(LONGEST);
        self.histogram.saturating_record(nanoseconds);
    }

    /// The microseconds that this percentage of units took at most; nothing if there are none.
    pub fn percentile(&self, percent: f64) -> Option<f64> {
        let any = !self.histogram.is_empty();
        any.then(|| self.histogram.value_at_percentile(percent) as f64 / 1e3)
    }
}

impl Default for Timing {
    fn default() -> Timing {
        Timing::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_right_to_three_digits() {
        let mut timing = Timing::new();
        (1..=1000).for_each(|microseconds| timing.record(Duration::from_micros(microseconds)));
        for (percent, expected) in [(50.0, 500.0), (99.0, 990.0), (99.9, 999.0), (100.0, 1000.0)] {
            let found = timing.percentile(percent).unwrap();
            assert!((found / expected - 1.0).abs() < 0.002, "{percent} %: {found} instead of {expected}");
        }
    }

    #[test]
    fn nothing_has_no_percentiles_and_an_hour_is_a_minute() {
        let mut timing = Timing::new();
        assert_eq!(timing.percentile(50.0), None);
        timing.record(Duration::from_hours(1));
        assert!((timing.percentile(50.0).unwrap() / 60e6 - 1.0).abs() < 0.002);
    }
}

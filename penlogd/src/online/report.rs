//! What is told of datagrams that came to nothing: at once, and then once a minute at most.

use std::time::{Duration, Instant};

use super::counters::Counters;
use super::merger::Merger;

/// How often it is looked whether there is something to tell.
const LOOK: Duration = Duration::from_secs(1);
/// The least time between two reports.
const SILENCE: Duration = Duration::from_secs(60);

/// What was told so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    told: Counters,
    looked: Option<Instant>,
    told_at: Option<Instant>,
}

impl Report {
    /// Whether it is time to look; the counters are to be up to date then.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.looked.is_none_or(|looked| now.duration_since(looked) >= LOOK)
    }

    /// When there is something left to be told.
    pub(super) fn due(&self) -> Option<Instant> {
        None
    }

    /// Tells what is new, if it is time.
    pub(super) fn tick(&mut self, merger: &Merger, now: Instant) {
        if !self.is_due(now) {
            return;
        }
        self.looked = Some(now);
        let counters = &merger.counters;
        let lost = counters.overrun - self.told.overrun;
        let bad = counters.bad_records - self.told.bad_records;
        let strangers = counters.strangers - self.told.strangers;
        let is_silent = self.told_at.is_some_and(|told| now.duration_since(told) < SILENCE);
        if is_silent || lost + bad + strangers == 0 {
            return;
        }
        self.told_at = Some(now);
        self.told = *counters;
        if lost > 0 {
            log::warn!(
                "{lost} datagrams came faster than they could be taken, and the kernel has thrown them away"
            );
        }
        if let Some((source, error)) = merger.last_bad.filter(|_| bad > 0) {
            log::warn!("{bad} bad records were ignored, the last one from {source}: {error}");
        }
        if strangers > 0 {
            log::warn!("{strangers} datagrams were ignored, which came from where -a does not allow");
        }
    }
}

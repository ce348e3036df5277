//! What is told of datagrams that came to nothing: at once, then once a minute at most, and at the end.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::counters::Counters;
use super::merger::Merger;

/// How often it is looked whether there is something to tell.
const LOOK: Duration = Duration::from_secs(1);
/// The least time between two reports.
const SILENCE: Duration = Duration::from_mins(1);

/// What was told so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    told: Counters,
    told_at: Option<Instant>,
    looked_at: Option<Instant>,
    /// Since then something came.
    is_news: bool,
    /// There is something to tell, when it may be told.
    is_untold: bool,
}

impl Report {
    /// Datagrams came, and more may have been lost.
    pub(super) fn note_news(&mut self) {
        self.is_news = true;
    }

    /// When to look at the counters, which are to be up to date then.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let next = |last: Option<Instant>, pause| last.map_or(now, |last| last + pause);
        let look = self.is_news.then(|| next(self.looked_at, LOOK));
        let tell = self.is_untold.then(|| next(self.told_at, SILENCE));
        look.into_iter().chain(tell).min()
    }

    /// Tells what is new, if it is time.
    pub(super) fn look(&mut self, merger: &Merger, now: Instant) {
        (self.looked_at, self.is_news) = (Some(now), false);
        let (counters, told) = (&merger.counters, &self.told);
        self.is_untold = (counters.overrun, counters.bad_records, counters.strangers)
            != (told.overrun, told.bad_records, told.strangers);
        let is_silent = self.told_at.is_some_and(|told| now.duration_since(told) < SILENCE);
        if self.is_untold && !is_silent {
            self.told_at = Some(now);
            self.tell(merger);
        }
    }

    /// Tells what has not been told.
    pub(super) fn tell(&mut self, merger: &Merger) {
        let counters = &merger.counters;
        let lost = counters.overrun - self.told.overrun;
        let bad = counters.bad_records - self.told.bad_records;
        let strangers = counters.strangers - self.told.strangers;
        (self.told, self.is_untold) = (*counters, false);
        if lost > 0 {
            log::warn!(
                "{} were thrown away by the kernel: they came faster than they could be taken",
                datagrams(lost)
            );
        }
        if let Some((source, error)) = merger.last_bad.filter(|_| bad > 0) {
            let source = SocketAddr::new(source.ip().to_canonical(), source.port());
            log::warn!(
                "{} ignored that are bad records, the last one from {source}: {error}",
                datagrams(bad)
            );
        }
        if strangers > 0 {
            log::warn!("{} ignored that came from where -a does not allow", datagrams(strangers));
        }
    }
}

fn datagrams(number: u64) -> String {
    if number == 1 { "1 datagram".to_owned() } else { format!("{number} datagrams") }
}

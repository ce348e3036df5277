//! Lines that did not arrive, as far as that is known: counted, and told at once, then once a minute. Pure.

use std::time::{Duration, Instant};

/// How often losses are told at most.
const PAUSE: Duration = Duration::from_mins(1);

/// What was lost.
#[derive(Debug)]
pub struct Losses {
    /// What a report says of where lines go.
    destination: String,
    total: u64,
    untold: u64,
    /// Why, of the latest.
    cause: String,
    told: Option<Instant>,
}

impl Losses {
    /// None yet.
    pub fn new(destination: String) -> Losses {
        Losses { destination, total: 0, untold: 0, cause: String::new(), told: None }
    }

    /// So many lines did not arrive, because of this.
    pub fn add(&mut self, count: u64, cause: &str) {
        self.total += count;
        self.untold += count;
        if self.cause != cause {
            cause.clone_into(&mut self.cause);
        }
    }

    /// Whether there is any.
    pub fn any(&self) -> bool {
        self.total > 0
    }

    /// Adds what was counted elsewhere.
    pub fn join(&mut self, others: &Losses) {
        if others.any() {
            self.add(others.total, &others.cause);
        }
    }

    /// When there is something to tell next, if nothing more happens.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        (self.untold > 0).then(|| self.told.map_or(now, |told| told + PAUSE))
    }

    /// What is to be told now.
    pub fn report(&mut self, now: Instant) -> Option<String> {
        let is_due = self.due(now).is_some_and(|due| due <= now);
        if is_due {
            self.told = Some(now);
        }
        is_due.then(|| self.tell())
    }

    /// What has not been told when there is no more to come.
    pub fn last_report(&mut self) -> Option<String> {
        (self.untold > 0).then(|| self.tell())
    }

    fn tell(&mut self) -> String {
        let count = std::mem::take(&mut self.untold);
        let lines = if count == 1 { "line" } else { "lines" };
        let all = if count == self.total { String::new() } else { format!(" ({} in all)", self.total) };
        format!("{count} {lines} for {} lost{all}: {}", self.destination, self.cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn losses() -> Losses {
        Losses::new("loghost:10000".to_owned())
    }

    #[test]
    fn nothing_lost_is_nothing_told() {
        let now = Instant::now();
        assert_eq!((losses().due(now), losses().report(now), losses().last_report()), (None, None, None));
    }

    #[test]
    fn the_first_loss_is_told_at_once_and_more_a_minute_later() {
        let (start, mut losses) = (Instant::now(), losses());
        losses.add(1, "Connection refused");
        assert_eq!(losses.due(start), Some(start));
        let first = "1 line for loghost:10000 lost: Connection refused";
        assert_eq!(losses.report(start).as_deref(), Some(first));
        assert_eq!(losses.due(start), None);
        losses.add(2, "Connection refused");
        losses.add(3, "Network is unreachable");
        assert_eq!(losses.due(start + PAUSE / 2), Some(start + PAUSE));
        assert_eq!(losses.report(start + PAUSE / 2), None);
        let second = "5 lines for loghost:10000 lost (6 in all): Network is unreachable";
        assert_eq!(losses.report(start + PAUSE).as_deref(), Some(second));
        assert_eq!(losses.last_report(), None);
    }

    #[test]
    fn what_is_untold_is_told_at_the_end() {
        let (start, mut losses) = (Instant::now(), losses());
        losses.add(1, "x");
        losses.report(start);
        losses.add(1, "x");
        assert_eq!(losses.last_report().as_deref(), Some("1 line for loghost:10000 lost (2 in all): x"));
        assert_eq!(losses.last_report(), None);
    }
}

//! Where within its second something happened, when a log shows whole seconds only: those of a second are taken to be spread
//! over it evenly, in the order in which they were written.

use memchr::memmem;

const SECOND: i64 = 1_000_000;

/// How many bytes with other times are looked at before a second is believed to be over: logs are not quite in order.
const GAP: usize = 2048;

/// How far a log is in its second.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The latest one so far, in microseconds.
    second: i64,
    /// How many entries it has, as far as can be seen.
    count: i64,
    /// How many of them have been met.
    met: i64,
    /// The same before the last one was.
    met_before: i64,
}

impl Pace {
    /// A log that has not begun.
    pub fn new() -> Pace {
        Pace { second: i64::MIN, count: 1, met: 0, met_before: 0 }
    }

    /// The moment, in microseconds, of the next entry, which shows this second; `count_ahead` says how many of those behind
    /// it show the same.
    pub fn moment(&mut self, second: i64, count_ahead: impl FnOnce() -> usize) -> i64 {
        self.met_before = self.met;
        if second < self.second {
            // It is written late, so it was late in its second, too.
            return second + SECOND - 1;
        }
        if second > self.second {
            let ahead = i64::try_from(count_ahead()).unwrap_or(i64::MAX - 1);
            *self = Pace { second, count: ahead + 1, met: 0, met_before: 0 };
        }
        self.met += 1;
        self.count = self.count.max(self.met);
        // In the middle of its share.
        second.saturating_add((2 * self.met - 1) * (SECOND / 2) / self.count)
    }

    /// Has the last entry be the next one.
    pub fn step_back(&mut self) {
        self.met = self.met_before;
    }
}

/// How many times `word` stands in `text` until it is missing for a while.
pub fn count(word: &[u8], text: &[u8]) -> usize {
    let finder = memmem::Finder::new(word);
    let (mut count, mut rest) = (0, text);
    while let Some(at) = finder.find(&rest[..rest.len().min(GAP)]) {
        count += 1;
        rest = &rest[at + word.len()..];
    }
    count
}

/// The time of a line in Common Log Format, as it stands there.
pub fn common_time(line: &[u8]) -> Option<&[u8]> {
    const LENGTH: usize = "[14/Nov/2023:22:13:20 +0000]".len();
    let mut brackets = memchr::memchr_iter(b'[', line);
    brackets
        .find_map(|at| line.get(at..at + LENGTH).filter(|word| word[3] == b'/' && word[LENGTH - 1] == b']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_a_second_are_spread_over_it() {
        let mut pace = Pace::new();
        let moments: Vec<i64> = (0..4).map(|at| pace.moment(7 * SECOND, || 3 - at)).collect();
        assert_eq!(moments, [7_125_000, 7_375_000, 7_625_000, 7_875_000]);
        assert_eq!(pace.moment(8 * SECOND, || 0), 8_500_000);
        // Late ones, and more than could be seen.
        assert_eq!(pace.moment(7 * SECOND, || 9), 7_999_999);
        assert_eq!(pace.moment(8 * SECOND, || 0), 8_750_000);
        assert_eq!(pace.moment(i64::MAX, || usize::MAX), i64::MAX);
    }

    #[test]
    fn an_entry_that_was_only_looked_at_counts_once() {
        let mut pace = Pace::new();
        for _ in 0..3 {
            assert_eq!(pace.moment(0, || 1), 250_000);
            pace.step_back();
        }
        assert_eq!(pace.moment(0, || 9), 250_000);
        assert_eq!(pace.moment(0, || 9), 750_000);
    }

    #[test]
    fn a_word_is_counted_until_it_is_missing_for_long() {
        let text = |gap: usize| ["ab", &" ".repeat(gap), "abab"].concat();
        assert_eq!(count(b"ab", text(100).as_bytes()), 3);
        assert_eq!(count(b"ab", text(GAP).as_bytes()), 1);
        assert_eq!(count(b"ab", b""), 0);
    }

    #[test]
    fn the_time_of_a_line_is_found_behind_other_brackets() {
        let time = &b"[14/Nov/2023:22:13:20 +0000]"[..];
        let line = [b"<5>x[7]: [::1] - [a - ", time, b" \"GET /[\" 200 5"].concat();
        assert_eq!(common_time(&line), Some(time));
        assert_eq!(common_time(b"a [14/Nov/2023:22:13:20 +0000"), None);
        assert_eq!(common_time(b""), None);
    }
}

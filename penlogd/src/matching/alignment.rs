//! The lines and the records of one server's text, each in its order, and which belongs to which: the way that is most likely
//! altogether. Lines that have just come leave several ways open; those that follow decide.
//!
//! This is Viterbi's algorithm with a few states, each of them a number of records that are used or skipped, and with as many
//! lines of look-ahead as the caller lets wait. Pairs that would cross are left out: which of two lines with the same text came
//! first is known, and crossing them is never much likelier.

use std::collections::VecDeque;
use std::net::IpAddr;

use super::Moment;
use super::front::Habit;
use super::survey::Survey;
use super::ways::Ways;

/// Where a record stands in pen's log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Among those of its server.
    pub(super) number: u64,
    /// Its time.
    pub(super) at: Moment,
}

/// A line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    /// The time that it shows.
    pub(super) at: Moment,
    /// Where its record is expected, among those of its server.
    pub(super) place: f64,
    /// Whether lines that showed later times came before it.
    pub(super) is_late: bool,
}

/// A record that is a line's as far as is known now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match {
    /// Where it is.
    pub(super) place: Place,
    /// Whether others are much less likely.
    pub(super) is_sure: bool,
}

/// A line's client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chosen {
    /// From a record that is used now.
    Unused(IpAddr),
    /// From a record near the line that is another line's.
    Used(IpAddr),
}

/// All of one text.
#[derive(Debug, Default)]
pub(super) struct Alignment {
    records: Records,
    /// While lines wait, or several ways are open: there are many texts, and few that have waiting lines.
    ways: Option<Box<Ways>>,
    /// Otherwise records below this index are used or skipped.
    next: u64,
}

/// Records in pen's order.
#[derive(Debug, Default)]
pub(super) struct Records {
    records: VecDeque<Record>,
    /// The index of the first one, since records are forgotten.
    first: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    client: IpAddr,
    pub(super) place: Place,
    pub(super) is_used: bool,
}

/// A record so far behind the front has no line any more.
const LONG_AGO: f64 = 60.0;
/// So many records before and behind the expected one are looked at at most.
const BEFORE: usize = 48;
const BEHIND: usize = 16;

impl Alignment {
    /// Adds a record behind the others.
    pub(super) fn add_record(&mut self, client: IpAddr, place: Place) {
        let records = &mut self.records.records;
        if records.capacity() == 0 {
            // Many texts have no other.
            records.reserve_exact(1);
        }
        records.push_back(Record { client, place, is_used: false });
    }

    /// Whether there are no records.
    pub(super) fn is_empty(&self) -> bool {
        self.records.records.is_empty()
    }

    /// Whether there is nothing at all.
    pub(super) fn is_idle(&self) -> bool {
        self.is_empty() && self.ways.as_ref().is_none_or(|ways| ways.are_idle())
    }

    /// Forgets the oldest record.
    pub(super) fn forget_oldest(&mut self) {
        if self.records.records.pop_front().is_some() {
            self.records.first += 1;
        }
    }

    /// Adds a line behind the others. Answers which record is its, as far as is known now.
    pub(super) fn add_line(&mut self, line: &Line, habit: &Habit) -> Option<Match> {
        let near = self.near(line.place);
        let Records { records, first } = &self.records;
        let ways = self.ways.get_or_insert_with(|| Box::new(Ways::from(self.next)));
        ways.lift(first + near.saturating_sub(BEFORE) as u64);
        let end = first + records.len().min(near + BEHIND) as u64;
        ways.advance(line, habit, end, &self.records);
        let found = ways.best(&self.records);
        ways.give_up_the_hopeless();
        ways.add_line(self.records.nearest(near));
        found
    }

    /// Decides which record the oldest waiting line has.
    pub(super) fn settle(&mut self) -> Option<Chosen> {
        let ways = self.ways.as_mut()?;
        let (chosen, nearest) = ways.settle()?;
        if let Some(only) = ways.only() {
            self.next = only;
            self.ways = None;
        }
        match chosen.and_then(|index| self.records.of_index_mut(index)) {
            // All ways had it that were left when another line came that it belongs to for certain.
            Some(record) if record.is_used => nearest.map(Chosen::Used),
            Some(record) => {
                record.is_used = true;
                Some(Chosen::Unused(record.client))
            }
            None => nearest.map(Chosen::Used),
        }
    }

    /// How likely the best unused record that `is_meant` (by index, client and time) is, as a logarithm, and which it is.
    pub(super) fn best_of(
        &self,
        line: &Line,
        habit: &Habit,
        is_meant: impl Fn(u64, IpAddr, Moment) -> bool,
    ) -> Option<(f32, u64)> {
        let near = self.near(line.place);
        let Records { records, first } = &self.records;
        let nearby = near.saturating_sub(BEFORE)..records.len().min(near + BEHIND);
        let unused = nearby.filter(|index| {
            let record = &records[*index];
            !record.is_used && is_meant(first + *index as u64, record.client, record.place.at)
        });
        let likelihood = |index: usize| (habit.likelihood(line, &records[index].place), first + index as u64);
        unused.map(likelihood).max_by(|a, b| a.0.total_cmp(&b.0))
    }

    /// Chooses for a late line, which belongs between others that are settled: what is left there.
    pub(super) fn choose_late(&mut self, line: &Line, habit: &Habit) -> Option<Chosen> {
        let (earliest, latest) = habit.times_of_records(line.at);
        let best = self.best_of(line, habit, |index, _, at| {
            (earliest..=latest).contains(&at)
                && !self.ways.as_ref().is_some_and(|ways| ways.best_takes(index))
        });
        if let Some(record) = best.and_then(|(_, index)| self.records.of_index_mut(index)) {
            record.is_used = true;
            return Some(Chosen::Unused(record.client));
        }
        self.records.nearest(self.near(line.place)).map(Chosen::Used)
    }

    /// Uses a record up that is known to be a line's, and so no waiting one's.
    pub(super) fn take(&mut self, index: u64) -> Option<Match> {
        if let Some(ways) = &mut self.ways {
            ways.give_up_record(index);
        }
        let record = self.records.of_index_mut(index)?;
        record.is_used = true;
        Some(Match { place: record.place, is_sure: true })
    }

    /// Gives `see` the distances of all records that a place is not too far from, unless there are many.
    pub(super) fn each_distance(&self, place: f64, see: impl FnMut(f32)) {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "it is put into a bucket"
        )]
        let distance = |record: &Record| (record.place.number as f64 - place) as f32;
        let (begin, end) = (self.near(place - Survey::RANGE), self.near(place + Survey::RANGE));
        if end - begin <= Survey::MANY {
            self.records.records.range(begin..end).map(distance).for_each(see);
        }
    }

    /// The place in `records` of the first one that is not before this number. It is looked for near where the lines are, in
    /// steps that double: elsewhere the records are cold.
    fn near(&self, number: f64) -> usize {
        let Records { records, first } = &self.records;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let is_before = |record: &Record| (record.place.number as f64) < number;
        let is_before = |index: usize| records.get(index).is_some_and(is_before);
        let front = self.ways.as_ref().map_or(self.next, |ways| ways.front());
        let front = usize_of(front.saturating_sub(*first));
        // What is below `low` is before, what is from `high` on is not.
        let (mut low, mut high, mut step) = (0, front.min(records.len()), 1);
        if is_before(high) {
            while is_before(high) {
                (low, high, step) = (high + 1, high + step, 2 * step);
            }
            high = high.min(records.len());
        } else {
            while let Some(below) = high.checked_sub(step) {
                if is_before(below) {
                    low = below + 1;
                    break;
                }
                (high, step) = (below, 2 * step);
            }
        }
        while low < high {
            let middle = usize::midpoint(low, high);
            if is_before(middle) { low = middle + 1 } else { high = middle }
        }
        low
    }
}

impl Records {
    /// Whose the record at this place is, or the last one.
    fn nearest(&self, place: usize) -> Option<IpAddr> {
        self.records.get(place).or(self.records.back()).map(|record| record.client)
    }

    /// The record with this index, if it has not been forgotten.
    pub(super) fn of_index(&self, index: u64) -> Option<&Record> {
        self.records.get(usize_of(index.checked_sub(self.first)?))
    }

    fn of_index_mut(&mut self, index: u64) -> Option<&mut Record> {
        self.records.get_mut(usize_of(index.checked_sub(self.first)?))
    }
}

impl Line {
    /// Whether a record is so far behind the front that no line is expected for it any more.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub(super) fn is_long_after(&self, record: &Place) -> bool {
        (record.number as f64) < self.place - LONG_AGO
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the platform has 64 bits")]
pub(super) fn usize_of(index: u64) -> usize {
    index as usize
}

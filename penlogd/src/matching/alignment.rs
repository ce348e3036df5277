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
    records: VecDeque<Record>,
    /// The index of the first one, since records are forgotten.
    first: u64,
    /// Ways that are open, by the index.
    states: Vec<State>,
    /// Room for the next ones.
    spare: Vec<State>,
    /// Lines whose records are not settled.
    lines: VecDeque<Waiting>,
    /// The steps of all waiting lines.
    steps: VecDeque<Step>,
    first_step: u64,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    client: IpAddr,
    place: Place,
    is_used: bool,
}

/// A way to align all lines so far.
#[derive(Clone, Copy, Debug)]
struct State {
    /// Records below this index are used or skipped.
    next: u64,
    /// How unlikely it is, as a logarithm.
    cost: f32,
    /// Its last step.
    step: u64,
    /// The index of the record that the last line has in it.
    record: Option<u64>,
}

/// What a line does in one way or several.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// The step of the line before.
    from: u64,
    /// The index of the line's record, if it has one.
    record: Option<u64>,
}

/// A line whose record is not settled.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    /// How many steps it has.
    steps: u64,
    /// The client if it has no record of its own.
    nearest: Option<IpAddr>,
}

/// The cost of a record without a line: one in twenty.
const SKIPPED: f32 = 3.0;
/// Unless it is so many records behind the front.
const LONG_AGO: f64 = 60.0;
/// The cost of a line without a record: it happens only where another line needs the record more.
const ALONE: f32 = 20.0;
/// Ways that are so much less likely than the best one are given up.
const HOPELESS: f32 = 12.0;
/// No more ways are open than that.
const WAYS: usize = 16;
/// A record is sure if others are so much less likely.
const SURE: f32 = 3.0;
/// So many records before and behind the expected one are looked at at most.
const BEFORE: usize = 48;
const BEHIND: usize = 16;

impl Alignment {
    /// Adds a record behind the others.
    pub(super) fn add_record(&mut self, client: IpAddr, place: Place) {
        self.records.push_back(Record { client, place, is_used: false });
    }

    /// Whether there are no records.
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Whether there is nothing at all.
    pub(super) fn is_idle(&self) -> bool {
        self.records.is_empty() && self.lines.is_empty()
    }

    /// Forgets the oldest record.
    pub(super) fn forget_oldest(&mut self) {
        if self.records.pop_front().is_some() {
            self.first += 1;
        }
    }

    /// Adds a line behind the others. Answers which record is its, as far as is known now.
    pub(super) fn add_line(&mut self, line: &Line, habit: &Habit) -> Option<Match> {
        let near = self.near(line.place);
        self.lift(self.first + near.saturating_sub(BEFORE) as u64);
        let end = self.first + self.records.len().min(near + BEHIND) as u64;
        self.advance(line, habit, end);
        let found = self.best();
        self.give_up_the_hopeless();
        let nearest = self.records.get(near).or(self.records.back()).map(|record| record.client);
        self.lines.push_back(Waiting { steps: self.states.len() as u64, nearest });
        for state in &mut self.states {
            self.steps.push_back(Step { from: state.step, record: state.record });
            state.step = self.first_step + self.steps.len() as u64 - 1;
        }
        found
    }

    /// Decides which record the oldest waiting line has.
    pub(super) fn settle(&mut self) -> Option<Chosen> {
        let line = self.lines.pop_front()?;
        let end = self.first_step + line.steps;
        let first_step = self.first_step;
        let steps = &self.steps;
        let record_of = |state: &State| {
            let mut step = state.step;
            while step >= end {
                step = steps[usize_of(step - first_step)].from;
            }
            steps[usize_of(step - first_step)].record
        };
        let best = self.states.iter().min_by(|a, b| a.cost.total_cmp(&b.cost));
        let chosen = best.and_then(record_of);
        if self.states.len() > 1 {
            self.states.retain(|state| record_of(state) == chosen);
        }
        self.steps.drain(..usize_of(line.steps));
        self.first_step = end;
        let record = chosen.and_then(|index| index.checked_sub(self.first));
        let record = record.and_then(|index| self.records.get_mut(usize_of(index)));
        match record {
            Some(record) => {
                record.is_used = true;
                Some(Chosen::Unused(record.client))
            }
            None => line.nearest.map(Chosen::Used),
        }
    }

    /// How likely the best unused record that `is_meant` (by client and time) is, as a logarithm, and which it is.
    pub(super) fn best_of(
        &self,
        line: &Line,
        habit: &Habit,
        is_meant: impl Fn(IpAddr, Moment) -> bool,
    ) -> Option<(f32, u64)> {
        let near = self.near(line.place);
        let nearby = near.saturating_sub(BEFORE)..self.records.len().min(near + BEHIND);
        let unused = nearby.filter(|index| {
            let record = &self.records[*index];
            !record.is_used && is_meant(record.client, record.place.at)
        });
        let likelihood =
            |index: usize| (habit.likelihood(line, &self.records[index].place), self.first + index as u64);
        unused.map(likelihood).max_by(|a, b| a.0.total_cmp(&b.0))
    }

    /// Uses a record up that is known to be a line's.
    pub(super) fn take(&mut self, index: u64) -> Option<Match> {
        let record = self.records.get_mut(usize_of(index.checked_sub(self.first)?))?;
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
            self.records.range(begin..end).map(distance).for_each(see);
        }
    }

    /// The place in `records` of the first one that is not before this number. It is looked for near where the lines are, in
    /// steps that double: elsewhere the records are cold.
    fn near(&self, number: f64) -> usize {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let is_before = |record: &Record| (record.place.number as f64) < number;
        let is_before = |index: usize| self.records.get(index).is_some_and(is_before);
        let front = self.states.first().map_or(0, |state| usize_of(state.next.saturating_sub(self.first)));
        // What is below `low` is before, what is from `high` on is not.
        let (mut low, mut high, mut step) = (0, front.min(self.records.len()), 1);
        if is_before(high) {
            while is_before(high) {
                (low, high, step) = (high + 1, high + step, 2 * step);
            }
            high = high.min(self.records.len());
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

    /// Gives up what is below this index: ways that have not come so far go on there.
    fn lift(&mut self, index: u64) {
        let index = index.max(self.first);
        if self.states.is_empty() {
            self.states.push(State { next: index, cost: 0.0, step: 0, record: None });
        }
        let below = self.states.iter().take_while(|state| state.next < index);
        let Some(best) = below.min_by(|a, b| a.cost.total_cmp(&b.cost)).copied() else { return };
        let kept = self.states.iter().position(|state| state.next >= index).unwrap_or(self.states.len());
        self.states.drain(..kept);
        match self.states.first_mut() {
            Some(first) if first.next == index => {
                if best.cost < first.cost {
                    *first = State { next: index, ..best };
                }
            }
            _ => self.states.insert(0, State { next: index, ..best }),
        }
    }

    /// Goes all ways one line further, with records before the index `end`.
    fn advance(&mut self, line: &Line, habit: &Habit, end: u64) {
        let mut ways = std::mem::take(&mut self.spare);
        ways.clear();
        let mut states = self.states.iter().peekable();
        let last = self.states.last().map_or(0, |state| state.next);
        let mut index = self.states.first().map_or(0, |state| state.next);
        // The best way to come here, whether by skipping records or not.
        let mut here: Option<State> = None;
        // The way that takes the record before this index.
        let mut taking: Option<State> = None;
        while index <= end.max(last) {
            let state = states.next_if(|state| state.next == index).copied();
            let alone = state.map(|state| State { cost: state.cost + ALONE, record: None, ..state });
            ways.extend(cheaper(taking.take(), alone));
            here = cheaper(here, state);
            if index < end
                && let Some(way) = here.as_mut()
                && let Some(record) = self.records.get(usize_of(index - self.first))
                && !record.is_used
            {
                let cost = way.cost - habit.likelihood(line, &record.place);
                taking = Some(State { next: index + 1, cost, step: way.step, record: Some(index) });
                if !line.is_long_after(&record.place) {
                    way.cost += SKIPPED;
                }
            }
            index += 1;
        }
        self.spare = std::mem::replace(&mut self.states, ways);
    }

    /// The record of the best way.
    fn best(&self) -> Option<Match> {
        let best = self.states.iter().min_by(|a, b| a.cost.total_cmp(&b.cost))?;
        let place = self.records.get(usize_of(best.record?.checked_sub(self.first)?))?.place;
        let others = self.states.iter().filter(|state| state.record != best.record);
        let is_sure = others.map(|state| state.cost).fold(f32::INFINITY, f32::min) > best.cost + SURE;
        Some(Match { place, is_sure })
    }

    fn give_up_the_hopeless(&mut self) {
        let best = self.states.iter().map(|state| state.cost).fold(f32::INFINITY, f32::min);
        let mut worst = HOPELESS;
        self.states.iter_mut().for_each(|state| state.cost -= best);
        self.states.retain(|state| state.cost < worst);
        while self.states.len() > WAYS {
            worst *= 0.75;
            // Equal ones cannot be told apart by their costs.
            if worst < 0.01 {
                self.states.truncate(WAYS);
            }
            self.states.retain(|state| state.cost < worst);
        }
    }
}

impl Line {
    /// Whether a record is so far behind the front that no line is expected for it any more.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    fn is_long_after(&self, record: &Place) -> bool {
        (record.number as f64) < self.place - LONG_AGO
    }
}

fn cheaper(a: Option<State>, b: Option<State>) -> Option<State> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.cost < a.cost { b } else { a }),
        (a, b) => a.or(b),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the platform has 64 bits")]
fn usize_of(index: u64) -> usize {
    index as usize
}

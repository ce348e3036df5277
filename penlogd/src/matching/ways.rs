//! The ways to give the lines of one text records that are open, and the lines that wait until it is clear which one is right.

use std::collections::VecDeque;
use std::net::IpAddr;

use super::alignment::{Line, Match, Records, usize_of};
use super::front::Habit;

/// The ways, and the lines.
#[derive(Debug)]
pub(super) struct Ways {
    /// By the index, and never empty.
    states: Vec<State>,
    /// Room for the next ones.
    spare: Vec<State>,
    /// Lines that wait.
    lines: VecDeque<Waiting>,
    /// The records of the first of them, which are settled.
    settled: VecDeque<Option<u64>>,
    /// The steps of all waiting lines.
    steps: VecDeque<Step>,
    /// The number of the first of these; 0 is none.
    first_step: u64,
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

/// A line that waits.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    /// How many steps it has.
    steps: u64,
    /// The client if it has no record of its own.
    nearest: Option<IpAddr>,
}

/// The cost of a record without a line: one in twenty.
const SKIPPED: f32 = 3.0;
/// The cost of a line without a record: it happens only where another line needs the record more.
const ALONE: f32 = 20.0;
/// Ways that are so much less likely than the best one are given up.
const HOPELESS: f32 = 12.0;
/// No more ways are open than that.
const WAYS: usize = 16;
/// So many lines that follow tell all about a line; if twice as many wait, those before them are settled together.
const AHEAD: usize = 128;
/// A record is sure if others are so much less likely.
const SURE: f32 = 3.0;

impl Ways {
    /// The one on which records below this index are used or skipped.
    pub(super) fn from(index: u64) -> Ways {
        Ways {
            states: vec![State { next: index, cost: 0.0, step: 0, record: None }],
            spare: Vec::new(),
            lines: VecDeque::new(),
            settled: VecDeque::new(),
            steps: VecDeque::new(),
            first_step: 1,
        }
    }

    /// Whether no line waits.
    pub(super) fn are_idle(&self) -> bool {
        self.lines.is_empty()
    }

    /// The least index that is not used or skipped in all ways.
    pub(super) fn front(&self) -> u64 {
        self.states.first().map_or(0, |state| state.next)
    }

    /// If only one way is open, and no line waits: which one.
    pub(super) fn only(&self) -> Option<u64> {
        match self.states.as_slice() {
            [only] if self.lines.is_empty() => Some(only.next),
            _ => None,
        }
    }

    /// Has the line wait that all ways have gone to; `nearest` is its client if it has no record of its own.
    pub(super) fn add_line(&mut self, nearest: Option<IpAddr>) {
        self.lines.push_back(Waiting { steps: self.states.len() as u64, nearest });
        for state in &mut self.states {
            self.steps.push_back(Step { from: state.step, record: state.record });
            state.step = self.first_step + self.steps.len() as u64 - 1;
        }
    }

    /// Decides on the oldest waiting line: the index of its record if it has one, and its client if it has none.
    pub(super) fn settle(&mut self) -> Option<(Option<u64>, Option<IpAddr>)> {
        if self.settled.is_empty() && !self.lines.is_empty() {
            let many = self.lines.len() > 2 * AHEAD;
            self.settle_first(if many { self.lines.len() - AHEAD } else { 1 });
        }
        let line = self.lines.pop_front()?;
        self.steps.drain(..usize_of(line.steps));
        self.first_step += line.steps;
        Some((self.settled.pop_front().flatten(), line.nearest))
    }

    /// Settles the records of so many lines, as the best way has them, and gives up the ways that have others.
    fn settle_first(&mut self, count: usize) {
        let end = self.first_step + self.lines.iter().take(count).map(|line| line.steps).sum::<u64>();
        let (steps, first_step) = (&self.steps, self.first_step);
        let step = |number: u64| steps[usize_of(number - first_step)];
        let last_of = |state: &State| {
            let mut number = state.step;
            while number >= end {
                number = step(number).from;
            }
            number
        };
        let Some(best) = self.best_state() else { return };
        let mut chosen = last_of(best);
        if self.states.len() > 1 {
            self.states.retain(|state| {
                let last = last_of(state);
                last == chosen || count == 1 && step(last).record == step(chosen).record
            });
        }
        for _ in 0..count {
            self.settled.push_front(step(chosen).record);
            chosen = step(chosen).from;
        }
    }

    fn best_state(&self) -> Option<&State> {
        self.states.iter().min_by(|a, b| a.cost.total_cmp(&b.cost))
    }

    /// Gives up what is below this index: ways that have not come so far go on there.
    pub(super) fn lift(&mut self, index: u64) {
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
    pub(super) fn advance(&mut self, line: &Line, habit: &Habit, end: u64, records: &Records) {
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
                && let Some(record) = records.of_index(index)
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
    pub(super) fn best(&self, records: &Records) -> Option<Match> {
        let best = self.best_state()?;
        let place = records.of_index(best.record?)?.place;
        let others = self.states.iter().filter(|state| state.record != best.record);
        let is_sure = others.map(|state| state.cost).fold(f32::INFINITY, f32::min) > best.cost + SURE;
        Some(Match { place, is_sure })
    }

    /// A record is none of the waiting lines'.
    pub(super) fn give_up_record(&mut self, index: u64) {
        for at in 0..self.states.len() {
            if self.takes(&self.states[at], index) {
                self.states[at].cost += ALONE;
            }
        }
    }

    /// Whether a line has this record in the best way.
    pub(super) fn best_takes(&self, index: u64) -> bool {
        self.best_state().is_some_and(|best| self.takes(best, index))
    }

    /// Whether a waiting line has this record in a way, in which later lines have later records.
    fn takes(&self, state: &State, index: u64) -> bool {
        let mut step = state.step;
        while step >= self.first_step
            && let Some(Step { from, record }) = self.steps.get(usize_of(step - self.first_step))
            && record.is_none_or(|record| record >= index)
        {
            if *record == Some(index) {
                return true;
            }
            step = *from;
        }
        false
    }

    pub(super) fn give_up_the_hopeless(&mut self) {
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

fn cheaper(a: Option<State>, b: Option<State>) -> Option<State> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.cost < a.cost { b } else { a }),
        (a, b) => a.or(b),
    }
}

//! Records of requests, and which of them is a line's, as lines come.
//!
//! Records have numbers in the order in which they came; the oldest ones go first. Those of one server and text that no line
//! has used are in a tree, so that choosing costs the same whether there are a few or all: only those near the expected place and
//! near the expected time are compared.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use super::connections::Candidate;
use super::habits::{Expected, Habits, Match};
use super::texts::{Found, TextId, Texts};
use super::{Answer, Client, Moment};

/// The records.
#[derive(Debug)]
pub(super) struct Requests {
    most: usize,
    texts: Texts,
    /// By text.
    entries: Vec<Entry>,
    /// All, from the oldest to the newest.
    records: VecDeque<Record>,
    /// The number of the oldest.
    oldest: u64,
    habits: Habits,
}

#[derive(Debug)]
struct Record {
    client: IpAddr,
    at: Moment,
    text: TextId,
}

/// Records of one text.
#[derive(Debug, Default)]
struct Entry {
    /// What is compared stands side by side, so that it does not have to be fetched from everywhere.
    unused: BTreeMap<u64, Unused>,
    /// How many there are, used or not.
    count: usize,
    newest: u64,
}

#[derive(Clone, Copy, Debug)]
struct Unused {
    client: IpAddr,
    at: Moment,
}

/// A line, as far as it matters here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// The server that wrote it.
    pub(super) server: IpAddr,
    /// What it may be recorded as.
    pub(super) texts: Found,
    /// When it came.
    pub(super) at: Moment,
}

/// A record that fits a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    /// Whose it is.
    pub(super) client: IpAddr,
    /// How likely it is, compared with others of the same line: a logarithm.
    pub(super) likelihood: f32,
    place: u64,
    text: TextId,
    /// Whether it is the only one.
    is_sure: bool,
}

/// So many records on each side of an expected one are compared.
const NEAR: usize = 4;
/// And so many from the time of a connection.
const OF_CONNECTION: usize = 16;

impl Requests {
    pub(super) fn new(most: usize) -> Requests {
        Requests {
            most: most.max(1),
            texts: Texts::default(),
            entries: Vec::new(),
            records: VecDeque::new(),
            oldest: 0,
            habits: Habits::default(),
        }
    }

    /// Adds a record; the oldest one makes room.
    pub(super) fn add(&mut self, client: IpAddr, server: IpAddr, request: &[u8], cut: bool, at: Moment) {
        let text = self.texts.intern(server, request, cut);
        if text.index() >= self.entries.len() {
            self.entries.resize_with(text.index() + 1, Entry::default);
        }
        // A clock may be set back, but records are in order.
        let at = self.records.back().map_or(at, |newest| newest.at.max(at));
        let place = self.oldest + self.records.len() as u64;
        self.records.push_back(Record { client, at, text });
        let entry = &mut self.entries[text.index()];
        entry.unused.insert(place, Unused { client, at });
        entry.count += 1;
        entry.newest = place;
        if self.records.len() > self.most {
            self.forget_oldest();
        }
    }

    /// Forgets what came before.
    pub(super) fn forget_before(&mut self, moment: Moment) {
        while self.records.front().is_some_and(|record| record.at < moment) {
            self.forget_oldest();
        }
    }

    /// What a line asks for.
    pub(super) fn asked(&self, server: IpAddr, request: &[u8], at: Moment) -> Asked {
        Asked { server, texts: self.texts.find(server, request), at }
    }

    /// The unused record that fits best, of this connection if one is given.
    pub(super) fn best(&mut self, asked: &Asked, of: Option<&Candidate>) -> Option<Choice> {
        let newest = self.newest();
        let mut unused = asked.texts.iter().filter(|text| !self.entries[text.index()].unused.is_empty());
        unused.next()?;
        let (expected, habit) = self.habits.expect(asked.server, asked.at, newest);
        let mut best: Option<Choice> = None;
        let mut count = 0;
        for text in asked.texts.iter() {
            let compare = |place: u64, record: &Unused| {
                count += 1;
                if of.is_none_or(|of| of.has_asked(record.client, record.at, 0)) {
                    let likelihood = habit.likelihood(&expected, place, record.at);
                    if best.is_none_or(|best| (likelihood, place) >= (best.likelihood, best.place)) {
                        let client = record.client;
                        best = Some(Choice { client, likelihood, place, text, is_sure: false });
                    }
                }
            };
            let times = Times { records: &self.records, oldest: self.oldest };
            self.entries[text.index()].each_near(&expected, of, &times, compare);
        }
        best.map(|best| Choice { is_sure: count == 1, ..best })
    }

    /// Uses a record up.
    pub(super) fn consume(&mut self, asked: &Asked, choice: &Choice) {
        let newest = self.newest();
        let at = self.records[usize_of(choice.place - self.oldest)].at;
        let (expected, _) = self.habits.expect(asked.server, asked.at, newest);
        let found = Match { place: choice.place, at, newest, is_sure: choice.is_sure };
        self.habits.learn(asked.server, &expected, &found);
        self.entries[choice.text.index()].unused.remove(&choice.place);
    }

    /// The latest record, although it is used.
    pub(super) fn spent(&self, asked: &Asked) -> Answer {
        let newest = asked.texts.iter().map(|text| self.entries[text.index()].newest).max();
        let record = newest.and_then(|newest| self.records.get(usize_of(newest - self.oldest)));
        record.map_or(Answer::Unknown, |record| Answer::Spent(Client { address: record.client, port: None }))
    }

    fn newest(&self) -> u64 {
        (self.oldest + self.records.len() as u64).saturating_sub(1)
    }

    fn forget_oldest(&mut self) {
        let Some(record) = self.records.pop_front() else { return };
        let entry = &mut self.entries[record.text.index()];
        entry.unused.remove(&self.oldest);
        entry.count -= 1;
        if entry.count == 0 {
            self.texts.forget(record.text);
        }
        self.oldest += 1;
    }
}

impl Entry {
    /// Gives `see` the unused records that are near where one is expected, and those of a connection.
    fn each_near(
        &self,
        expected: &Expected,
        of: Option<&Candidate>,
        times: &Times<'_>,
        mut see: impl FnMut(u64, &Unused),
    ) {
        let unused = &self.unused;
        if unused.len() <= 2 * NEAR {
            for (place, record) in unused {
                see(*place, record);
            }
            return;
        }
        let front = expected.nearest_place();
        let (first, last) = (place_before(unused, front), place_behind(unused, front));
        unused.range(first..=last).for_each(|(place, record)| see(*place, record));
        let at_time = times.first_at(expected.at, front);
        let near_time = place_before(unused, at_time)..=place_behind(unused, at_time);
        let new = unused.range(near_time).filter(|(place, _)| !(first..=last).contains(*place));
        new.for_each(|(place, record)| see(*place, record));
        if let Some(connection) = of {
            let begin = times.first_at(connection.earliest_request(), front);
            unused.range(begin..).take(OF_CONNECTION).for_each(|(place, record)| see(*place, record));
        }
    }
}

/// The number of some records before a place, where there are so many.
fn place_before(unused: &BTreeMap<u64, Unused>, place: u64) -> u64 {
    unused.range(..place).rev().take(NEAR).last().map_or(place, |(place, _)| *place)
}

/// The number of some records behind a place, likewise.
fn place_behind(unused: &BTreeMap<u64, Unused>, place: u64) -> u64 {
    unused.range(place..).take(NEAR).last().map_or(place, |(place, _)| *place)
}

/// All records, by time.
struct Times<'a> {
    records: &'a VecDeque<Record>,
    oldest: u64,
}

impl Times<'_> {
    /// The number of the first record of this moment or later. It is looked for around a place where it probably is.
    fn first_at(&self, moment: Moment, probably: u64) -> u64 {
        let length = self.records.len();
        let is_before = |index: usize| self.records[index].at < moment;
        let probably = usize_of(probably.saturating_sub(self.oldest)).min(length);
        let mut step = 16;
        let (mut begin, mut end) = (probably, probably);
        while begin > 0 && !is_before(begin - 1) {
            end = begin - 1;
            begin = begin.saturating_sub(step);
            step *= 2;
        }
        while end < length && is_before(end) {
            begin = end + 1;
            end = (end + step).min(length);
            step *= 2;
        }
        while begin < end {
            let middle = begin.midpoint(end);
            if is_before(middle) {
                begin = middle + 1;
            } else {
                end = middle;
            }
        }
        self.oldest + begin as u64
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the platform has 64 bits")]
fn usize_of(place: u64) -> usize {
    place as usize
}

//! Records of requests, and which of them is a line's, as lines come.
//!
//! Records have numbers in the order in which they came; the oldest ones go first. Those of one server and text that no line
//! has used are in a tree, so that choosing costs the same whether there are a few or all: only those near the expected place and
//! near the expected time are compared.

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;

use super::connections::Candidate;
use super::habits::{Habits, Match};
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
    unused: BTreeSet<u64>,
    /// How many there are, used or not.
    count: usize,
    newest: u64,
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
const NEAR: usize = 8;

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
        entry.unused.insert(place);
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
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place is small and not negative"
        )]
        let near_front = expected.place.max(0.0) as u64;
        let mut best: Option<Choice> = None;
        let mut count = 0;
        for text in asked.texts.iter() {
            let entry = &self.entries[text.index()];
            let mut compare = |place: u64| {
                let record = &self.records[usize_of(place - self.oldest)];
                count += 1;
                if of.is_none_or(|of| of.has_asked(record.client, record.at, 0)) {
                    let likelihood = habit.likelihood(&expected, place, record.at);
                    if best.is_none_or(|best| (likelihood, place) >= (best.likelihood, best.place)) {
                        best =
                            Some(Choice { client: record.client, likelihood, place, text, is_sure: false });
                    }
                }
            };
            if entry.unused.len() <= 2 * NEAR {
                entry.unused.iter().copied().for_each(&mut compare);
            } else {
                let near_time = self.records.partition_point(|record| record.at < expected.at);
                for place in [near_front, self.oldest + near_time as u64] {
                    entry.unused.range(..place).rev().take(NEAR).copied().for_each(&mut compare);
                    entry.unused.range(place..).take(NEAR).copied().for_each(&mut compare);
                }
            }
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

#[expect(clippy::cast_possible_truncation, reason = "the platform has 64 bits")]
fn usize_of(place: u64) -> usize {
    place as usize
}

//! The places of one lane, and who waits for them. A service whose servers hang keeps its places for long, so that none gets all:
//! each may have three times as many as are free, and the last eighth is for services that have none.

use std::collections::{BTreeMap, BTreeSet};

use super::Errand;
use crate::engine::time::Tick;

/// So many times as many as are free.
const SHARE: usize = 3;
/// The part that is for services that have none.
const RESERVE: usize = 8;

/// The places of one lane.
#[derive(Debug)]
pub struct Places {
    most: usize,
    taken: usize,
    parties: BTreeMap<u16, Party>,
    /// The services whose first errand is due later, by its time.
    later: BTreeSet<(Tick, u16)>,
    /// Those that have errands which are due, first who has the fewest under way, then who waits for the longest time.
    due: BTreeSet<(usize, Tick, u16)>,
}

/// A service's part.
#[derive(Debug, Default)]
struct Party {
    taken: usize,
    waiting: BTreeSet<(Tick, Errand)>,
    stand: Stand,
}

/// Where a service stands.
#[derive(Clone, Copy, Debug, Default)]
enum Stand {
    #[default]
    Nowhere,
    Later(Tick),
    Due(usize, Tick),
}

impl Places {
    /// So many, all free.
    pub fn new(most: usize) -> Places {
        Places { most, taken: 0, parties: BTreeMap::new(), later: BTreeSet::new(), due: BTreeSet::new() }
    }

    /// How many are taken.
    #[cfg(test)]
    pub fn taken(&self) -> usize {
        self.taken
    }

    /// An errand waits until it is due.
    pub fn wait(&mut self, errand: Errand, due: Tick) {
        self.parties.entry(errand.service).or_default().waiting.insert((due, errand));
        self.line_up(errand.service);
    }

    /// It waits no more.
    pub fn leave(&mut self, errand: &Errand, due: Tick) {
        if let Some(party) = self.parties.get_mut(&errand.service) {
            party.waiting.remove(&(due, *errand));
        }
        self.line_up(errand.service);
    }

    /// Takes a place for an errand that is due, of a service that may have one.
    pub fn take(&mut self, now: Tick) -> Option<Errand> {
        while let Some((due, service)) = self.later.first().copied().filter(|(due, _)| *due <= now) {
            self.later.pop_first();
            if let Some(party) = self.parties.get_mut(&service) {
                party.stand = Stand::Due(party.taken, due);
                self.due.insert((party.taken, due, service));
            }
        }
        // Where this one may have none, nobody may.
        let (taken, _, service) = self.due.first().copied()?;
        if !self.may_have_one_more(taken) {
            return None;
        }
        let party = self.parties.get_mut(&service)?;
        let (_, errand) = party.waiting.pop_first()?;
        party.taken += 1;
        self.taken += 1;
        self.line_up(service);
        Some(errand)
    }

    /// Gives one back that this service had.
    pub fn give_back(&mut self, service: u16) {
        self.taken -= 1;
        if let Some(party) = self.parties.get_mut(&service) {
            party.taken -= 1;
        }
        self.line_up(service);
    }

    /// When somebody may have a place; `None`: not before one is given back.
    pub fn next_due(&self) -> Option<Tick> {
        if self.taken == self.most {
            return None;
        }
        let due = self.due.first().filter(|(taken, ..)| self.may_have_one_more(*taken));
        due.map(|(_, due, _)| *due).or_else(|| self.later.first().map(|(due, _)| *due))
    }

    /// Whether a service that has so many may have another.
    fn may_have_one_more(&self, taken: usize) -> bool {
        let free = self.most - self.taken;
        match taken {
            0 => free > 0,
            _ => taken < SHARE * free.saturating_sub(self.most / RESERVE),
        }
    }

    /// Puts a service where it belongs: what is due is found out by [`take`](Places::take).
    fn line_up(&mut self, service: u16) {
        let Some(party) = self.parties.get_mut(&service) else { return };
        match std::mem::take(&mut party.stand) {
            Stand::Nowhere => {}
            Stand::Later(due) => _ = self.later.remove(&(due, service)),
            Stand::Due(taken, due) => _ = self.due.remove(&(taken, due, service)),
        }
        match party.waiting.first() {
            Some((due, _)) => {
                party.stand = Stand::Later(*due);
                self.later.insert((*due, service));
            }
            None if party.taken == 0 => _ = self.parties.remove(&service),
            None => {}
        }
    }
}

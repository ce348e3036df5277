//! Who is asked when: each server as often as its service wants, none while its last answer is awaited, never too many at once,
//! and no service at the cost of another whose servers answer. What is asked, and how, is not known here.

mod places;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::super::servers::ServerId;
use super::super::time::Tick;
use places::Places;

/// Newcomers are asked within this time, one after the other.
const FIRST_ROUND: Duration = Duration::from_secs(1);
/// A few of them follow each other more closely than they would have to.
const STEP: Duration = Duration::from_millis(10);
/// How soon an errand that was put off is tried again, at least; at most twice as long after.
const PUT_OFF_MS: u64 = 250;

/// A server that is asked something again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Errand {
    /// The service's index.
    pub service: u16,
    /// Which of its servers.
    pub server: ServerId,
    /// What it is asked.
    pub kind: Kind,
}

/// What a server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Whether it is well.
    Check,
    /// How busy it is.
    Agent,
}

/// How an errand is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// What it needs while it is under way.
    pub lane: Lane,
    /// From the beginning of one to that of the next, in seconds, at least 1. It is up to a tenth more or less each time.
    pub interval: u32,
}

/// What an errand needs while it is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// A socket.
    Socket,
    /// A process.
    Program,
}

/// How many errands may be under way at a time.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Those that need a socket.
    pub sockets: usize,
    /// Those that need a process.
    pub programs: usize,
}

/// All errands, and when each is due.
#[derive(Debug)]
pub struct Schedule {
    entries: HashMap<Errand, Entry>,
    sockets: Places,
    programs: Places,
}

#[derive(Debug)]
struct Entry {
    manner: Manner,
    stage: Stage,
    /// When it began last.
    begun: Tick,
    /// How often it has begun.
    rounds: u64,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// It is due then.
    Waiting(Tick),
    /// It has a place in this lane.
    UnderWay {
        lane: Lane,
        /// When it is due again; `None`: it is not wanted any more.
        then: Option<Tick>,
    },
}

impl Schedule {
    /// Nobody is asked anything yet.
    pub fn new(limits: Limits) -> Schedule {
        Schedule {
            entries: HashMap::new(),
            sockets: Places::new(limits.sockets),
            programs: Places::new(limits.programs),
        }
    }

    /// Takes in who is to be asked from now on. Who is new is asked within a second; the others keep their turn as far as their
    /// interval allows. What is not wanted any more is forgotten; if it is under way, its end is still to be told.
    pub fn follow(&mut self, wanted: &BTreeMap<Errand, Manner>, now: Tick) {
        let gone: Vec<Errand> =
            self.entries.keys().filter(|errand| !wanted.contains_key(errand)).copied().collect();
        for errand in &gone {
            self.forget(errand);
        }
        let mut newcomers = Vec::new();
        for (errand, manner) in wanted {
            match self.entries.get(errand) {
                Some(Entry { stage: Stage::UnderWay { then: None, .. }, .. }) | None => {
                    newcomers.push((*errand, *manner));
                }
                Some(entry) if entry.manner != *manner => self.change(errand, *manner, now),
                Some(_) => {}
            }
        }
        let step = STEP.min(FIRST_ROUND / u32::try_from(newcomers.len()).unwrap_or(u32::MAX).max(1));
        let mut due = Duration::ZERO;
        for (errand, manner) in newcomers {
            self.enter(errand, manner, now.plus(due));
            due += step;
        }
    }

    /// Forgets an errand. If it is under way, its end is still to be told.
    pub fn forget(&mut self, errand: &Errand) {
        let Some(entry) = self.entries.get_mut(errand) else { return };
        match &mut entry.stage {
            Stage::UnderWay { then, .. } => *then = None,
            Stage::Waiting(due) => {
                let (lane, due) = (entry.manner.lane, *due);
                self.entries.remove(errand);
                self.places(lane).leave(errand, due);
            }
        }
    }

    /// The next errand that is due and has a place from now on, until [`ended`](Schedule::ended) or
    /// [`put_off`](Schedule::put_off) is told of it.
    pub fn next(&mut self, now: Tick) -> Option<Errand> {
        let (lane, errand) = match self.sockets.take(now) {
            Some(errand) => (Lane::Socket, errand),
            None => (Lane::Program, self.programs.take(now)?),
        };
        if let Some(entry) = self.entries.get_mut(&errand) {
            entry.begun = now;
            entry.rounds += 1;
            let then = entry.due_after(&errand);
            entry.stage = Stage::UnderWay { lane, then: Some(then) };
        }
        Some(errand)
    }

    /// An errand has come to its end, whatever that was.
    pub fn ended(&mut self, errand: &Errand, now: Tick) {
        self.give_back(errand, |_, then| then.max(now));
    }

    /// An errand could not be run now. It is tried again soon.
    pub fn put_off(&mut self, errand: &Errand, now: Tick) {
        self.give_back(errand, |rounds, _| {
            let apart = Duration::from_millis(spread(errand, rounds) % PUT_OFF_MS);
            now.plus(Duration::from_millis(PUT_OFF_MS) + apart)
        });
    }

    /// When an errand is due for which there is a place; `None`: there is none before the settings change, or one has ended.
    /// After [`next`](Schedule::next) had no more, that lies ahead.
    pub fn poll_timeout(&self) -> Option<Tick> {
        [&self.sockets, &self.programs].into_iter().filter_map(Places::next_due).min()
    }

    /// How many errands in a lane are under way.
    #[cfg(test)]
    pub fn under_way(&self, lane: Lane) -> usize {
        match lane {
            Lane::Socket => self.sockets.taken(),
            Lane::Program => self.programs.taken(),
        }
    }

    fn enter(&mut self, errand: Errand, manner: Manner, due: Tick) {
        if let Some(entry) = self.entries.get_mut(&errand) {
            // An earlier one is still under way.
            entry.manner = manner;
            if let Stage::UnderWay { then, .. } = &mut entry.stage {
                *then = Some(due);
            }
            return;
        }
        self.entries.insert(errand, Entry { manner, stage: Stage::Waiting(due), begun: due, rounds: 0 });
        self.places(manner.lane).wait(errand, due);
    }

    fn change(&mut self, errand: &Errand, manner: Manner, now: Tick) {
        let Some(entry) = self.entries.get_mut(errand) else { return };
        let before = std::mem::replace(&mut entry.manner, manner);
        let due = entry.due_after(errand);
        match &mut entry.stage {
            Stage::UnderWay { then, .. } => *then = Some(due),
            Stage::Waiting(was) => {
                // Those whose time has long come are not asked all at once, but as newcomers would be.
                let soon = now.plus(Duration::from_millis(spread(errand, entry.rounds) % 1000));
                let is_new = entry.rounds == 0;
                let due = if is_new { *was } else { due.max(soon.min(*was)) };
                let was = std::mem::replace(was, due);
                self.places(before.lane).leave(errand, was);
                self.places(manner.lane).wait(*errand, due);
            }
        }
    }

    /// `due`: when it is due again, by its rounds and what was planned.
    fn give_back(&mut self, errand: &Errand, due: impl Fn(u64, Tick) -> Tick) {
        let Some(entry) = self.entries.get_mut(errand) else { return };
        let Stage::UnderWay { lane, then } = entry.stage else { return };
        let next = entry.manner.lane;
        match then.map(|then| due(entry.rounds, then)) {
            Some(due) => {
                entry.stage = Stage::Waiting(due);
                self.places(next).wait(*errand, due);
            }
            None => _ = self.entries.remove(errand),
        }
        self.places(lane).give_back(errand.service);
    }

    fn places(&mut self, lane: Lane) -> &mut Places {
        match lane {
            Lane::Socket => &mut self.sockets,
            Lane::Program => &mut self.programs,
        }
    }
}

impl Entry {
    /// When it is due again, now that it has begun. Servers that began together drift apart, and stay within a tenth of their
    /// interval.
    fn due_after(&self, errand: &Errand) -> Tick {
        let thousandths = 900 + spread(errand, self.rounds) % 201;
        self.begun.plus(Duration::from_millis(u64::from(self.manner.interval) * thousandths))
    }
}

/// A number that looks random, and is the same for the same errand and round.
fn spread(errand: &Errand, round: u64) -> u64 {
    let ServerId { slot, generation } = errand.server;
    let kind = match errand.kind {
        Kind::Check => 0,
        Kind::Agent => 1,
    };
    let words = [u64::from(errand.service), u64::from(slot), u64::from(generation), kind, round];
    words.into_iter().fold(0, |mixed, word| mix(mixed ^ word))
}

/// Steele, Lea and Flood's `SplitMix`.
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests;

//! What is usual for a server: how long it takes from a record to its line, and how many records come between.
//!
//! Both are learned from matches, and both count when candidates are compared. The time tells a record that no line came
//! for, because it is too old. Yet it says little where time stands still, as in a replay, or where a busy
//! server takes longer. There the order helps: servers answer about in the order of the requests, so a line's record is near
//! the place in the stream of records that the last lines have reached, the *front*, which moves by about one record with each
//! line, whatever the clock does. (Simulated with constant service times at 200 requests a second, one in ten without a line:
//! by true times alone 98.6 % are right, but 94 % when sent in bursts of 100; by the front alone 98.2 % either way; by both
//! 98.6 % and 98.3 %. With exponential service times, or much spread ones, any rule that avoids old records is as good: 90 %.)

use std::collections::HashMap;
use std::net::IpAddr;

use super::Moment;
use super::histogram::{Histogram, Scale};

/// Ages in microseconds, up to 1000 s.
const AGES: Scale = Scale { unit: 4.0, per_octave: 8.0, side: 224 };
/// Distances in records, which constant service times make small.
const PLACES: Scale = Scale { unit: 0.5, per_octave: 4.0, side: 64 };
/// A match loses so much of its weight with each that follows.
const FADING: f32 = 0.005;
/// What a match counts whose record was chosen among several.
const OF_MANY: f32 = 0.05;
/// What the age's likelihood counts beside the place's: they are not independent.
const SHARE_OF_AGE: f32 = 0.3;
/// So much of a difference moves the front.
const GAIN: f64 = 0.25;
/// And so much of it a server's lag behind the front.
const GAIN_OF_LAG: f64 = 0.003;
/// And of the records between two matches the front's speed.
const GAIN_OF_SPEED: f64 = 0.0005;
/// A difference of more than so many usual ones is an outlier.
const OUTLIER: f64 = 3.0;
/// After so many outliers in a row the front has lost its way.
const ASTRAY: u32 = 6;
/// How many servers' habits are known.
const SERVERS: usize = 1024;

/// Habits of all servers.
#[derive(Debug, Default)]
pub(super) struct Habits {
    servers: HashMap<IpAddr, Habit>,
    front: Front,
    matches: u64,
}

/// What is usual for one server.
#[derive(Debug)]
pub(super) struct Habit {
    ages: Histogram,
    places: Histogram,
    /// The most usual age, in microseconds.
    usual_age: f32,
    /// How far its lines' records are from the front, usually.
    lag: f64,
    /// How much that varies.
    spread: f64,
    /// The number of its last match.
    last: u64,
    learned: u32,
}

/// Where lines have arrived in the stream of records.
#[derive(Debug)]
struct Front {
    place: f64,
    /// Records for a line.
    speed: f64,
    /// The newest record at the last match.
    newest: f64,
    /// The least spread of a server, about.
    spread: f64,
    /// How many sure matches in a row were outliers.
    astray: u32,
}

/// Where and when the record of a line is expected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    /// The record's number.
    pub(super) place: f64,
    /// When it came.
    pub(super) at: Moment,
    now: Moment,
}

/// A match to learn from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match {
    /// The record's number.
    pub(super) place: u64,
    /// When the record came.
    pub(super) at: Moment,
    /// The newest record's number.
    pub(super) newest: u64,
    /// Whether no other record could have been meant.
    pub(super) is_sure: bool,
}

impl Habits {
    /// A line of this server has come that has candidates: where its record is expected, and what is usual there.
    pub(super) fn expect(&mut self, server: IpAddr, now: Moment, newest: u64) -> (Expected, &mut Habit) {
        if self.servers.len() >= SERVERS && !self.servers.contains_key(&server) {
            self.forget_one();
        }
        let habit = self.servers.entry(server).or_default();
        let place = (self.front.place + self.front.speed).min(number(newest)) + habit.lag;
        #[expect(clippy::cast_possible_truncation, reason = "below an hour")]
        let at = Moment(now.0.saturating_sub(habit.usual_age as i64));
        (Expected { place, at, now }, habit)
    }

    /// Learns from a match of what was expected.
    pub(super) fn learn(&mut self, server: IpAddr, expected: &Expected, found: &Match) {
        self.matches += 1;
        let (matches, front) = (self.matches, &mut self.front);
        let Some(habit) = self.servers.get_mut(&server) else { return };
        let newest = number(found.newest);
        front.place = (front.place + front.speed).min(newest);
        front.speed += GAIN_OF_SPEED * ((newest - front.newest).clamp(0.0, 20.0) - front.speed);
        front.newest = newest;
        let difference = number(found.place) - expected.place;
        let limit = OUTLIER * habit.spread;
        if found.is_sure {
            front.astray = if difference.abs() > limit { front.astray + 1 } else { 0 };
        }
        let is_lost = self.matches == 1 || front.astray >= ASTRAY;
        if is_lost {
            front.place = number(found.place) - habit.lag;
            front.astray = 0;
            return;
        }
        let step = difference.clamp(-limit, limit);
        front.spread = (front.spread * 1.0005).min(habit.spread);
        front.place += GAIN * step * (front.spread / habit.spread);
        habit.lag += GAIN_OF_LAG * step;
        habit.spread += 0.02 * (difference.abs().min(3.0 * limit) - habit.spread);
        habit.spread = habit.spread.max(0.5);
        habit.last = matches;
        habit.learn(expected.age(found.at), difference, if found.is_sure { 1.0 } else { OF_MANY });
    }

    /// Makes room.
    fn forget_one(&mut self) {
        let longest = self.servers.iter().min_by_key(|(_, habit)| habit.last).map(|(server, _)| *server);
        if let Some(server) = longest {
            self.servers.remove(&server);
        }
    }
}

impl Default for Habit {
    fn default() -> Habit {
        Habit {
            ages: Histogram::new(AGES, FADING),
            places: Histogram::new(PLACES, FADING),
            usual_age: 0.0,
            lag: 0.0,
            spread: 3.0,
            last: 0,
            learned: 0,
        }
    }
}

impl Default for Front {
    fn default() -> Front {
        Front { place: 0.0, speed: 1.0, newest: 0.0, spread: 3.0, astray: 0 }
    }
}

impl Habit {
    /// How likely it is, as a logarithm, that a record with this number, which came then, is the one of the line.
    #[expect(clippy::cast_possible_truncation, reason = "it is put into a bucket")]
    pub(super) fn likelihood(&self, expected: &Expected, place: u64, at: Moment) -> f32 {
        let difference = (number(place) - expected.place) as f32;
        self.places.likelihood(difference) + SHARE_OF_AGE * self.ages.likelihood(expected.age(at))
    }

    #[expect(clippy::cast_possible_truncation, reason = "it is put into a bucket")]
    fn learn(&mut self, age: f32, difference: f64, weight: f32) {
        self.ages.add(age, weight);
        self.places.add(difference as f32, weight);
        self.learned = self.learned.wrapping_add(1);
        if self.learned.is_multiple_of(64) || self.learned == 8 {
            self.usual_age = self.ages.peak();
        }
    }
}

impl Expected {
    /// The record's number, as a number of a record.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and not negative")]
    pub(super) fn nearest_place(&self) -> u64 {
        self.place.max(0.0) as u64
    }

    /// How old such a record is, in microseconds. Clocks of several receivers may differ a little, so it may be negative.
    #[expect(clippy::cast_precision_loss, reason = "it is put into a bucket")]
    fn age(&self, at: Moment) -> f32 {
        self.now.0.saturating_sub(at.0) as f32
    }
}

/// Numbers of records stay far below 2^52.
#[expect(clippy::cast_precision_loss, reason = "so nothing is lost")]
fn number(place: u64) -> f64 {
    place as f64
}

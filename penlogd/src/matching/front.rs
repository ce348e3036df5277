//! How far each log's lines have come in the sequence of their server's records: the log's *front*.
//!
//! A line moves it by a record, and where the line's own record is found it is corrected. Times keep it from going astray: it
//! stays among records whose times differ from the line's by what is usual.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use super::Moment;
use super::alignment::{Alignment, Line, Match, Place};
use super::histogram::{Histogram, Scale};
use super::survey::Survey;

/// Fronts of all logs.
#[derive(Debug, Default)]
pub(super) struct Fronts {
    logs: Vec<Option<Habit>>,
    servers: HashMap<IpAddr, Times>,
}

/// A log's front, and what is usual.
#[derive(Debug)]
pub(super) struct Habit {
    /// A line's time minus its record's, in microseconds.
    ages: Histogram,
    /// How far records are from where they are expected.
    places: Histogram,
    /// Nearly all ages are between them.
    usual_ages: (i64, i64),
    place: f64,
    /// Records for a line.
    speed: f64,
    lines: u32,
    matches: u32,
    survey: Survey,
    /// The latest time that a line has shown, unless it was wrong.
    latest: i64,
    /// How many lines in a row were late.
    late: u32,
}

/// The times of a server's records.
#[derive(Debug, Default)]
struct Times {
    times: VecDeque<Moment>,
    /// The number of the first.
    first: u64,
    /// How many logs there are of the server.
    logs: u32,
}

/// Nearly all times are whole seconds.
const AGES: Scale = Scale { unit: 1e6, per_octave: 4.0, side: 48 };
const PLACES: Scale = Scale { unit: 1.0, per_octave: 3.0, side: 36 };
const FADING: f32 = 0.001;
const OF_MANY: f32 = 0.1;
/// What the age's likelihood counts beside the place's: they are not independent.
const SHARE_OF_AGE: f32 = 0.5;
/// So much of a difference moves the front.
const GAIN: f64 = 0.25;
/// And of a server with several logs, so much of it the records for each line of a log.
const GAIN_OF_SPEED: f64 = 0.001;
/// A greater difference is an outlier.
const OUTLIER: f64 = 8.0;
/// Ages are usual at first, and always, that differ by no more than that: clocks differ, and seconds are whole.
const TOLERANCE: i64 = 2_000_000;
/// The first lines of a log look around for where they are, and later one of some.
const FIRST: u32 = 256;
const SOME: u32 = 8;
/// No more times of records in a row are wrong.
const WRONG: usize = 32;
/// A line that shows a time so long before others of its log belongs to a request that took long.
const LONG: i64 = 5_000_000;
/// But if so many lines in a row do, those others were wrong.
const LATE_IN_A_ROW: u32 = 32;
/// The usual ages are found again after so many matches.
const OFTEN: u32 = 256;

impl Fronts {
    /// Adds a record behind the server's others, and answers its number.
    pub(super) fn add_record(&mut self, server: IpAddr, at: Moment) -> u64 {
        let Times { times, first, .. } = self.servers.entry(server).or_default();
        // Times are in order: some that are later than what follows them are wrong, but if there are many, it is that one.
        let wrong = times.iter().rev().take(WRONG + 1).take_while(|time| **time > at).count();
        let at = if wrong > WRONG { times.back().map_or(at, |newest| at.max(*newest)) } else { at };
        times.iter_mut().rev().take(wrong).for_each(|time| *time = at.min(*time));
        times.push_back(at);
        *first + times.len() as u64 - 1
    }

    /// Forgets the oldest record of a server.
    pub(super) fn forget_oldest(&mut self, server: IpAddr) {
        if let Some(times) = self.servers.get_mut(&server)
            && times.times.pop_front().is_some()
        {
            times.first += 1;
        }
    }

    /// Moves a log's front by a line that may have a record, one of these, and answers the line's place, and what is usual.
    /// Late ones show when a long request began: they say nothing about the front.
    pub(super) fn expect(
        &mut self,
        log: usize,
        server: IpAddr,
        at: Moment,
        alignment: &Alignment,
    ) -> (Line, &mut Habit) {
        if log >= self.logs.len() {
            self.logs.resize_with(log + 1, || None);
        }
        let times = self.servers.entry(server).or_default();
        let habit = self.logs[log].get_or_insert_with(|| {
            times.logs += 1;
            Habit::new(times.number_at(at))
        });
        if habit.is_late(at) {
            return (Line { at, place: habit.place_at(times, at), is_late: true }, habit);
        }
        habit.place += if times.logs > 1 { habit.speed } else { 1.0 };
        habit.lines = habit.lines.wrapping_add(1);
        if habit.lines < FIRST || habit.lines.is_multiple_of(SOME) {
            habit.look_around(alignment, times, at);
        }
        habit.keep_to(times, at);
        (Line { at, place: habit.place, is_late: false }, habit)
    }
}

impl Habit {
    fn new(place: f64) -> Habit {
        Habit {
            ages: Histogram::new(AGES, FADING),
            places: Histogram::new(PLACES, FADING),
            usual_ages: (0, 0),
            place,
            speed: 1.0,
            lines: 0,
            matches: 0,
            survey: Survey::new(),
            latest: i64::MIN,
            late: 0,
        }
    }

    fn is_late(&mut self, at: Moment) -> bool {
        self.late += 1;
        let is_late = at.0 < self.latest.saturating_sub(LONG) && self.late < LATE_IN_A_ROW;
        if !is_late {
            self.late = 0;
            self.latest = at.0;
        }
        is_late
    }

    /// Where a line's record is, as far as its time tells.
    fn place_at(&self, times: &Times, at: Moment) -> f64 {
        let (earliest, latest) = self.times_of_records(at);
        f64::midpoint(times.number_at(earliest), times.number_at(latest))
    }

    /// When a line's record came, at the earliest and at the latest.
    pub(super) fn times_of_records(&self, at: Moment) -> (Moment, Moment) {
        let (least, most) =
            (self.usual_ages.0.saturating_sub(TOLERANCE), self.usual_ages.1.saturating_add(TOLERANCE));
        (Moment(at.0.saturating_sub(most)), Moment(at.0.saturating_sub(least)))
    }

    /// How likely it is, as a logarithm, that this record is the line's.
    pub(super) fn likelihood(&self, line: &Line, record: &Place) -> f32 {
        self.places.likelihood(difference(line, record))
            + SHARE_OF_AGE * self.ages.likelihood(age(line, record))
    }

    /// Learns from a match.
    pub(super) fn learn(&mut self, line: &Line, found: &Match) {
        if line.is_late {
            return;
        }
        let weight = if found.is_sure { 1.0 } else { OF_MANY };
        let difference = difference(line, &found.place);
        self.ages.add(age(line, &found.place), weight);
        self.places.add(difference, weight);
        let step = f64::from(difference).clamp(-OUTLIER, OUTLIER);
        self.place += GAIN * step;
        self.speed = (self.speed + GAIN_OF_SPEED * step).max(1.0);
        self.matches = self.matches.wrapping_add(1);
        if self.matches.is_multiple_of(OFTEN) {
            #[expect(clippy::cast_possible_truncation, reason = "below a day")]
            let range = |share| self.ages.quantile(share) as i64;
            self.usual_ages = (range(0.01), range(0.99));
        }
    }

    /// Has the line say where the front may really be, and moves it if that is clear. Then nothing that was learned is right.
    fn look_around(&mut self, alignment: &Alignment, times: &Times, at: Moment) {
        let mut has_voted = false;
        alignment.each_distance(self.place, |distance| {
            self.survey.vote(distance);
            has_voted = true;
        });
        if has_voted && let Some(distance) = self.survey.count_line() {
            let place = self.place + distance;
            let age = times.at(place).map_or(0, |time| at.0.saturating_sub(time.0));
            let survey = std::mem::replace(&mut self.survey, Survey::new());
            let Habit { lines, latest, speed, .. } = *self;
            *self = Habit { usual_ages: (age, age), lines, latest, speed, survey, ..Habit::new(place) };
        }
    }

    /// Keeps the front among records of about the line's time.
    fn keep_to(&mut self, times: &Times, at: Moment) {
        let (earliest, latest) = self.times_of_records(at);
        if times.at(self.place).is_none_or(|time| time < earliest || time > latest) {
            self.place = self.place.max(times.number_at(earliest)).min(times.number_at(latest));
        }
    }
}

impl Times {
    /// The time of the record with this number.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "numbers are small")]
    fn at(&self, number: f64) -> Option<Moment> {
        let index = (number.max(0.0) as u64).checked_sub(self.first)?;
        self.times.get(index as usize).copied()
    }

    /// The number of the first record at this time or later.
    #[expect(clippy::cast_precision_loss, reason = "numbers are small")]
    fn number_at(&self, at: Moment) -> f64 {
        (self.first + self.times.partition_point(|time| *time < at) as u64) as f64
    }
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "it is put into a bucket")]
fn difference(line: &Line, record: &Place) -> f32 {
    (record.number as f64 - line.place) as f32
}

#[expect(clippy::cast_precision_loss, reason = "it is put into a bucket")]
fn age(line: &Line, record: &Place) -> f32 {
    line.at.0.saturating_sub(record.at.0) as f32
}

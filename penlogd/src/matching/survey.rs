//! Where a log's front really is, when it has lost its way: at a log's beginning, after a gap, when clocks differ.
//!
//! Each line votes for the distances of all records with its text. Most of them mean nothing and are spread evenly; the
//! true ones come together. Texts that are asked for all the time would only make noise, and have no vote.

/// Votes for distances from the front.
#[derive(Debug)]
pub(super) struct Survey {
    votes: Vec<f32>,
    total: f32,
    lines: u32,
}

/// The width of a bucket, in records, and their number on each side.
const WIDTH: f32 = 8.0;
const SIDE: usize = 256;
/// A decision is made after so many votes of lines.
const ENOUGH: u32 = 24;
/// The true distance has so many times more votes than chance explains, as standard deviations.
const CLEAR: f32 = 6.0;

impl Survey {
    /// Records farther from the front are not seen.
    pub(super) const RANGE: f64 = 2048.0;
    /// Texts with more records in this range have no vote.
    pub(super) const MANY: usize = 16;

    pub(super) fn new() -> Survey {
        Survey { votes: vec![0.0; 2 * SIDE + 1], total: 0.0, lines: 0 }
    }

    /// A line's vote for a distance.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is limited")]
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    pub(super) fn vote(&mut self, distance: f32) {
        let bucket = ((distance / WIDTH).round() + SIDE as f32).clamp(0.0, 2.0 * SIDE as f32);
        self.votes[bucket as usize] += 1.0;
        self.total += 1.0;
    }

    /// Counts a line that has voted; answers how far the front is from where it should be, if it is far and that is clear.
    pub(super) fn count_line(&mut self) -> Option<f64> {
        self.lines += 1;
        if !self.lines.is_multiple_of(ENOUGH) {
            return None;
        }
        let far = self.far();
        if far.is_some() {
            *self = Survey::new();
        } else {
            self.votes.iter_mut().for_each(|votes| *votes *= 0.75);
            self.total *= 0.75;
        }
        far
    }

    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn far(&self) -> Option<f64> {
        let by_chance = 3.0 * self.total / self.votes.len() as f32;
        let excess = |center: usize| self.votes[center - 1..=center + 1].iter().sum::<f32>() - by_chance;
        let centers = 1..self.votes.len() - 1;
        let best = centers.max_by(|a, b| excess(*a).total_cmp(&excess(*b)))?;
        let is_clear = excess(best) > CLEAR * by_chance.max(1.0).sqrt() && excess(best) > 2.0 * excess(SIDE);
        let distance = (best as f64 - SIDE as f64) * f64::from(WIDTH);
        (is_clear && best.abs_diff(SIDE) > 1).then_some(distance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_together_is_found_among_noise() {
        for (truth, is_far) in [(-700.0, true), (3.0, false), (1500.0, true)] {
            let mut rng = fastrand::Rng::with_seed(1);
            let mut survey = Survey::new();
            let found = (0..200).find_map(|_| {
                (0..8).for_each(|_| survey.vote(rng.f32() * 4096.0 - 2048.0));
                survey.vote(truth + rng.f32() * 4.0 - 2.0);
                survey.count_line()
            });
            assert_eq!(found.is_some(), is_far);
            assert!(
                found.is_none_or(|found| (found - f64::from(truth)).abs() < 12.0),
                "{found:?} for {truth}"
            );
        }
    }
}

//! What the traffic is like: popular pages, and times between events that are random as in life.

use std::time::Duration;

/// Random numbers of the shapes that web traffic has.
pub struct Traffic {
    random: fastrand::Rng,
    /// For each page how many of all requests are for it or for one before it, as a share.
    cumulated: Vec<f64>,
}

impl Traffic {
    /// So many pages, of which the one with number n is asked for 1/n as often as the first (Zipf).
    pub fn new(seed: u64, pages: u32) -> Self {
        let weights = (1..=pages).map(|rank| 1.0 / f64::from(rank));
        let total: f64 = weights.clone().sum();
        let cumulated = weights.scan(0.0, |sum, weight| {
            *sum += weight / total;
            Some(*sum)
        });
        Self { random: fastrand::Rng::with_seed(seed), cumulated: cumulated.collect() }
    }

    /// The number of a page.
    pub fn page(&mut self) -> usize {
        let share = self.random.f64();
        self.cumulated.partition_point(|up_to| *up_to < share)
    }

    /// A time with an exponential distribution.
    pub fn exponential(&mut self, mean: Duration) -> Duration {
        // In (0, 1], of which there is always a logarithm.
        mean.mul_f64(-(1.0 - self.random.f64()).ln())
    }

    /// True in this share of all cases.
    pub fn happens(&mut self, share: f64) -> bool {
        self.random.f64() < share
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.random.usize(..limit)
    }
}

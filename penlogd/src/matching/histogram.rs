//! How often values have come lately, in buckets that grow with the distance from zero: fine where differences matter, and a
//! few hundred buckets for everything from microseconds to minutes, before and after.

use std::f32::consts::LN_2;

/// Which buckets there are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    /// Values below that are about the same.
    pub(super) unit: f32,
    /// How many buckets a value passes until it has doubled.
    pub(super) per_octave: f32,
    /// How many buckets there are on each side of zero.
    pub(super) side: usize,
}

/// Densities of values, the recent ones counting most.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    scale: Scale,
    buckets: Vec<Bucket>,
    /// The sum of the weights, and its logarithm.
    total: f32,
    log_total: f32,
    /// The weight of the next value: instead of letting all others fade.
    next: f32,
    fading: f32,
}

/// With logarithms, because many more densities are asked for than values are learned.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    weight: f32,
    log_weight: f32,
    log_width: f32,
}

/// At first it is as if so many values had come, evenly.
const PRIOR: f32 = 4.0;
/// No value is ever impossible: the logarithm of the least share.
const LEAST: f32 = -16.0;
/// A value counts in its neighbourhood, too.
const KERNEL: [f32; 5] = [0.1, 0.2, 0.4, 0.2, 0.1];
/// Weights are made smaller before they lose precision.
const GREATEST: f32 = 1e6;

impl Histogram {
    /// All is equally likely, on the scale; a value loses `fading` of its weight with each one that follows.
    pub(super) fn new(scale: Scale, fading: f32) -> Histogram {
        let buckets = 2 * scale.side + 1;
        #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
        let weight = PRIOR / buckets as f32;
        let bucket = |bucket| Bucket { weight, log_weight: weight.ln(), log_width: scale.log_width(bucket) };
        let buckets = (0..buckets).map(bucket).collect();
        Histogram { scale, buckets, total: PRIOR, log_total: PRIOR.ln(), next: 1.0, fading }
    }

    /// Learns a value, which counts so much (up to 1).
    pub(super) fn add(&mut self, value: f32, weight: f32) {
        self.next /= 1.0 - self.fading;
        if self.next > GREATEST {
            self.buckets.iter_mut().for_each(|bucket| bucket.set(bucket.weight / GREATEST));
            self.next /= GREATEST;
            self.total = self.buckets.iter().map(|bucket| bucket.weight).sum();
        }
        self.total += self.next * weight;
        self.log_total = self.total.ln();
        let (bucket, last) = (self.scale.bucket(value), self.buckets.len() - 1);
        for (offset, share) in KERNEL.iter().enumerate() {
            let bucket = (bucket + offset).saturating_sub(KERNEL.len() / 2).min(last);
            let bucket = &mut self.buckets[bucket];
            bucket.set(bucket.weight + self.next * weight * share);
        }
    }

    /// The logarithm of the density at this value, by the width of the buckets around zero.
    pub(super) fn likelihood(&self, value: f32) -> f32 {
        self.density(self.scale.bucket(value))
    }

    /// The value with the greatest density.
    pub(super) fn peak(&self) -> f32 {
        let buckets = 0..self.buckets.len();
        let best = buckets.max_by(|a, b| self.density(*a).total_cmp(&self.density(*b)));
        best.map_or(0.0, |bucket| self.scale.value(bucket))
    }

    /// The value that this share of all values is below.
    pub(super) fn quantile(&self, share: f32) -> f32 {
        let mut below = 0.0;
        let bucket = self.buckets.iter().position(|bucket| {
            below += bucket.weight;
            below >= self.total * share
        });
        bucket.map_or(0.0, |bucket| self.scale.value(bucket))
    }

    fn density(&self, bucket: usize) -> f32 {
        let Bucket { log_weight, log_width, .. } = self.buckets[bucket];
        (log_weight - self.log_total).max(LEAST) - log_width
    }
}

impl Bucket {
    fn set(&mut self, weight: f32) {
        (self.weight, self.log_weight) = (weight, weight.ln());
    }
}

impl Scale {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rounded and within the bounds"
    )]
    fn bucket(&self, value: f32) -> usize {
        let distance = log2(1.0 + value.abs() / self.unit) * self.per_octave;
        let distance = ((distance + 0.5) as usize).min(self.side);
        if value < 0.0 { self.side - distance } else { self.side + distance }
    }

    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    fn log_width(&self, bucket: usize) -> f32 {
        bucket.abs_diff(self.side) as f32 * LN_2 / self.per_octave
    }

    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    fn value(&self, bucket: usize) -> f32 {
        let size = self.unit * ((bucket.abs_diff(self.side) as f32 / self.per_octave).exp2() - 1.0);
        if bucket < self.side { -size } else { size }
    }
}

/// The logarithm of a number from 1 on, well enough to choose a bucket: between powers of two it is nearly straight, and the
/// bend is about a parabola.
#[expect(clippy::cast_precision_loss, reason = "exponents are small")]
fn log2(number: f32) -> f32 {
    const MANTISSA: u32 = 23;
    let exponent = (number.to_bits() >> MANTISSA) as f32 - 127.0;
    let part = f32::from_bits(number.to_bits() & ((1 << MANTISSA) - 1) | 127 << MANTISSA) - 1.0;
    exponent + part + 0.344 * part * (1.0 - part)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SCALE: Scale = Scale { unit: 4.0, per_octave: 8.0, side: 224 };

    #[test]
    fn what_came_often_is_likely_and_what_comes_now_counts_most() {
        let mut histogram = Histogram::new(SCALE, 0.01);
        (0..1000).for_each(|_| histogram.add(50_000.0, 1.0));
        assert!((histogram.peak() - 50_000.0).abs() < 5_000.0, "{}", histogram.peak());
        assert!(histogram.likelihood(50_000.0) > histogram.likelihood(20_000.0) + 3.0);
        (0..1000).for_each(|_| histogram.add(-300.0, 1.0));
        assert!((histogram.peak() + 300.0).abs() < 30.0, "{}", histogram.peak());
    }

    #[test]
    fn weights_stay_finite() {
        let mut histogram = Histogram::new(SCALE, 0.01);
        (0..100_000).for_each(|_| histogram.add(1000.0, 1.0));
        assert!(histogram.likelihood(1000.0).is_finite() && histogram.likelihood(-1e30).is_finite());
    }

    proptest! {
        #[test]
        fn the_quick_logarithm_is_nearly_right(number in 1.0_f32..1e9) {
            prop_assert!((log2(number) - number.log2()).abs() < 0.01, "{number}");
        }

        #[test]
        fn a_bucket_stands_for_the_values_that_fall_into_it(value in -1e9_f32..1e9) {
            let middle = SCALE.value(SCALE.bucket(value));
            prop_assert!((middle - value).abs() <= 0.05 * value.abs() + SCALE.unit, "{middle} for {value}");
        }
    }
}

//! Numbers made of numbers: medians, spread, ratios of what was measured in the same round.

/// The middle of values, or the mean of the two in the middle; nothing if there are none.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let sorted = sorted(values);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

/// The least and the greatest value.
pub fn spread(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    let sorted = sorted(values);
    Some((*sorted.first()?, *sorted.last()?))
}

/// One over the other, for each round in which both were measured. What disturbed a round disturbed both.
pub fn paired_ratios(ours: &[Option<f64>], theirs: &[Option<f64>]) -> Vec<f64> {
    let pairs = ours.iter().zip(theirs).filter_map(|(ours, theirs)| ours.zip(*theirs));
    pairs.filter(|(_, theirs)| *theirs > 0.0).map(|(ours, theirs)| ours / theirs).collect()
}

/// Who is the `place`-th of `count` in a round: the order turns by one each round, so that nobody is always first.
pub fn rotated(count: usize, round: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |place| (place + round) % count)
}

fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    values
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_between_the_two_in_the_middle() {
        assert_eq!(median([]), None);
        assert_eq!(median([7.0]), Some(7.0));
        assert_eq!(median([9.0, 1.0, 5.0]), Some(5.0));
        assert_eq!(median([4.0, 1.0, 2.0, 100.0]), Some(3.0));
        assert_eq!(median([f64::NAN, 2.0]), Some(2.0));
    }

    #[test]
    fn the_spread_is_from_the_least_to_the_greatest() {
        assert_eq!(spread([3.0, 1.0, 2.0]), Some((1.0, 3.0)));
        assert_eq!(spread([]), None);
    }

    #[test]
    fn rounds_are_compared_with_themselves_alone() {
        let ours = [Some(1.0), Some(20.0), None, Some(3.0)];
        let theirs = [Some(2.0), Some(10.0), Some(5.0), None];
        assert_eq!(paired_ratios(&ours, &theirs), [0.5, 2.0]);
        assert_eq!(paired_ratios(&ours, &[Some(0.0)]), [] as [f64; 0]);
    }

    #[test]
    fn everybody_is_first_in_turn() {
        let orders: Vec<Vec<usize>> = (0..4).map(|round| rotated(3, round).collect()).collect();
        assert_eq!(orders, [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2]]);
    }
}

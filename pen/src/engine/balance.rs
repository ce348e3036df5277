//! Which worker gets a new connection.
//!
//! The kernel deals new connections out by a hash, which is fair in the long run only: of 100 connections one of two workers has
//! more than 60 in one case of twenty, and one of eight nearly always has more than 15. So a worker that has got
//! too many hands new ones over. That costs a wake-up, so a little too many is left alone: an eighth, and one.

/// The worker that should get the newcomer of one that has `own` connections without it; `None`: it should keep it. `total`: of all
/// workers, the newcomer included; `connections`: of each worker, which are looked at only if `own` are too many.
pub fn better_place(
    own: usize,
    total: usize,
    connections: impl ExactSizeIterator<Item = usize>,
) -> Option<usize> {
    if !is_too_many(own + 1, total, connections.len()) {
        return None;
    }
    let (better, fewest) = connections.enumerate().min_by_key(|(_, count)| *count)?;
    // All of them change while they are read.
    (fewest < own).then_some(better)
}

/// Whether it is more than the mean of so many workers and an eighth of it, or than the mean and one. It is reckoned without
/// fractions, as eight times as many of all workers.
fn is_too_many(connections: usize, total: usize, workers: usize) -> bool {
    8 * workers * connections > 8 * total + total.max(8 * workers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(own: usize, connections: &[usize]) -> Option<usize> {
        let total = connections.iter().sum::<usize>() + 1;
        better_place(connections[own], total, connections.iter().copied())
    }

    #[test]
    fn a_worker_alone_keeps_everybody() {
        assert_eq!(place(0, &[7]), None);
        // Others are about to end, and counted elsewhere already.
        assert_eq!(better_place(7, 2, [7].into_iter()), None);
    }

    #[test]
    fn who_has_clearly_more_than_the_mean_hands_over_to_who_has_the_fewest() {
        assert_eq!(place(0, &[0, 0, 0]), None);
        assert_eq!(place(0, &[1, 0, 0]), Some(1));
        assert_eq!(place(0, &[32, 30, 31]), None);
        assert_eq!(place(0, &[35, 29, 30]), Some(1));
        assert_eq!(place(0, &[36, 31, 30]), Some(2));
        // The others do not, however few somebody has.
        assert_eq!(place(1, &[90, 40, 0]), None);
    }

    #[test]
    fn at_a_hundred_connections_nobody_has_more_than_a_fifth_above_the_mean_wherever_they_come() {
        for workers in 1..=16 {
            let mut seed: u64 = 1;
            for _ in 0..200 {
                let mut connections = vec![0; workers];
                for _ in 0..100 {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let own = (seed >> 33) as usize % workers;
                    let chosen = place(own, &connections).unwrap_or(own);
                    connections[chosen] += 1;
                }
                let most = connections.iter().max().unwrap();
                assert!(5 * most * workers <= 6 * 100, "{connections:?}");
            }
        }
    }
}

//! Which worker gets a new connection.
//!
//! The kernel deals new connections out by a hash, which is fair in the long run only: of 100 connections one of two workers has
//! more than 60 in one case of thirty, and one of eight more than 15 in nine of ten. So a worker that has got
//! too many hands new ones over. That costs a wake-up, so a little too many is left alone: an eighth, or one. So are as many as
//! have just ended: where connections come and go by the thousand, whatever is uneven is gone before it matters.

use std::time::Duration;

use super::time::Tick;

/// Connections are counted as ended lately by the latest of such periods.
const PERIOD: Duration = Duration::from_millis(50);
/// How long ago that one may have begun.
const MEMORY: Duration = Duration::from_millis(250);

/// A worker, when it decides about a newcomer.
#[derive(Clone, Copy, Debug)]
pub struct Own {
    /// Its connections, without the newcomer.
    pub connections: usize,
    /// Those that have ended lately.
    pub ended_lately: usize,
}

/// The worker that should get the newcomer of this one; `None`: it should keep it. `total`: the connections of all workers, with
/// the newcomer; `connections`: those of each worker, which are looked at only if this one has too many.
pub fn better_place(
    own: Own,
    total: usize,
    connections: impl ExactSizeIterator<Item = usize>,
) -> Option<usize> {
    let with_newcomer = own.connections + 1;
    if with_newcomer <= own.ended_lately || !is_too_many(with_newcomer, total, connections.len()) {
        return None;
    }
    let (better, fewest) = connections.enumerate().min_by_key(|(_, count)| *count)?;
    // All of them change while they are read.
    (fewest < own.connections).then_some(better)
}

/// Whether it is more than the mean of so many workers and an eighth of it, or than the mean and one. It is reckoned without
/// fractions, as eight times as many of all workers.
fn is_too_many(connections: usize, total: usize, workers: usize) -> bool {
    8 * workers * connections > 8 * total + total.max(8 * workers)
}

/// How fast a worker's connections end.
#[derive(Debug, Default)]
pub struct Turnover {
    began: Tick,
    ended: usize,
    /// In the period before.
    ended_before: usize,
}

impl Turnover {
    /// So many have ended.
    pub fn note(&mut self, count: usize, now: Tick) {
        if now.since(self.began) >= PERIOD {
            let is_recent = now.since(self.began) < MEMORY;
            self.ended_before = if is_recent { self.ended } else { 0 };
            (self.began, self.ended) = (now, 0);
        }
        self.ended += count;
    }

    /// How many have ended in one of the latest periods.
    pub fn lately(&self, now: Tick) -> usize {
        if now.since(self.began) >= MEMORY { 0 } else { self.ended.max(self.ended_before) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the newcomer of worker `own` goes, if none has ended lately.
    fn place(own: usize, connections: &[usize]) -> Option<usize> {
        let total = connections.iter().sum::<usize>() + 1;
        let own = Own { connections: connections[own], ended_lately: 0 };
        better_place(own, total, connections.iter().copied())
    }

    #[test]
    fn a_worker_alone_keeps_everybody() {
        assert_eq!(place(0, &[7]), None);
        // Others are about to end, and counted elsewhere already.
        let own = Own { connections: 7, ended_lately: 0 };
        assert_eq!(better_place(own, 2, [7].into_iter()), None);
    }

    #[test]
    fn who_has_no_more_than_have_just_ended_keeps_them() {
        let place = |ended_lately| {
            let own = Own { connections: 40, ended_lately };
            better_place(own, 41, [40, 0].into_iter())
        };
        assert_eq!((place(40), place(41)), (Some(1), None));
    }

    #[test]
    fn what_ended_is_remembered_for_a_moment() {
        let mut turnover = Turnover::default();
        assert_eq!(turnover.lately(Tick(1)), 0);
        turnover.note(30, Tick(1_000));
        turnover.note(5, Tick(1_049));
        assert_eq!(turnover.lately(Tick(1_049)), 35);
        turnover.note(2, Tick(1_050));
        assert_eq!(turnover.lately(Tick(1_099)), 35);
        turnover.note(3, Tick(1_100));
        assert_eq!(turnover.lately(Tick(1_349)), 3);
        assert_eq!(turnover.lately(Tick(1_350)), 0);
        turnover.note(1, Tick(2_000));
        assert_eq!(turnover.lately(Tick(2_000)), 1);
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

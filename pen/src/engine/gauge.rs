//! A count with a limit, exact however many threads take from it.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How much of something is in use.
///
/// The operations are sequentially consistent, because a thread that gives room back then looks whether another waits for it,
/// while that other says that it waits and then looks for room: one of the two must see the other.
#[derive(Debug, Default)]
pub struct Gauge(AtomicUsize);

impl Gauge {
    /// Takes `amount`, unless more than `limit` would be in use.
    pub fn take(&self, amount: usize, limit: usize) -> bool {
        self.0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |used| {
                used.checked_add(amount).filter(|used| *used <= limit)
            })
            .is_ok()
    }

    /// Gives back what was taken.
    pub fn give_back(&self, amount: usize) {
        self.0.fetch_sub(amount, Ordering::SeqCst);
    }

    /// How much is in use.
    pub fn used(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_exact_under_concurrency() {
        let gauge = Gauge::default();
        let most = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20_000 {
                        if gauge.take(2, 10) {
                            most.fetch_max(gauge.used(), Ordering::SeqCst);
                            gauge.give_back(2);
                        }
                    }
                });
            }
        });
        assert_eq!(gauge.used(), 0);
        assert!(most.load(Ordering::SeqCst) <= 10);
        assert!(gauge.take(10, 10) && !gauge.take(1, 10));
    }
}

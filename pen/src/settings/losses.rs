//! Datagrams that the kernel threw away because nobody read them in time. It counts them itself, by socket, so nobody has to do
//! that while they come: the sockets are asked when somebody wants to know.

use std::fmt::Debug;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

/// Where datagrams wait until they are read.
pub trait Queue: Debug + Send + Sync {
    /// How many the kernel has thrown away since it came into being. After 2^32 it begins anew.
    fn lost(&self) -> u32;
}

/// The losses of a service.
#[derive(Debug, Default)]
pub struct Losses(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    watched: Vec<Weak<dyn Queue>>,
    /// What those lost that are not watched any more.
    past: u64,
}

impl Losses {
    /// The queue's losses are the service's, also those that it had before anybody came to watch it.
    pub fn watch(&self, queue: &Arc<impl Queue + 'static>) {
        let weak: Weak<_> = Arc::downgrade(queue);
        self.0.lock().watched.push(weak);
    }

    /// What it has lost by now is kept. To be called before the queue is closed, or its losses are forgotten.
    pub fn unwatch(&self, queue: &Arc<impl Queue + 'static>) {
        let lost = queue.lost();
        let mut known = self.0.lock();
        let is_it = |watched: &Weak<dyn Queue>| std::ptr::addr_eq(watched.as_ptr(), Arc::as_ptr(queue));
        if let Some(index) = known.watched.iter().position(is_it) {
            known.watched.swap_remove(index);
            known.past += u64::from(lost);
        }
    }

    /// All so far.
    pub fn total(&self) -> u64 {
        let (queues, past) = {
            let known = self.0.lock();
            (known.watched.iter().filter_map(Weak::upgrade).collect::<Vec<_>>(), known.past)
        };
        // Asked when the lock is free again: workers may want it.
        past + queues.iter().map(|queue| u64::from(queue.lost())).sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use super::*;

    #[derive(Debug, Default)]
    struct Made(AtomicU32);

    impl Queue for Made {
        fn lost(&self) -> u32 {
            self.0.load(Relaxed)
        }
    }

    fn queue(lost: u32) -> Arc<Made> {
        Arc::new(Made(AtomicU32::new(lost)))
    }

    #[test]
    fn what_several_queues_lose_is_added_and_stays_when_they_go() {
        let losses = Losses::default();
        let (one, other) = (queue(0), queue(0));
        losses.watch(&one);
        losses.watch(&other);
        one.0.store(3, Relaxed);
        other.0.store(4, Relaxed);
        assert_eq!(losses.total(), 7);
        losses.unwatch(&one);
        one.0.store(10, Relaxed);
        assert_eq!(losses.total(), 7);
        losses.unwatch(&other);
        drop((one, other));
        assert_eq!(losses.total(), 7);
    }

    #[test]
    fn what_was_lost_before_anybody_watched_counts_too() {
        let losses = Losses::default();
        let late = queue(3);
        losses.watch(&late);
        assert_eq!(losses.total(), 3);
    }

    #[test]
    fn a_queue_that_was_never_watched_takes_nothing_along() {
        let losses = Losses::default();
        let (known, stranger) = (queue(0), queue(0));
        losses.watch(&known);
        known.0.store(5, Relaxed);
        losses.unwatch(&stranger);
        assert_eq!(losses.total(), 5);
    }
}

//! The queue of answers to the control sessions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::reason;
use parking_lot::Mutex;

use super::SessionId;

/// Answers on their way from the other threads to the sessions.
#[derive(Clone, Debug)]
pub struct Replies(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    queue: Mutex<Vec<(SessionId, Arc<String>)>>,
    waker: mio::Waker,
    finished: AtomicBool,
}

impl Replies {
    /// An empty queue that wakes the sessions' poll.
    pub fn new(waker: mio::Waker) -> Replies {
        Replies(Arc::new(Inner { queue: Mutex::default(), waker, finished: AtomicBool::new(false) }))
    }

    /// Answers a session.
    pub fn send(&self, session: SessionId, answer: impl Into<Arc<String>>) {
        self.0.queue.lock().push((session, answer.into()));
        self.wake();
    }

    /// Takes all answers.
    pub fn take(&self) -> Vec<(SessionId, Arc<String>)> {
        std::mem::take(&mut *self.0.queue.lock())
    }

    /// Says that pen is done.
    pub fn finish(&self) {
        self.0.finished.store(true, Ordering::Release);
        self.wake();
    }

    /// Whether pen is done.
    pub fn finished(&self) -> bool {
        self.0.finished.load(Ordering::Acquire)
    }

    fn wake(&self) {
        if let Err(error) = self.0.waker.wake() {
            log::error!("cannot wake the control thread: {}", reason(&error));
        }
    }
}

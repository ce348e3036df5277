//! What threads share, for tests that need it without the threads.

use std::sync::Arc;

use mio::{Poll, Token, Waker};

use super::{Clock, Shared};
use crate::settings::Settings;

/// The token of a mailbox's waker in its poll.
const MAILBOX: Token = Token(0);

/// Shared state with a mailbox for each of so many workers, whose polls come with it. There are descriptors for everyone.
pub fn shared(settings: Settings, workers: usize) -> (Arc<Shared>, Vec<Poll>) {
    let polls: Vec<Poll> = (0..workers).map(|_| Poll::new().unwrap()).collect();
    let wakers = polls.iter().map(|poll| Waker::new(poll.registry(), MAILBOX).unwrap()).collect();
    let shared = Shared::new(Arc::new(settings), Clock::start(), wakers);
    shared.allow_descriptors(1 << 20);
    (Arc::new(shared), polls)
}

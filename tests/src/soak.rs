//! What the soaks have in common, in which thousands of connections live random lives.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use fastrand::Rng;

/// What went wrong, in words.
#[derive(Clone, Default)]
pub struct Complaints(Arc<Mutex<Vec<String>>>);

impl Complaints {
    /// Adds one about a connection.
    pub fn add(&self, life: &impl Debug, text: &str) {
        self.0.lock().unwrap().push(format!("{text}: {life:?}"));
    }

    /// Fails with the first of them, if there are any.
    #[track_caller]
    pub fn assert_none(&self) {
        let complaints = self.0.lock().unwrap();
        let first: Vec<_> = complaints.iter().take(10).cloned().collect();
        assert!(complaints.is_empty(), "{} went wrong, as:\n{}", complaints.len(), first.join("\n"));
    }
}

/// How much a side sends: mostly little, sometimes more than any buffer on the way holds.
pub fn random_length(random: &mut Rng) -> u64 {
    match random.u8(..) {
        0..=199 => random.u64(0..2_048),
        200..=249 => random.u64(2_048..64 * 1024),
        250..=254 => random.u64(64 * 1024..512 * 1024),
        255 => random.u64(512 * 1024..4 * 1024 * 1024),
    }
}

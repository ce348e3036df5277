//! Requests on their way to a server, one connection's: the rewriter, and how long it waits for a head.

use std::time::Duration;

use super::connection::{Connection, Next};
use super::worker::Context;
use crate::engine::http::{Origin, Refusal, Rewriter};
use crate::engine::time::Tick;

/// How long a head may take from its first byte to its last.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);

/// A connection's requests.
#[derive(Debug)]
pub struct Http {
    /// Rewrites them.
    pub rewriter: Rewriter,
    /// When the head must be complete that has begun, if one has.
    pub head_deadline: Option<Tick>,
}

impl Http {
    /// Before the first byte.
    pub fn new(origin: Origin) -> Http {
        Http { rewriter: Rewriter::new(origin), head_deadline: None }
    }

    /// Notes whether a head has begun. True if the deadline is another than before.
    pub fn note_head(&mut self, now: Tick) -> bool {
        let deadline =
            self.rewriter.awaits_head().then(|| self.head_deadline.unwrap_or(now.plus(HEAD_PATIENCE)));
        std::mem::replace(&mut self.head_deadline, deadline) != deadline
    }
}

impl Connection {
    /// Nothing more of the client's is passed on. It is told why, and both sides are left.
    pub fn refuse(&mut self, refusal: Refusal, context: &mut Context<'_>) -> Next {
        context.settings.service(self.service).state.counters.http_refused.count();
        log::debug!("refusing a request from {}: {refusal:?}", self.peer.address);
        if self.down.pending() == 0 && !self.down.shut && !refusal.answer().is_empty() {
            self.down.send(refusal.answer());
        }
        self.leave(context)
    }
}

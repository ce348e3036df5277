//! Requests on their way to a server, one connection's: how long a head is waited for, and how a client is refused.
//!
//! What a server gets is the rewriter's business, and how it gets there that of `relay`.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::connection::{Connection, Next};
use super::end::End;
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
    /// The number of that head.
    head: u64,
}

impl Http {
    /// Before the first byte.
    pub fn new(origin: Origin) -> Http {
        Http { rewriter: Rewriter::new(origin), head_deadline: None, head: 0 }
    }

    /// Notes whether a head has begun. The time does not run while the server keeps pen from reading on. True if the deadline is
    /// another than before.
    pub fn note_head(&mut self, up: &End, now: Tick) -> bool {
        let head = self.rewriter.heads();
        let is_same = std::mem::replace(&mut self.head, head) == head;
        let awaited = self.rewriter.awaits_head() && up.pending() == 0;
        let known = self.head_deadline.filter(|_| is_same);
        let deadline = awaited.then(|| known.unwrap_or(now.plus(HEAD_PATIENCE)));
        std::mem::replace(&mut self.head_deadline, deadline) != deadline
    }
}

impl Connection {
    /// Nothing more of the client's is passed on. It is told why, behind all that waits for it, and both sides are left.
    pub fn refuse(&mut self, refusal: Refusal, context: &mut Context<'_>) -> Next {
        let service = context.settings.service(self.service);
        service.state.counters.http_refused.count();
        log::debug!("refusing a request from {}: {refusal:?}", self.peer.address);
        if !self.down.shut {
            let written = self.down.send_behind(refusal.answer());
            self.count_sent(written);
        }
        if let Some(up) = &mut self.up {
            up.say_goodbye();
        }
        self.linger(context.now.plus_seconds(service.limits.timeout), context)
    }

    /// Counts what went out to the client.
    pub(super) fn count_sent(&self, bytes: usize) {
        if let Some(client) = &self.client {
            client.counters.sent.fetch_add(bytes as u64, Relaxed);
        }
    }
}

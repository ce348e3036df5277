//! How connections end other than by themselves: with a reset passed on, with an ordinary close by pen, or with a refusal. Either
//! way what was sent gets its time to arrive.

use std::time::Duration;

use super::connection::{Connection, Next, Phase};
use super::token::Side;
use super::worker::Context;
use crate::engine::time::Tick;

/// How often a dying connection looks whether its last bytes have arrived.
const DELIVERY_CHECK: Duration = Duration::from_millis(50);

impl Connection {
    /// Ends the connection with an ordinary close, to both sides. A close alone would be a reset wherever the peer is still
    /// sending, and would take back what was sent and has not arrived.
    pub fn leave(&mut self, context: &mut Context<'_>) -> Next {
        let deadline = match self.phase {
            Phase::Leaving(deadline) => deadline,
            _ => context.now.plus_seconds(context.settings.service(self.service).limits.timeout),
        };
        if let Phase::Connecting(_) = self.phase {
            self.up = None;
            self.server = None;
        }
        self.down.say_goodbye();
        if let Some(up) = &mut self.up {
            up.say_goodbye();
        }
        self.wait_for_delivery(deadline, context)
    }

    /// One end is dead, and the other has not taken everything yet.
    pub fn fail(&mut self, context: &mut Context<'_>) -> Next {
        let deadline = match self.phase {
            Phase::Failing(deadline) => deadline,
            _ => context.now.plus_seconds(context.settings.service(self.service).limits.timeout),
        };
        if context.now >= deadline {
            return self.reset_now();
        }
        self.phase = Phase::Failing(deadline);
        self.look_again(deadline, context);
        Next::Wait
    }

    /// Everything was written to `side`: it is reset as soon as it has arrived there.
    pub fn reset(&mut self, side: Side, context: &mut Context<'_>) -> Next {
        let delivered = match (side, &self.up) {
            (Side::Down, _) => self.down.delivered(),
            (Side::Up, Some(up)) => up.delivered(),
            (Side::Up, None) => true,
        };
        if delivered { self.reset_now() } else { self.fail(context) }
    }

    /// Waits, not beyond the deadline, for the last bytes to arrive.
    pub fn wait_for_delivery(&mut self, deadline: Tick, context: &mut Context<'_>) -> Next {
        self.down.flush();
        let mut more = self.down.discard(context.scratch);
        let mut delivered = self.down.delivered() && self.down.pending() == 0;
        if let Some(up) = &mut self.up {
            more |= up.discard(context.scratch);
            delivered &= up.delivered();
        }
        if delivered || context.now >= deadline {
            return Next::End;
        }
        self.phase = Phase::Leaving(deadline);
        self.look_again(deadline, context);
        if more { Next::Resume } else { Next::Wait }
    }

    /// Waits, not beyond the deadline, until the client has its answer and has closed. Who is sending looks for an answer later,
    /// if at all, and would lose it by an earlier close, which is a reset for him.
    pub fn linger(&mut self, deadline: Tick, context: &mut Context<'_>) -> Next {
        let written = self.down.finish_when_written();
        self.count_sent(written);
        let mut more = self.down.discard(context.scratch);
        let client_is_gone = self.down.ended && self.down.delivered() || self.down.broken;
        let mut delivered = client_is_gone && self.down.pending() == 0;
        if let Some(up) = &mut self.up {
            more |= up.discard(context.scratch);
            delivered &= up.delivered();
        }
        if delivered || context.now >= deadline {
            return Next::End;
        }
        self.phase = Phase::Lingering(deadline);
        if client_is_gone {
            self.look_again(deadline, context);
        } else {
            context.timers.arm(self.slot, deadline);
        }
        if more { Next::Resume } else { Next::Wait }
    }

    /// Both ends are closed with a reset (to a dead one it makes no difference).
    fn reset_now(&mut self) -> Next {
        self.down.reset();
        if let Some(up) = &self.up {
            up.reset();
        }
        Next::End
    }

    /// Arms the timer for the next look, no later than the deadline.
    fn look_again(&self, deadline: Tick, context: &mut Context<'_>) {
        context.timers.arm(self.slot, deadline.min(context.now.plus(DELIVERY_CHECK)));
    }
}

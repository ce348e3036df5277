//! The connections of a worker while they take their steps, and what they may use in them.

use std::sync::Arc;

use mio::Registry;
use mio::event::Event;
use slab::Slab;

use super::super::connection::{Connection, Next, Phase};
use super::super::pipe::Pipe;
use super::super::queues::Queues;
use super::super::token::Token;
use crate::engine::time::Tick;
use crate::engine::timer::TimerWheel;
use crate::settings::{ServiceIndex, Settings};
use crate::shared::{PendingRoom, Shared};

/// What a connection may use during its turn.
#[derive(Debug)]
pub struct Context<'a> {
    /// The poll's registry.
    pub registry: &'a Registry,
    /// The settings in force.
    pub settings: &'a Settings,
    /// The worker's timers, by slot.
    pub timers: &'a mut TimerWheel,
    /// Room for one read.
    pub scratch: &'a mut [u8],
    /// What passes much at once from socket to socket.
    pub pipe: Option<&'a mut Pipe>,
    /// The time at the beginning of the turn.
    pub now: Tick,
    /// Connections that wait for room for their connect.
    pub queues: &'a mut Queues,
    pub(super) shared: &'a Arc<Shared>,
    pub(super) worker: usize,
}

impl Context<'_> {
    /// Room for a connect, or a promise that those in the `queues` are called when there is.
    pub fn take_pending(&self, service: ServiceIndex) -> Option<PendingRoom> {
        let service = self.settings.service(service);
        let mailbox = &self.shared.mailboxes[self.worker];
        mailbox.take_or_wait(|| self.shared.take_pending(service))
    }
}

/// The connections, and what they may use. It is put together once for many steps.
#[derive(Debug)]
pub struct Stage<'a> {
    /// What they may use.
    pub context: Context<'a>,
    /// The connections.
    pub connections: &'a mut Slab<Connection>,
    /// Who stopped only to let the others have their turn.
    pub unfinished: &'a mut Vec<(u32, u32)>,
    /// Who is over.
    pub ended: &'a mut Vec<u32>,
}

impl Stage<'_> {
    /// Lets connections take in their events, up to the first event that concerns something else, and gives that one back.
    pub fn take_in<'e>(
        &mut self,
        events: &mut impl Iterator<Item = &'e Event>,
    ) -> Option<(Token, &'e Event)> {
        for event in events {
            match Token::from(event.token()) {
                Token::Connection { slot, generation, side } => {
                    self.step(slot, generation, |connection, context| connection.event(side, event, context));
                }
                other => return Some((other, event)),
            }
        }
        None
    }

    /// Lets a connection take a step, unless it has ended (or never was).
    pub fn step(
        &mut self,
        slot: u32,
        generation: u32,
        step: impl FnOnce(&mut Connection, &mut Context<'_>) -> Next,
    ) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        if connection.generation != generation || matches!(connection.phase, Phase::Ended) {
            return;
        }
        match step(connection, &mut self.context) {
            Next::Wait => {}
            Next::Resume => {
                if connection.queue() {
                    self.unfinished.push((slot, generation));
                }
            }
            Next::End => {
                connection.end(&mut self.context);
                self.ended.push(slot);
            }
        }
    }
}

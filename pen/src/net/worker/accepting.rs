//! Taking clients in: only as many as there is room for, and as one turn may take; and handing those to other workers that are too
//! many here.

use std::sync::Arc;
use std::time::Duration;

use common::reason;

use super::super::connection::{Connection, Seat};
use super::super::listener::{AcceptTrouble, Listening};
use super::super::token::GENERATION_MASK;
use super::{Newcomer, Worker};
use crate::settings::ServiceIndex;
use crate::shared::{PendingRoom, Room};

/// How long to leave a listener alone that could not accept for want of descriptors or memory, if nothing else frees some.
const SHORTAGE_PAUSE: Duration = Duration::from_millis(100);

impl Worker {
    /// Accepts from the listeners where somebody waits.
    pub(super) fn accept(&mut self) {
        for index in 0..self.listeners.len() {
            let listening = &mut self.listeners[index];
            listening.resume(self.now);
            if listening.can_accept() {
                self.accept_from(index);
            }
        }
        if !self.listeners.iter().any(Listening::finished) {
            return;
        }
        let registry = self.poll.registry();
        self.listeners
            .extract_if(.., |listening| listening.finished())
            .for_each(|gone| gone.socket.deregister(registry));
    }

    /// Accepts at most `multi_accept` connections; the listener stays ready if there may be more.
    fn accept_from(&mut self, index: usize) {
        let Listening { service, ref socket, .. } = self.listeners[index];
        let socket = Arc::clone(socket);
        for _ in 0..self.settings.service(service).limits.multi_accept {
            let Some((room, pending)) = self.take_rooms(service) else {
                self.listeners[index].waits_for_room = true;
                return;
            };
            match socket.accept() {
                Ok(accepted) => self.take_in(Newcomer { accepted, service, room, pending }),
                Err(error) => match AcceptTrouble::from(&error) {
                    AcceptTrouble::NobodyWaits => {
                        self.listeners[index].ready = false;
                        return;
                    }
                    AcceptTrouble::PeerIsGone => {}
                    AcceptTrouble::Shortage => {
                        self.settings.service(service).state.counters.shortages.count();
                        log::warn!("cannot accept on {socket}, trying again soon: {}", reason(&error));
                        self.listeners[index].pause(self.now.plus(SHORTAGE_PAUSE));
                        return;
                    }
                },
            }
        }
    }

    /// Room for one more connection, or a promise to be woken when there is.
    fn take_rooms(&self, service: ServiceIndex) -> Option<(Room, PendingRoom)> {
        let service = self.settings.service(service);
        self.mailbox().take_or_wait(|| self.shared.take_room(service))
    }

    /// Serves the newcomer, unless another worker has clearly fewer connections. One that stops does not trouble the others.
    fn take_in(&mut self, newcomer: Newcomer) {
        let kept = match self.stop_at {
            None => self.shared.hand_over(newcomer, self.index, self.turnover.lately(self.now)),
            Some(_) => Err(newcomer),
        };
        if let Err(newcomer) = kept {
            self.mailbox().connection_begins();
            self.admit(newcomer);
        }
    }

    /// Serves a newcomer that counts as a connection of this worker already.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "connections have numbers of 32 bits, so there are no more slots"
    )]
    pub(super) fn admit(&mut self, newcomer: Newcomer) {
        let Newcomer { accepted, service, room, pending } = newcomer;
        // Who connects after a command was answered is served by its settings, even if this turn began before.
        self.refresh_settings();
        let generation = self.next_generation;
        self.next_generation = generation.wrapping_add(1) & GENERATION_MASK;
        let stops = self.stop_at.is_some();
        let mut stage = self.stage();
        let slot = stage.connections.vacant_key() as u32;
        let seat = Seat { service, slot, generation, room };
        stage.connections.insert(Connection::accept(accepted, seat, &mut stage.context));
        stage.step(slot, generation, |connection, context| {
            if stops { connection.leave(context) } else { connection.start(pending, context) }
        });
    }
}

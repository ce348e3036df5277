//! The thread that keeps the idle connections of all services.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::reason;
use mio::event::Event;
use mio::{Events, Poll, Token};

use super::kept::Kept;
use crate::engine::time::Tick;
use crate::net::attendant::{Duty, WAKER};
use crate::settings::{Service, ServiceIndex, Settings};
use crate::shared::Shared;

/// How often it is looked what is missing.
const ROUND: Duration = Duration::from_secs(1);
/// Room for one read.
const READ: usize = 16 * 1024;

/// The thread's state.
pub struct Keeper {
    poll: Poll,
    shared: Arc<Shared>,
    settings: Arc<Settings>,
    /// The services that want idle connections.
    services: BTreeMap<u16, Kept>,
    next_round: Tick,
    scratch: Box<[u8]>,
}

impl Duty for Keeper {
    const NAME: &'static str = "idlers";
    const WORK: &'static str = "keep idle connections";

    fn is_wanted(service: &Service) -> bool {
        service.limits.idlers > 0
    }

    fn run(poll: Poll, shared: Arc<Shared>, ending: &AtomicBool) {
        Keeper::new(poll, shared).keep(ending);
    }
}

impl Keeper {
    /// Keeps nothing yet.
    fn new(poll: Poll, shared: Arc<Shared>) -> Keeper {
        Keeper {
            poll,
            settings: shared.settings.load_full(),
            shared,
            services: BTreeMap::new(),
            next_round: Tick(0),
            scratch: vec![0; READ].into_boxed_slice(),
        }
    }

    /// Keeps them until it is told to end.
    fn keep(mut self, ending: &AtomicBool) {
        let mut events = Events::with_capacity(1024);
        while !ending.load(Ordering::Acquire) {
            self.refresh_settings();
            let now = self.shared.now();
            if self.next_round <= now {
                self.begin_round(now);
            }
            self.dial_missing(now);
            let patience = self.next_round.since(self.shared.now());
            if let Err(error) = self.poll.poll(&mut events, Some(patience))
                && error.kind() != ErrorKind::Interrupted
            {
                log::error!("cannot wait for events: {}", reason(&error));
            }
            let now = self.shared.now();
            for event in &events {
                self.dispatch(event, now);
            }
        }
    }

    /// With new settings a round begins at once.
    fn refresh_settings(&mut self) {
        let settings = self.shared.settings.load_full();
        if !Arc::ptr_eq(&settings, &self.settings) {
            self.settings = settings;
            self.next_round = Tick(0);
        }
    }

    fn begin_round(&mut self, now: Tick) {
        self.next_round = now.plus(ROUND);
        // Another service may be at the index by now.
        let settings = &self.settings;
        self.services.retain(|index, kept| {
            let service = settings.services.get(ServiceIndex(*index));
            service.is_some_and(|service| Keeper::is_wanted(service) && kept.is_of(service))
        });
        for (index, service) in settings.services.iter().filter(|(_, service)| Keeper::is_wanted(service)) {
            let kept = self.services.entry(index.0).or_insert_with(|| Kept::new(service));
            kept.begin_round(service, now, &mut self.scratch);
        }
    }

    fn dial_missing(&mut self, now: Tick) {
        for (index, kept) in &mut self.services {
            if let Some(service) = self.settings.services.get(ServiceIndex(*index)) {
                let token = |number| token(*index, number);
                kept.dial_missing(service, &self.shared, self.poll.registry(), token, now);
            }
        }
    }

    fn dispatch(&mut self, event: &Event, now: Tick) {
        if event.token() == WAKER {
            return;
        }
        let (index, number) = parts(event.token());
        if let Some(kept) = self.services.get_mut(&index) {
            kept.progress(number, event, now, &mut self.scratch);
        }
    }
}

/// The token of a service's connection. Numbers are never 0, so that it is not the waker's.
fn token(index: u16, number: usize) -> Token {
    Token((number << u16::BITS) | usize::from(index))
}

#[expect(clippy::cast_possible_truncation, reason = "that takes the service's part alone")]
fn parts(token: Token) -> (u16, usize) {
    (token.0 as u16, token.0 >> u16::BITS)
}

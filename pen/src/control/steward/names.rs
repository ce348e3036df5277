//! The steward's part in looking names up again: it begins a round when it is due, and moves the servers and request logs whose
//! addresses have changed. When that is, `rounds` says; what becomes of them, `settings::names` and `settings::log`.

use std::sync::Arc;
use std::thread;

use common::reason;

use super::Steward;
use crate::control::rounds::News;
use crate::engine::time::Tick;
use crate::settings;
use crate::settings::names::{self, Answers};

impl Steward {
    /// When names are to be looked up next; `None`: not as things are now.
    pub(super) fn next_round(&self) -> Option<Tick> {
        self.rounds.due(self.shared.settings.load().process.resolve)
    }

    /// Has all names looked up beside the steward, because the name servers may take long.
    pub(super) fn begin_round_if_due(&mut self) {
        let now = self.shared.now();
        if self.next_round().is_none_or(|due| due > now) {
            return;
        }
        self.rounds.begin(now);
        let names = names::names(&self.shared.settings.load());
        let Some(results) = self.orders.results().filter(|_| !names.is_empty()) else {
            self.rounds.end(&Answers::new());
            return;
        };
        let environment = Arc::clone(&self.environment);
        let round = thread::Builder::new()
            .name("names".to_owned())
            .spawn(move || results.resolved(names::look_up(names, &*environment.resolver)));
        if let Err(error) = round {
            log::error!("cannot start a thread to look names up: {}", reason(&error));
            self.rounds.end(&Answers::new());
        }
    }

    /// The names were looked up.
    pub(super) fn take_in(&mut self, answers: &Answers) {
        for news in self.rounds.end(answers) {
            match news {
                News::Failed(_) => log::warn!("{news}"),
                News::Recovered(_) => log::info!("{news}"),
            }
        }
        let mut draft = self.draft();
        let moves = names::take_in(&mut draft, answers);
        let log_moves = settings::log::take_in(&mut draft, answers);
        match self.publisher.publish(draft) {
            Ok(()) => {
                for step in moves {
                    log::info!("{step}");
                }
                for step in log_moves {
                    log::info!("{step}");
                }
            }
            Err(error) => log::error!("{error}; what has another address stays where it was"),
        }
    }
}

//! Idle connections to servers, which `idlers N` keeps for no client, in a thread of their own. Which server gets one is
//! `engine::idlers`' matter.

mod keeper;
mod kept;
mod line;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use common::reason;
use mio::{Poll, Waker};

use crate::settings::Settings;
use crate::shared::Shared;
use keeper::{Keeper, WAKER};

/// The thread, as long as any service wants idle connections.
#[derive(Debug, Default)]
pub struct Idlers {
    running: Option<Running>,
    /// The settings that the thread was told of.
    told: Option<Arc<Settings>>,
}

#[derive(Debug)]
struct Running {
    waker: Waker,
    ending: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Idlers {
    /// Starts the thread, tells it of new settings, or ends it, as the settings in force want it.
    pub fn follow(&mut self, shared: &Arc<Shared>) {
        let settings = shared.settings.load_full();
        if self.told.as_ref().is_some_and(|told| Arc::ptr_eq(told, &settings)) {
            return;
        }
        let wanted = settings.services.values().any(|service| service.limits.idlers > 0);
        self.told = Some(settings);
        match &self.running {
            Some(running) if wanted => running.wake(),
            Some(_) => self.end(),
            None if wanted => match Running::start(shared) {
                Ok(running) => self.running = Some(running),
                Err(error) => log::error!("cannot keep idle connections: {}", reason(&error)),
            },
            None => {}
        }
    }

    /// Closes all idle connections.
    pub fn end(&mut self) {
        let Some(running) = self.running.take() else { return };
        running.ending.store(true, Ordering::Release);
        running.wake();
        // Its panic, if it had one, has ended the process.
        let _ = running.thread.join();
    }
}

impl Running {
    fn start(shared: &Arc<Shared>) -> io::Result<Running> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let ending = Arc::new(AtomicBool::new(false));
        let keeper = Keeper::new(poll, Arc::clone(shared), Arc::clone(&ending));
        let thread = thread::Builder::new().name("idlers".to_owned()).spawn(move || keeper.run())?;
        Ok(Running { waker, ending, thread })
    }

    fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            log::error!("cannot wake the thread of idle connections: {}", reason(&error));
        }
    }
}

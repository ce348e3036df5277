//! A thread beside the workers that does what some services want, as long as any of them does.

use std::io;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use common::reason;
use mio::{Poll, Token, Waker};

use crate::settings::{Service, Settings};
use crate::shared::Shared;

/// The token of the thread's waker.
pub const WAKER: Token = Token(0);

/// What such a thread does.
pub trait Duty {
    /// The thread's name.
    const NAME: &'static str;
    /// What it does, for messages: `keep idle connections`.
    const WORK: &'static str;

    /// Whether the service wants that.
    fn is_wanted(service: &Service) -> bool;

    /// Does it until `ending` is set. The poll has a waker, [`WAKER`], for new settings and the end.
    fn run(poll: Poll, shared: Arc<Shared>, ending: &AtomicBool);
}

/// The thread, as long as any service wants it.
#[derive(Debug)]
pub struct Attendant<D> {
    running: Option<Running>,
    /// The settings that the thread was told of.
    told: Option<Arc<Settings>>,
    duty: PhantomData<fn() -> D>,
}

#[derive(Debug)]
struct Running {
    waker: Waker,
    ending: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl<D: Duty> Attendant<D> {
    /// Starts the thread, tells it of new settings, or ends it, as the settings in force want it.
    pub fn follow(&mut self, shared: &Arc<Shared>) {
        let settings = shared.settings.load_full();
        if self.told.as_ref().is_some_and(|told| Arc::ptr_eq(told, &settings)) {
            return;
        }
        let wanted = settings.services.values().any(|service| D::is_wanted(service));
        self.told = Some(settings);
        match &self.running {
            Some(running) if wanted => running.wake::<D>(),
            Some(_) => self.end(),
            None if wanted => match Running::start::<D>(shared) {
                Ok(running) => self.running = Some(running),
                Err(error) => log::error!("cannot {}: {}", D::WORK, reason(&error)),
            },
            None => {}
        }
    }

    /// Ends the thread, if there is one, and waits until it has.
    pub fn end(&mut self) {
        let Some(running) = self.running.take() else { return };
        running.ending.store(true, Ordering::Release);
        running.wake::<D>();
        // Its panic, if it had one, has ended the process.
        let _ = running.thread.join();
    }
}

impl<D> Default for Attendant<D> {
    fn default() -> Attendant<D> {
        Attendant { running: None, told: None, duty: PhantomData }
    }
}

impl Running {
    fn start<D: Duty>(shared: &Arc<Shared>) -> io::Result<Running> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let ending = Arc::new(AtomicBool::new(false));
        let (shared, told) = (Arc::clone(shared), Arc::clone(&ending));
        let thread = thread::Builder::new().name(D::NAME.to_owned());
        let thread = thread.spawn(move || D::run(poll, shared, &told))?;
        Ok(Running { waker, ending, thread })
    }

    fn wake<D: Duty>(&self) {
        if let Err(error) = self.waker.wake() {
            log::error!("cannot wake the thread '{}': {}", D::NAME, reason(&error));
        }
    }
}

//! What the steward is told to do, and the queue that takes it there.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Weak};
use std::time::Duration;

use common::command::Command;

use super::{Origin, SessionId};
use crate::settings::names::Answers;

/// What the steward is told to do.
#[derive(Debug)]
pub enum Order {
    /// A command from a session.
    Command(SessionId, Origin, Command),
    /// HUP: reopen the logs, read the file again.
    Reload,
    /// USR1: write the status.
    WriteStatus,
    /// A round of looking all names up has come to an end.
    Resolved(Answers),
    /// TERM or INT.
    Stop,
}

/// Orders on their way to the steward. However often pen is told to reload or to write its status, each is in the queue at
/// most once, so that a storm of signals fills nothing.
#[derive(Debug)]
pub struct Orders {
    queue: Arc<Sender<Order>>,
    awaited: Arc<Awaited>,
    /// Tells the resolver, for which the steward may be waiting, that it is in vain.
    give_up: Arc<AtomicBool>,
}

/// The steward's end of [`Orders`].
#[derive(Debug)]
pub struct OrderQueue {
    queue: Receiver<Order>,
    awaited: Arc<Awaited>,
    /// For [`Results`]. It keeps nothing alive: without [`Orders`] the steward is to end.
    own_end: Weak<Sender<Order>>,
    give_up: Arc<AtomicBool>,
}

/// Hands the steward what a thread found out for it.
#[derive(Debug)]
pub struct Results {
    queue: Arc<Sender<Order>>,
    give_up: Arc<AtomicBool>,
}

/// What is in the queue and was not taken yet.
#[derive(Debug, Default)]
struct Awaited {
    reload: AtomicBool,
    status: AtomicBool,
}

/// An empty queue of orders; `give_up` is set when pen is told to stop.
pub fn orders(give_up: Arc<AtomicBool>) -> (Orders, OrderQueue) {
    let (sender, receiver) = channel();
    let awaited = Arc::new(Awaited::default());
    let sender = Arc::new(sender);
    let queue = OrderQueue {
        queue: receiver,
        awaited: Arc::clone(&awaited),
        own_end: Arc::downgrade(&sender),
        give_up: Arc::clone(&give_up),
    };
    (Orders { queue: sender, awaited, give_up }, queue)
}

impl Orders {
    /// A session's command.
    pub fn command(&self, session: SessionId, origin: Origin, command: Command) {
        self.send(Order::Command(session, origin, command));
    }

    /// HUP.
    pub fn reload(&self) {
        if !self.awaited.reload.swap(true, Ordering::AcqRel) {
            self.send(Order::Reload);
        }
    }

    /// USR1.
    pub fn write_status(&self) {
        if !self.awaited.status.swap(true, Ordering::AcqRel) {
            self.send(Order::WriteStatus);
        }
    }

    /// TERM and INT.
    pub fn stop(&self) {
        self.give_up.store(true, Ordering::Relaxed);
        self.send(Order::Stop);
    }

    fn send(&self, order: Order) {
        // Without a steward pen is ending, and nobody waits for anything any more.
        let _ = self.queue.send(order);
    }
}

impl OrderQueue {
    /// Waits for an order, at most for `patience`; `None` if none came.
    pub fn next(&self, patience: Option<Duration>) -> Option<Order> {
        let order = match patience {
            Some(patience) => self.queue.recv_timeout(patience).or_else(|error| match error {
                RecvTimeoutError::Timeout => Err(()),
                RecvTimeoutError::Disconnected => Ok(Order::Stop),
            }),
            None => Ok(self.queue.recv().unwrap_or(Order::Stop)),
        };
        match order {
            // What comes from now on is another order.
            Ok(Order::Reload) => self.awaited.reload.store(false, Ordering::Release),
            Ok(Order::WriteStatus) => self.awaited.status.store(false, Ordering::Release),
            _ => {}
        }
        order.ok()
    }

    /// For a thread that is to find something out; `None`: nobody gives orders any more.
    pub fn results(&self) -> Option<Results> {
        Some(Results { queue: self.own_end.upgrade()?, give_up: Arc::clone(&self.give_up) })
    }
}

impl Results {
    /// What became of the names. When pen is stopping, that is only that they were given up.
    pub fn resolved(self, answers: Answers) {
        if !self.give_up.load(Ordering::Relaxed) {
            // Without a steward pen is ending.
            let _ = self.queue.send(Order::Resolved(answers));
        }
    }
}

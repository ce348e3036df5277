//! A worker's mailbox: what it is told, and what it lets the others know of itself.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};

use common::reason;
use parking_lot::{Mutex, MutexGuard};

use super::Apart;
use crate::net::worker::{Message, Newcomer};

/// Where a worker gets its messages.
#[derive(Debug)]
pub struct Mailbox {
    messages: Mutex<Messages>,
    waker: mio::Waker,
    waits_for_room: AtomicBool,
    load: Apart<WorkerLoad>,
}

#[derive(Debug, Default)]
struct Messages {
    list: Vec<Message>,
    /// The worker is about to end, and takes no newcomers of others any more.
    refuses_newcomers: bool,
}

/// What a worker carries. It is the worker itself that writes this, but for newcomers that others hand over.
#[derive(Debug, Default)]
struct WorkerLoad {
    connections: AtomicUsize,
    handed_over: AtomicU64,
}

impl Mailbox {
    /// Of a worker that is woken by `waker`.
    pub fn new(waker: mio::Waker) -> Mailbox {
        Mailbox {
            messages: Mutex::default(),
            waker,
            waits_for_room: AtomicBool::new(false),
            load: Apart::default(),
        }
    }

    /// Hands the worker a message.
    pub fn send(&self, message: Message) {
        self.put(self.messages.lock(), message);
    }

    /// Hands the worker a client of another one, which counts as its own from now on. Gives it back if the worker is about to end.
    pub fn adopt(&self, newcomer: Newcomer) -> Result<(), Newcomer> {
        let messages = self.messages.lock();
        if messages.refuses_newcomers {
            return Err(newcomer);
        }
        // Before the worker can end it.
        self.connection_begins();
        self.put(messages, Message::Adopt(newcomer));
        Ok(())
    }

    fn put(&self, mut messages: MutexGuard<'_, Messages>, message: Message) {
        messages.list.push(message);
        let is_first = messages.list.len() == 1;
        drop(messages);
        // Whoever put one there before has woken the worker, or is about to.
        if is_first {
            self.wake();
        }
    }

    /// Takes all messages.
    pub fn take(&self) -> Vec<Message> {
        std::mem::take(&mut self.messages.lock().list)
    }

    /// The same, and from now on the others keep their newcomers.
    pub fn take_last_newcomers(&self) -> Vec<Message> {
        let mut messages = self.messages.lock();
        messages.refuses_newcomers = true;
        std::mem::take(&mut messages.list)
    }

    /// Takes room by `take`, or asks for a wake-up when some is freed. It looks once more after that, lest it miss what was
    /// freed meanwhile.
    pub fn take_or_wait<T>(&self, take: impl Fn() -> Option<T>) -> Option<T> {
        take().or_else(|| {
            self.wait_for_room();
            take()
        })
    }

    pub(super) fn wait_for_room(&self) {
        self.waits_for_room.store(true, SeqCst);
    }

    /// Wakes the worker if it waits for room.
    pub fn room_was_freed(&self) {
        if self.waits_for_room.load(SeqCst) && self.waits_for_room.swap(false, SeqCst) {
            self.wake();
        }
    }

    /// Ends the worker's wait for events.
    pub fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            log::error!("cannot wake a worker: {}", reason(&error));
        }
    }

    /// The worker has one more connection.
    pub fn connection_begins(&self) {
        self.load.connections.fetch_add(1, Relaxed);
    }

    /// The worker has fewer connections, by so many.
    pub fn connections_end(&self, count: usize) {
        self.load.connections.fetch_sub(count, Relaxed);
    }

    /// The worker's connections, with those that were handed to it and that it has not seen yet. Flows of datagrams are none.
    pub fn connections(&self) -> usize {
        self.load.connections.load(Relaxed)
    }

    /// The worker has handed a newcomer over.
    pub fn count_handed_over(&self) {
        self.load.handed_over.fetch_add(1, Relaxed);
    }

    /// How many newcomers it has handed over so far.
    pub fn handed_over(&self) -> u64 {
        self.load.handed_over.load(Relaxed)
    }
}

//! Load: many short connections at once.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::address::Address;
use crate::backend::Backend;
use crate::stream::Stream;

const REQUEST: [u8; 64] = [b'q'; 64];
const ANSWER: [u8; 512] = [b'r'; 512];

/// For the tests of a suite that are heavy: one at a time.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A server that answers every 64 bytes with 512.
pub fn answering_512_bytes() -> Backend {
    Backend::serve(|client| {
        let mut request = REQUEST;
        while { client }.read_exact(&mut request).is_ok() && { client }.write_all(&ANSWER).is_ok() {}
    })
}

/// The outcome of a load.
#[derive(Debug, Default)]
pub struct Load {
    done: AtomicUsize,
    failed: AtomicUsize,
    stopped: AtomicBool,
}

impl Load {
    /// Makes `count` connections, `parallel` at a time, each with one request and one answer.
    pub fn run(address: &Address, count: usize, parallel: usize) -> Self {
        let load = Self::default();
        in_parallel(count, parallel, |_| load.one(|| Some(address.clone())));
        load
    }

    /// Makes one connection to where `address` says at that moment (`None`: nowhere, which is no failure).
    pub fn one(&self, address: impl Fn() -> Option<Address>) {
        let Some(address) = address() else { return };
        let outcome = if short_connection(&address).is_ok() { &self.done } else { &self.failed };
        outcome.fetch_add(1, Ordering::Relaxed);
    }

    /// Connections until [`Load::stop`].
    pub fn keep_up(&self, address: impl Fn() -> Option<Address>) {
        while !self.stopped.load(Ordering::Relaxed) {
            self.one(&address);
        }
    }

    /// Ends every [`Load::keep_up`].
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Connections that got their whole answer.
    pub fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    /// Connections that did not.
    pub fn failed(&self) -> usize {
        self.failed.load(Ordering::Relaxed)
    }
}

fn short_connection(address: &Address) -> std::io::Result<()> {
    let stream = Stream::connect(address)?;
    let mut answer = [0; ANSWER.len()];
    (&stream).write_all(&REQUEST)?;
    (&stream).read_exact(&mut answer)
}

/// Calls `job` with every number below `count`, from `parallel` threads.
pub fn in_parallel(count: usize, parallel: usize, job: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    let worker = || loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= count {
            return;
        }
        job(number);
    };
    thread::scope(|scope| {
        for _ in 0..parallel {
            scope.spawn(worker);
        }
    });
}

//! The request log: a queue that workers put records into without ever waiting, and a thread that writes them out.
//! What a record says is in `common::log_record`, when there is one is the relay's decision.

mod datagram;
mod file;
mod sink;
#[cfg(test)]
pub mod testing;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

use common::reason;
use parking_lot::{Condvar, Mutex};

use crate::engine::gauge::Gauge;
use sink::Sink;

pub use sink::{Destination, Record};

/// So many records may wait for a slow disk or network.
const QUEUE: usize = 8192;

/// Records are in the file after so long at the latest, also when they never stop coming.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

/// A pause after each batch for a file: it makes batches of what comes one by one, and spares the workers waking the thread. A
/// penlogd gets records at once: that of 0.34.1 does not wait for one that comes after its line.
const BATCH_PAUSE: Duration = Duration::from_millis(5);

/// A failing disk or a missing penlogd is complained about so often.
const COMPLAINT_INTERVAL: Duration = Duration::from_mins(1);

/// A handle to the log, to be cloned for each worker. When the last one is dropped, what is queued is still written.
#[derive(Clone, Debug)]
pub struct RequestLog {
    queue: Sender<Message>,
    shared: Arc<Shared>,
}

enum Message {
    Record(Record),
    /// The penlogd is there now.
    MoveTo(SocketAddr),
    /// Look at the flags in [`Shared`].
    Wake,
}

#[derive(Debug, Default)]
struct Shared {
    queued: AtomicU64,
    /// Of these, the ones in the queue.
    waiting: Gauge,
    lost: AtomicU64,
    reopen: AtomicBool,
    /// How many of the queued records are written or lost.
    done: Mutex<u64>,
    progress: Condvar,
}

impl RequestLog {
    /// Opens the destination and starts the thread.
    ///
    /// # Errors
    /// Those of opening the file or a socket, without the destination's name. A penlogd that is not there is none.
    pub fn open(destination: &Destination) -> io::Result<RequestLog> {
        let sink = Sink::open(destination)?;
        // Without memory for those that may never come: every service may have a log.
        let (sender, receiver) = channel();
        let shared = Arc::new(Shared::default());
        let writer = Writer::new(destination.clone(), sink, Arc::clone(&shared));
        thread::Builder::new().name("request log".to_owned()).spawn(move || writer.run(&receiver))?;
        Ok(RequestLog { queue: sender, shared })
    }

    /// Queues a record. Never waits: with a full queue the record is lost, and counted.
    pub fn record(&self, record: impl Into<Record>) {
        // Counted before it can be written, so that a drain never sees more done than queued.
        self.shared.queued.fetch_add(1, Ordering::SeqCst);
        let room = self.shared.waiting.take(1, QUEUE);
        if !room || self.queue.send(Message::Record(record.into())).is_err() {
            self.shared.lose(1);
            self.shared.finish(1);
        }
    }

    /// How many records were lost so far: to a full queue, to a disk that did not take them, or to a penlogd that is known to
    /// be missing.
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    /// Sends further records to another address of the penlogd; those that are queued too.
    pub fn move_to(&self, address: SocketAddr) {
        // Without a writer pen is ending.
        let _ = self.queue.send(Message::MoveTo(address));
    }

    /// Opens the file anew, soon, by its name: for log rotation. If that fails, the old file stays in use.
    pub fn reopen(&self) {
        // However often it is told, before it does it there is one message.
        if !self.shared.reopen.swap(true, Ordering::SeqCst) {
            // Without a writer pen is ending.
            let _ = self.queue.send(Message::Wake);
        }
    }

    /// Whether both are handles to the same log.
    pub fn is(&self, other: &RequestLog) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Waits until every record so far is written or lost, but not longer than `limit`; says whether that came true.
    pub fn drain(&self, limit: Duration) -> bool {
        let queued = self.shared.queued.load(Ordering::SeqCst);
        let deadline = Instant::now() + limit;
        let mut done = self.shared.done.lock();
        while *done < queued {
            if self.shared.progress.wait_until(&mut done, deadline).timed_out() {
                return *done >= queued;
            }
        }
        true
    }
}

impl Shared {
    fn lose(&self, records: u64) {
        self.lost.fetch_add(records, Ordering::Relaxed);
    }

    fn finish(&self, records: u64) {
        if records > 0 {
            *self.done.lock() += records;
            self.progress.notify_all();
        }
    }
}

/// The thread's side.
struct Writer {
    destination: Destination,
    sink: Sink,
    shared: Arc<Shared>,
    flushed: Instant,
    complained: Option<Instant>,
}

impl Writer {
    fn new(destination: Destination, sink: Sink, shared: Arc<Shared>) -> Writer {
        Writer { destination, sink, shared, flushed: Instant::now(), complained: None }
    }

    fn run(mut self, queue: &Receiver<Message>) {
        while let Ok(first) = queue.recv() {
            self.take(first);
            let ended = self.take_batch(queue);
            self.flush();
            if ended {
                return;
            }
            if matches!(self.destination, Destination::File(_)) {
                thread::sleep(BATCH_PAUSE);
            }
        }
    }

    /// Takes all that is queued; says whether that was the last.
    fn take_batch(&mut self, queue: &Receiver<Message>) -> bool {
        loop {
            match queue.try_recv() {
                Ok(message) => self.take(message),
                Err(TryRecvError::Empty) => return false,
                Err(TryRecvError::Disconnected) => return true,
            }
            if self.sink.is_full() || self.flushed.elapsed() >= FLUSH_INTERVAL {
                self.flush();
            }
        }
    }

    fn take(&mut self, message: Message) {
        if self.shared.reopen.swap(false, Ordering::SeqCst) {
            self.reopen();
        }
        match message {
            Message::Record(record) => {
                self.shared.waiting.give_back(1);
                self.sink.append(&record);
            }
            Message::MoveTo(to) => {
                if let (Sink::Penlogd(sink), Destination::Penlogd { address, .. }) =
                    (&mut self.sink, &mut self.destination)
                {
                    sink.move_to(to);
                    *address = to;
                }
            }
            Message::Wake => {}
        }
    }

    fn flush(&mut self) {
        let records = self.sink.pending();
        if let Err(failure) = self.sink.flush() {
            self.shared.lose(failure.lost);
            self.complain(&failure.error);
        }
        self.flushed = Instant::now();
        self.shared.finish(records);
    }

    fn reopen(&mut self) {
        self.flush();
        if let Err(error) = self.sink.reopen() {
            let (destination, reason) = (&self.destination, reason(&error));
            log::error!(
                "cannot reopen the request log {destination}: {reason}; it goes on where it was before"
            );
        }
    }

    fn complain(&mut self, error: &io::Error) {
        if self.complained.is_none_or(|last| last.elapsed() >= COMPLAINT_INTERVAL) {
            self.complained = Some(Instant::now());
            let (destination, reason) = (&self.destination, reason(error));
            let lost = self.shared.lost.load(Ordering::Relaxed);
            log::error!("cannot write the request log {destination}: {reason}; records lost so far: {lost}");
        }
    }
}

#[cfg(test)]
mod tests;

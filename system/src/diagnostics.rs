//! What a program says about itself, through the `log` macros: to stderr or syslog, and never at the data plane's cost.
//! Before [`start_writer`] a message is written by whoever has it; after it messages are queued for one thread, and
//! those that find the queue full are counted. The request log is not this module's business.

mod sink;

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use log::{Level, LevelFilter, Log, Metadata, Record};
use parking_lot::{Condvar, Mutex};

pub use self::sink::Destination;
use self::sink::Sink;
use crate::fatal;
use common::escape::Line;

/// So many messages may wait for a slow terminal or syslog.
const QUEUE: usize = 1024;

/// How long an exit waits for messages that are still queued.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

static DIAGNOSTICS: OnceLock<Diagnostics> = OnceLock::new();

/// Sends the messages of this process, which is known to syslog as `program`, to `destination` from now on.
///
/// To be called once, early: before a chroot (which hides the time zone and syslog's socket) and before any thread
/// exists. When syslog cannot be reached, stderr is told, and each later message tries again.
pub fn init(program: &'static str, destination: Destination) {
    crate::local_time::read_zone();
    let diagnostics = DIAGNOSTICS.get_or_init(|| Diagnostics::new(Sink::open(destination, program)));
    if log::set_logger(diagnostics).is_ok() {
        set_level(0);
        fatal::end_on_panic();
    }
}

/// Says that the terminal is about to be left: what was told on stderr as well goes to syslog only.
pub fn leave_terminal() {
    if let Some(diagnostics) = DIAGNOSTICS.get() {
        diagnostics.output.sink.lock().leave_terminal();
    }
}

/// Sets how much is said, by the number of the `debug` command: 0 what an operator wants to know, 1 more, 2 and above all.
pub fn set_level(debug: u32) {
    log::set_max_level(match debug {
        0 => LevelFilter::Info,
        1 => LevelFilter::Debug,
        2.. => LevelFilter::Trace,
    });
}

/// Starts the thread that writes the messages: from now on nobody else waits for stderr or syslog.
pub fn start_writer() -> io::Result<()> {
    DIAGNOSTICS.get().map_or(Ok(()), Diagnostics::start_writer)
}

/// Waits until what was said so far is written, but not longer than a second.
pub fn flush() {
    if let Some(diagnostics) = DIAGNOSTICS.get() {
        diagnostics.flush(FLUSH_LIMIT);
    }
}

/// Says errors, and waits until they are written, but not longer than two seconds. Nobody else is heard any more: where more is
/// said than can be written, these would be lost.
pub fn say_at_last<'a>(lines: impl Iterator<Item = &'a str>) {
    if let Some(diagnostics) = DIAGNOSTICS.get() {
        diagnostics.is_ending.store(true, Ordering::SeqCst);
        diagnostics.flush(FLUSH_LIMIT);
        lines.for_each(|line| diagnostics.say_line(Level::Error, format_args!("{line}")));
        diagnostics.flush(FLUSH_LIMIT);
    }
}

/// Whether messages have found the queue full, and nobody has been told yet.
#[cfg(test)]
pub fn has_lost_any() -> bool {
    DIAGNOSTICS.get().is_some_and(|diagnostics| diagnostics.output.lost.load(Ordering::Relaxed) > 0)
}

/// A message on its way to the sink.
#[derive(Clone, Debug)]
struct Message {
    level: Level,
    time: SystemTime,
    text: String,
}

struct Diagnostics {
    output: Arc<Output>,
    queue: OnceLock<SyncSender<Message>>,
    queued: AtomicU64,
    /// Only the last words count.
    is_ending: AtomicBool,
}

/// What the writer thread shares with the others.
struct Output {
    sink: Mutex<Sink>,
    lost: AtomicU64,
    written: Mutex<u64>,
    progress: Condvar,
}

impl Diagnostics {
    fn new(sink: Sink) -> Diagnostics {
        let output = Output {
            sink: Mutex::new(sink),
            lost: AtomicU64::new(0),
            written: Mutex::new(0),
            progress: Condvar::new(),
        };
        Diagnostics {
            output: Arc::new(output),
            queue: OnceLock::new(),
            queued: AtomicU64::new(0),
            is_ending: AtomicBool::new(false),
        }
    }

    fn start_writer(&self) -> io::Result<()> {
        let (sender, receiver) = sync_channel(QUEUE);
        let output = Arc::clone(&self.output);
        thread::Builder::new().name("diagnostics".to_owned()).spawn(move || output.write_all(&receiver))?;
        // A second writer has nobody to hear: it ends with its sender.
        let _ = self.queue.set(sender);
        Ok(())
    }

    /// A name or request from outside must not be able to forge a line or to talk to the terminal.
    fn say_line(&self, level: Level, line: fmt::Arguments<'_>) {
        self.say(Message { level, time: SystemTime::now(), text: Line(line).to_string() });
    }

    fn say(&self, message: Message) {
        let Some(queue) = self.queue.get() else {
            self.output.write(&message);
            return;
        };
        // Counted before it can be written, so that a flush never sees more written than queued.
        self.queued.fetch_add(1, Ordering::SeqCst);
        if queue.try_send(message).is_err() {
            self.output.lost.fetch_add(1, Ordering::Relaxed);
            self.output.count_written();
        }
    }

    /// Whether all was written in time.
    fn flush(&self, limit: Duration) -> bool {
        let queued = self.queued.load(Ordering::SeqCst);
        let deadline = Instant::now() + limit;
        let mut written = self.output.written.lock();
        while *written < queued {
            if self.output.progress.wait_until(&mut written, deadline).timed_out() {
                return *written >= queued;
            }
        }
        true
    }
}

impl Output {
    fn write_all(&self, queue: &Receiver<Message>) {
        for message in queue {
            self.write(&message);
            self.count_written();
        }
    }

    fn write(&self, message: &Message) {
        let mut sink = self.sink.lock();
        let lost = self.lost.swap(0, Ordering::Relaxed);
        let reported = lost == 0 || {
            let text = format!("{lost} {} lost", if lost == 1 { "message" } else { "messages" });
            sink.write(&Message { level: Level::Warn, time: message.time, text }).is_ok()
        };
        let newly_lost = u64::from(sink.write(message).is_err()) + if reported { 0 } else { lost };
        self.lost.fetch_add(newly_lost, Ordering::Relaxed);
    }

    fn count_written(&self) {
        *self.written.lock() += 1;
        self.progress.notify_all();
    }
}

impl Log for Diagnostics {
    /// Only the messages of our crates: those of libraries are not for operators.
    fn enabled(&self, metadata: &Metadata) -> bool {
        let crate_name = metadata.target().split("::").next();
        matches!(crate_name, Some("pen" | "merging" | "common" | "system"))
    }

    fn log(&self, record: &Record) {
        if self.enabled(record.metadata()) && !self.is_ending.load(Ordering::Relaxed) {
            self.say_line(record.level(), *record.args());
        }
    }

    fn flush(&self) {
        self.flush(FLUSH_LIMIT);
    }
}

#[cfg(test)]
mod tests;

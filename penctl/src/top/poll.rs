//! A thread that asks pen for its status again and again, so that the screen never waits for pen.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use common::status::Snapshot;

use crate::address::ControlAddr;
use crate::report::{self, NoStatus};

/// From one question to the next.
const PERIOD: Duration = Duration::from_secs(1);

/// What came of a question.
pub type News = Result<Snapshot, NoStatus>;

/// Starts asking. The thread ends when nobody takes its news any more, or with the process.
pub fn start(address: ControlAddr) -> Receiver<News> {
    // One at most waits to be taken: what is shown is not older than the screen is slow.
    let (sender, receiver) = sync_channel(0);
    thread::spawn(move || ask_forever(&address, &sender));
    receiver
}

fn ask_forever(address: &ControlAddr, news: &SyncSender<News>) {
    loop {
        let begun = Instant::now();
        let status = report::fetch(address).and_then(|status| status.snapshot(address));
        if news.send(status).is_err() {
            return;
        }
        thread::sleep(PERIOD.saturating_sub(begun.elapsed()));
    }
}

//! What the screen learns of, in one queue: keys and answers, each from a thread that may wait as long as it has to.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use common::status::Snapshot;
use ratatui::crossterm::event::{self, Event};

use crate::address::ControlAddr;
use crate::report::{self, NoStatus};

/// From one question to the next.
const PERIOD: Duration = Duration::from_secs(1);

/// Few wait to be taken: what is shown is not older than the screen is slow.
const QUEUE: usize = 4;

/// Something that happened.
pub enum News {
    /// At the terminal, or the terminal failed.
    Terminal(io::Result<Event>),
    /// What came of a question to pen.
    Status(Answer),
}

/// What came of a question.
pub type Answer = Result<Snapshot, NoStatus>;

/// Starts to listen to the terminal and to ask pen. The threads end when nobody takes their news any more, or with the
/// process. What reads the terminal waits in the middle of a sequence of bytes that it does not know, and for ever when
/// the terminal is gone.
pub fn start(address: ControlAddr) -> Receiver<News> {
    let (sender, receiver) = sync_channel(QUEUE);
    let keys = sender.clone();
    thread::spawn(move || listen(&keys));
    thread::spawn(move || ask(&address, &sender));
    receiver
}

fn listen(news: &SyncSender<News>) {
    loop {
        let event = event::read();
        let is_over = event.is_err();
        if news.send(News::Terminal(event)).is_err() || is_over {
            return;
        }
    }
}

fn ask(address: &ControlAddr, news: &SyncSender<News>) {
    loop {
        let begun = Instant::now();
        let status = report::fetch(address).and_then(|status| status.snapshot(address));
        if news.send(News::Status(status)).is_err() {
            return;
        }
        thread::sleep(PERIOD.saturating_sub(begun.elapsed()));
    }
}

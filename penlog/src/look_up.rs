//! Looking names up beside the lines: a thread that asks until it has an answer.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::destination::{Destination, Route};

/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_secs(5);

/// A look-up under way.
#[derive(Debug)]
pub struct LookUp(Receiver<Result<Vec<Route>, String>>);

/// What a look-up has come to.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing yet.
    Pending,
    /// It failed, for this reason, and goes on.
    Failed(String),
    /// It is done: these routes, at least one.
    Found(Vec<Route>),
}

impl LookUp {
    /// Starts to ask.
    pub fn start(destination: Destination) -> io::Result<LookUp> {
        let (sender, receiver) = channel();
        let asking = move || {
            loop {
                let answer = destination.resolve();
                let is_last = answer.is_ok();
                if sender.send(answer).is_err() || is_last {
                    return;
                }
                thread::sleep(PAUSE);
            }
        };
        thread::Builder::new().name("look-up".to_owned()).spawn(asking)?;
        Ok(LookUp(receiver))
    }

    /// What it has come to within this time since it was last asked.
    pub fn wait(&self, patience: Duration) -> Answer {
        match self.0.recv_timeout(patience) {
            Ok(Ok(routes)) => Answer::Found(routes),
            Ok(Err(reason)) => Answer::Failed(reason),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Answer::Pending,
        }
    }
}

//! Merging: the line that is next by time, its client, its place in the output; until all logs are at their ends.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::IpAddr;

use super::options::Window;
use super::output::{Output, Rejects, Stop};
use super::pen_log::PenLog;
use super::web_log::{Counts, Next, WebLog};
use crate::line::{Format, Line};
use crate::matching::{Answer, Client, Limits, Matcher, Moment, Question};

/// All that is read, and all that is written.
pub struct Merge {
    /// The logs, in the order that lines of one time have in the output.
    pub logs: Vec<WebLog>,
    /// What names the clients.
    pub records: Records,
    /// How lines are read.
    pub format: Format,
    /// The merged log.
    pub output: Output,
    /// Where lines without a time go.
    pub rejects: Rejects,
}

/// pen's log as far as it may belong to the lines of this time.
pub struct Records {
    /// Where they come from.
    pub log: PenLog,
    matcher: Matcher,
    window: Window,
    /// The second, in microseconds, that the window is around.
    second: i64,
}

/// Where a log goes on in the merged one: a time in microseconds, and of logs with the same time the first one is first.
type Position = (i64, usize);

impl Merge {
    /// Merges all logs.
    pub fn run(&mut self) -> Result<(), Stop> {
        // A log that has not been looked at may begin at any time.
        let mut waiting: BinaryHeap<_> = (0..self.logs.len()).map(|log| Reverse((i64::MIN, log))).collect();
        while let Some(Reverse((_, log))) = waiting.pop() {
            let others = waiting.peek().map(|Reverse(position)| *position);
            if let Some(time) = self.take_until(others, log)? {
                waiting.push(Reverse((time, log)));
            }
        }
        self.output.flush()?;
        self.rejects.flush()
    }

    /// Takes lines of a log until it is another one's turn; answers when it is this one's again.
    fn take_until(&mut self, others: Option<Position>, index: usize) -> Result<Option<i64>, Stop> {
        let log = &mut self.logs[index];
        let server = log.server;
        loop {
            match log.next(&self.format) {
                Next::Line { place, .. } if others.is_some_and(|others| others < (place, index)) => {
                    log.step_back();
                    return Ok(Some(place));
                }
                Next::Line { line, place, moment } => {
                    self.records.move_to(place);
                    let (answer, client) = self.records.client(&line, server, moment);
                    self.output.write(|out| line.write_in_utc_for(&client, out))?;
                    log.counts.add(answer);
                }
                Next::Reject { text, ends_line } => self.rejects.add(text, ends_line)?,
                Next::End => return Ok(None),
            }
        }
    }
}

impl Records {
    /// Those of a log.
    pub fn of(log: PenLog, window: Window) -> Records {
        // The window is the limit.
        let matcher = Matcher::new(Limits { requests: usize::MAX, connections: usize::MAX });
        let mut records = Records { log, matcher, window, second: i64::MIN };
        if window == Window::Everything {
            records.log.tell_until(i64::MAX, &mut records.matcher);
        }
        records
    }
}

impl Records {
    /// Whose line this is. A client that is not known has the server's address.
    fn client(&mut self, line: &Line<'_>, server: IpAddr, at: Moment) -> (Answer, Client) {
        let answer = self.matcher.client(&Question {
            server,
            peer: line.peer,
            ports: line.ports,
            request: line.request.as_deref(),
            at,
        });
        let client = match answer {
            Answer::Exact(client) | Answer::Likely(client) | Answer::Spent(client) => client,
            Answer::Unknown => Client { address: server, port: None },
        };
        (answer, client)
    }

    /// Moves the window to where the merged log is. It goes by whole seconds, because records and most lines do.
    fn move_to(&mut self, time: i64) {
        let second = time - time.rem_euclid(SECOND);
        if let Window::Around(jitter) = self.window
            && second > self.second
        {
            self.second = second;
            self.log.tell_until(second.saturating_add(jitter), &mut self.matcher);
            self.matcher.forget_before(Moment(second.saturating_sub(jitter)));
        }
    }
}

const SECOND: i64 = 1_000_000;

impl Counts {
    fn add(&mut self, answer: Answer) {
        match answer {
            Answer::Exact(_) => self.exact += 1,
            Answer::Likely(_) | Answer::Spent(_) => self.likely += 1,
            Answer::Unknown => self.unknown += 1,
        }
    }
}

#[cfg(test)]
mod tests;

//! Merging: the line that is next by time, its client, its place in the output; until all logs are at their ends.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::IpAddr;

use super::options::Window;
use super::output::{Output, Rejects, Stop};
use super::pen_log::PenLog;
use super::waiting::Waiting;
use super::web_log::{Counts, Next, WebLog};
use crate::line::{Format, Line};
use crate::matching::{Aligner, Answer, Client, Limits, Moment, Question};

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
    /// Lines that have their places, but no clients yet.
    pub waiting: Waiting,
}

/// pen's log as far as it may belong to the lines of this time.
pub struct Records {
    /// Where they come from.
    pub log: PenLog,
    aligner: Aligner,
    window: Window,
    /// The second, in microseconds, that the window is around.
    second: i64,
}

/// What comes so many microseconds later tells nothing about a line; and if lines waited through a pause, so would all records of
/// that time.
const PAUSE: i64 = 60_000_000;

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
        self.write_waiting()?;
        self.output.flush()?;
        self.rejects.flush()
    }

    /// Takes lines of a log until it is another one's turn; answers when it is this one's again.
    fn take_until(&mut self, others: Option<Position>, index: usize) -> Result<Option<i64>, Stop> {
        loop {
            let log = &mut self.logs[index];
            let server = log.server;
            match log.next(&self.format) {
                Next::Line { place, .. } if others.is_some_and(|others| others < (place, index)) => {
                    log.step_back();
                    return Ok(Some(place));
                }
                Next::Line { place, .. }
                    if self
                        .waiting
                        .first_place()
                        .is_some_and(|first| place > first.saturating_add(PAUSE)) =>
                {
                    log.step_back();
                    self.write_waiting()?;
                    continue;
                }
                Next::Line { text, line, place } => {
                    self.records.move_to(place, self.waiting.first_place());
                    self.records.ask(index, server, &line);
                    self.waiting.push(text, index, place);
                }
                Next::Reject { text, ends_line } => {
                    self.rejects.add(text, ends_line)?;
                    continue;
                }
                Next::End => return Ok(None),
            }
            while let Some(answer) = self.records.aligner.answer() {
                self.write_first(answer)?;
            }
        }
    }

    /// Writes all lines that wait.
    fn write_waiting(&mut self) -> Result<(), Stop> {
        while self.waiting.first_place().is_some() {
            // There is one for each line, but should there be none, no line is lost.
            let answer = self.records.aligner.last_answer().unwrap_or(Answer::Unknown);
            self.write_first(answer)?;
        }
        Ok(())
    }

    /// Writes the line that waits longest, whose answer is there.
    fn write_first(&mut self, answer: Answer) -> Result<(), Stop> {
        let Some((text, log)) = self.waiting.pop() else { return Ok(()) };
        let log = &mut self.logs[log];
        log.counts.add(answer);
        let client = match answer {
            Answer::Exact(client)
            | Answer::Likely(client)
            | Answer::Untold(client)
            | Answer::Spent(client) => client,
            Answer::Unknown | Answer::Direct => Client { address: log.server, port: None },
        };
        // Reading it once more costs less than keeping what was read.
        let line = self.format.read(text);
        self.output.write(|out| line.write_in_utc_for(&client, out))
    }
}

impl Records {
    /// Those of a log.
    pub fn of(log: PenLog, window: Window) -> Records {
        // The window is the limit.
        let aligner = Aligner::new(Limits { requests: usize::MAX, connections: usize::MAX });
        let mut records = Records { log, aligner, window, second: i64::MIN };
        if window == Window::Everything {
            records.log.tell_until(i64::MAX, Moment(i64::MIN), &mut records.aligner);
        }
        records
    }

    /// Asks whose line this is.
    fn ask(&mut self, log: usize, server: IpAddr, line: &Line<'_>) {
        let question = Question {
            server,
            peer: line.peer,
            ports: line.ports,
            request: line.request.as_deref(),
            at: Moment(line.time.map_or(self.second, |stamp| stamp.micros)),
        };
        self.aligner.line(log, &question);
    }

    /// Moves the window to where the merged log is, except for what lines from `first_waiting` on may need. It goes by whole
    /// seconds, because records and most lines do.
    fn move_to(&mut self, place: i64, first_waiting: Option<i64>) {
        let second = whole_second(place);
        if let Window::Around(jitter) = self.window
            && second > self.second
        {
            self.second = second;
            let first = first_waiting.map_or(second, whole_second);
            let begin = Moment(first.saturating_sub(jitter));
            self.log.tell_until(second.saturating_add(jitter), begin, &mut self.aligner);
            self.aligner.forget_before(begin);
        }
    }
}

fn whole_second(micros: i64) -> i64 {
    micros - micros.rem_euclid(1_000_000)
}

impl Counts {
    fn add(&mut self, answer: Answer) {
        match answer {
            Answer::Exact(_) => self.exact += 1,
            Answer::Likely(_) | Answer::Untold(_) | Answer::Spent(_) => self.likely += 1,
            Answer::Unknown | Answer::Direct => self.unknown += 1,
        }
    }
}

#[cfg(test)]
mod tests;

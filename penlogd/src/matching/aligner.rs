//! Whose the lines of files are. Files have whole seconds only, but they have an order: pen's log that of the requests, each
//! web log that of the answers. What follows a line says much about it, so answers come a little later than the lines.
//!
//! For each log the *front* is known: the place in the server's sequence of records that the log's lines have reached. It
//! moves with the lines, and their matches correct it. For each text the lines and the records are aligned, each
//! in its order: of all ways to give the lines records, and to leave records without a line, the most likely one
//! counts ([`alignment`](super::alignment)). A line that took the record of the next one would otherwise make that one take
//! its successor's, and so on.
//!
//! (Simulated at 200 requests a second, exponential and constant service times: with the times alone, spread over their seconds,
//! 69 and 71 % are right; choosing record after record by time and front 70 and 88 %; aligned 90 and 99 %. When one line in ten
//! is missing: 80 and 84 %, 83 and 97 %, 89 and 98 %. Records are used in about their order even where servers take very
//! different times, because only requests with the same text are compared.)

use std::collections::VecDeque;
use std::net::IpAddr;

use common::log_record::Connection;

use super::alignment::{Alignment, Chosen, Place};
use super::connections::Connections;
use super::front::Fronts;
use super::texts::{TextId, Texts};
use super::witness::{Confirmation, Witness};
use super::{Answer, Client, Limits, Moment, Patience, Question, Verdict, verdict};

/// Aligns web logs with pen's log.
///
/// Its user tells it all records from up to the time of a line and some seconds later (as far as clocks and waiting for an answer
/// may differ) before that line; tells it the lines in the order in which they are to be written; and after each line takes the
/// [answers](Aligner::answer) that are ready. They are in the order of the lines. A log's lines must be in the log's order, but
/// for what sorting by time does to them.
#[derive(Debug)]
pub struct Aligner {
    most: usize,
    texts: Texts,
    /// By text.
    alignments: Vec<Alignment>,
    /// All records in pen's order.
    records: VecDeque<Record>,
    fronts: Fronts,
    /// How many lines each log has had.
    lines: Vec<u64>,
    connections: Connections,
    /// Lines without an answer.
    waiting: VecDeque<Waiting>,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    at: Moment,
    server: IpAddr,
    text: TextId,
}

/// A line without an answer.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    answer: Pending,
    log: usize,
    /// The number of the line in its log.
    number: u64,
    at: Moment,
}

#[derive(Clone, Copy, Debug)]
enum Pending {
    /// Nothing will change it.
    Known(Answer),
    /// The oldest line of this text that waits.
    Aligned(TextId),
}

/// A line has its answer when so many lines of its log have followed,
const LINES: u64 = 128;
/// or lines that are so many microseconds later,
const TIME: i64 = 10_000_000;
/// or so many lines of all logs.
const ALL_LINES: usize = 8192;

impl Aligner {
    /// It knows nothing yet.
    pub fn new(limits: Limits) -> Aligner {
        Aligner {
            most: limits.requests.max(1),
            texts: Texts::default(),
            alignments: Vec::new(),
            records: VecDeque::new(),
            fronts: Fronts::default(),
            lines: Vec::new(),
            connections: Connections::new(limits.connections),
            waiting: VecDeque::new(),
        }
    }

    /// A client asked a server for this; `cut`: it is the beginning only. Records come in the order of pen's log.
    pub fn request(&mut self, client: IpAddr, server: IpAddr, request: &[u8], cut: bool, at: Moment) {
        let text = self.texts.intern(server, request, cut);
        if text.index() >= self.alignments.len() {
            self.alignments.resize_with(text.index() + 1, Alignment::default);
        }
        let number = self.fronts.add_record(server, at);
        self.alignments[text.index()].add_record(client, Place { number, at });
        self.records.push_back(Record { at, server, text });
        if self.records.len() > self.most {
            self.forget_oldest();
        }
    }

    /// A connection was opened or closed.
    pub fn connection(&mut self, record: &Connection, at: Moment) {
        self.connections.add(record, at);
    }

    /// The next line, of the log with this number; `at` is the time that it shows.
    pub fn line(&mut self, log: usize, question: &Question<'_>) {
        let answer = self.pending(log, question);
        if log >= self.lines.len() {
            self.lines.resize(log + 1, 0);
        }
        self.lines[log] += 1;
        let number = self.lines[log];
        self.waiting.push_back(Waiting { answer, log, number, at: question.at });
    }

    /// The answer for the oldest line that has none yet, unless it is better to tell more lines first. No more than a few
    /// thousand lines are without an answer at any time. Never [`Answer::Untold`].
    pub fn answer(&mut self) -> Option<Answer> {
        let (oldest, newest) = (self.waiting.front()?, self.waiting.back()?);
        let is_due = matches!(oldest.answer, Pending::Known(_))
            || self.lines[oldest.log] - oldest.number >= LINES
            || newest.at.0.saturating_sub(oldest.at.0) > TIME
            || self.waiting.len() > ALL_LINES;
        if is_due { self.last_answer() } else { None }
    }

    /// The same, but no more lines follow: nothing only if all lines have their answers.
    pub fn last_answer(&mut self) -> Option<Answer> {
        match self.waiting.pop_front()?.answer {
            Pending::Known(answer) => Some(answer),
            Pending::Aligned(text) => Some(self.settle(text)),
        }
    }

    /// Forgets request records from before this moment, and connections that were closed before it. No line from before
    /// it should be without an answer.
    pub fn forget_before(&mut self, moment: Moment) {
        while self.records.front().is_some_and(|record| record.at < moment) {
            self.forget_oldest();
        }
        self.connections.forget_before(moment);
    }

    /// How many request records are remembered.
    #[cfg(test)]
    pub fn records(&self) -> usize {
        self.records.len()
    }

    fn pending(&mut self, log: usize, question: &Question<'_>) -> Pending {
        if self.connections.is_direct(question) {
            return Pending::Known(Answer::Direct);
        }
        let Question { server, at, .. } = *question;
        let text = question.request.and_then(|request| {
            let found = self.texts.find(server, request);
            found.iter().find(|text| !self.alignments[text.index()].is_empty())
        });
        let Some(text) = text else {
            let witness = Witness::of(question, &self.connections, lasting(at), |_| None::<Unused>);
            let verdict = verdict(question, witness.as_ref(), true, Patience::Ended);
            let Verdict::Connection(client) = verdict else { return Pending::Known(Answer::Unknown) };
            self.connections.learn(question, true);
            return Pending::Known(Answer::Exact(client));
        };
        let alignment = &mut self.alignments[text.index()];
        let (line, habit) = self.fronts.expect(log, server, at, alignment);
        let witness = Witness::of(question, &self.connections, lasting(at), |candidate| {
            alignment
                .best_of(&line, habit, |_, client, at| candidate.has_asked(client, at, lasting(at)))
                .map(|(likelihood, index)| Unused { likelihood, index })
        });
        let is_port = self.connections.are_shown_by(server);
        let verdict = verdict(question, witness.as_ref(), is_port, Patience::Ended);
        self.connections.learn(question, matches!(verdict, Verdict::Connection(_)));
        let (found, pending) = match verdict {
            Verdict::Connection(client) => {
                let record = witness.and_then(|witness| witness.confirmation);
                (
                    record.and_then(|record| alignment.take(record.index)),
                    Pending::Known(Answer::Exact(client)),
                )
            }
            Verdict::Wait(_) | Verdict::Record if line.is_late => {
                (None, Pending::Known(answer(alignment.choose_late(&line, habit))))
            }
            Verdict::Wait(_) | Verdict::Record => (alignment.add_line(&line, habit), Pending::Aligned(text)),
        };
        if let Some(found) = found {
            habit.learn(&line, &found);
        }
        pending
    }

    fn settle(&mut self, text: TextId) -> Answer {
        let alignment = &mut self.alignments[text.index()];
        let chosen = alignment.settle();
        if alignment.is_idle() {
            self.forget_text(text);
        }
        answer(chosen)
    }

    fn forget_oldest(&mut self) {
        let Some(Record { server, text, .. }) = self.records.pop_front() else { return };
        self.fronts.forget_oldest(server);
        let alignment = &mut self.alignments[text.index()];
        alignment.forget_oldest();
        if alignment.is_idle() {
            self.forget_text(text);
        }
    }

    /// Forgets a text without records and lines.
    fn forget_text(&mut self, text: TextId) {
        self.alignments[text.index()] = Alignment::default();
        self.texts.forget(text);
    }
}

fn answer(chosen: Option<Chosen>) -> Answer {
    let client = |address| Client { address, port: None };
    match chosen {
        Some(Chosen::Unused(address)) => Answer::Likely(client(address)),
        Some(Chosen::Used(address)) => Answer::Spent(client(address)),
        None => Answer::Unknown,
    }
}

/// An unused record of a connection's client.
#[derive(Clone, Copy, Debug)]
struct Unused {
    likelihood: f32,
    index: u64,
}

impl Confirmation for Unused {
    fn likelihood(&self) -> f32 {
        self.likelihood
    }
}

/// How long a time may last, in microseconds: one without a fraction stands for a second.
fn lasting(at: Moment) -> i64 {
    const SECOND: i64 = 1_000_000;
    if at.0 % SECOND == 0 { SECOND } else { 0 }
}

//! Whose the lines of files are. Files have whole seconds only, but they have an order: pen's log that of the requests, each
//! web log that of the answers. What follows a line says much about it, so answers come a little later than the lines.

use std::net::IpAddr;

use common::log_record::Connection;

use super::{Answer, Limits, Moment, Question};

/// Aligns web logs with pen's log.
///
/// Its user tells it all records from up to the time of a line and some seconds later (as far as clocks and waiting for an answer
/// may differ) before that line; tells it the lines in the order in which they are to be written; and after each line takes the
/// [answers](Aligner::answer) that are ready. They are in the order of the lines. A log's lines must be in the log's order, but
/// for what sorting by time does to them.
#[derive(Debug)]
pub struct Aligner {
    matcher: super::Matcher,
    answers: std::collections::VecDeque<Answer>,
}

impl Aligner {
    /// It knows nothing yet.
    pub fn new(limits: Limits) -> Aligner {
        Aligner { matcher: super::Matcher::new(limits), answers: Default::default() }
    }

    /// A client asked a server for this; `cut`: it is the beginning only. Records come in the order of pen's log.
    pub fn request(&mut self, client: IpAddr, server: IpAddr, request: &[u8], cut: bool, at: Moment) {
        self.matcher.request(client, server, request, cut, at);
    }

    /// A connection was opened or closed.
    pub fn connection(&mut self, record: &Connection, at: Moment) {
        self.matcher.connection(record, at);
    }

    /// The next line, of the log with this number; `at` is the time that it shows.
    pub fn line(&mut self, log: usize, question: &Question<'_>) {
        let _ = log;
        let a = self.matcher.client_at_last(question);
        self.answers.push_back(a);
    }

    /// The answer for the oldest line that has none yet, unless it is better to tell more lines first. No more than a few
    /// thousand lines are without an answer at any time. Never [`Answer::Untold`].
    pub fn answer(&mut self) -> Option<Answer> {
        self.answers.pop_front()
    }

    /// The same, but no more lines follow: nothing only if all lines have their answers.
    pub fn last_answer(&mut self) -> Option<Answer> {
        self.answers.pop_front()
    }

    /// Forgets request records from before this moment, and connections that were closed before it. No line from before
    /// it should be without an answer.
    pub fn forget_before(&mut self, moment: Moment) {
        self.matcher.forget_before(moment);
    }
}

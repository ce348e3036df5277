//! Which requests the server has not answered yet, and where its answers begin and end: who wants to know what an answer means
//! must know which request it belongs to. Answers are only watched, so the rules are those of lenient readers; where even
//! these do not help, nothing is known any more.

use super::assembly::Assembly;
use crate::engine::http::answer_head::AnswerHead;
use crate::engine::http::chunks::Chunks;
use crate::engine::http::fields::Body;

/// Requests that are passed on before the first of them is answered.
pub(in crate::engine::http) const OUTSTANDING_MOST: u8 = 128;

/// The requests and answers of one connection.
#[derive(Debug)]
pub(super) struct Exchanges {
    /// Requests whose answer is not complete.
    outstanding: u8,
    /// Which of them are HEAD, a bit each, beginning with the next to be answered.
    heads: u128,
    /// What the latest of them may come to, as long as that is open.
    wish: Option<Wish>,
    answer: Answer,
    assembly: Assembly,
}

/// What of a request its answer depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// The answer has no body.
    pub(super) head: bool,
    pub(super) wish: Option<Wish>,
}

/// By which answer a connection is http no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// 101.
    Upgrade,
    /// A success that has nothing else to say: a server that takes CONNECT for an ordinary request answers with a body, or
    /// says that there is none, and then reads the next request.
    Tunnel,
}

/// Where the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// Before an answer, or in its head.
    Head,
    Length {
        left: u64,
    },
    Chunks(Chunks),
    /// In a body that ends with the connection.
    UntilClose,
    /// Both sides speak another protocol.
    Switched,
    /// Nobody knows.
    Lost,
}

impl Exchanges {
    pub(super) fn new() -> Exchanges {
        Exchanges {
            outstanding: 0,
            heads: 0,
            wish: None,
            answer: Answer::Head,
            assembly: Assembly::default(),
        }
    }

    /// A request was passed on; one that has a wish is the last until that is answered.
    pub(super) fn ask(&mut self, asked: Asked) {
        if self.answer == Answer::Lost {
            return;
        }
        self.heads |= u128::from(asked.head) << self.outstanding;
        self.outstanding += 1;
        self.wish = asked.wish;
    }

    /// Whether no request may be passed on.
    pub(super) fn must_be_waited_for(&self) -> bool {
        self.wish.is_some() || self.outstanding == OUTSTANDING_MOST
    }

    /// Requests whose answer is not complete.
    pub(super) fn outstanding(&self) -> u8 {
        self.outstanding
    }

    /// Whether the server has said nothing of the next answer.
    pub(super) fn is_between(&self) -> bool {
        self.answer == Answer::Head && self.assembly.kept().is_empty()
    }

    /// Whether both sides speak another protocol from now on.
    pub(super) fn has_switched(&self) -> bool {
        self.answer == Answer::Switched
    }

    /// Whether nobody knows what the server says.
    pub(super) fn is_lost(&self) -> bool {
        self.answer == Answer::Lost
    }

    /// The server said this.
    pub(super) fn take(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            let taken = match self.answer {
                Answer::Head => self.head(data),
                Answer::Length { left } => self.length(data, left),
                Answer::Chunks(chunks) => self.chunks(data, chunks),
                Answer::UntilClose | Answer::Switched | Answer::Lost => return,
            };
            data = &data[taken..];
        }
    }

    fn head(&mut self, data: &[u8]) -> usize {
        if self.outstanding == 0 {
            // Nobody asked.
            self.lose();
            return data.len();
        }
        let (head, taken) = match self.assembly.take(data) {
            Ok(head) => head,
            Err(taken) => {
                if self.assembly.is_full() {
                    self.lose();
                }
                return taken;
            }
        };
        match self.meaning(&head) {
            Meaning::Interim => {}
            Meaning::Switch => self.answer = Answer::Switched,
            Meaning::Final(body) => self.begin_body(body),
            Meaning::Unknown => self.lose(),
        }
        taken
    }

    fn begin_body(&mut self, body: Option<Body>) {
        if self.outstanding == 1 {
            self.wish = None;
        }
        match body {
            Some(Body::Length(0)) => self.end_answer(),
            Some(Body::Length(left)) => self.answer = Answer::Length { left },
            Some(Body::Chunked) => self.answer = Answer::Chunks(Chunks::START),
            None => self.answer = Answer::UntilClose,
        }
    }

    /// What the head of an answer to the first of the outstanding requests means.
    fn meaning(&self, head: &[u8]) -> Meaning {
        let Ok(head) = AnswerHead::read(head) else { return Meaning::Unknown };
        let wish = self.wish.filter(|_| self.outstanding == 1);
        match (head.status, wish) {
            (101, Some(Wish::Upgrade)) => Meaning::Switch,
            (200..=203 | 206..=299, Some(Wish::Tunnel)) if !head.tells_of_body => Meaning::Switch,
            (101, _) => Meaning::Unknown,
            (100..=199, _) => Meaning::Interim,
            _ if self.heads & 1 == 1 => Meaning::Final(Some(Body::Length(0))),
            _ => head.body().map_or(Meaning::Unknown, Meaning::Final),
        }
    }

    fn length(&mut self, data: &[u8], left: u64) -> usize {
        let taken = data.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        match left - taken as u64 {
            0 => self.end_answer(),
            left => self.answer = Answer::Length { left },
        }
        taken
    }

    fn chunks(&mut self, data: &[u8], mut chunks: Chunks) -> usize {
        let taken = chunks.take(data);
        match chunks {
            Chunks::Over => self.end_answer(),
            Chunks::Malformed => self.lose(),
            chunks => self.answer = Answer::Chunks(chunks),
        }
        taken
    }

    fn end_answer(&mut self) {
        self.answer = Answer::Head;
        self.outstanding -= 1;
        self.heads >>= 1;
    }

    /// Nothing is waited for any more.
    fn lose(&mut self) {
        *self = Exchanges { answer: Answer::Lost, ..Exchanges::new() };
    }
}

/// What an answer's head means.
enum Meaning {
    /// The answer is still to come.
    Interim,
    /// Both sides speak another protocol from here on.
    Switch,
    /// The answer, with a body that ends with the connection (`None`) or before.
    Final(Option<Body>),
    /// It cannot be understood, or is no answer to what was asked.
    Unknown,
}

#[cfg(test)]
mod tests;

//! Moving bytes between the two ends of a connection, and when that is over.
//!
//! Both directions stream with bounded memory: nothing is read while something read earlier has not been taken. An end of
//! file is passed on as one after everything before it; a reset ends the other side as a reset.

use super::end::{End, Incoming, Poured};
use super::pipe::Pipe;
use super::token::Side;
use crate::engine::http::{Pieces, Refusal, Rewriter, Stand};
use common::command::FastClose;

/// Reads in one direction before the other connections get their turn.
const READS_PER_TURN: usize = 4;

/// Where a connection stands after a turn.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// It waits for the poll.
    Waiting,
    /// It could go on at once; the others come first.
    Unfinished,
    /// One end is dead and what it had sent is not all delivered yet: the other end gets a limited time to take it.
    Failing,
    /// One end is dead and all that it sent was written to this one, which is to be reset.
    Reset(Side),
    /// Both sides are done.
    Finished,
    /// One side is done, and that ends the connection: by `tcp_fastclose`, or because a request waits for an answer that will
    /// not come.
    CutShort,
    /// What the client sent last is not passed on, nor anything that may follow.
    Refused(Refusal),
}

/// What is told of the bytes that pass.
pub trait Observer {
    /// `data` was read from the peer on `side`.
    fn read(&mut self, side: Side, data: &[u8]);
    /// So many bytes came from the peer on `side`, and nobody has seen them.
    fn poured(&mut self, side: Side, count: usize);
    /// `count` bytes were written to the peer on `side`.
    fn written(&mut self, side: Side, count: usize);
}

/// Moves what can be moved, both ways; the requests among it by way of `http`, if servers are told who asks. Much at once is
/// poured through the `pipe`, which is there if nobody has to see the bytes.
pub fn turn(
    down: &mut End,
    up: &mut End,
    scratch: &mut [u8],
    mut pipe: Option<&mut Pipe>,
    fast_close: FastClose,
    mut http: Option<&mut Rewriter>,
    observer: &mut impl Observer,
) -> Progress {
    // Mostly one side alone has news, and then the other way costs no more than this question.
    let mut more_to_server = (is_due(down, up) || http.is_some())
        && pump(down, up, Side::Down, scratch, pipe.as_deref_mut(), http.as_deref_mut(), observer);
    observer.written(Side::Up, up.open());
    let waited = http.as_deref().is_some_and(|http| http.stand() == Stand::Waiting);
    let more_to_client =
        is_due(up, down) && pump(up, down, Side::Up, scratch, pipe, http.as_deref_mut(), observer);
    if http.is_none() && down.goes_on() && up.goes_on() {
        // Nothing else can have come of it.
        return if more_to_server || more_to_client { Progress::Unfinished } else { Progress::Waiting };
    }
    let mut requests = Requests::PassedOn;
    if let Some(http) = http {
        release(http, down, up, observer);
        requests = Requests::now(http, up);
        // The server has just said what was waited for. What the poll has told of the client meanwhile, it does not tell again.
        more_to_server |= waited && http.stand() == Stand::Listening && down.readable();
    }
    let progress = progress(down, up, &requests, fast_close);
    let is_open = matches!(progress, Progress::Waiting | Progress::Failing | Progress::Refused(_));
    if is_open && (more_to_server || more_to_client) {
        return Progress::Unfinished;
    }
    if progress == Progress::Finished && !down.broken {
        // In TLS a close alone would say that something is missing.
        down.say_goodbye_in_records();
        if down.pending() > 0 {
            return Progress::Waiting;
        }
    }
    if progress == Progress::Waiting {
        if requests == Requests::PassedOn {
            pass_on_end(down, up);
        }
        pass_on_end(up, down);
    }
    progress
}

/// What became of the requests that were read.
#[derive(Debug, PartialEq, Eq)]
enum Requests {
    /// All of them were passed on.
    PassedOn,
    /// Something waits for the server's answer, or for more of itself.
    HeldBack,
    /// The server's answer is awaited, but will not come.
    Unanswered,
    /// They are refused from here on.
    Refused(Refusal),
}

impl Requests {
    fn now(http: &Rewriter, up: &End) -> Requests {
        match http.stand() {
            Stand::Refusing(refusal) => Requests::Refused(refusal),
            Stand::Waiting if up.ended => Requests::Unanswered,
            Stand::Waiting | Stand::Listening if http.delays_end() => Requests::HeldBack,
            Stand::Waiting | Stand::Listening => Requests::PassedOn,
        }
    }
}

fn progress(down: &End, up: &End, requests: &Requests, fast_close: FastClose) -> Progress {
    if down.broken || up.broken {
        return match (down.broken, up.broken) {
            (true, true) => Progress::Finished,
            (true, false) if down.ended && up.pending() == 0 => Progress::Reset(Side::Up),
            (false, true) if up.ended && down.pending() == 0 => Progress::Reset(Side::Down),
            _ => Progress::Failing,
        };
    }
    if let Requests::Refused(refusal) = *requests {
        return Progress::Refused(refusal);
    }
    let down_done = down.ended && up.pending() == 0 && *requests == Requests::PassedOn;
    let up_done = up.ended && down.pending() == 0;
    let cut_short = match fast_close {
        FastClose::Off => false,
        FastClose::Down => down_done,
        FastClose::Up => up_done,
        FastClose::Both => down_done || up_done,
    };
    if down_done && up_done {
        return Progress::Finished;
    }
    if cut_short || (up_done && *requests == Requests::Unanswered) {
        return Progress::CutShort;
    }
    if (down.failed() && !down.ended) || (up.failed() && !up.ended) {
        // The error stands behind data that the other side is too slow to take.
        return Progress::Failing;
    }
    Progress::Waiting
}

/// Whether anything may be moved that way.
fn is_due(from: &End, to: &End) -> bool {
    from.may_bring_something() || to.pending() > 0
}

/// Moves bytes one way until one of the ends has to be waited for; true when it stopped only to let others have their turn.
fn pump(
    from: &mut End,
    to: &mut End,
    side: Side,
    scratch: &mut [u8],
    mut pipe: Option<&mut Pipe>,
    mut http: Option<&mut Rewriter>,
    observer: &mut impl Observer,
) -> bool {
    if to.pending() > 0 && to.writable() {
        let written = to.flush();
        observer.written(side.other(), written);
    }
    for _ in 0..READS_PER_TURN {
        if !to.takes_more() {
            return false;
        }
        if let (Some(http), Side::Down) = (http.as_deref_mut(), side) {
            release(http, from, to, observer);
            if http.stand() != Stand::Listening || to.pending() > 0 {
                return false;
            }
        }
        if !from.may_bring_something() {
            return false;
        }
        let mut portion = scratch.len();
        if from.reads_much() {
            portion = portion.min(from.portion_for(to));
            if let Some(pipe) = pipe.as_deref_mut()
                && from.can_pour_into(to)
            {
                match from.pour_into(to, pipe, &mut scratch[..portion]) {
                    Poured::Some { read, written } => {
                        observer.poured(side, read);
                        observer.written(side.other(), written);
                        continue;
                    }
                    Poured::Nothing => return false,
                    Poured::Impossible => {}
                }
            }
        }
        let Incoming::Data(data) = from.read(&mut scratch[..portion]) else { return false };
        observer.read(side, data);
        let written = match http.as_deref_mut() {
            None if from.ended && !from.broken => to.send_last(data),
            None => to.send(data),
            Some(http) => send_by_way_of(http, side, data, to),
        };
        observer.written(side.other(), written);
        from.adapt_read_size(data.len(), to.pending() == 0);
    }
    from.readable() && !from.ended && to.takes_more()
}

/// Sends what was read: the client's requests as the server is to get them, the server's answers as they are.
// Apart from `pump`, which would else reach for room on the stack in every turn: its pieces take 8 KiB.
#[inline(never)]
fn send_by_way_of(http: &mut Rewriter, side: Side, data: &[u8], to: &mut End) -> usize {
    match side {
        Side::Down => {
            let mut pieces = Pieces::new();
            http.client_spoke(data, &mut pieces);
            to.send_pieces(&pieces)
        }
        Side::Up => {
            http.server_spoke(data);
            to.send(data)
        }
    }
}

/// Sends what was held back of the client's requests, if it need not be any more: because the server has answered, or because
/// the client has said all.
#[inline(never)]
fn release(http: &mut Rewriter, down: &End, up: &mut End, observer: &mut impl Observer) {
    let finished = down.ended && !down.broken;
    if up.pending() > 0 || up.broken || !http.holds(finished) {
        return;
    }
    let mut pieces = Pieces::new();
    http.go_on(finished, &mut pieces);
    if !pieces.is_empty() {
        let written = up.send_pieces(&pieces);
        observer.written(Side::Up, written);
    }
}

/// Passes an end of file on, once everything before it was delivered.
fn pass_on_end(from: &End, to: &mut End) {
    if from.ended && !to.shut && to.pending() == 0 {
        to.finish_writing();
    }
}

#[cfg(test)]
mod tests;

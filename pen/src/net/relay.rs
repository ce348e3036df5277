//! Moving bytes between the two ends of a connection, and when that is over.
//!
//! Both directions stream with bounded memory: nothing is read while something read earlier has not been taken. An end of
//! file is passed on as one after everything before it; a reset ends the other side as a reset.

use super::end::{End, Incoming};
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
    /// One side is done, and by `tcp_fastclose` that ends the connection.
    CutShort,
    /// What the client sent is not passed on.
    Refused(Refusal),
}

/// What is told of the bytes that pass.
pub trait Observer {
    /// `data` was read from the peer on `side`.
    fn read(&mut self, side: Side, data: &[u8]);
    /// `count` bytes were written to the peer on `side`.
    fn written(&mut self, side: Side, count: usize);
}

/// Moves what can be moved, both ways; the requests among it by way of `http`, if servers are told who asks.
pub fn turn(
    down: &mut End,
    up: &mut End,
    scratch: &mut [u8],
    fast_close: FastClose,
    mut http: Option<&mut Rewriter>,
    observer: &mut impl Observer,
) -> Progress {
    let mut more_to_server = pump(down, up, Side::Down, scratch, http.as_deref_mut(), observer);
    observer.written(Side::Up, up.open());
    let more_to_client = pump(up, down, Side::Up, scratch, http.as_deref_mut(), observer);
    let progress = progress(down, up, fast_close);
    if let Some(http) = http {
        match http.stand() {
            // The server may just have said what was waited for.
            Stand::Listening => {
                more_to_server |= (http.holds() || down.readable()) && up.pending() == 0 && up.writable();
            }
            Stand::Waiting => {}
            Stand::Refusing(refusal) if progress == Progress::Waiting => return Progress::Refused(refusal),
            Stand::Refusing(_) => {}
        }
    }
    if matches!(progress, Progress::Waiting | Progress::Failing) && (more_to_server || more_to_client) {
        return Progress::Unfinished;
    }
    if progress == Progress::Waiting {
        pass_on_end(down, up);
        pass_on_end(up, down);
    }
    progress
}

fn progress(down: &End, up: &End, fast_close: FastClose) -> Progress {
    if down.broken || up.broken {
        return match (down.broken, up.broken) {
            (true, true) => Progress::Finished,
            (true, false) if down.ended && up.pending() == 0 => Progress::Reset(Side::Up),
            (false, true) if up.ended && down.pending() == 0 => Progress::Reset(Side::Down),
            _ => Progress::Failing,
        };
    }
    let down_done = down.ended && up.pending() == 0;
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
    if cut_short {
        return Progress::CutShort;
    }
    if (down.failed() && !down.ended) || (up.failed() && !up.ended) {
        // The error stands behind data that the other side is too slow to take.
        return Progress::Failing;
    }
    Progress::Waiting
}

/// Moves bytes one way until one of the ends has to be waited for; true when it stopped only to let others have their turn.
fn pump(
    from: &mut End,
    to: &mut End,
    side: Side,
    scratch: &mut [u8],
    mut http: Option<&mut Rewriter>,
    observer: &mut impl Observer,
) -> bool {
    if to.pending() > 0 && to.writable() {
        let written = to.flush();
        observer.written(side.other(), written);
    }
    for _ in 0..READS_PER_TURN {
        if to.pending() > 0 || to.broken || !to.writable() {
            return false;
        }
        if let (Some(http), Side::Down) = (http.as_deref_mut(), side)
            && !takes_more(http, from, to, observer)
        {
            return false;
        }
        let Incoming::Data(data) = from.read(scratch) else { return false };
        observer.read(side, data);
        let written = match (http.as_deref_mut(), side) {
            (None, _) => to.send(data),
            (Some(http), Side::Up) => {
                http.server_spoke(data);
                to.send(data)
            }
            (Some(http), Side::Down) => {
                let mut pieces = Pieces::new();
                http.client_spoke(data, &mut pieces);
                to.send_pieces(&pieces)
            }
        };
        observer.written(side.other(), written);
        from.adapt_read_size(data.len(), to.pending() == 0);
    }
    from.readable() && !from.ended && to.pending() == 0 && to.writable() && !to.broken
}

/// Sends what was held back of the client's requests, if it need not be any more. Tells whether more can be taken from the
/// client now.
fn takes_more(http: &mut Rewriter, down: &End, up: &mut End, observer: &mut impl Observer) -> bool {
    let mut pieces = Pieces::new();
    http.go_on(down.ended, &mut pieces);
    if !pieces.is_empty() {
        let written = up.send_pieces(&pieces);
        observer.written(Side::Up, written);
    }
    http.stand() == Stand::Listening && up.pending() == 0
}

/// Passes an end of file on, once everything before it was delivered.
fn pass_on_end(from: &End, to: &mut End) {
    if from.ended && !to.shut && to.pending() == 0 {
        to.finish_writing();
    }
}

#[cfg(test)]
mod tests;

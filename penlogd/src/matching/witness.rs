//! The connection that a line came over, as the ports in it, the time, and a record of the same request testify.

use super::connections::{Candidate, Connections};
use super::{Client, Question};

/// A record of a request that a candidate's client has made: what consumes it, and how likely it is.
pub(super) trait Confirmation: Copy {
    /// Compared with others of the same line: a logarithm.
    fn likelihood(&self) -> f32;
}

/// A connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Witness<C> {
    /// Whose it is.
    pub(super) client: Client,
    /// The unused record of its request.
    pub(super) confirmation: Option<C>,
    /// Whether the line came while it was there.
    pub(super) is_in_time: bool,
    /// Whether it came then, or so near to it that no later connection can have the same port yet.
    pub(super) is_near: bool,
    rank: f32,
}

/// So many connections, the nearest in time, are asked for records of the request.
const MOST: usize = 4;

/// A port is not used again within so many microseconds, and a line is mostly written within them.
const NEAR: i64 = 250_000;

/// A record is so much less likely for each second between its connection and the line.
const FOR_A_SECOND: f32 = 1.0;

impl<C: Confirmation> Witness<C> {
    /// The best one. `confirm` finds a record of its client from its time. The line's time lasts so many microseconds.
    pub(super) fn of(
        question: &Question<'_>,
        connections: &Connections,
        lasting: i64,
        mut confirm: impl FnMut(&Candidate) -> Option<C>,
    ) -> Option<Witness<C>> {
        let mut nearest = Nearest::default();
        for port in question.ports.iter() {
            connections.each(question, port, lasting, |candidate| nearest.add(candidate));
        }
        let mut best: Option<Witness<C>> = None;
        for candidate in nearest.0.iter().flatten() {
            let confirmation = confirm(candidate);
            #[expect(clippy::cast_precision_loss, reason = "compared only")]
            let seconds = candidate.distance as f32 / 1e6;
            let likelihood = confirmation.map_or(0.0, |confirmation| confirmation.likelihood());
            let new = Witness {
                client: candidate.client,
                confirmation,
                is_in_time: candidate.distance == 0,
                is_near: candidate.distance <= NEAR,
                rank: likelihood - FOR_A_SECOND * seconds,
            };
            // The nearest are first, and stay so among equals.
            if best.is_none_or(|best| {
                (new.confirmation.is_some(), new.rank) > (best.confirmation.is_some(), best.rank)
            }) {
                best = Some(new);
            }
        }
        best
    }
}

/// The nearest candidates, in order.
#[derive(Default)]
struct Nearest([Option<Candidate>; MOST]);

impl Nearest {
    fn add(&mut self, candidate: Candidate) {
        let mut candidate = Some(candidate);
        // An empty place is as far away as can be; of connections as near, the later one is more likely.
        let distance = |slot: &Option<Candidate>| {
            slot.map_or((i64::MAX, i64::MAX), |candidate| {
                (candidate.distance, candidate.opened.0.wrapping_neg())
            })
        };
        for slot in &mut self.0 {
            if distance(&candidate) < distance(slot) {
                std::mem::swap(slot, &mut candidate);
            }
        }
    }
}

//! What penlogd counts.

use std::fmt;

use crate::matching::Answer;

/// Numbers since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counters {
    /// Lines written, or to be.
    pub(super) lines: u64,
    /// Of these: the connection named the client.
    pub(super) exact: u64,
    /// Of these: an unused record did.
    pub(super) likely: u64,
    /// Of these: a used record did.
    pub(super) spent: u64,
    /// Of these: no record did.
    pub(super) unknown: u64,
    /// Of these: the server was asked without pen.
    pub(super) direct: u64,
    /// Of these: they show no peer, or nothing to know it by.
    pub(super) plain: u64,
    /// Of all: they waited for their record.
    pub(super) waited: u64,
    /// Records of requests.
    pub(super) requests: u64,
    /// Records of connections.
    pub(super) connections: u64,
    /// Datagrams that begin like records and are none.
    pub(super) bad_records: u64,
    /// Datagrams from outside `-a`.
    pub(super) strangers: u64,
    /// Datagrams that the kernel threw away.
    pub(super) overrun: u64,
    /// Lines that could not be written, and were too many to keep.
    pub(super) dropped: u64,
}

impl Counters {
    /// Counts a line's last answer.
    pub(super) fn count(&mut self, answer: &Answer) {
        *match answer {
            Answer::Exact(_) => &mut self.exact,
            // That the connection is not told of is no answer at last.
            Answer::Likely(_) | Answer::Untold(_) => &mut self.likely,
            Answer::Spent(_) => &mut self.spent,
            Answer::Unknown => &mut self.unknown,
            Answer::Direct => &mut self.direct,
        } += 1;
    }
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counters { lines, exact, likely, spent, unknown, direct, plain, waited, .. } = self;
        let Counters { requests, connections, bad_records, strangers, overrun, dropped, .. } = self;
        write!(
            f,
            "{lines} lines (client by connection {exact}, by request {likely}, by used request {spent}, unknown {unknown}, not through pen {direct}, \
             not asked for {plain}; {waited} waited), records: {requests} of requests, {connections} of connections, {bad_records} bad; \
             datagrams: {strangers} from strangers, {overrun} lost by the kernel; {dropped} lines dropped"
        )
    }
}

//! Selection by priority.

use super::{Query, SlotSet};

/// The untried slot with the lowest priority number that can take the client; of equal ones the lowest slot.
pub(super) fn choose(query: &Query<'_>, tried: &SlotSet) -> Option<usize> {
    query.available(tried).min_by_key(|(_, server)| server.prio).map(|(slot, _)| slot)
}

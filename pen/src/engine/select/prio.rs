//! Selection by priority.

use super::{Query, SlotSet};

/// The untried slot with the lowest priority number that can take the client; of equal ones the lowest slot.
pub(super) fn choose(query: &Query<'_>, tried: &SlotSet) -> Option<u32> {
    let roster = query.roster();
    let mut members = roster.by_prio.iter().map(|&member| &roster.members[member as usize]);
    members.find(|member| query.is_available(member, tried)).map(|member| member.slot)
}

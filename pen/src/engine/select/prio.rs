//! Selection by priority.

use super::{Field, SlotSet, hash};

/// The untried slot with the lowest priority number that can take the client; of equal ones the lowest slot.
pub(super) fn choose(field: &Field<'_>, tried: &SlotSet) -> Option<u32> {
    let roster = field.roster;
    let members = roster.by_prio.iter().map(|&member| &roster.members[member as usize]);
    let mut number = None;
    field.first(members, tried, |member| {
        hash::draw(*number.get_or_insert_with(|| field.turn.number()), member.slot)
    })
}

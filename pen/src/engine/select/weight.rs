//! Selection by weighted least connections.

use super::{Field, Member, SlotSet};

/// The least loaded of the untried slots that can take the client; equally loaded ones in turn.
pub(super) fn choose(field: &Field<'_>, tried: &SlotSet) -> Option<u32> {
    let roster = field.roster;
    // Where all weigh nothing, they weigh the same.
    let (least, heaviest) = if roster.heaviest == 0 { (1, 1) } else { (0, roster.heaviest) };
    let heaviest = u64::from(heaviest) * 100;
    field.turn.advance(|begin, _| {
        let mut best: Option<(Load, &Member)> = None;
        for member in roster.from(begin) {
            let weight = u64::from(member.weight.max(least));
            let mut load = Load { connections: member.state.connections(), weight: weight * 100 };
            let is_best = |load: Load| best.is_none_or(|(lowest, _)| load.is_below(lowest));
            if weight == 0 || !is_best(load) || !field.is_available(member, tried) {
                continue;
            }
            // With a part of its share only it is busier than it looked.
            load.weight = weight * u64::from(field.share(member));
            if is_best(load) {
                best = Some((load, member));
                // Nobody can be less busy: the others need not be looked at.
                if load.connections == 0 && load.weight == heaviest {
                    break;
                }
            }
        }
        best.map(|(_, member)| member.slot)
    })
}

/// How busy a server would be with one connection more.
#[derive(Clone, Copy)]
struct Load {
    connections: u32,
    /// Its weight, by the percent of it that counts.
    weight: u64,
}

impl Load {
    /// Compares the connections per weight, without rounding.
    fn is_below(self, other: Load) -> bool {
        let cross = |connections, weight| (u128::from(connections) + 1) * u128::from(weight);
        cross(self.connections, other.weight) < cross(other.connections, self.weight)
    }
}

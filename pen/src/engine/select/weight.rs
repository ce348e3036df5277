//! Selection by weighted least connections.

use super::{Member, Query, SlotSet};

/// The least loaded of the untried slots that can take the client; equally loaded ones in turn.
pub(super) fn choose(query: &Query<'_>, tried: &SlotSet) -> Option<u32> {
    let roster = query.roster();
    // Where all weigh nothing, they weigh the same.
    let (least, heaviest) = if roster.heaviest == 0 { (1, 1) } else { (0, roster.heaviest) };
    query.turn.advance(|begin| {
        let mut best: Option<(Load, &Member)> = None;
        for member in roster.from(begin) {
            let load = Load { connections: member.state.connections(), weight: member.weight.max(least) };
            if load.weight != 0
                && best.is_none_or(|(lowest, _)| load.is_below(lowest))
                && query.is_available(member, tried)
            {
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
    weight: u32,
}

impl Load {
    /// Compares the connections per weight, without rounding.
    fn is_below(self, other: Load) -> bool {
        let cross = |connections, weight| (u64::from(connections) + 1) * u64::from(weight);
        cross(self.connections, other.weight) < cross(other.connections, self.weight)
    }
}

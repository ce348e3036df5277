//! Selection by weighted least connections.

use super::{Field, SlotSet};

/// The least loaded of the untried slots that can take the client; equally loaded ones in turn.
pub(super) fn choose(field: &Field<'_>, tried: &SlotSet) -> Option<u32> {
    let roster = field.roster;
    // Where all weigh nothing, they weigh the same.
    let (least, heaviest) = if field.heaviest == 0 { (1, 1) } else { (0, field.heaviest) };
    field.turn.advance(|begin, _| {
        let (mut lowest, mut best) = (Load::INFINITE, None);
        for member in roster.from(begin) {
            let connections = member.state.connections();
            let mut load = Load { connections, weight: member.weight.max(least), share: 100 };
            if load.weight == 0 || !load.is_below(lowest) || !field.is_available(member, tried) {
                continue;
            }
            // With a part of its share only it is busier than it looked.
            load.share = field.share(member);
            if load.share == 100 || load.is_below(lowest) {
                (lowest, best) = (load, Some(member.slot));
                // Nobody can be less busy: the others need not be looked at.
                if load.connections == 0 && load.weight == heaviest && load.share == 100 {
                    break;
                }
            }
        }
        best
    })
}

/// How busy a server would be with one connection more.
#[derive(Clone, Copy)]
struct Load {
    connections: u32,
    weight: u32,
    /// How much of the weight counts, in percent.
    share: u32,
}

impl Load {
    /// Whoever weighs anything is below that.
    const INFINITE: Load = Load { connections: u32::MAX, weight: 0, share: 100 };

    /// Compares the connections per weight, without rounding.
    fn is_below(self, other: Load) -> bool {
        let cross = |connections, weight| (u64::from(connections) + 1) * u64::from(weight);
        let (own, others) = (cross(self.connections, other.weight), cross(other.connections, self.weight));
        if self.share == other.share {
            return own < others;
        }
        u128::from(own) * u128::from(other.share) < u128::from(others) * u128::from(self.share)
    }
}

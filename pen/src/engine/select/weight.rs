//! Selection by weighted least connections.

use std::cmp::Ordering;

use super::super::servers::Server;
use super::{Query, SlotSet};

/// The least loaded of the untried slots that can take the client; equally loaded ones in turn.
pub(super) fn choose(query: &Query<'_>, tried: &SlotSet) -> Option<usize> {
    let all_weigh_nothing = query.occupied().all(|(_, server)| server.weight == 0);
    let weight = |server: &Server| if all_weigh_nothing { 1 } else { server.weight };
    query.turn.advance(|begin| {
        query
            .available_from(begin, tried)
            .filter(|(_, server)| weight(server) != 0)
            .map(|(slot, server)| {
                (slot, Load { connections: server.state.connections(), weight: weight(server) })
            })
            .min_by(|(_, one), (_, other)| one.compare(*other))
            .map(|(slot, _)| slot)
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
    fn compare(self, other: Load) -> Ordering {
        let cross = |connections, weight| (u64::from(connections) + 1) * u64::from(weight);
        cross(self.connections, other.weight).cmp(&cross(other.connections, self.weight))
    }
}

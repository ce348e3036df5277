//! The ways of those flows that have had more than one server. Most never do, and cost nothing here.

use hashbrown::HashTable;

use super::line::NIL;
use super::ports::PortId;
use super::servers::mix;

/// A way to a server: its number, and the port that the flow goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) server: u32,
    pub(super) port: PortId,
}

/// The ways of several flows, each flow's in a chain.
#[derive(Debug, Default)]
pub(super) struct Ways(pub(super) HashTable<Link>);

/// Where a flow's chain begins: a server's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chain(pub(super) u32);

#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) flow: u32,
    pub(super) way: Way,
    /// The server of the chain's next link.
    pub(super) next: u32,
}

impl Chain {
    pub(super) const EMPTY: Chain = Chain(NIL);
}

impl Ways {
    /// Adds a way to the flow's chain; it has none to that server.
    pub(super) fn add(&mut self, chain: &mut Chain, flow: u32, way: Way) {
        let link = Link { flow, way, next: chain.0 };
        self.0.insert_unique(link.hash(), link, Link::hash);
        chain.0 = way.server;
    }

    /// The flow's way to a server.
    pub(super) fn find(&self, flow: u32, server: u32) -> Option<Way> {
        let hash = mix(flow.into(), server.into());
        self.0.find(hash, |link| link.is(flow, server)).map(|link| link.way)
    }

    /// All ways of the flow whose chain that is.
    pub(super) fn of(&self, mut chain: Chain, flow: u32) -> impl Iterator<Item = Way> {
        std::iter::from_fn(move || {
            let hash = mix(flow.into(), chain.0.into());
            let link = self.0.find(hash, |link| link.is(flow, chain.0))?;
            chain.0 = link.next;
            Some(link.way)
        })
    }

    /// Takes one way out of the flow's chain; `None`: it has no more.
    pub(super) fn take(&mut self, chain: &mut Chain, flow: u32) -> Option<Way> {
        let hash = mix(flow.into(), chain.0.into());
        let (link, _) = self.0.find_entry(hash, |link| link.is(flow, chain.0)).ok()?.remove();
        chain.0 = link.next;
        Some(link.way)
    }
}

impl Link {
    fn is(&self, flow: u32, server: u32) -> bool {
        self.flow == flow && self.way.server == server
    }

    fn hash(&self) -> u64 {
        mix(self.flow.into(), self.way.server.into())
    }
}
